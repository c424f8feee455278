// SPDX-License-Identifier: BSD-3-Clause
// A mode between ports that are none: packets are put into its burst one by one, and what it sends
// and drops is looked at. After each packet it is checked that all are accounted for.
#ifndef FWD_TEST_MODEBED_H
#define FWD_TEST_MODEBED_H

#include "eal.h"
#include "forward.h"

#define BED_PORTS 4u

extern struct fwd bed;
extern struct rte_mempool *bed_pool;

// Starts a mode with n ports, whose configurations are bed_conf[]. Port i has the address
// 02:00:00:00:ff:0i and an MTU of 1500 (or conf.mtu).
extern struct fwd_conf_port bed_conf[BED_PORTS];
void bed_open(const struct fwd_mode *mode, unsigned n);
void bed_close(void); // and checks that no packet buffer is lost
struct fwd_port *bed_port(unsigned i);

// A port goes, or comes back, as fwd.c does it.
int bed_link(unsigned i);
void bed_unlink(unsigned i);

// A packet of those bytes, in segments of at most `seg` bytes (0: in one).
struct rte_mbuf *bed_packet(const void *bytes, uint32_t len, uint16_t seg);

// A packet comes in by a port; the control thread does what it has to do.
void bed_in(unsigned port, struct rte_mbuf *m);
void bed_in_bytes(unsigned port, const void *bytes, uint32_t len);
void bed_control(void);

// The oldest packet that was sent to a port and not taken, the caller's then; NULL: there is none.
struct rte_mbuf *bed_take(unsigned port);
unsigned bed_sent(unsigned port); // how many there are
unsigned bed_sent_all(void);      // on all ports
void bed_forget(void);            // frees them all

// The next packet of a port has exactly these bytes.
void bed_expect(unsigned port, const void *bytes, uint32_t len);

// Packets dropped for a cause; all packets dropped.
uint64_t bed_drops(enum fwd_cause cause);
uint64_t bed_drops_all(void);

#endif
