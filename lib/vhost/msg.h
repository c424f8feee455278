// SPDX-License-Identifier: BSD-3-Clause
// The wire of vhost-user: request ids, flags, payloads, and messages with their file descriptors.
// Both ends use it: the back end of this library, the driver side, and tests. Numbers travel in
// the byte order of the host.
#ifndef VHU_MSG_H
#define VHU_MSG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VHU_FDS_MAX 8u        // file descriptors a message can carry
#define VHU_TABLE_MAX 8u      // regions in one SET_MEM_TABLE
#define VHU_CONFIG_MAX 256u   // bytes of config space in one message
#define VHU_PAYLOAD_MAX 4096u // no message is longer; more is a violation

// Header flags: version in bits 0 and 1.
#define VHU_VERSION 1u
#define VHU_VERSION_MASK 3u
#define VHU_REPLY (1u << 2)
#define VHU_NEED_REPLY (1u << 3)

// SET_VRING_KICK, CALL and ERR: index in bits 0–7, and "no descriptor comes with this".
#define VHU_VRING_INDEX_MASK 0xffu
#define VHU_VRING_NOFD (1u << 8)

// Feature bits that the protocol adds to the virtio feature word.
#define VHU_F_LOG_ALL (1ULL << 26)
#define VHU_F_PROTOCOL_FEATURES (1ULL << 30)

// Protocol features.
#define VHU_PF_MQ (1ULL << 0)
#define VHU_PF_LOG_SHMFD (1ULL << 1)
#define VHU_PF_RARP (1ULL << 2)
#define VHU_PF_REPLY_ACK (1ULL << 3)
#define VHU_PF_NET_MTU (1ULL << 4)
#define VHU_PF_BACKEND_REQ (1ULL << 5)
#define VHU_PF_PAGEFAULT (1ULL << 8)
#define VHU_PF_CONFIG (1ULL << 9)
#define VHU_PF_BACKEND_SEND_FD (1ULL << 10)
#define VHU_PF_HOST_NOTIFIER (1ULL << 11)
#define VHU_PF_INFLIGHT_SHMFD (1ULL << 12)
#define VHU_PF_RESET_DEVICE (1ULL << 13)
#define VHU_PF_INBAND_NOTIFICATIONS (1ULL << 14)
#define VHU_PF_CONFIGURE_MEM_SLOTS (1ULL << 15)
#define VHU_PF_STATUS (1ULL << 16)

// Requests of the front end.
enum vhu_req {
    VHU_REQ_GET_FEATURES = 1,
    VHU_REQ_SET_FEATURES = 2,
    VHU_REQ_SET_OWNER = 3,
    VHU_REQ_RESET_OWNER = 4,
    VHU_REQ_SET_MEM_TABLE = 5,
    VHU_REQ_SET_LOG_BASE = 6,
    VHU_REQ_SET_LOG_FD = 7,
    VHU_REQ_SET_VRING_NUM = 8,
    VHU_REQ_SET_VRING_ADDR = 9,
    VHU_REQ_SET_VRING_BASE = 10,
    VHU_REQ_GET_VRING_BASE = 11,
    VHU_REQ_SET_VRING_KICK = 12,
    VHU_REQ_SET_VRING_CALL = 13,
    VHU_REQ_SET_VRING_ERR = 14,
    VHU_REQ_GET_PROTOCOL_FEATURES = 15,
    VHU_REQ_SET_PROTOCOL_FEATURES = 16,
    VHU_REQ_GET_QUEUE_NUM = 17,
    VHU_REQ_SET_VRING_ENABLE = 18,
    VHU_REQ_SEND_RARP = 19,
    VHU_REQ_NET_SET_MTU = 20,
    VHU_REQ_SET_BACKEND_REQ_FD = 21,
    VHU_REQ_IOTLB_MSG = 22,
    VHU_REQ_SET_VRING_ENDIAN = 23,
    VHU_REQ_GET_CONFIG = 24,
    VHU_REQ_SET_CONFIG = 25,
    VHU_REQ_POSTCOPY_ADVISE = 28,
    VHU_REQ_POSTCOPY_LISTEN = 29,
    VHU_REQ_POSTCOPY_END = 30,
    VHU_REQ_GET_INFLIGHT_FD = 31,
    VHU_REQ_SET_INFLIGHT_FD = 32,
    VHU_REQ_RESET_DEVICE = 34,
    VHU_REQ_VRING_KICK = 35,
    VHU_REQ_GET_MAX_MEM_SLOTS = 36,
    VHU_REQ_ADD_MEM_REG = 37,
    VHU_REQ_REM_MEM_REG = 38,
    VHU_REQ_SET_STATUS = 39,
    VHU_REQ_GET_STATUS = 40,
    VHU_REQ_COUNT
};

// Requests of the back end, on the back-end channel.
enum vhu_backend_req {
    VHU_BACKEND_IOTLB_MSG = 1,
    VHU_BACKEND_CONFIG_CHANGE = 2,
};

struct vhu_hdr {
    uint32_t request;
    uint32_t flags;
    uint32_t size; // of the payload
};

struct vhu_vring_state {
    uint32_t index;
    uint32_t num;
};

// Addresses are those of the front end's process. Flag bit 0: writes to the used ring are logged.
struct vhu_vring_addr {
    uint32_t index;
    uint32_t flags;
    uint64_t desc;
    uint64_t used;
    uint64_t avail;
    uint64_t log;
};

// `bytes` of guest memory at `gpa`, which the front end has at `front`, from `offset` of the file.
struct vhu_mem_region {
    uint64_t gpa;
    uint64_t bytes;
    uint64_t front;
    uint64_t offset;
};

struct vhu_mem_table {
    uint32_t n;
    uint32_t pad;
    struct vhu_mem_region r[VHU_TABLE_MAX];
};

struct vhu_mem_single {
    uint64_t pad;
    struct vhu_mem_region r;
};

struct vhu_config {
    uint32_t offset;
    uint32_t bytes;
    uint32_t flags;
    uint8_t data[VHU_CONFIG_MAX];
};

#define VHU_CONFIG_HDR 12u // bytes of struct vhu_config before data

union vhu_payload {
    uint64_t u64;
    struct vhu_vring_state state;
    struct vhu_vring_addr addr;
    struct vhu_mem_table table;
    struct vhu_mem_single region;
    struct vhu_config config;
    uint8_t raw[VHU_PAYLOAD_MAX];
};

// A message and the descriptors that came or go with it. fd[i] < nfd is -1 once it was taken over.
struct vhu_msg {
    struct vhu_hdr hdr;
    unsigned nfd;
    int fd[VHU_FDS_MAX];
    union vhu_payload p;
};

// The name of a request, such as "SET_VRING_NUM"; "request" for an unknown one.
const char *vhu_req_name(uint32_t request);

// Closes the descriptors that are still in the message.
void vhu_msg_close_fds(struct vhu_msg *m);

// Sends a message; hdr.size bytes of payload. Waits at most `timeout_ms` for room (0: not at all), in
// all. What the socket takes in parts arrives once, the descriptors with the first byte.
// -EAGAIN: no room; part of the message may be out, so the connection cannot be used any more.
int vhu_msg_send(int sock, const struct vhu_msg *m, int timeout_ms);

// A message being received. All zero at first.
struct vhu_rx {
    uint32_t got; // bytes of header and payload so far
    struct vhu_msg msg;
};

// Reads what has come, without waiting and never past the end of the message. 1: rx->msg is
// complete, 0: more must come. -ECONNRESET: the peer closed; -EPROTO: a violation of the framing
// (version, size, too many descriptors); other -errno of the socket. `*why` says what went wrong.
int vhu_rx_read(struct vhu_rx *rx, int sock, const char **why);

// Makes room for the next message; closes descriptors that nobody took.
void vhu_rx_reset(struct vhu_rx *rx);

// For front ends: waits for a whole message. 0, -ETIMEDOUT or an error of vhu_rx_read.
int vhu_msg_recv(int sock, struct vhu_rx *rx, int timeout_ms, const char **why);

#ifdef __cplusplus
}
#endif

#endif
