// SPDX-License-Identifier: BSD-3-Clause
// Rings: told to the back end, taken back, and given to the next one.
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vu.h"

void vu_notify(struct vio_queue *q)
{
    vhu_signal(q->kick_fd); // full: the device has not read the last one yet
}

// The back end of net counts queue pairs, and may have a control queue besides.
int vu_queue_max(struct vio_dev *d, uint32_t index, uint32_t *size)
{
    const struct vio_vu *v = vu_of(d);
    uint64_t n = v->queue_num && d->id == VIO_ID_NET ? v->queue_num * 2 + 1 : v->queue_num;
    *size = index < v->o.queues && (n == 0 || index < n) ? VQ_SIZE_MAX : 0;
    return 0;
}

// ---- start ----

static int make_fds(struct vio_queue *q)
{
    if (q->kick_fd < 0)
        q->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (q->call_fd < 0)
        q->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return q->kick_fd < 0 || q->call_fd < 0 ? -errno : 0;
}

void vu_queue_del(struct vio_queue *q)
{
    if (q->kick_fd >= 0)
        close(q->kick_fd);
    if (q->call_fd >= 0)
        close(q->call_fd);
    q->kick_fd = q->call_fd = -1;
}

static void post_state(struct vio_vu *v, struct vu_batch *b, uint32_t request, uint32_t index,
                       uint32_t num)
{
    struct vhu_msg m = {.hdr = {request, 0, sizeof(m.p.state)}, .p.state = {index, num}};
    vu_post(v, b, &m);
}

static void post_addr(struct vio_vu *v, struct vu_batch *b, const struct vio_queue *q)
{
    const char *start = q->memory;
    struct vhu_msg m = {.hdr = {VHU_REQ_SET_VRING_ADDR, 0, sizeof(m.p.addr)}};
    m.p.addr.index = q->index;
    m.p.addr.desc = q->memory_addr + (uint64_t)((char *)q->rings.desc - start);
    m.p.addr.avail = q->memory_addr + (uint64_t)((char *)q->rings.driver - start);
    m.p.addr.used = q->memory_addr + (uint64_t)((char *)q->rings.device - start);
    vu_post(v, b, &m);
}

static struct vhu_msg fd_msg(uint32_t request, uint32_t index, int fd)
{
    return (struct vhu_msg){
        .hdr = {request, 0, sizeof(uint64_t)}, .nfd = 1, .fd = {fd}, .p.u64 = index};
}

static void post_enable(struct vio_vu *v, struct vu_batch *b, uint32_t index)
{
    // Without protocol features every ring is enabled from its start.
    if (v->offered & VHU_F_PROTOCOL_FEATURES)
        post_state(v, b, VHU_REQ_SET_VRING_ENABLE, index, v->enabled[index]);
}

// All that a ring needs to start. One error descriptor serves all rings; a back end need not take
// it.
static int tell_place(struct vio_vu *v, const struct vio_queue *q, uint32_t base)
{
    struct vu_batch b = {.rc = 0};
    struct vhu_msg call = fd_msg(VHU_REQ_SET_VRING_CALL, q->index, q->call_fd);
    struct vhu_msg err = fd_msg(VHU_REQ_SET_VRING_ERR, q->index, v->err_fd);
    post_state(v, &b, VHU_REQ_SET_VRING_NUM, q->index, q->size);
    post_state(v, &b, VHU_REQ_SET_VRING_BASE, q->index, base);
    post_addr(v, &b, q);
    vu_post(v, &b, &call);
    vu_post_optional(v, &b, &err);
    return vu_settle(v, &b);
}

// Asks for the ring; *base is where the back end stood, which only it can make sense of.
static int take_back(struct vio_vu *v, uint32_t index, uint32_t *base)
{
    struct vhu_msg m = {.hdr = {VHU_REQ_GET_VRING_BASE, 0, sizeof(m.p.state)},
                        .p.state = {.index = index}};
    int rc = vu_call(v, &m, sizeof(m.p.state), sizeof(m.p.state));
    if (rc)
        return rc;
    *base = v->rx.msg.p.state.num;
    if (v->rx.msg.p.state.index == index)
        return 0;
    vu_error(v, 0, "GET_VRING_BASE: asked for ring %u, got %u", index, v->rx.msg.p.state.index);
    vu_drop(v);
    return -EPROTO;
}

// The kick starts the ring: only when the back end has agreed to the rest. Enabling lets it work.
static int tell_ring(struct vio_vu *v, const struct vio_queue *q, uint32_t base)
{
    struct vu_batch b = {.rc = 0};
    struct vhu_msg kick = fd_msg(VHU_REQ_SET_VRING_KICK, q->index, q->kick_fd);
    int rc = tell_place(v, q, base);
    if (rc)
        return rc;
    vu_post(v, &b, &kick);
    post_enable(v, &b, q->index);
    rc = vu_settle(v, &b);
    v->told_ring[q->index] = rc == 0;
    uint32_t where;
    if (rc && v->sock >= 0)
        (void)take_back(v, q->index, &where); // half of it may have been agreed to
    return rc;
}

// Where a device begins with a ring that none has had yet, whatever the driver has put already.
static uint32_t first_base(const struct vio_queue *q)
{
    return q->vq.features & VQ_F_RING_PACKED ? 0x80008000u : 0;
}

static int start_ring(struct vio_vu *v, const struct vio_queue *q)
{
    int rc = vu_mem_tell(v);
    return rc ? rc : tell_ring(v, q, first_base(q));
}

// Before DRIVER_OK the ring is only noted: a back end works as soon as it has a ring, whatever the
// status says, and must find there what the driver puts in first. Without a connection it is noted
// for vio_vu_resume.
int vu_queue_start(struct vio_queue *q)
{
    struct vio_vu *v = vu_of(q->dev);
    int rc = make_fds(q);
    if (rc)
        return vu_error(v, rc, "queue %u: no eventfd: %s", q->index, strerror(-rc));
    v->enabled[q->index] = true;
    return v->sock < 0 || !(v->status & VIO_S_DRIVER_OK) ? 0 : start_ring(v, q);
}

int vu_queues_start(struct vio_vu *v)
{
    int rc = 0;
    for (uint32_t i = 0; i < v->dev.nqueues && rc == 0; i++) {
        const struct vio_queue *q = v->dev.queue[i];
        if (q && q->started && !v->told_ring[i])
            rc = start_ring(v, q);
    }
    return rc;
}

// ---- stop ----

// A back end that is gone, or that was left for what it answered, has no ring any more.
int vu_queue_stop(struct vio_queue *q)
{
    struct vio_vu *v = vu_of(q->dev);
    uint32_t base;
    if (v->told_ring[q->index])
        (void)take_back(v, q->index, &base);
    v->told_ring[q->index] = false;
    return 0;
}

// ---- pause ----

int vu_pause(struct vio_vu *v)
{
    int rc = 0;
    for (uint32_t i = 0; i < v->dev.nqueues && rc == 0; i++)
        if (v->dev.queue[i] && v->told_ring[i])
            rc = take_back(v, i, &v->base[i]);
    return rc;
}

int vu_unpause(struct vio_vu *v)
{
    int rc = 0;
    for (uint32_t i = 0; i < v->dev.nqueues && rc == 0; i++) {
        struct vio_queue *q = v->dev.queue[i];
        if (!q || !v->told_ring[i])
            continue;
        rc = tell_ring(v, q, v->base[i]);
        vhu_signal(q->kick_fd); // full: the device has not read the last one yet
    }
    return rc;
}

// ---- enable ----

int vio_vu_queue_enable(struct vio_vu *v, uint32_t index, bool on)
{
    struct vio_dev *d = &v->dev;
    if (index >= v->o.queues)
        return -EINVAL;
    v->enabled[index] = on;
    if (v->sock < 0 || index >= d->nqueues || !d->queue[index] || !v->told_ring[index])
        return 0;
    struct vu_batch b = {.rc = 0};
    post_enable(v, &b, index);
    return vu_settle(v, &b);
}

// ---- resume ----

// The new back end must have every feature that the driver works with.
static int check_features(struct vio_vu *v)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } known[] = {{VQ_F_RING_INDIRECT_DESC, "RING_INDIRECT_DESC"},
                 {VQ_F_RING_EVENT_IDX, "RING_EVENT_IDX"},
                 {VQ_F_VERSION_1, "VERSION_1"},
                 {VQ_F_RING_PACKED, "RING_PACKED"},
                 {VQ_F_IN_ORDER, "IN_ORDER"},
                 {VQ_F_RING_RESET, "RING_RESET"}};
    uint64_t missing = v->dev.features & ~v->offered;
    char text[96] = "";
    if (!missing)
        return 0;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (missing & known[i].bit) {
            strncat(text, " ", sizeof(text) - strlen(text) - 1);
            strncat(text, known[i].name, sizeof(text) - strlen(text) - 1);
        }
    }
    return vu_error(v, -ENOTSUP, "the new back end lacks features 0x%llx:%s",
                    (unsigned long long)missing, text);
}

static int resume_status(struct vio_vu *v, uint8_t bits)
{
    uint8_t status = v->dev.status & bits, seen;
    int rc = v->dev.ops->set_status(&v->dev, status);
    if (rc || !(status & VIO_S_FEATURES_OK))
        return rc;
    rc = v->dev.ops->get_status(&v->dev, &seen);
    if (rc == 0 && !(seen & VIO_S_FEATURES_OK))
        rc = vu_error(v, -ENOTSUP, "the new back end does not keep FEATURES_OK");
    return rc;
}

// A split ring without `renew` goes on where the last device had come to.
static int used_index(struct vio_vu *v, struct vio_queue *q, uint32_t *base)
{
    uint16_t used = vq_load16(&q->vq.used->idx);
    if ((uint16_t)(used - q->vq.used_idx) > q->vq.outstanding)
        return vu_error(v, -EIO, "queue %u: used index %u is ahead of what was made available",
                        q->index, used);
    *base = used;
    return 0;
}

// Makes the ring fit for a back end that starts with it (see vio_vq_spec.renew).
static int renew(struct vio_vu *v, struct vio_queue *q, uint32_t *base)
{
    int rc = 0;
    if (q->renew)
        rc = q->renew(q, q->callback_arg);
    else if (!(q->vq.features & VQ_F_RING_PACKED))
        return used_index(v, q, base);
    else if (q->vq.outstanding == 0)
        vio_queue_empty(q, NULL, NULL);
    else
        return vu_error(v, -ENOTSUP, "queue %u: packed, buffers outstanding and no renew",
                        q->index);
    if (rc)
        return vu_error(v, rc, "queue %u: not renewed: %s", q->index, strerror(-rc));
    // What the owner put belongs to this ring, whose device starts at the beginning.
    *base = first_base(q);
    return 0;
}

static int resume_queues(struct vio_vu *v)
{
    int rc = 0;
    for (uint32_t i = 0; i < v->dev.nqueues && rc == 0; i++) {
        struct vio_queue *q = v->dev.queue[i];
        uint32_t base = 0;
        if (!q || !q->started)
            continue;
        rc = renew(v, q, &base);
        if (rc == 0)
            rc = tell_ring(v, q, base);
    }
    return rc;
}

// Kicks and calls that the last back end took with it are made up for.
static void wake_all(struct vio_vu *v)
{
    for (uint32_t i = 0; i < v->dev.nqueues; i++) {
        struct vio_queue *q = v->dev.queue[i];
        if (q && q->started) {
            vhu_signal(q->kick_fd); // full: the device has not read the last one yet
            vhu_signal(q->call_fd);
        }
    }
}

static int resume(struct vio_vu *v)
{
    const uint8_t found = VIO_S_ACKNOWLEDGE | VIO_S_DRIVER;
    int rc = check_features(v);
    if (rc == 0)
        rc = resume_status(v, found);
    if (rc == 0 && (v->dev.status & VIO_S_DRIVER))
        rc = v->dev.ops->set_features(&v->dev, v->dev.features);
    if (rc == 0)
        rc = resume_status(v, found | VIO_S_FEATURES_OK);
    if (rc == 0)
        rc = vu_mem_tell(v);
    if (rc == 0)
        rc = resume_queues(v);
    if (rc == 0)
        rc = resume_status(v, found | VIO_S_FEATURES_OK | VIO_S_DRIVER_OK);
    return rc;
}

int vio_vu_resume(struct vio_vu *v)
{
    if (v->sock < 0)
        return -ENOTCONN;
    int rc = resume(v);
    if (rc == 0) {
        v->dev.failed = false;
        wake_all(v);
    } else {
        vu_drop(v);
    }
    return rc;
}
