// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_vhost and at its other end one of stock virtio-user, or of net_tern_user where
// TERN_USER_PLUGIN is defined, in this process.
#ifndef TERN_TEST_PAIR_H
#define TERN_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

// Polls a condition, for as long as a slow machine may need.
#define EVENTUALLY(cond)                            \
    do {                                            \
        int left_ = 20000;                          \
        while (!(cond) && --left_ > 0)              \
            rte_delay_us_sleep(1000);               \
        if (left_ == 0)                             \
            fail_msg("never came true: %s", #cond); \
    } while (0)

// The two ports and what they are configured with. Zero is a good default.
struct pair {
    uint16_t dev, drv;
    uint16_t queues;              // of the device side; 0: 1
    uint16_t drv_queues;          // of the driver side; 0: 1
    struct rte_eth_conf conf;     // of the device side
    struct rte_eth_conf drv_conf; // of the driver side
    struct rte_eth_rxconf rx;
    bool rx_set;
};

// Starts EAL with the plug-in, without hugepages, once a program. Cmocka's group fixture. The
// environment's TERN_TEST_SIMD is EAL's limit for the width of registers in bits: with 128 the
// bursts are those for any CPU. Without AVX-512 there is no choice, and the program is skipped.
int eal_start(void **state);
int eal_stop(void **state);

// The same with hugepages that come and go.
int eal_start_huge(void **state);

extern struct rte_mempool *pool;

// The device's socket in this run.
const char *socket_path(void);

// Adds the device side with further devargs (",key=value…" or ""), configured and started. Then
// the driver side with further ones of virtio-user.
void pair_add_dev(struct pair *p, const char *args);
void pair_add_drv(struct pair *p, const char *args);
// Configures and starts another port, with one queue pair.
void pair_start_port(uint16_t port);
void pair_remove_drv(struct pair *p);
void pair_remove_dev(struct pair *p);
// Both with one queue, the driver side with further devargs, when both links are up; and off again.
void pair_connect(struct pair *p, const char *drv_args);
void pair_disconnect(struct pair *p);
// Removes whichever of the two is still there, after a test that failed.
void pair_clean_up(void);

bool link_is_up(uint16_t port);

// A packet of `bytes`, its number at the end of its header.
struct rte_mbuf *packet(uint32_t bytes, uint32_t number);

// Sends `n` such packets, and receives as many and checks them.
void send_n(uint16_t port, unsigned n, uint32_t bytes);
void receive_n(uint16_t port, unsigned n, uint32_t bytes);

// Keeps what is logged from here on, up to assert_said: it must hold the word, and what to do.
void listen_to_log(void);
void assert_said(const char *word);

uint64_t xstat(uint16_t port, const char *name);

#endif
