// SPDX-License-Identifier: BSD-3-Clause
// How much of its core a CPU gets. A virtual CPU is often one of two hardware threads, and what the
// other one does, which may be another guest's, is seen by no counter of this machine: additions
// that do not depend on each other then take up to twice as long, and a core holds half as many
// stores that wait for their lines. A chain of multiplications takes as long as ever.
#ifndef PAIRMON_CORE_H
#define PAIRMON_CORE_H

// Time of independent additions ÷ time of a chain, of the calling thread's CPU, in about 0.1 ms.
// Only values of one machine compare: the least is that of a core of one's own.
double core_time_ratio(void);

#endif
