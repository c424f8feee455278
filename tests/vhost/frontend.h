// SPDX-License-Identifier: BSD-3-Clause
// A front end for tests: sends any bytes and descriptors, speaks the usual sequence over memfd
// memory, and drives rings with vq_drv. Its three address spaces differ on purpose.
#ifndef FRONTEND_H
#define FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "server.h"

#define FE_QUEUES 4
#define FE_MEM_BYTES (4u << 20)
#define FE_GPA 0x100000000ull    // guest physical address of the memory
#define FE_VA 0x7a0000000000ull  // the front end's address of it, as it tells the back end
#define FE_WAIT_MS 20000         // far above what anything takes on a slow machine
#define FE_BUF_BASE (2u << 20)   // buffers start here, rings lie below

struct fe_queue {
    struct vq_drv drv;
    struct vq_drv_slot *slots;
    uint32_t size;
    uint64_t at; // offset of the ring in memory
    struct vq_ring_addrs ring;
    int kick, call, err;
};

struct fe {
    int sock;
    int backend; // our end of the back-end channel, -1: none
    int memfd;
    char *mem;
    uint64_t features;
    struct vhu_rx rx;
    struct fe_queue q[FE_QUEUES];
};

// Allocates memory; no connection yet. Aborts the test on failure, like all helpers here.
void fe_init(struct fe *f, uint64_t features);
void fe_free(struct fe *f);

void fe_connect(struct fe *f, const char *path);
void fe_close(struct fe *f); // the connection only

// Sends header, payload and descriptors; 0 or -errno.
int fe_send(struct fe *f, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
            const int *fds, unsigned nfd);

// Waits for a message. 0, or -errno (-ECONNRESET, -EPIPE: the back end hung up).
int fe_recv(struct fe *f);

// Sends and asks for an answer. The answer (0: granted), or -errno of the connection.
int64_t fe_ask(struct fe *f, uint32_t request, const void *payload, uint32_t size, const int *fds,
               unsigned nfd);
int64_t fe_ask_u64(struct fe *f, uint32_t request, uint64_t value);
int64_t fe_ask_state(struct fe *f, uint32_t request, uint32_t index, uint32_t num);
int64_t fe_ask_fd(struct fe *f, uint32_t request, uint32_t index, int fd); // -1: NOFD

// A request with a reply of its own, whose first 8 bytes are returned. Fails the test on error.
uint64_t fe_get(struct fe *f, uint32_t request);

// True when the back end has closed the connection (waits for it).
bool fe_hung_up(struct fe *f);

// The parts of the usual sequence; each demands success.
void fe_negotiate(struct fe *f);
void fe_share_memory(struct fe *f);
void fe_region(struct fe *f, struct vhu_mem_region *r);
void fe_queue_init(struct fe *f, unsigned i, uint32_t size); // memory only
void fe_queue_addr(struct fe *f, unsigned i, struct vhu_vring_addr *a);
void fe_queue_start(struct fe *f, unsigned i, uint32_t base);
uint32_t fe_queue_stop(struct fe *f, unsigned i); // GET_VRING_BASE

// Negotiates, shares memory and starts `n` queues of `size`.
void fe_start(struct fe *f, unsigned n, uint32_t size);

// Puts one buffer: `nread` and `nwrite` bytes at `offset` of the memory.
bool fe_put(struct fe *f, unsigned i, uint64_t offset, uint32_t nread, uint32_t nwrite,
            void *token);
void fe_kick(struct fe *f, unsigned i); // publishes, kicks when asked to

// Polls `cond` until it holds; false after FE_WAIT_MS.
#define FE_UNTIL(cond)                                                                             \
    ({                                                                                             \
        bool fe_ok = false;                                                                        \
        for (uint64_t fe_end = fe_now() + FE_WAIT_MS; !(fe_ok = (cond)) && fe_now() < fe_end;)     \
            fe_nap();                                                                              \
        fe_ok;                                                                                     \
    })
uint64_t fe_now(void);
void fe_nap(void);
unsigned fe_open_fds(void); // of this process

// A socket path of this process, and a device with its loop thread.
void fe_path(char *buf, size_t bytes, const char *name);
bool fe_full(void); // TERN_TEST_FULL=1: the long version

#endif
