// SPDX-License-Identifier: BSD-3-Clause
#include "plain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUMP(field) __atomic_add_fetch(&((struct plain *)ctx)->field, 1, __ATOMIC_RELEASE)

static int config_get(void *ctx, uint32_t offset, void *buf, uint32_t bytes)
{
    memcpy(buf, ((struct plain *)ctx)->config + offset, bytes);
    return 0;
}

static int config_set(void *ctx, uint32_t offset, const void *buf, uint32_t bytes)
{
    if (offset < 8)
        return -EPERM; // the first fields are the device's
    memcpy(((struct plain *)ctx)->config + offset, buf, bytes);
    BUMP(config_sets);
    return 0;
}

static int features_set(void *ctx, uint64_t features)
{
    (void)ctx;
    return features & VQ_F_VERSION_1 ? 0 : -ENOTSUP;
}

static void started(void *ctx)
{
    BUMP(started);
}
static void stopped(void *ctx)
{
    BUMP(stopped);
}
static void queue_started(void *ctx, struct vhu_queue *q)
{
    (void)q;
    BUMP(queue_started);
}
static void queue_stopped(void *ctx, struct vhu_queue *q)
{
    (void)q;
    BUMP(queue_stopped);
}
static void connected(void *ctx)
{
    BUMP(connected);
}
static void disconnected(void *ctx, const char *why)
{
    snprintf(((struct plain *)ctx)->why, sizeof(((struct plain *)ctx)->why), "%s", why);
    BUMP(disconnected);
}
static void broken(void *ctx, struct vhu_queue *q, const char *why)
{
    (void)q;
    (void)why;
    BUMP(broken);
}

static int set_mtu(void *ctx, uint16_t mtu)
{
    if (mtu > 9000)
        return -ERANGE;
    __atomic_store_n(&((struct plain *)ctx)->mtu, mtu, __ATOMIC_RELEASE);
    return 0;
}

static int send_rarp(void *ctx, const uint8_t mac[6])
{
    memcpy(((struct plain *)ctx)->mac, mac, 6);
    BUMP(rarp);
    return 0;
}

const struct vhu_class plain_class = {
    .name = "plain",
    .features = PLAIN_FEATURES | VQ_F_ACCESS_PLATFORM | VHU_F_LOG_ALL,
    .proto_features = VHU_PF_NET_MTU | VHU_PF_RARP,
    .queue_max = FE_QUEUES,
    .queue_unit = 2,
    .config_bytes = PLAIN_CONFIG_BYTES,
    .config_get = config_get,
    .config_set = config_set,
    .features_set = features_set,
    .queue_started = queue_started,
    .queue_stopped = queue_stopped,
    .started = started,
    .stopped = stopped,
    .connected = connected,
    .disconnected = disconnected,
    .queue_broken = broken,
    .set_mtu = set_mtu,
    .send_rarp = send_rarp,
};

static void quiet(void *arg, int level, const char *text)
{
    (void)arg;
    if (getenv("TERN_TEST_LOG"))
        fprintf(stderr, "%d %s\n", level, text);
}

void plain_open_with(struct plain *p, const char *name, const struct vhu_opts *opts)
{
    struct vhu_opts o = *opts;
    memset(p, 0, sizeof(*p));
    fe_path(p->path, sizeof(p->path), name);
    o.path = p->path;
    for (unsigned i = 0; i < PLAIN_CONFIG_BYTES; i++)
        p->config[i] = (uint8_t)i;
    assert_int_equal(vhu_loop_create(&p->loop), 0);
    vhu_loop_set_log(p->loop, quiet, NULL);
    assert_int_equal(vhu_dev_create(p->loop, &plain_class, p, &o, &p->dev), 0);
    assert_int_equal(vhu_loop_spawn(p->loop, "tern-test"), 0);
}

void plain_open(struct plain *p, const char *name)
{
    plain_open_with(p, name, &(struct vhu_opts){.features = ~0ull, .queues = FE_QUEUES});
}

void plain_close(struct plain *p)
{
    if (p->polling)
        plain_poll_end(p);
    vhu_dev_destroy(p->dev);
    vhu_loop_destroy(p->loop);
}

// ---- polling ----

// Buffers of a sequence carry their number; each must come once and in order.
static void check_number(struct plain *p, const struct vq_chain *c)
{
    uint64_t number;
    memcpy(&number, vq_seg_ptr(&c->seg[0]), sizeof(number));
    if (number != p->want_next)
        p->wrong++;
    p->want_next = number + 1;
}

static void poll_queue(struct plain *p, unsigned i)
{
    struct vhu_queue *q = vhu_dev_queue(p->dev, i);
    struct vq_chain c;
    struct vq_seg seg[64];
    if (!vhu_queue_enter(q))
        return;
    uint64_t f = q->vq.features;
    for (int n = 0; n < 32 && vq_dev_get_avail(&q->vq, f, &c, seg, 64); n++) {
        uint32_t bytes = 0;
        for (unsigned s = 0; s < c.nwrite; s++)
            bytes += c.seg[c.nread + s].bytes;
        if (p->sequence && i == 0)
            check_number(p, &c);
        vq_dev_put_used(&q->vq, f, (struct vq_used){c.id, c.ndesc, bytes});
        __atomic_add_fetch(&p->seen[i], 1, __ATOMIC_RELEASE);
    }
    vq_dev_publish(&q->vq, f);
    vhu_queue_notify(q, f);
    vhu_queue_leave(q);
}

static void *poll_main(void *arg)
{
    struct plain *p = arg;
    while (!__atomic_load_n(&p->end, __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < FE_QUEUES; i++)
            poll_queue(p, i);
        sched_yield();
    }
    return NULL;
}

void plain_poll(struct plain *p)
{
    p->end = false;
    p->polling = true;
    assert_int_equal(pthread_create(&p->thread, NULL, poll_main, p), 0);
}

void plain_poll_end(struct plain *p)
{
    __atomic_store_n(&p->end, true, __ATOMIC_RELEASE);
    pthread_join(p->thread, NULL);
    p->polling = false;
}

struct vhu_info plain_info(struct plain *p)
{
    struct vhu_info info;
    vhu_dev_info(p->dev, &info);
    return info;
}

bool plain_live(struct plain *p, unsigned i)
{
    struct vhu_queue_info info;
    return vhu_queue_info(p->dev, i, &info) == 0 && info.live;
}
