// SPDX-License-Identifier: BSD-3-Clause
// Requests that concern the device as a whole.
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto.h"

#define STATUS_FEATURES_OK 8u // §2.1

void vhu_proto_offer(struct vhu_dev *d)
{
    const struct vhu_class *c = d->type;
    d->offered = (c->features & d->opts.features & ~(VHU_F_LOG_ALL | VQ_F_ACCESS_PLATFORM)) |
                 VHU_F_PROTOCOL_FEATURES;
    d->proto_offered = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_RESET_DEVICE |
                       VHU_PF_CONFIGURE_MEM_SLOTS | VHU_PF_STATUS;
    if (c->config_bytes && c->config_get)
        d->proto_offered |= VHU_PF_CONFIG | VHU_PF_BACKEND_REQ;
    if (c->set_mtu)
        d->proto_offered |= c->proto_features & VHU_PF_NET_MTU;
    if (c->send_rarp)
        d->proto_offered |= c->proto_features & VHU_PF_RARP;
}

// ---- features ----

int vhu_on_get_features(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)m;
    reply->p.u64 = d->offered;
    return 0;
}

static int set_features(struct vhu_dev *d, uint64_t f)
{
    if (f & ~d->offered)
        return vhu_refuse(d, "SET_FEATURES: bits 0x%llx were not offered",
                          (unsigned long long)(f & ~d->offered));
    if (d->features_set && f == d->features)
        return 0;
    if (d->nstarted)
        return vhu_refuse(d, "SET_FEATURES: cannot change while rings run");
    int rc = d->type->features_set ? d->type->features_set(d->ctx, f) : 0;
    if (rc)
        return vhu_refuse(d, "SET_FEATURES: the %s device cannot work with 0x%llx: %s",
                          d->type->name, (unsigned long long)f, strerror(-rc));
    d->features = f;
    d->features_set = true;
    vhu_dev_update(d);
    return 0;
}

int vhu_on_set_features(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)reply;
    int rc = set_features(d, m->p.u64);
    d->features_refused = rc != 0;
    return rc;
}

int vhu_on_get_proto(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)m;
    reply->p.u64 = d->proto_offered;
    return 0;
}

int vhu_on_set_proto(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)reply;
    if (m->p.u64 & ~d->proto_offered)
        return vhu_refuse(d, "SET_PROTOCOL_FEATURES: bits 0x%llx were not offered",
                          (unsigned long long)(m->p.u64 & ~d->proto_offered));
    d->proto = m->p.u64;
    return 0;
}

// The unit is the class's: front ends of net compare the answer with queue pairs.
int vhu_on_queue_num(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    uint32_t unit = d->type->queue_unit ? d->type->queue_unit : 1;
    (void)m;
    reply->p.u64 = d->opts.queues / unit;
    return 0;
}

// ---- owner, reset, status ----

int vhu_on_set_owner(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)d;
    (void)m;
    (void)reply;
    return 0;
}

// Memory, protocol features and the descriptors for calls outlive a reset of the device.
static void reset(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        vhu_ring_reset(&d->ring[i], false);
    d->features = 0;
    d->features_set = false;
    d->features_refused = false;
    d->status = 0;
}

int vhu_on_reset(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)m;
    (void)reply;
    reset(d);
    return 0;
}

int vhu_on_set_status(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)reply;
    if (m->p.u64 > UINT8_MAX)
        return vhu_refuse(d, "SET_STATUS: 0x%llx is no device status",
                          (unsigned long long)m->p.u64);
    if (m->p.u64 == 0)
        reset(d);
    uint8_t status = (uint8_t)m->p.u64;
    if (d->features_refused && !(d->status & STATUS_FEATURES_OK))
        status &= (uint8_t)~STATUS_FEATURES_OK; // by which the driver knows (§2.2.2)
    d->status = status;
    return 0;
}

int vhu_on_get_status(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)m;
    reply->p.u64 = d->status;
    return 0;
}

// ---- config space ----

static int check_config(struct vhu_dev *d, const struct vhu_config *c, const char *name)
{
    if (c->bytes <= d->type->config_bytes && c->offset <= d->type->config_bytes - c->bytes)
        return 0;
    return vhu_refuse(d, "%s: %u bytes at %u lie outside the config space of %u", name, c->bytes,
                      c->offset, d->type->config_bytes);
}

// An empty reply is the protocol's way to refuse.
int vhu_on_get_config(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_config *c = &reply->p.config;
    int rc = check_config(d, &m->p.config, "GET_CONFIG");
    if (rc == 0) {
        memset(c, 0, sizeof(*c));
        c->offset = m->p.config.offset;
        c->bytes = m->p.config.bytes;
        rc = d->type->config_get(d->ctx, c->offset, c->data, c->bytes);
        if (rc)
            vhu_refuse(d, "GET_CONFIG: %s", strerror(-rc));
    }
    reply->hdr.size = rc ? 0 : m->hdr.size;
    if (rc) {
        d->refused++;
        vhu_dev_log(d, VHU_LOG_WARN, "refused %s", d->last_error);
    }
    return 0;
}

int vhu_on_set_config(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    const struct vhu_config *c = &m->p.config;
    (void)reply;
    int rc = check_config(d, c, "SET_CONFIG");
    if (rc)
        return rc;
    if (!d->type->config_set)
        return vhu_refuse(d, "SET_CONFIG: the config space is read-only");
    rc = d->type->config_set(d->ctx, c->offset, c->data, c->bytes);
    return rc ? vhu_refuse(d, "SET_CONFIG: %s", strerror(-rc)) : 0;
}

int vhu_on_backend_fd(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct stat st;
    (void)reply;
    if (fstat(m->fd[0], &st) < 0 || !S_ISSOCK(st.st_mode))
        return vhu_refuse(d, "SET_BACKEND_REQ_FD: not a socket");
    if (d->backend_fd >= 0)
        close(d->backend_fd);
    d->backend_fd = m->fd[0];
    m->fd[0] = -1;
    return 0;
}

// ---- net ----

int vhu_on_set_mtu(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)reply;
    // 68: the least that carries IPv4, and what virtio asks for.
    if (m->p.u64 < 68 || m->p.u64 > UINT16_MAX)
        return vhu_refuse(d, "NET_SET_MTU: %llu is out of range", (unsigned long long)m->p.u64);
    int rc = d->type->set_mtu(d->ctx, (uint16_t)m->p.u64);
    return rc ? vhu_refuse(d, "NET_SET_MTU: %s", strerror(-rc)) : 0;
}

int vhu_on_send_rarp(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)reply;
    int rc = d->type->send_rarp(d->ctx, m->p.raw);
    return rc ? vhu_refuse(d, "SEND_RARP: %s", strerror(-rc)) : 0;
}
