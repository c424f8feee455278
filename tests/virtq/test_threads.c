// SPDX-License-Identifier: BSD-3-Clause
// Driver and device on a thread each, asleep when there is nothing to do. A lost wake-up hangs and
// is found by a deadline, a buffer seen too early by its contents, and, under ThreadSanitizer, by
// the report of a race: buffers are written and read with plain accesses.
// usage: test_threads [BUFFERS]
#include "ring.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SIZE = 64, BURST = 16, DEADLINE_MS = 60 * 1000 };

// One buffer: a word to the device, a word back.
struct parcel {
    uint64_t there, back;
};

struct pair {
    struct ring *r;
    uint64_t count, f;
    int kick, call; // eventfds
    unsigned spins;
    struct parcel parcel[SIZE];
    uint64_t slept[2];
};

static _Noreturn void die(uint64_t f, const char *what)
{
    fprintf(stderr, "%s: features %#llx\n", what, (unsigned long long)f);
    abort();
}

static uint64_t answer(uint64_t word)
{
    return word * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void wake(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

// Sleeps until woken.
static void sleep_on(int fd, const char *who, const struct pair *p)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    uint64_t n;
    if (poll(&pfd, 1, DEADLINE_MS) != 1) {
        fprintf(stderr, "the %s was never woken\n", who);
        die(p->f, "lost wake-up");
    }
    if (read(fd, &n, sizeof(n)) != sizeof(n))
        abort();
}

// The driver puts what is spare.
static uint64_t driver_puts(struct pair *p, struct parcel **spare, unsigned *nspare, uint64_t next)
{
    struct vq_seg seg[BURST][2];
    struct vq_chain c[BURST];
    void *token[BURST];
    unsigned n = 0, done;

    for (; n < BURST && n < *nspare && next + n < p->count; n++) {
        struct parcel *a = spare[*nspare - 1 - n];
        a->there = next + n;
        a->back = 0;
        seg[n][0] = (struct vq_seg){ring_gpa(&a->there), sizeof(a->there)};
        seg[n][1] = (struct vq_seg){ring_gpa(&a->back), sizeof(a->back)};
        c[n] = (struct vq_chain){.seg = seg[n], .nread = 1, .nwrite = 1};
        token[n] = a;
    }
    done = vq_drv_put_avail_burst(&p->r->drv, p->f, c, token, n);
    *nspare -= done;
    vq_drv_publish(&p->r->drv, p->f);
    if (done && vq_drv_must_notify(&p->r->drv, p->f))
        wake(p->kick);
    return next + done;
}

// Takes back what is used and checks it: every word answered once, in order where that is agreed.
static unsigned driver_gets(struct pair *p, struct parcel **spare, unsigned *nspare, uint64_t *sum,
                            uint64_t got)
{
    void *token[BURST];
    uint32_t bytes[BURST];
    unsigned n = vq_drv_get_used_burst(&p->r->drv, p->f, token, bytes, BURST);
    for (unsigned i = 0; i < n; i++) {
        struct parcel *a = token[i];
        if (a->back != answer(a->there) || bytes[i] != sizeof(a->back) ||
            ((p->f & VQ_F_IN_ORDER) && a->there != got + i))
            die(p->f, "the driver got a wrong answer");
        *sum += a->there;
        spare[(*nspare)++] = a;
    }
    if (p->r->drv.broken)
        die(p->f, vq_broken_name(p->r->drv.broken));
    return n;
}

static void *driver(void *arg)
{
    struct pair *p = arg;
    struct parcel *spare[SIZE];
    unsigned nspare = 0, idle = 0;
    uint64_t next = 0, got = 0, sum = 0;

    for (unsigned i = 0; i < SIZE; i++)
        spare[nspare++] = &p->parcel[i];
    vq_drv_notify_off(&p->r->drv, p->f);
    while (got < p->count) {
        uint64_t before = next;
        next = driver_puts(p, spare, &nspare, next);
        unsigned n = driver_gets(p, spare, &nspare, &sum, got);
        got += n;
        idle = n || next != before ? 0 : idle + 1;
        if (idle <= p->spins)
            continue;
        if (!vq_drv_notify_on(&p->r->drv, p->f)) {
            p->slept[0]++;
            sleep_on(p->call, "driver", p);
        }
        vq_drv_notify_off(&p->r->drv, p->f);
        idle = 0;
    }
    if (sum != p->count * (p->count - 1) / 2)
        die(p->f, "buffers are lost or doubled");
    return NULL;
}

// Gives back what it holds: in order sometimes as a batch, else sometimes backwards.
static void device_gives(struct pair *p, const struct vq_chain *c, unsigned n, uint64_t turn)
{
    struct vq_used u[BURST];
    for (unsigned i = 0; i < n; i++) {
        bool backwards = !(p->f & VQ_F_IN_ORDER) && turn % 2;
        const struct vq_chain *d = &c[backwards ? n - 1 - i : i];
        u[i] = (struct vq_used){d->id, d->ndesc, sizeof(uint64_t)};
    }
    if (n && (p->f & VQ_F_IN_ORDER) && turn % 2) {
        for (unsigned i = 0; i + 1 < n; i++)
            u[n - 1].ndesc = (uint16_t)(u[n - 1].ndesc + u[i].ndesc);
        vq_dev_put_used_batch(&p->r->dev, p->f, u[n - 1], n);
    } else {
        vq_dev_put_used_burst(&p->r->dev, p->f, u, n);
    }
    vq_dev_publish(&p->r->dev, p->f);
    if (n && vq_dev_must_notify(&p->r->dev, p->f))
        wake(p->call);
}

static void *device(void *arg)
{
    struct pair *p = arg;
    uint64_t seen = 0, turn = 0;
    unsigned idle = 0;

    vq_dev_notify_off(&p->r->dev, p->f);
    while (seen < p->count) {
        struct vq_chain c[BURST];
        struct vq_seg seg[2 * BURST];
        unsigned n = vq_dev_get_avail_burst(&p->r->dev, p->f, c, 1 + turn % BURST, seg, 2 * BURST);
        if (p->r->dev.broken)
            die(p->f, vq_broken_name(p->r->dev.broken));
        for (unsigned i = 0; i < n; i++) {
            uint64_t *there = vq_seg_ptr(&c[i].seg[0]), *back = vq_seg_ptr(&c[i].seg[1]);
            if (*there != seen++)
                die(p->f, "the device got a wrong buffer");
            *back = answer(*there);
        }
        device_gives(p, c, n, turn++);
        idle = n ? 0 : idle + 1;
        if (idle <= p->spins || seen == p->count)
            continue;
        if (!vq_dev_notify_on(&p->r->dev, p->f)) {
            p->slept[1]++;
            sleep_on(p->kick, "device", p);
        }
        vq_dev_notify_off(&p->r->dev, p->f);
        idle = 0;
    }
    return NULL;
}

static void run(uint64_t f, uint32_t saved, uint64_t count, unsigned spins)
{
    struct pair p = {.r = ring_open(f, SIZE), .count = count, .f = f, .spins = spins};
    pthread_t t[2];
    ring_start(p.r, saved);
    p.kick = eventfd(0, EFD_CLOEXEC);
    p.call = eventfd(0, EFD_CLOEXEC);
    if (p.kick < 0 || p.call < 0 || pthread_create(&t[0], NULL, driver, &p) ||
        pthread_create(&t[1], NULL, device, &p))
        abort();
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    printf("%s%s%s%s, %u spins: %llu buffers, slept %llu and %llu times\n",
           RING_PACKED(f) ? "packed" : "split", f & VQ_F_IN_ORDER ? ", in order" : "",
           f & VQ_F_RING_EVENT_IDX ? ", event idx" : "",
           f & VQ_F_RING_INDIRECT_DESC ? ", indirect" : "", spins, (unsigned long long)count,
           (unsigned long long)p.slept[0], (unsigned long long)p.slept[1]);
    close(p.kick);
    close(p.call);
    ring_close(p.r);
}

int main(int argc, char **argv)
{
    const char *full = getenv("TERN_TEST_FULL");
    uint64_t count = RING_SANITIZED ? 20000 : 100000;
    if (argc > 1)
        count = strtoull(argv[1], NULL, 0);
    if (full && *full == '1')
        count *= 10;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        // Asleep at every chance, after a while, and (for the races that sleeping hides) hardly.
        static const unsigned spins[] = {0, 20, 100000};
        for (unsigned i = 0; i < 3; i++) {
            uint64_t f = ring_combo(n) | (i == 1 ? VQ_F_RING_INDIRECT_DESC : 0);
            run(f, ring_state(f, RING_PACKED(f) ? SIZE - 1 : 65535, i & 1), count, spins[i]);
        }
    }
    return 0;
}
