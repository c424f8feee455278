// SPDX-License-Identifier: BSD-3-Clause
// A case from its check to its end: memory, the two ends, the thread or process of the device, and
// the counters around a run.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "machine.h"
#include "view.h"

#define SLEEP_MS 10
#define LATE_NS 1000000.0 // with a rate: the first buffer is due so long after the start

struct bench {
    struct bench_case c;
    struct bench_memory m;
    struct bench_driver driver;
    struct bench_device device;
    char *text;
    pthread_t thread;
    bool has_thread;
    pid_t child;
    cpu_set_t affinity; // of the caller, as it was
    char why[200];
};

// ---- the check ----

static int wrong(char *why, size_t bytes, const char *what, const char *fix)
{
    snprintf(why, bytes, "%s\nfix: %s", what, fix);
    return -1;
}

static int check_ring(const struct bench_case *c, char *why, size_t bytes)
{
    uint32_t ndesc = c->layout == BENCH_CHAINED ? c->segs : 1;
    if (c->ring->virtq && vq_size_check(c->ring->features, c->size))
        return wrong(why, bytes, "the ring cannot have this size",
                     "split: a power of two up to 32768; packed: 1 to 32768");
    if (!c->ring->virtq && (c->layout != BENCH_DIRECT || c->event_idx || c->notify))
        return wrong(why, bytes, "this ring has no chains, no event index and no notifications",
                     "leave out layout, event index and eventfd, or take a virtqueue");
    if (c->size == 0 || c->size > 32768 || c->depth == 0 || c->depth > c->size / ndesc)
        return wrong(why, bytes, "more buffers in flight than the ring holds",
                     "a depth of at most size ÷ segments, of a ring of at most 32768");
    if (c->segs == 0 || c->segs > BENCH_SEGS || (c->layout == BENCH_DIRECT) != (c->segs == 1))
        return wrong(why, bytes, "the number of segments does not suit the layout",
                     "direct: 1; chained and indirect: 2 to 16");
    return 0;
}

int bench_check(const struct bench_case *c, char *why, size_t bytes)
{
    uint32_t least = c->work == BENCH_PASS ? c->segs : 8;
    if (check_ring(c, why, bytes))
        return -1;
    if (!c->publish || !c->complete || !c->kick || c->publish > BENCH_BATCH ||
        c->complete > BENCH_BATCH || c->publish > c->depth)
        return wrong(why, bytes, "a batch is empty, too long, or longer than the depth",
                     "batches of 1 to 256, and not to publish more than may be in flight");
    if (c->payload < least || c->payload < c->segs || c->payload > BENCH_PAYLOAD)
        return wrong(why, bytes, "the payload is too small or too large",
                     "8 to 65536 bytes, and a byte for each segment");
    if (c->place == BENCH_SAME && (c->notify || c->rate > 0))
        return wrong(why, bytes, "one thread cannot wait for itself",
                     "two threads or processes for notifications and for a rate");
    if (c->place != BENCH_SAME && c->cpu[0] >= 0 && c->cpu[0] == c->cpu[1])
        return wrong(why, bytes, "both ends poll on one CPU", "two CPUs, or --place same");
    return 0;
}

// ---- the ends ----

void bench_signal(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0)
        return; // full: it is readable
}

void bench_sleep(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, SLEEP_MS) > 0 && read(fd, &n, sizeof(n)) < 0)
        return; // the other end was faster
}

static struct bench_content content(const struct bench *b)
{
    struct bench_content t = {
        .work = b->c.work,
        .bytes = b->c.payload,
        .stride = b->m.stride,
        .places = b->m.places,
        .base = b->m.buffers,
        .text = b->text,
        .copy = b->text + b->c.payload,
    };
    t.text_sum = t.bytes > 8 ? bench_sum(t.text + 8, t.bytes - 8) : 0;
    return t;
}

static int make_text(struct bench *b)
{
    b->text = malloc(2 * (size_t)b->c.payload);
    if (!b->text)
        return -1;
    for (uint32_t i = 0; i < b->c.payload; i++)
        b->text[i] = (char)(i * 131 + i / 251);
    return 0;
}

static int make_device(struct bench *b)
{
    const struct bench_case *c = &b->c;
    struct bench_shape s = bench_shape_of(c);
    b->device = (struct bench_device){
        .features = s.features,
        .sh = b->m.sh,
        .content = content(b),
        .kick_fd = b->driver.kick_fd,
        .call_fd = b->driver.call_fd,
        .complete = c->complete,
        .notify = c->notify,
        .ring = c->ring->ops->open_device(&s, b->m.ring),
    };
    return b->device.ring ? 0 : -1;
}

static int make_driver(struct bench *b)
{
    const struct bench_case *c = &b->c;
    struct bench_shape s = bench_shape_of(c);
    struct bench_driver *d = &b->driver;
    *d = (struct bench_driver){
        .features = s.features,
        .sh = b->m.sh,
        .content = content(b),
        .kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
        .call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
        .depth = c->depth,
        .publish = c->publish,
        .kick = c->kick,
        .notify = c->notify,
        .latency = c->latency || c->rate > 0,
        .format = c->ring,
        .same = c->place == BENCH_SAME ? &b->device : NULL,
        .ns_per_cycle = 1 / bench_cycles_per_ns(),
        .interval = c->rate > 0 ? 1e9 / c->rate * bench_cycles_per_ns() : 0,
        .idle = calloc(c->depth, sizeof(d->idle[0])),
        .since = calloc(c->depth, sizeof(d->since[0])),
        .ring = c->ring->ops->open_driver(&s, b->m.ring),
    };
    if (d->kick_fd < 0 || d->call_fd < 0 || !d->idle || !d->since || !d->ring)
        return -1;
    for (uint32_t i = 0; i < c->depth; i++)
        d->idle[i] = (uint16_t)i;
    return 0;
}

// ---- the device's thread or process ----

// Answers the probe until there is something else to do.
static void answer(struct bench_shared *sh)
{
    while (__atomic_load_n(&sh->mode, __ATOMIC_RELAXED) == BENCH_PONG)
        __atomic_store_n(&sh->pong, __atomic_load_n(&sh->ping, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

static void *device_main(void *arg)
{
    struct bench *b = arg;
    struct bench_device *d = &b->device;
    bench_pin(b->c.cpu[1]);
    for (;;) {
        if (d->sh->error || b->c.ring->device(d) == 0) {
            uint32_t mode = __atomic_load_n(&d->sh->mode, __ATOMIC_ACQUIRE);
            if (mode == BENCH_STOP)
                return NULL;
            d->sh->device = d->n;
            if (mode == BENCH_PONG)
                answer(d->sh);
        }
    }
}

static int start_device(struct bench *b)
{
    if (b->c.place == BENCH_SAME)
        return 0;
    if (b->c.place != BENCH_PROCESSES) {
        b->has_thread = pthread_create(&b->thread, NULL, device_main, b) == 0;
        return b->has_thread ? 0 : -1;
    }
    b->child = fork();
    if (b->child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        device_main(b);
        _exit(0);
    }
    return b->child < 0 ? -1 : 0;
}

static void stop_device(struct bench *b)
{
    if (b->m.sh)
        __atomic_store_n(&b->m.sh->mode, BENCH_STOP, __ATOMIC_RELEASE);
    if (b->has_thread)
        pthread_join(b->thread, NULL);
    if (b->child > 0)
        waitpid(b->child, NULL, 0);
}

// ---- open and close ----

static int set_up(struct bench *b)
{
    int rc = bench_memory_map(&b->m, &b->c);
    if (rc)
        return wrong(b->why, sizeof(b->why), strerror(-rc),
                     b->c.huge ? "reserve 2 MiB pages, or --pages 4k" : "free some memory");
    if (make_text(b) || make_driver(b) || make_device(b) || start_device(b))
        return wrong(b->why, sizeof(b->why), "cannot set the two ends up",
                     "look at memory and at the limit on open files (ulimit -n)");
    return 0;
}

struct bench *bench_open(const struct bench_case *c, char *why, size_t bytes)
{
    if (bench_check(c, why, bytes))
        return NULL;
    struct bench *b = calloc(1, sizeof(*b));
    if (!b) {
        wrong(why, bytes, strerror(ENOMEM), "free some memory");
        return NULL;
    }
    b->c = *c;
    sched_getaffinity(0, sizeof(b->affinity), &b->affinity);
    bench_pin(c->cpu[0]);
    if (set_up(b)) {
        snprintf(why, bytes, "%s", b->why);
        bench_close(b);
        return NULL;
    }
    return b;
}

struct bench_view bench_look(struct bench *b)
{
    return (struct bench_view){&b->driver, &b->device, &b->m, bench_shape_of(&b->c)};
}

void bench_close(struct bench *b)
{
    stop_device(b);
    free(b->driver.ring);
    free(b->device.ring);
    free(b->driver.idle);
    free(b->driver.since);
    free(b->text);
    if (b->driver.kick_fd > 0)
        close(b->driver.kick_fd);
    if (b->driver.call_fd > 0)
        close(b->driver.call_fd);
    bench_memory_unmap(&b->m);
    sched_setaffinity(0, sizeof(b->affinity), &b->affinity);
    free(b);
}

// ---- a run ----

static const char *const errors[BENCH_E_ERRORS] = {
    [BENCH_OK] = "nothing",
    [BENCH_E_CONTENT] = "the device got another buffer than was due, or a spoiled one",
    [BENCH_E_ID] = "the driver got back a buffer that was not on its way",
    [BENCH_E_FULL] = "the ring had no room for a buffer that must fit",
    [BENCH_E_STALLED] = "nothing moved for 5 seconds",
};

const char *bench_why(const struct bench *b)
{
    return b->why;
}

static int explain(struct bench *b)
{
    const struct bench_ring *r = b->c.ring;
    // A forked device's own state is not ours to look at.
    void *device = b->child > 0 ? NULL : b->device.ring;
    const char *broken = r->ops->broken(b->driver.ring, device);
    snprintf(b->why, sizeof(b->why), "%s: buffer %llu: %s%s%s", r->name,
             (unsigned long long)b->m.sh->error_seq, errors[b->m.sh->error], broken ? ": " : "",
             broken ? broken : "");
    return -1;
}

static double trip(struct bench *b)
{
    if (b->c.place == BENCH_SAME)
        return 0;
    __atomic_store_n(&b->m.sh->mode, BENCH_PONG, __ATOMIC_RELEASE);
    if (b->c.notify)
        bench_signal(b->driver.kick_fd);
    double ns = bench_round_trip(&b->m.sh->ping, &b->m.sh->pong);
    __atomic_store_n(&b->m.sh->mode, BENCH_RUN, __ATOMIC_RELEASE);
    return ns;
}

static struct bench_counts device_counts(const struct bench *b)
{
    return b->c.place == BENCH_SAME ? b->device.n : b->m.sh->device;
}

static void difference(struct bench_result *r, const struct bench_counts *drv,
                       const struct bench_counts *dev, const struct bench *b)
{
    struct bench_counts now = device_counts(b);
    r->kicks = b->driver.n.notified - drv->notified;
    r->driver_takes = b->driver.n.takes - drv->takes;
    r->driver_empty = b->driver.n.empty - drv->empty;
    r->calls = now.notified - dev->notified;
    r->device_takes = now.takes - dev->takes;
    r->device_empty = now.empty - dev->empty;
}

int bench_run(struct bench *b, uint64_t buffers, struct bench_result *r)
{
    struct bench_driver *d = &b->driver;
    memset(r, 0, sizeof(*r));
    r->buffers = buffers;
    r->trip_before_ns = trip(b);
    d->hist = &r->latency;
    struct bench_counts drv = d->n, dev = device_counts(b);
    uint64_t steal = bench_steal_ms(), switches = bench_switches(), start = bench_cycles();
    d->due = (double)start + LATE_NS * bench_cycles_per_ns();
    int rc = b->c.ring->driver(d, buffers);
    r->cycles = (double)(bench_cycles() - start);
    r->seconds = r->cycles / bench_cycles_per_ns() * 1e-9;
    r->switches = bench_switches() - switches;
    r->steal_ms = bench_steal_ms() - steal;
    if (rc || b->m.sh->error)
        return explain(b);
    r->trip_after_ns = trip(b);
    difference(r, &drv, &dev, b);
    return 0;
}
