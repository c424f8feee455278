// SPDX-License-Identifier: BSD-3-Clause
// What the machine is and does meanwhile.
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

// Binds the calling thread to a CPU; -1: leaves it. 0, or -errno.
int bench_pin(int cpu);

// A cache line's way to the other end and back, median in ns; negative: the other end did not
// answer in time. It must copy *ping to *pong all the while.
double bench_round_trip(uint32_t *ping, const uint32_t *pong);

// Time that the hypervisor gave to others while this machine wanted it, of all CPUs, in ms.
uint64_t bench_steal_ms(void);

// Times that the calling thread lost its CPU against its will.
uint64_t bench_switches(void);

#endif
