// SPDX-License-Identifier: BSD-3-Clause
// What a program that was started does before it becomes another: it ends when its parent does, so
// nobody polls on for a run that was ended.
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static inline void bench_end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) // it has ended already
        _exit(1);
}

#endif
