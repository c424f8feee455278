// SPDX-License-Identifier: BSD-3-Clause
// The schedules. Steps of both ends come from the instrumented build; here it is only said whose
// they are and when they go.
#include <stdio.h>
#include <string.h>

#include "lines_loop.h"
#include "lines_run.h"
#include "lines_tsan.h"
#include "period.h"
#include "view.h"

#define LEAST 4096u // buffers to count over

struct stage {
    const struct bench_ops *ops;
    struct bench_driver *driver;
    struct bench_device *device;
    struct lines_model model;
    struct lines_plan plan;
    uint64_t sent;
    uint64_t done;    // taken back
    uint64_t flushed; // given, and the driver can see it
    uint32_t behind;  // half: the device goes when so many are waiting
    uint32_t unpaid;  // half: the driver takes back when so many are given
    bool flushes;     // what is given cannot be seen before a flush
    bool notify, resting[LINES_ENDS];
    bool wrong; // a look in vain was none
};

const char *lines_schedule_name(enum lines_schedule s)
{
    static const char *const name[LINES_SCHEDULES] = {"lockstep", "half"};
    return name[s];
}

// ---- steps ----

static void as(struct stage *s, enum lines_end end)
{
    lines_listen(&s->model, end, s->plan.hints);
    if (!s->resting[end])
        return;
    s->resting[end] = false;
    if (end == LINES_DRIVER)
        lines_wake_driver(s->ops, s->driver);
    else
        lines_wake_device(s->ops, s->device);
}

static void run_out(struct stage *s, enum lines_end end)
{
    bool driver = end == LINES_DRIVER;
    lines_listen(&s->model, end, s->plan.hints);
    if (s->plan.polls)
        s->wrong |=
            !(driver ? lines_poll_driver(s->ops, s->driver) : lines_poll_device(s->ops, s->device));
    if (!s->notify || s->resting[end])
        return;
    s->resting[end] = true;
    if (driver)
        lines_rest_driver(s->ops, s->driver);
    else
        lines_rest_device(s->ops, s->device);
}

static uint64_t waiting(const struct stage *s)
{
    return s->sent - s->device->seq;
}

static void send(struct stage *s)
{
    as(s, LINES_DRIVER);
    lines_send(s->ops, s->driver, s->driver->publish);
    s->sent += s->driver->publish;
}

static void turn(struct stage *s)
{
    as(s, LINES_DEVICE);
    lines_turn(s->ops, s->device);
    s->flushed = s->device->seq - s->device->held;
}

static void reap(struct stage *s)
{
    as(s, LINES_DRIVER);
    s->done += lines_reap(s->ops, s->driver);
}

// Given, visible and not taken back. Rings without a flush show more than that, so it may be less
// than nothing.
static int64_t due(const struct stage *s)
{
    return (int64_t)(s->flushed - s->done);
}

static bool has_room(const struct stage *s)
{
    return s->driver->depth - s->driver->inflight >= s->driver->publish;
}

// ---- schedules ----

static void lockstep(struct stage *s)
{
    send(s);
    while (waiting(s)) {
        turn(s);
        if (due(s) > 0)
            reap(s);
    }
    run_out(s, LINES_DEVICE);
    if (s->device->held == 0 || (s->flushes && due(s) == 0))
        run_out(s, LINES_DRIVER);
}

static void half(struct stage *s)
{
    if (has_room(s))
        send(s);
    while (waiting(s) >= s->behind)
        turn(s);
    while (due(s) >= s->unpaid)
        reap(s);
}

// Until `n` more buffers were sent. -1: the ends stopped, or found something wrong.
static int go_on(struct stage *s, uint64_t n)
{
    uint64_t end = s->sent + n;
    while (s->sent < end) {
        uint64_t before = s->sent;
        if (s->plan.schedule == LINES_LOCKSTEP && has_room(s))
            lockstep(s);
        else if (s->plan.schedule == LINES_HALF)
            half(s);
        // The depth is too small for the schedule: the loops' own rule, whoever has nothing to do
        // hands over what it has.
        if (s->sent == before) {
            turn(s);
            reap(s);
        }
        if (bench_failed(s->driver->sh) || s->wrong)
            return -1;
    }
    return 0;
}

// ---- a case ----

static void name_areas(struct lines_model *m, const struct bench_view *v,
                       const struct bench_ring *ring)
{
    const struct bench_memory *mem = v->memory;
    struct bench_area a[BENCH_AREAS];
    unsigned n = ring->ops->areas ? ring->ops->areas(&v->shape, a) : 0;
    for (unsigned i = 0; i < n; i++)
        lines_model_name(m, a[i].name, (char *)mem->ring + a[i].at, a[i].bytes);
    lines_model_name(m, "ring", mem->ring, (uint64_t)(mem->buffers - (char *)mem->ring));
    lines_model_name(m, "payload", mem->buffers,
                     mem->bytes - (uint64_t)(mem->buffers - (char *)mem->at));
}

static bool is_zero(const struct lines_count *c)
{
    static const struct lines_count zero;
    return memcmp(c, &zero, sizeof(zero)) == 0;
}

static void collect(const struct lines_model *m, struct lines_result *r)
{
    r->areas = 0;
    r->sum = lines_model_sum(m);
    for (unsigned i = 0; i < m->areas; i++) {
        if (is_zero(&m->count[i]))
            continue;
        snprintf(r->area[r->areas].name, sizeof(r->area[0].name), "%s", m->name[i]);
        r->area[r->areas++].count = m->count[i];
    }
}

static int play(struct stage *s, const struct bench_case *c, struct lines_result *r)
{
    r->buffers = bench_periods(c, LEAST);
    s->behind = c->depth / 2 ? c->depth / 2 : 1;
    s->unpaid = c->depth / 4 ? c->depth / 4 : 1;
    s->notify = c->notify;
    s->driver->notify = s->device->notify = c->notify;
    int rc = go_on(s, 2 * r->buffers);
    lines_model_clear(&s->model);
    if (rc == 0)
        rc = go_on(s, r->buffers);
    lines_deaf();
    collect(&s->model, r);
    return rc;
}

int lines_run(const struct bench_case *c, const struct lines_plan *p, struct lines_result *r,
              char *why, size_t bytes)
{
    struct bench_case mine = *c;
    mine.place = BENCH_SAME;
    mine.cpu[0] = mine.cpu[1] = -1;
    mine.notify = false; // one thread does not sleep: the schedule asks in its place
    struct bench *b = bench_open(&mine, why, bytes);
    if (!b)
        return -1;
    struct bench_view v = bench_look(b);
    struct stage s = {.ops = c->ring->ops, .driver = v.driver, .device = v.device, .plan = *p};
    s.flushes = bench_ring_is_virtq(c->ring);
    int rc = lines_model_init(&s.model, v.memory->at, v.memory->bytes, "counters");
    if (rc) {
        snprintf(why, bytes, "no memory for the model\nfix: free some");
    } else {
        name_areas(&s.model, &v, c->ring);
        mine.notify = c->notify && bench_ring_is_virtq(c->ring);
        rc = play(&s, &mine, r);
        if (rc)
            snprintf(why, bytes,
                     "%s: buffer %llu: the ends do not agree under this schedule\n"
                     "fix: run the case itself, it says more",
                     bench_ring_name(c->ring), (unsigned long long)v.device->seq);
        lines_model_fini(&s.model);
    }
    bench_close(b);
    return rc;
}
