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
#define TABLE offsetof(struct vhu_mem_table, r[1]), sizeof(struct vhu_mem_table)

// clang-format off
#define ROW(request, handler, needs, payload, fds, refusal) \
    [VHU_REQ_##request] = {vhu_on_##handler, needs, payload, VHU_FD_##fds, refusal}
// Rows of what is not offered: only size and descriptors are looked at.
#define OFF(request, needs, payload, fds, refusal) \
    [VHU_REQ_##request] = {NULL, needs, payload, VHU_FD_##fds, refusal}

// Has a reply of its own; vital; neither.
#define REPLY true, true
#define VITAL false, true
#define PLAIN false, false

static const struct vhu_request table[VHU_REQ_COUNT] = {
    //  request                handler       protocol feature            payload   fds    refusal
    ROW(GET_FEATURES,          get_features, 0,                          EMPTY,    NONE,  REPLY),
    ROW(SET_FEATURES,          set_features, 0,                          U64,      NONE,  VITAL),
    ROW(SET_OWNER,             set_owner,    0,                          EMPTY,    NONE,  PLAIN),
    ROW(RESET_OWNER,           reset,        0,                          EMPTY,    NONE,  PLAIN),
    ROW(SET_MEM_TABLE,         mem_table,    0,                          TABLE,    TABLE, VITAL),
    OFF(SET_LOG_BASE,          VHU_PF_LOG_SHMFD,                         LOG,      ONE,   REPLY),
    OFF(SET_LOG_FD,            VHU_PF_LOG_SHMFD,                         EMPTY,    ONE,   PLAIN),
    ROW(SET_VRING_NUM,         ring_num,     0,                          STATE,    NONE,  VITAL),
    ROW(SET_VRING_ADDR,        ring_addr,    0,                          ADDR,     NONE,  VITAL),
    ROW(SET_VRING_BASE,        ring_base,    0,                          STATE,    NONE,  VITAL),
    ROW(GET_VRING_BASE,        get_base,     0,                          STATE,    NONE,  REPLY),
    ROW(SET_VRING_KICK,        ring_fd,      0,                          U64,      FLAG,  VITAL),
    ROW(SET_VRING_CALL,        ring_fd,      0,                          U64,      FLAG,  VITAL),
    ROW(SET_VRING_ERR,         ring_fd,      0,                          U64,      FLAG,  VITAL),
    ROW(GET_PROTOCOL_FEATURES, get_proto,    0,                          EMPTY,    NONE,  REPLY),
    ROW(SET_PROTOCOL_FEATURES, set_proto,    0,                          U64,      NONE,  VITAL),
    ROW(GET_QUEUE_NUM,         queue_num,    VHU_PF_MQ,                  EMPTY,    NONE,  REPLY),
    ROW(SET_VRING_ENABLE,      ring_enable,  0,                          STATE,    NONE,  VITAL),
    ROW(SEND_RARP,             send_rarp,    VHU_PF_RARP,                U64,      NONE,  PLAIN),
    ROW(NET_SET_MTU,           set_mtu,      VHU_PF_NET_MTU,             U64,      NONE,  PLAIN),
    ROW(SET_BACKEND_REQ_FD,    backend_fd,   VHU_PF_BACKEND_REQ,         EMPTY,    ONE,   PLAIN),
    OFF(IOTLB_MSG,             NOT_OFFERED,                              IOTLB,    NONE,  VITAL),
    OFF(SET_VRING_ENDIAN,      NOT_OFFERED,                              STATE,    NONE,  VITAL),
    ROW(GET_CONFIG,            get_config,   VHU_PF_CONFIG,              CONFIG,   NONE,  REPLY),
    ROW(SET_CONFIG,            set_config,   VHU_PF_CONFIG,              CONFIG,   NONE,  PLAIN),
    OFF(POSTCOPY_ADVISE,       VHU_PF_PAGEFAULT,                         EMPTY,    NONE,  REPLY),
    OFF(POSTCOPY_LISTEN,       VHU_PF_PAGEFAULT,                         EMPTY,    NONE,  VITAL),
    OFF(POSTCOPY_END,          VHU_PF_PAGEFAULT,                         EMPTY,    NONE,  REPLY),
    OFF(GET_INFLIGHT_FD,       VHU_PF_INFLIGHT_SHMFD,                    INFLIGHT, NONE,  REPLY),
    OFF(SET_INFLIGHT_FD,       VHU_PF_INFLIGHT_SHMFD,                    INFLIGHT, ONE,   VITAL),
    ROW(RESET_DEVICE,          reset,        VHU_PF_RESET_DEVICE,        EMPTY,    NONE,  VITAL),
    OFF(VRING_KICK,            VHU_PF_INBAND_NOTIFICATIONS,              STATE,    NONE,  PLAIN),
    ROW(GET_MAX_MEM_SLOTS,     max_slots,    VHU_PF_CONFIGURE_MEM_SLOTS, EMPTY,    NONE,  REPLY),
    ROW(ADD_MEM_REG,           add_region,   VHU_PF_CONFIGURE_MEM_SLOTS, SINGLE,   ONE,   VITAL),
    ROW(REM_MEM_REG,           rem_region,   VHU_PF_CONFIGURE_MEM_SLOTS, SINGLE,   MAYBE, VITAL),
    ROW(SET_STATUS,            set_status,   VHU_PF_STATUS,              U64,      NONE,  PLAIN),
    ROW(GET_STATUS,            get_status,   VHU_PF_STATUS,              EMPTY,    NONE,  REPLY),
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
