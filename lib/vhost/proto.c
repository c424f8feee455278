// SPDX-License-Identifier: BSD-3-Clause
#include "proto.h"

#include <stddef.h>

// Requests of features that no device of this library offers yet.
#define NOT_OFFERED (1ULL << 63)

#define U64 sizeof(uint64_t), sizeof(uint64_t)
#define STATE sizeof(struct vhu_vring_state), sizeof(struct vhu_vring_state)
#define ADDR sizeof(struct vhu_vring_addr), sizeof(struct vhu_vring_addr)
#define SINGLE sizeof(struct vhu_mem_single), sizeof(struct vhu_mem_single)
#define CONFIG VHU_CONFIG_HDR, sizeof(struct vhu_config)
#define INFLIGHT 20, 24 // some compilers' structures end with padding
#define LOG 16, 16
#define IOTLB 32, 32
#define EMPTY 0, 0

// clang-format off
static const struct vhu_request table[VHU_REQ_COUNT] = {
    //                               handler             protocol feature            payload  descriptors    reply  vital
    [VHU_REQ_GET_FEATURES]        = {vhu_on_get_features, 0,                          EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_SET_FEATURES]        = {vhu_on_set_features, 0,                          U64,     VHU_FD_NONE,  false, true},
    [VHU_REQ_SET_OWNER]           = {vhu_on_set_owner,    0,                          EMPTY,   VHU_FD_NONE,  false, false},
    [VHU_REQ_RESET_OWNER]         = {vhu_on_reset,        0,                          EMPTY,   VHU_FD_NONE,  false, false},
    [VHU_REQ_SET_MEM_TABLE]       = {vhu_on_mem_table,    0,                          40, 264, VHU_FD_TABLE, false, true},
    [VHU_REQ_SET_LOG_BASE]        = {NULL,                VHU_PF_LOG_SHMFD,           LOG,     VHU_FD_ONE,   true,  true},
    [VHU_REQ_SET_LOG_FD]          = {NULL,                VHU_PF_LOG_SHMFD,           EMPTY,   VHU_FD_ONE,   false, false},
    [VHU_REQ_SET_VRING_NUM]       = {vhu_on_ring_num,     0,                          STATE,   VHU_FD_NONE,  false, true},
    [VHU_REQ_SET_VRING_ADDR]      = {vhu_on_ring_addr,    0,                          ADDR,    VHU_FD_NONE,  false, true},
    [VHU_REQ_SET_VRING_BASE]      = {vhu_on_ring_base,    0,                          STATE,   VHU_FD_NONE,  false, true},
    [VHU_REQ_GET_VRING_BASE]      = {vhu_on_get_base,     0,                          STATE,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_SET_VRING_KICK]      = {vhu_on_ring_fd,      0,                          U64,     VHU_FD_FLAG,  false, true},
    [VHU_REQ_SET_VRING_CALL]      = {vhu_on_ring_fd,      0,                          U64,     VHU_FD_FLAG,  false, true},
    [VHU_REQ_SET_VRING_ERR]       = {vhu_on_ring_fd,      0,                          U64,     VHU_FD_FLAG,  false, true},
    [VHU_REQ_GET_PROTOCOL_FEATURES] = {vhu_on_get_proto,  0,                          EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_SET_PROTOCOL_FEATURES] = {vhu_on_set_proto,  0,                          U64,     VHU_FD_NONE,  false, true},
    [VHU_REQ_GET_QUEUE_NUM]       = {vhu_on_queue_num,    VHU_PF_MQ,                  EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_SET_VRING_ENABLE]    = {vhu_on_ring_enable,  0,                          STATE,   VHU_FD_NONE,  false, true},
    [VHU_REQ_SEND_RARP]           = {vhu_on_send_rarp,    VHU_PF_RARP,                U64,     VHU_FD_NONE,  false, false},
    [VHU_REQ_NET_SET_MTU]         = {vhu_on_set_mtu,      VHU_PF_NET_MTU,             U64,     VHU_FD_NONE,  false, false},
    [VHU_REQ_SET_BACKEND_REQ_FD]  = {vhu_on_backend_fd,   VHU_PF_BACKEND_REQ,         EMPTY,   VHU_FD_ONE,   false, false},
    [VHU_REQ_IOTLB_MSG]           = {NULL,                NOT_OFFERED,                IOTLB,   VHU_FD_NONE,  false, true},
    [VHU_REQ_SET_VRING_ENDIAN]    = {NULL,                NOT_OFFERED,                STATE,   VHU_FD_NONE,  false, true},
    [VHU_REQ_GET_CONFIG]          = {vhu_on_get_config,   VHU_PF_CONFIG,              CONFIG,  VHU_FD_NONE,  true,  true},
    [VHU_REQ_SET_CONFIG]          = {vhu_on_set_config,   VHU_PF_CONFIG,              CONFIG,  VHU_FD_NONE,  false, false},
    [VHU_REQ_POSTCOPY_ADVISE]     = {NULL,                VHU_PF_PAGEFAULT,           EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_POSTCOPY_LISTEN]     = {NULL,                VHU_PF_PAGEFAULT,           EMPTY,   VHU_FD_NONE,  false, true},
    [VHU_REQ_POSTCOPY_END]        = {NULL,                VHU_PF_PAGEFAULT,           EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_GET_INFLIGHT_FD]     = {NULL,                VHU_PF_INFLIGHT_SHMFD,      INFLIGHT, VHU_FD_NONE, true,  true},
    [VHU_REQ_SET_INFLIGHT_FD]     = {NULL,                VHU_PF_INFLIGHT_SHMFD,      INFLIGHT, VHU_FD_ONE,  false, true},
    [VHU_REQ_RESET_DEVICE]        = {vhu_on_reset,        VHU_PF_RESET_DEVICE,        EMPTY,   VHU_FD_NONE,  false, true},
    [VHU_REQ_VRING_KICK]          = {NULL,                VHU_PF_INBAND_NOTIFICATIONS, STATE,  VHU_FD_NONE,  false, false},
    [VHU_REQ_GET_MAX_MEM_SLOTS]   = {vhu_on_max_slots,    VHU_PF_CONFIGURE_MEM_SLOTS, EMPTY,   VHU_FD_NONE,  true,  true},
    [VHU_REQ_ADD_MEM_REG]         = {vhu_on_add_region,   VHU_PF_CONFIGURE_MEM_SLOTS, SINGLE,  VHU_FD_ONE,   false, true},
    [VHU_REQ_REM_MEM_REG]         = {vhu_on_rem_region,   VHU_PF_CONFIGURE_MEM_SLOTS, SINGLE,  VHU_FD_MAYBE, false, true},
    [VHU_REQ_SET_STATUS]          = {vhu_on_set_status,   VHU_PF_STATUS,              U64,     VHU_FD_NONE,  false, false},
    [VHU_REQ_GET_STATUS]          = {vhu_on_get_status,   VHU_PF_STATUS,              EMPTY,   VHU_FD_NONE,  true,  true},
};
// clang-format on

// The row of a request, or NULL. A row demands something of the message or has a feature.
static const struct vhu_request *row_of(uint32_t request)
{
    if (request >= VHU_REQ_COUNT || (!table[request].handle && !table[request].needs))
        return NULL;
    return &table[request];
}

static int check_size(struct vhu_dev *d, const struct vhu_request *r, const struct vhu_msg *m)
{
    uint64_t size = m->hdr.size, exact = size;
    bool whole = size >= r->min && size <= r->max;
    if (whole && r->fds == VHU_FD_TABLE)
        exact = offsetof(struct vhu_mem_table, r) +
                (uint64_t)m->p.table.n * sizeof(struct vhu_mem_region);
    else if (whole && r->max == sizeof(struct vhu_config))
        exact = VHU_CONFIG_HDR + (uint64_t)m->p.config.bytes;
    if (whole && exact == size)
        return 0;
    return vhu_refuse(d, "%s: payload of %u bytes does not fit the request",
                      vhu_req_name(m->hdr.request), m->hdr.size);
}

static int check_fds(struct vhu_dev *d, const struct vhu_request *r, const struct vhu_msg *m)
{
    unsigned least = 0, most = 0;
    switch (r->fds) {
    case VHU_FD_NONE:
        break;
    case VHU_FD_ONE:
        least = most = 1;
        break;
    case VHU_FD_MAYBE:
        most = 1;
        break;
    case VHU_FD_FLAG:
        least = most = !(m->p.u64 & VHU_VRING_NOFD);
        break;
    case VHU_FD_TABLE:
        least = most = m->p.table.n;
        break;
    }
    if (m->nfd >= least && m->nfd <= most)
        return 0;
    return vhu_refuse(d, "%s: %u file descriptors, expected %u", vhu_req_name(m->hdr.request),
                      m->nfd, most);
}

static int run(struct vhu_dev *d, const struct vhu_request *r, struct vhu_msg *m,
               struct vhu_msg *reply)
{
    if (!r)
        return vhu_refuse(d, "request %u is unknown", m->hdr.request);
    // Offered is enough: a front end that reconnects may use what it negotiated with the last
    // connection before it negotiates again.
    if (!r->handle || (r->needs & ~d->proto_offered))
        return vhu_refuse(d, "%s: not offered", vhu_req_name(m->hdr.request));
    return r->handle(d, m, reply);
}

static enum vhu_outcome refused(struct vhu_dev *d, enum vhu_outcome o)
{
    d->refused++;
    vhu_dev_log(d, VHU_LOG_WARN, "refused %s%s", d->last_error,
                o & VHU_DROP ? "; dropping the connection" : "");
    return o;
}

enum vhu_outcome vhu_proto_handle(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    const struct vhu_request *r = row_of(m->hdr.request);
    if (m->hdr.flags & VHU_REPLY) {
        vhu_refuse(d, "%s: a reply that nobody asked for", vhu_req_name(m->hdr.request));
        return refused(d, VHU_DROP);
    }
    if (r && (check_size(d, r, m) || check_fds(d, r, m)))
        return refused(d, VHU_DROP);
    reply->hdr = (struct vhu_hdr){m->hdr.request, VHU_VERSION | VHU_REPLY, sizeof(uint64_t)};
    reply->p.u64 = 0;
    d->messages++;
    int rc = run(d, r, m, reply);
    if (r && r->replies)
        return rc ? refused(d, VHU_DROP) : VHU_ANSWER;
    bool asked = m->hdr.flags & VHU_NEED_REPLY;
    reply->p.u64 = rc != 0;
    if (rc == 0)
        return asked ? VHU_ANSWER : VHU_DONE;
    return refused(d, asked ? VHU_ANSWER : r && r->vital ? VHU_DROP : VHU_DONE);
}
