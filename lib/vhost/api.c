// SPDX-License-Identifier: BSD-3-Clause
// What owners of devices ask for and are told.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"

struct vhu_queue *vhu_dev_queue(struct vhu_dev *d, uint32_t index)
{
    return index < d->opts.queues ? d->ring[index].q : NULL;
}

void vhu_dev_set_running(struct vhu_dev *d, bool run)
{
    vhu_lock(d->loop);
    d->running = run;
    vhu_dev_update(d);
    vhu_unlock(d->loop);
}

int vhu_dev_config_changed(struct vhu_dev *d)
{
    struct vhu_msg m = {.hdr = {VHU_BACKEND_CONFIG_CHANGE, VHU_VERSION, 0}};
    vhu_lock(d->loop);
    int rc = d->conn.fd < 0 ? -ENOTCONN : d->backend_fd < 0 ? -ENOTSUP : 0;
    if (rc == 0)
        rc = vhu_msg_send(d->backend_fd, &m, 0);
    if (rc && d->backend_fd >= 0) {
        // Closed, or full of notices that nobody reads: of no use any more.
        vhu_dev_log(d, VHU_LOG_WARN, "back-end channel lost: %s", strerror(-rc));
        close(d->backend_fd);
        d->backend_fd = -1;
    }
    vhu_unlock(d->loop);
    return rc;
}

void vhu_dev_info(struct vhu_dev *d, struct vhu_info *info)
{
    vhu_lock(d->loop);
    *info = (struct vhu_info){
        .connected = d->conn.fd >= 0,
        .started = d->nstarted > 0,
        .offered = d->offered,
        .accepted = d->features,
        .proto_offered = d->proto_offered,
        .proto_accepted = d->proto,
        .queues = d->opts.queues,
        .queues_live = d->nstarted,
        .regions = d->mem->n,
        .mem_bytes = d->mem->bytes,
        .numa_node = d->numa_node,
        .connects = d->connects,
        .messages = d->messages,
        .refused = d->refused,
        .queues_broken = d->queues_broken,
        .memory_lost = d->memory_lost,
        .peer_pid = d->peer_pid,
    };
    memcpy(info->last_error, d->last_error, sizeof(info->last_error));
    vhu_unlock(d->loop);
}

static void ring_state(const struct vhu_ring *r, struct vhu_queue_info *info)
{
    const struct vq_dev *vq = &r->q->vq;
    bool packed = vq->features & VQ_F_RING_PACKED;
    info->state = vq_dev_save(vq);
    info->avail_idx = vq->avail_idx;
    info->used_idx = vq->used_idx;
    info->avail_wrap = packed && info->state >> 15 & 1;
    info->used_wrap = packed && info->state >> 31;
    info->waiting = vq->broken ? 0 : vq_dev_waiting(vq, vq->features, vq->size);
    info->broken = vq->broken ? vq_broken_name(vq->broken) : NULL;
}

int vhu_queue_info(struct vhu_dev *d, uint32_t index, struct vhu_queue_info *info)
{
    memset(info, 0, sizeof(*info));
    if (index >= d->opts.queues)
        return -EINVAL;
    struct vhu_ring *r = &d->ring[index];
    vhu_lock(d->loop);
    vhu_ring_pause(r);
    info->live = r->started;
    info->enabled = r->q->enabled;
    info->kick_set = r->q->kick_fd >= 0;
    info->call_set = r->q->call_fd >= 0;
    info->size = r->size;
    info->kicks = r->q->kicks;
    info->calls = r->q->calls;
    info->suppressed = r->q->suppressed;
    info->call_errors = r->q->call_errors;
    info->memory_lost = r->q->memory_lost;
    if (r->started)
        ring_state(r, info);
    else
        info->state = vhu_ring_base(r);
    vhu_ring_reopen(r);
    vhu_unlock(d->loop);
    return 0;
}

void vhu_queue_break(struct vhu_dev *d, uint32_t index, enum vq_broken why)
{
    if (index >= d->opts.queues)
        return;
    struct vhu_ring *r = &d->ring[index];
    vhu_lock(d->loop);
    if (r->started) {
        vhu_ring_pause(r);
        vq_dev_break(&r->q->vq, why);
        vhu_ring_reopen(r);
        vhu_timer_set(d->loop, &d->tick, 0);
    }
    vhu_unlock(d->loop);
}
