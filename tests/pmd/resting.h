// SPDX-License-Identifier: BSD-3-Clause
// That a queue of a driver rests as its struct tern_rest says.
#ifndef TERN_RESTING_H
#define TERN_RESTING_H

#include <rte_cycles.h>

#include "pair.h"
#include "rest.h"

// Queue 0 of `to`, with receive interrupts, has `r` and a ring of `size`.
static inline void expect_rests(uint16_t from, uint16_t to, struct tern_rest *r, uint32_t size)
{
    struct rte_mbuf *m;
    assert_int_equal(r->most_pkts, size / 4);
    send_n(from, 1, 64);
    r->rest = rte_get_tsc_hz() * 1000;
    r->until = rte_rdtsc() + r->rest;
    assert_int_equal(rte_eth_rx_burst(to, 0, &m, 1), 0);
    assert_int_equal(rte_eth_dev_rx_intr_enable(to, 0), 0); // who would sleep looks once more
    receive_n(to, 1, 64);
    assert_int_equal(rte_eth_dev_rx_intr_disable(to, 0), 0);
    r->rest = 0;
}

#endif
