// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "clock.h"
#include "ends.h"
#include "handover.h"
#include "machine.h"
#include "through.h"

#define WORDS (BENCH_LINE / sizeof(uint64_t)) // of a line
#define REST 8u                               // pauses when there is nothing
#define RESTS 256u                            // in a row, after which one looks at the clock
#define STALL_NS 5000000000u

struct shared {
    uint32_t job BENCH_ALIGN; // number of the job, by the caller
    struct handover_job what;
    uint32_t stop; // the caller is about to close
    uint32_t ping BENCH_ALIGN;
    uint32_t pong BENCH_ALIGN;
    uint32_t done BENCH_ALIGN; // number of the job that is done
    uint64_t switches;         // of the other end, in its last job
    uint64_t taken BENCH_ALIGN;
    int failed BENCH_ALIGN; // EBADMSG, ETIMEDOUT or ENOMEM, by whoever finds it first
    uint64_t there[HANDOVER_LINES * HANDOVER_SPREAD * WORDS] BENCH_ALIGN;
    uint64_t back[HANDOVER_LINES * HANDOVER_SPREAD * WORDS] BENCH_ALIGN;
    char buffers[HANDOVER_COPY_BYTES] BENCH_ALIGN;
};

struct handover {
    struct shared *sh;
    uint64_t caller, other; // number of the line that comes next, by either end
    uint64_t filled;        // … and of the buffer, by whoever fills them
    uint64_t copied;
    struct through *through; // of the last such job
    pthread_t thread;
    bool has_thread;
    int cpu;            // of the other end
    cpu_set_t affinity; // of the caller, as it was
    char *text;         // of a buffer, and a place to copy it to
    char *copy;
};

const char *handover_way_name(enum handover_way w)
{
    static const char *const names[HANDOVER_WAYS] = {"one-way",    "there-and-back", "in-place",
                                                     "from-other", "from-own",       "forward"};
    return names[w];
}

static uint32_t lines_of(const struct handover_job *j)
{
    return j->quarters * j->batch / 4;
}

bool handover_can(const struct handover_job *j)
{
    return j->quarters * j->batch % 4 == 0 && lines_of(j) > 0 && 2 * lines_of(j) <= j->window;
}

// ---- lines ----

static uint64_t *line(const struct handover_lane *l, uint64_t at)
{
    return &l->word[(at & (l->size - 1)) * l->spread * WORDS];
}

void handover_put(const struct handover_lane *l, uint64_t at, uint32_t lines)
{
    uint64_t last = at + lines - 1;
    for (; at < last; at++)
        __atomic_store_n(line(l, at), (at + 1) | l->mark, __ATOMIC_RELAXED);
    __atomic_store_n(line(l, last), (last + 1) | l->mark, __ATOMIC_RELEASE);
}

bool handover_ready(const struct handover_lane *l, uint64_t at, uint32_t lines)
{
    uint64_t last = at + lines - 1;
    return __atomic_load_n(line(l, last), __ATOMIC_ACQUIRE) == ((last + 1) | l->mark);
}

bool handover_take(const struct handover_lane *l, uint64_t at, uint32_t lines)
{
    uint64_t bad = 0;
    for (uint64_t end = at + lines; at < end; at++)
        bad |= __atomic_load_n(line(l, at), __ATOMIC_RELAXED) ^ ((at + 1) | l->mark);
    return bad == 0;
}

// ---- patience ----

struct patience {
    uint32_t rests;
    uint64_t since;
};

static void fail(struct shared *sh, int why)
{
    int none = 0;
    __atomic_compare_exchange_n(&sh->failed, &none, why, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static int failed(const struct shared *sh)
{
    return __atomic_load_n(&sh->failed, __ATOMIC_ACQUIRE);
}

// False: give up.
static bool rest(struct shared *sh, struct patience *p)
{
    for (unsigned i = 0; i < REST; i++)
        bench_relax();
    if (++p->rests % RESTS)
        return true;
    sched_yield(); // it is that long only on a machine that others use
    uint64_t now = bench_now_ns();
    p->since = p->since ? p->since : now;
    if (now - p->since > STALL_NS)
        fail(sh, ETIMEDOUT);
    return !failed(sh);
}

// ---- lines handed over ----

static uint64_t batches_of(const struct handover_job *j)
{
    return (j->packets + j->batch - 1) / j->batch;
}

static uint32_t spread_of(const struct handover_job *j)
{
    return j->spread ? j->spread : 1;
}

static struct handover_lane there(const struct handover *h, const struct handover_job *j)
{
    return (struct handover_lane){h->sh->there, j->window, 0, spread_of(j)};
}

static struct handover_lane back(const struct handover *h, const struct handover_job *j)
{
    uint64_t *word = j->way == HANDOVER_IN_PLACE ? h->sh->there : h->sh->back;
    return (struct handover_lane){word, j->window, HANDOVER_BACK, spread_of(j)};
}

// The caller's end of one way: until all lines up to number `end` are taken.
static void send(struct handover *h, const struct handover_job *j, uint64_t end)
{
    const struct handover_lane out = there(h, j);
    const uint32_t lines = lines_of(j);
    struct shared *sh = h->sh;
    struct patience p = {0, 0};
    uint64_t at = h->caller, taken = at;
    while (taken < end) {
        if (at < end && at - taken + lines <= j->window) {
            handover_put(&out, at, lines);
            at += lines;
            p = (struct patience){0, 0};
            continue;
        }
        taken = __atomic_load_n(&sh->taken, __ATOMIC_ACQUIRE);
        if ((at == end || at - taken + lines > j->window) && !rest(sh, &p))
            return;
    }
}

// The other end, which tells now and then how far it is.
static void receive(struct handover *h, const struct handover_job *j, uint64_t end)
{
    const struct handover_lane in = there(h, j);
    const uint32_t lines = lines_of(j);
    struct shared *sh = h->sh;
    struct patience p = {0, 0};
    uint64_t at = h->other, told = at;
    while (at < end) {
        if (!handover_ready(&in, at, lines)) {
            if (!rest(sh, &p))
                return;
            continue;
        }
        if (!handover_take(&in, at, lines))
            fail(sh, EBADMSG);
        p = (struct patience){0, 0};
        at += lines;
        if (at - told >= j->window / 8 || at == end) {
            told = at;
            __atomic_store_n(&sh->taken, told, __ATOMIC_RELEASE);
        }
    }
}

// The caller's end of there and back: until all lines up to number `end` are back.
static void exchange(struct handover *h, const struct handover_job *j, uint64_t end)
{
    const struct handover_lane out = there(h, j), in = back(h, j);
    const uint32_t lines = lines_of(j);
    struct patience p = {0, 0};
    uint64_t at = h->caller, returned = at;
    while (returned < end) {
        bool room = at < end && at - returned + lines <= j->window;
        bool ready = handover_ready(&in, returned, lines);
        if (room) {
            handover_put(&out, at, lines);
            at += lines;
        }
        if (ready) {
            if (!handover_take(&in, returned, lines))
                fail(h->sh, EBADMSG);
            returned += lines;
        }
        if (room || ready)
            p = (struct patience){0, 0};
        else if (!rest(h->sh, &p))
            return;
    }
}

static void answer(struct handover *h, const struct handover_job *j, uint64_t end)
{
    const struct handover_lane in = there(h, j), out = back(h, j);
    const uint32_t lines = lines_of(j);
    struct patience p = {0, 0};
    for (uint64_t at = h->other; at < end;) {
        if (!handover_ready(&in, at, lines)) {
            if (!rest(h->sh, &p))
                return;
            continue;
        }
        if (!handover_take(&in, at, lines))
            fail(h->sh, EBADMSG);
        p = (struct patience){0, 0};
        handover_put(&out, at, lines);
        at += lines;
    }
}

// ---- copies ----

static uint32_t stride_of(uint32_t bytes)
{
    return (bytes + BENCH_LINE - 1) / BENCH_LINE * BENCH_LINE;
}

static uint32_t buffers_of(uint32_t bytes)
{
    return HANDOVER_COPY_BYTES / stride_of(bytes);
}

// The next numbers into all buffers of the window, with the text behind.
static void fill(struct handover *h, uint32_t bytes)
{
    uint32_t stride = stride_of(bytes), n = buffers_of(bytes);
    for (uint64_t i = 0; i < n; i++) {
        char *at = h->sh->buffers + i * stride;
        uint64_t number = h->filled + i;
        memcpy(at + sizeof(number), h->text + sizeof(number), bytes - sizeof(number));
        memcpy(at, &number, sizeof(number));
    }
    h->filled += n;
}

// Each copy is looked at, the last one whole. Returns the cycles that it took.
static uint64_t copy(struct handover *h, uint32_t bytes)
{
    uint32_t stride = stride_of(bytes), n = buffers_of(bytes);
    uint64_t bad = 0, number, start = bench_cycles();
    for (uint64_t i = 0; i < n; i++) {
        memcpy(h->copy, h->sh->buffers + i * stride, bytes);
        memcpy(&number, h->copy, sizeof(number));
        bad |= number ^ (h->copied + i);
    }
    uint64_t cycles = bench_cycles() - start;
    if (bad || memcmp(h->copy + sizeof(number), h->text + sizeof(number), bytes - sizeof(number)))
        fail(h->sh, EBADMSG);
    h->copied += n;
    return cycles;
}

// ---- jobs ----

static void other_end(struct handover *h, const struct handover_job *j)
{
    if (j->way == HANDOVER_COPY) {
        fill(h, j->bytes);
        return;
    }
    uint64_t end = h->other + batches_of(j) * lines_of(j);
    if (j->way == HANDOVER_ONE_WAY)
        receive(h, j, end);
    else
        answer(h, j, end);
    h->other = end;
}

// Answers the probe until there is a job.
static void *other_main(void *arg)
{
    struct handover *h = arg;
    struct shared *sh = h->sh;
    bench_pin(h->cpu);
    for (uint32_t last = 0, idle = 0;;) {
        uint32_t job = __atomic_load_n(&sh->job, __ATOMIC_ACQUIRE);
        if (job == last) {
            __atomic_store_n(&sh->pong, __atomic_load_n(&sh->ping, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
            if (__atomic_load_n(&sh->stop, __ATOMIC_ACQUIRE))
                return NULL;
            if (++idle % (REST * RESTS) == 0)
                sched_yield();
            continue;
        }
        uint64_t before = bench_switches();
        other_end(h, &sh->what);
        sh->switches = bench_switches() - before;
        last = job;
        __atomic_store_n(&sh->done, job, __ATOMIC_RELEASE);
    }
}

static void post(struct handover *h, const struct handover_job *j)
{
    h->sh->what = *j;
    __atomic_store_n(&h->sh->job, h->sh->job + 1, __ATOMIC_RELEASE);
}

static void await(struct handover *h)
{
    struct patience p = {0, 0};
    while (__atomic_load_n(&h->sh->done, __ATOMIC_ACQUIRE) != h->sh->job)
        if (!rest(h->sh, &p))
            return;
}

static void run_lines(struct handover *h, const struct handover_job *j, struct handover_result *r)
{
    uint64_t batches = batches_of(j), end = h->caller + batches * lines_of(j);
    uint64_t before = bench_switches(), start = bench_cycles();
    post(h, j);
    if (j->way == HANDOVER_ONE_WAY)
        send(h, j, end);
    else
        exchange(h, j, end);
    r->cycles = (double)(bench_cycles() - start);
    r->packets = batches * j->batch;
    r->switches = bench_switches() - before;
    await(h);
    if (failed(h->sh))
        return; // the other end may still be at it
    r->switches += h->sh->switches;
    h->caller = end;
    h->sh->taken = end;
}

static void run_copies(struct handover *h, const struct handover_job *j, struct handover_result *r)
{
    for (; r->packets < j->packets && !failed(h->sh); r->packets += buffers_of(j->bytes)) {
        if (j->way == HANDOVER_COPY) {
            post(h, j);
            await(h);
        } else {
            fill(h, j->bytes);
        }
        uint64_t before = bench_switches();
        r->cycles += (double)copy(h, j->bytes);
        r->switches += bench_switches() - before;
    }
}

// Memory for a job, gone round twice.
static bool open_through(struct handover *h, const struct handover_job *j)
{
    uint64_t packets = 2 * (uint64_t)j->window;
    if (through_fits(h->through, j->bytes, j->window))
        return true;
    through_close(h->through);
    h->through = through_open(j->bytes, j->window);
    if (!h->through) {
        fail(h->sh, ENOMEM);
        return false;
    }
    through_run(h->through, &packets);
    return true;
}

static void run_forward(struct handover *h, const struct handover_job *j, struct handover_result *r)
{
    if (!open_through(h, j))
        return;
    uint64_t before = bench_switches();
    r->packets = j->packets;
    r->cycles = (double)through_run(h->through, &r->packets);
    r->switches = bench_switches() - before;
    if (r->cycles == 0)
        fail(h->sh, EBADMSG);
}

void handover_skip(struct handover *h, bool other)
{
    if (h->through)
        through_skip(h->through);
    if (other) {
        h->other++;
        return;
    }
    h->caller++;
    h->filled++;
}

double handover_trip_ns(struct handover *h)
{
    return bench_round_trip(&h->sh->ping, &h->sh->pong);
}

int handover_run(struct handover *h, const struct handover_job *j, struct handover_result *r)
{
    *r = (struct handover_result){0};
    if (j->way == HANDOVER_COPY || j->way == HANDOVER_COPY_OWN)
        run_copies(h, j, r);
    else if (j->way == HANDOVER_FORWARD)
        run_forward(h, j, r);
    else
        run_lines(h, j, r);
    if (failed(h->sh))
        return -failed(h->sh);
    r->trip_ns = handover_trip_ns(h);
    return 0;
}

// ---- open and close ----

static int set_up(struct handover *h)
{
    h->sh = mmap(NULL, sizeof(*h->sh), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (h->sh == MAP_FAILED)
        h->sh = NULL;
    h->text = malloc(2 * BENCH_PAYLOAD);
    if (!h->sh || !h->text)
        return -1;
    h->copy = h->text + BENCH_PAYLOAD;
    for (uint32_t i = 0; i < BENCH_PAYLOAD; i++)
        h->text[i] = (char)(i * 131 + i / 251);
    h->has_thread = pthread_create(&h->thread, NULL, other_main, h) == 0;
    return h->has_thread ? 0 : -1;
}

struct handover *handover_open(const int cpu[2])
{
    struct handover *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    sched_getaffinity(0, sizeof(h->affinity), &h->affinity);
    h->cpu = cpu[1];
    if (set_up(h)) {
        handover_close(h);
        return NULL;
    }
    bench_pin(cpu[0]);
    return h;
}

void handover_close(struct handover *h)
{
    if (h->has_thread) {
        __atomic_store_n(&h->sh->stop, 1, __ATOMIC_RELEASE);
        pthread_join(h->thread, NULL);
    }
    if (h->sh)
        munmap(h->sh, sizeof(*h->sh));
    through_close(h->through);
    free(h->text);
    sched_setaffinity(0, sizeof(h->affinity), &h->affinity);
    free(h);
}
