// SPDX-License-Identifier: BSD-3-Clause
// G1, G2 and G3: the gate. The control thread touches what the polling thread uses, the memory table and what is
// mapped, only while the gate is closed and nobody is inside.
// MEMBARRIER: 1 if membarrier(2) is there, 0 if both sides run a fence.
#define LOCS 3
#define BOUNDED
#ifndef DEPTH
#define DEPTH 5
#endif
#include "memory.pml"

#define G1a 1
#define G1b 2
#define G2a 3
#define G2b 4
#define G3a 5
#define G3b 6

#define INSIDE 0
#define OPEN 1
#define TABLE 2

#define POLLING 0
#define CONTROL 1

// membarrier(2): a full fence here, and one on the other thread's CPU at some point of the call.
inline membarrier(present)
{
    d_step {
        if
        :: present ->
            exchange(CONTROL);
            exchange(POLLING);
            exchange(CONTROL);
            forget_all()
        :: else
        fi
    }
}

proctype polling()
{
    bool open;
    do
    :: // vhu_gate_enter
#if MEMBARRIER && WEAK == G1a // without the compiler's barrier the load may come first
        load(POLLING, OPEN, true, open);
        store(POLLING, INSIDE, 1, RELAXED);
#else
        store(POLLING, INSIDE, 1, RELAXED);
        fence(POLLING, !MEMBARRIER && AS_WRITTEN(G1a));
        load(POLLING, OPEN, AS_WRITTEN(G2a), open);
#endif
        if
        :: open ->
            open = false;
            touch(POLLING, TABLE);                        // a burst
            store(POLLING, INSIDE, 0, AS_WRITTEN(G3a))    // vhu_gate_leave
        :: else -> store(POLLING, INSIDE, 0, true)
        fi
    od
}

proctype control()
{
    bool inside;
    do
    :: // vhu_gate_close
        store(CONTROL, OPEN, 0, RELAXED);
#if MEMBARRIER
        membarrier(AS_WRITTEN(G1b));
#else
        fence(CONTROL, AS_WRITTEN(G1b));
#endif
        do
        :: load(CONTROL, INSIDE, AS_WRITTEN(G3b), inside);
            if
            :: inside -> inside = false
            :: else -> break
            fi
        od;
        touch(CONTROL, TABLE);                      // a new table, another mapping
        store(CONTROL, OPEN, 1, AS_WRITTEN(G2b))    // vhu_gate_open
    od
}

init
{
    atomic {
        init_location(INSIDE, 0);
        init_location(OPEN, 0);
        init_location(TABLE, 0);
        run polling();
        run control()
    }
}
