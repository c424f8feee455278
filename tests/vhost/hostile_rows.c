// SPDX-License-Identifier: BSD-3-Clause
#include "hostile_rows.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#define REGION(gpa, bytes, front, offset) gpa, bytes, front, offset
#define U64(...)               \
    {                          \
        .u64 = { __VA_ARGS__ } \
    }
#define U32(...)               \
    {                          \
        .u32 = { __VA_ARGS__ } \
    }
#define TABLE(n, ...) U64(n, __VA_ARGS__)
#define R(x) VHU_REQ_##x
#define TOP 0xfffffffffffff000ull

// Rows name only what differs from zero.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

const struct hostile_row hostile_rows[] = {
    // Framing.
    {"version 0", "version", R(GET_FEATURES), 0, DROP, .flags = ~0u},
    {"15: size above the buffer", "longer than", R(SET_FEATURES), 4097, DROP},
    {"15: size of 4 GiB", "longer than", R(SET_MEM_TABLE), 0xffffffff, DROP},
    {"16: payload missing", "payload of 0", R(SET_FEATURES), 0, DROP},
    {"16: payload short", "payload of 7", R(SET_VRING_NUM), 7, DROP},
    {"16: payload long", "payload of 16", R(SET_VRING_NUM), 16, DROP},
    {"16: table without regions' bytes", "payload of 40", R(SET_MEM_TABLE), 40, DROP, 2, MEM,
     .p = TABLE(2, 0)},
    {"9: fds on a message that takes none", "file desc", R(GET_FEATURES), 0, DROP, 1, MEM},
    {"9: fds on an enable", "file desc", R(SET_VRING_ENABLE), 8, DROP, 8, EVENT},
    {"5: too many fds", "file desc", R(SET_VRING_KICK), 8, DROP, 2, EVENT},
    {"6: more fds than any message has", "file desc", R(SET_MEM_TABLE), 40, DROP, 9, MEM,
     .p = TABLE(1, REGION(FE_GPA, 4096, FE_VA, 0))},
    {"5: fd missing", "file desc", R(SET_VRING_CALL), 8, DROP},
    {"5: fd with NOFD", "file desc", R(SET_VRING_CALL), 8, DROP, 1, EVENT, .p = U64(0x100)},
    {"reply nobody asked for", "nobody asked", R(GET_FEATURES), 0, DROP, .flags = VHU_REPLY},
    // Rings.
    {"1: ring index above 16 bits", "ring 65536", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(65536, 64)},
    {"1: kick index above 8 bits", "ring 512", R(SET_VRING_KICK), 8, NACK_DROP, 1, EVENT,
     .p = U64(0x200)},
    {"1: kick index in the high half", "ring", R(SET_VRING_KICK), 8, NACK_DROP, 1, EVENT,
     .p = U64(1ull << 32)},
    {"21: queue just above the maximum", "ring 4, but", R(SET_VRING_ENABLE), 8, NACK_DROP,
     .p = U32(FE_QUEUES, 1)},
    {"23: base of no queue", "ring 255", R(GET_VRING_BASE), 8, DROP, .p = U32(255, 0)},
    {"23: addresses of no queue", "ring 4", R(SET_VRING_ADDR), 40, NACK_DROP, .p = U32(4)},
    {"24: ring size 0", "size 0", R(SET_VRING_NUM), 8, NACK_DROP, .p = U32(1, 0)},
    {"24: ring size 65536", "size 65536", R(SET_VRING_NUM), 8, NACK_DROP, .p = U32(1, 65536)},
    {"24: ring size above the maximum set", "size 2048", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(1, 2048)},
    {"24: ring size 48, split", "size 48", R(SET_VRING_NUM), 8, NACK_DROP,
     .format = SPLIT_ONLY, .p = U32(1, 48)},
    {"25: ring size changed while running", "runs", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(0, 32)},
    {"25: base changed while running", "runs", R(SET_VRING_BASE), 8, NACK_DROP, .p = U32(0, 1)},
    {"base of 17 bits, split", "16 bits", R(SET_VRING_BASE), 8, NACK_DROP,
     .format = SPLIT_ONLY, .net_why = "runs", .p = U32(1, 65536)},
    {"24: ring misaligned", "misaligned", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(1, FE_VA + 8, FE_VA + 4096, FE_VA + 8192)},
    {"ring outside memory", "not in guest", R(SET_VRING_ADDR), 40, NACK_DROP, .p = U64(0, 0, 0, 0)},
    {"26: used ring ends past memory", "device area", R(SET_VRING_ADDR), 40, NACK_DROP,
     .format = SPLIT_ONLY, .p = U64(0, FE_VA, FE_VA + FE_MEM_BYTES - 4 - 8 * 64, FE_VA + 4096)},
    {"26: device event area past memory", "device area", R(SET_VRING_ADDR), 40, NACK_DROP,
     .format = PACKED_ONLY, .p = U64(0, FE_VA, FE_VA + FE_MEM_BYTES, FE_VA + 4096)},
    {"ring at the end of the address space", "not in guest", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(0, TOP, TOP, TOP)},
    {"unknown ring flags", "flags", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(2ull << 32, FE_VA, FE_VA + 4096, FE_VA + 8192)},
    {"enable of 2", "neither", R(SET_VRING_ENABLE), 8, NACK_DROP, .p = U32(0, 2)},
    {"call fd is a pipe", "eventfd", R(SET_VRING_CALL), 8, NACK_DROP, 1, PIPE},
    {"kick fd is a file", "eventfd", R(SET_VRING_KICK), 8, NACK_DROP, 1, MEM},
    {"err fd is a directory", "eventfd", R(SET_VRING_ERR), 8, NACK_DROP, 1, DIRECTORY},
    {"call fd is a timer", "eventfd", R(SET_VRING_CALL), 8, NACK_DROP, 1, TIMER},
    {"kick fd is an epoll set", "eventfd", R(SET_VRING_KICK), 8, NACK_DROP, 1, EPOLL},
    // Features.
    {"22: feature not offered", "not offered", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(ROWS_FEATURES | 1ull << 63)},
    {"22: log not offered", "not offered", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(ROWS_FEATURES | VHU_F_LOG_ALL)},
    {"22: features changed while running", "while rings run", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(ROWS_FEATURES | VQ_F_RING_PACKED)},
    {"22: protocol feature not offered", "not offered", R(SET_PROTOCOL_FEATURES), 8, NACK_DROP,
     .p = U64(VHU_PF_INFLIGHT_SHMFD)},
    // Memory.
    {"4: region larger than its file", "end of its file", R(SET_MEM_TABLE), 40, NACK_DROP, 1, SMALL,
     .p = TABLE(1, REGION(FE_GPA, 8192, FE_VA, 0))},
    {"4: region past its file by one byte", "end of its file", R(ADD_MEM_REG), 40, NACK_DROP, 1,
     SMALL, .p = U64(0, REGION(0, 4096, 0, 1))},
    {"13: offset + size wraps", "address space", R(SET_MEM_TABLE), 40, NACK_DROP, 1, MEM,
     .p = TABLE(1, REGION(FE_GPA, 8192, FE_VA, TOP))},
    {"13: more regions than fit", "payload", R(SET_MEM_TABLE), 264, DROP, 8, MEM, .p = TABLE(9, 0)},
    {"13: regions without end", "payload", R(SET_MEM_TABLE), 40, DROP, 1, MEM,
     .p = TABLE(0x08000000, 0)},
    {"13: fewer fds than regions", "file desc", R(SET_MEM_TABLE), 72, DROP, 1, MEM,
     .p = TABLE(2, REGION(0, 4096, 0, 0), REGION(4096, 4096, 4096, 0))},
    {"13: no region", "payload", R(SET_MEM_TABLE), 8, DROP},
    {"14: overlapping regions", "overlaps", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 8192, 0, 0), REGION(4096, 8192, 65536, 0))},
    {"14: overlapping for the front end", "overlaps", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 8192, 0, 0), REGION(65536, 8192, 4096, 0))},
    {"14: added region overlaps", "overlaps", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(FE_GPA + FE_MEM_BYTES - 4096, 8192, 0, 0))},
    {"14: region around another", "overlaps", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(0, 4096, FE_VA - 2048, 0))},
    {"14: empty region", "empty", R(SET_MEM_TABLE), 40, NACK_DROP, 1, MEM,
     .p = TABLE(1, REGION(FE_GPA, 0, FE_VA, 0))},
    {"14: region wraps", "address space", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(TOP, 8192, 0, 0))},
    {"14: region wraps for the front end", "address space", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(0, 8192, TOP, 0))},
    {"18: region cannot be mapped", "cannot be mapped", R(ADD_MEM_REG), 40, NACK_DROP, 1, READ_ONLY,
     .p = U64(0, REGION(0, 4096, 0, 0))},
    {"18: region of no regular file", "regular", R(ADD_MEM_REG), 40, NACK_DROP, 1, DIRECTORY,
     .p = U64(0, REGION(0, 4096, 0, 0))},
    {"second region bad: all or nothing", "empty", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 4096, 0, 0), REGION(4096, 0, 4096, 0))},
    {"removing what is not there", "no such region", R(REM_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(FE_GPA, 4096, FE_VA, 0))},
    // What is not offered.
    {"2, 3, 17: log", "not offered", R(SET_LOG_BASE), 16, DROP, 1, MEM, .p = U64(~0ull, ~0ull)},
    {"log fd", "not offered", R(SET_LOG_FD), 0, IGNORE, 1, EVENT},
    {"8: inflight asked for", "not offered", R(GET_INFLIGHT_FD), 24, DROP},
    {"10, 57: inflight of 65535 queues", "not offered", R(SET_INFLIGHT_FD), 24, NACK_DROP, 1, MEM,
     .p = U64(4096, 0, 0xffffffff)},
    {"11, 12: inflight of 20 bytes", "not offered", R(SET_INFLIGHT_FD), 20, NACK_DROP, 1, MEM},
    {"19: IOTLB of size 0", "not offered", R(IOTLB_MSG), 32, NACK_DROP, .p = U64(0, 0, 0, 0x0202)},
    {"20: IOTLB invalidates all", "not offered", R(IOTLB_MSG), 32, NACK_DROP,
     .p = U64(0, ~0ull, 0, 0x0300)},
    {"postcopy", "not offered", R(POSTCOPY_ADVISE), 0, DROP},
    {"postcopy listen", "not offered", R(POSTCOPY_LISTEN), 0, NACK_DROP},
    {"in-band kick", "not offered", R(VRING_KICK), 8, IGNORE},
    {"endianness", "not offered", R(SET_VRING_ENDIAN), 8, NACK_DROP},
    {"unknown request", "unknown", 33, 100, IGNORE, 3, MEM},
    {"request 0", "unknown", 0, 0, IGNORE},
    {"request 2^32 - 1", "unknown", 0xffffffff, 8, IGNORE},
    // Config and others.
    {"MTU of 67", "out of range", R(NET_SET_MTU), 8, IGNORE, .p = U64(67)},
    {"MTU of 2^32 + 1500", "out of range", R(NET_SET_MTU), 8, IGNORE, .p = U64((1ull << 32) | 1500)},
    {"status of 9 bits", "no device status", R(SET_STATUS), 8, IGNORE, .p = U64(0x100)},
    {"config longer than a message", "payload", R(GET_CONFIG), 12 + 4, DROP, .p = U32(0, 257)},
    {"config length lies", "payload", R(SET_CONFIG), 12 + 4, DROP, .p = U32(0, 5)},
    {"config outside", "outside", R(SET_CONFIG), 12 + 4, IGNORE, .net_why = "not offered",
     .p = U32(0xfffffffe, 4)},
    {"back-end channel is no socket", "socket", R(SET_BACKEND_REQ_FD), 0, IGNORE, 1, PIPE,
     .net_why = "not offered"},
};

const unsigned hostile_nrows = sizeof(hostile_rows) / sizeof(hostile_rows[0]);

static int kinds[FD_KINDS];

void rows_open(void)
{
    char path[64];
    int pipes[2];
    kinds[MEM] = memfd_create("mem", MFD_CLOEXEC);
    kinds[SMALL] = memfd_create("small", MFD_CLOEXEC);
    assert_int_equal(ftruncate(kinds[MEM], 1 << 20), 0);
    assert_int_equal(ftruncate(kinds[SMALL], 4096), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", kinds[MEM]);
    kinds[READ_ONLY] = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    close(pipes[0]);
    kinds[PIPE] = pipes[1];
    kinds[EVENT] = eventfd(0, EFD_CLOEXEC);
    kinds[DIRECTORY] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kinds[TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    kinds[EPOLL] = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = MEM; i < FD_KINDS; i++)
        assert_true(kinds[i] >= 0);
}

void rows_close(void)
{
    for (unsigned i = MEM; i < FD_KINDS; i++)
        close(kinds[i]);
}

#define ROW_FDS 16u // most descriptors of a row

bool rows_send(struct fe *f, const struct hostile_row *r, bool ask)
{
    struct vhu_hdr h = {r->request, VHU_VERSION | r->flags | (ask ? VHU_NEED_REPLY : 0), r->size};
    if (r->flags == ~0u)
        h.flags = 0;
    uint32_t size = r->size <= VHU_PAYLOAD_MAX ? r->size : 0;
    static const char zeros[VHU_PAYLOAD_MAX];
    struct iovec v[3] = {{&h, sizeof(h)},
                         {(void *)(uintptr_t)&r->p, size < sizeof(r->p) ? size : sizeof(r->p)},
                         {(void *)(uintptr_t)zeros, size < sizeof(r->p) ? 0 : size - sizeof(r->p)}};
    char control[CMSG_SPACE(ROW_FDS * sizeof(int))] = {0};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
    if (r->nfd > ROW_FDS)
        return false;
    if (r->nfd) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(r->nfd * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(r->nfd * sizeof(int));
        for (unsigned i = 0; i < r->nfd; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &kinds[r->kind], sizeof(int));
    }
    return sendmsg(f->sock, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(h) + size);
}
