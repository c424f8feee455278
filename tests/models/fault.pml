// SPDX-License-Identifier: BSD-3-Clause
// F1 and F2: the list of guarded mappings, written by a thread that maps and unmaps, and read without a lock by a
// signal handler on another thread. A fault counts only if its address lies in a range that was guarded.
// The count of changes does not wrap here; in the code it does after 2^31 changes.
#define LOCS 5
#define BOUNDED
#ifndef DEPTH
#define DEPTH 3
#endif
#include "memory.pml"

#define F1a 1
#define F1b 2
#define F2a 3
#define F2b 4
#define F3a 5
#define F3b 6

#define HEAD 0 // list: 0 empty, 1 the entry
#define START 1
#define BYTES 2
#define NEXT 3
#define TURN 4
#define GARBAGE 6 // what calloc's memory held before

#define MAPS 0
#define FAULTS 1

// Two mappings that take turns in the entry, [0, 3) and [6, 7).
#define GUARDED(a) (a < 3 || a == 6)

byte turn;

inline change(start, bytes)
{
    store(MAPS, TURN, turn + 1, RELAXED);
    store(MAPS, START, start, AS_WRITTEN(F3a));
    store(MAPS, BYTES, bytes, AS_WRITTEN(F3a));
    turn = turn + 2;
    store(MAPS, TURN, turn, AS_WRITTEN(F2a))
}

proctype maps()
{
    // vhu_fault_watch: a new entry
    store(MAPS, START, 0, RELAXED);
    store(MAPS, BYTES, 0, RELAXED);
    store(MAPS, NEXT, 0, RELAXED);
    store(MAPS, TURN, 0, RELAXED);
    store(MAPS, HEAD, 1, AS_WRITTEN(F1a));
    change(0, 3);
    do
    :: turn < 12 ->
        change(0, 0); // vhu_fault_forget
        change(6, 1);
        change(6, 0);
        change(0, 3)
    :: else -> break
    od
}

proctype faults()
{
    byte head, start, bytes, next, addr, before, after;
    do
    :: load(FAULTS, HEAD, AS_WRITTEN(F1b), head); // find
        if
        :: head == 1 -> // covers
            load(FAULTS, TURN, AS_WRITTEN(F2b), before);
            load(FAULTS, START, AS_WRITTEN(F3b), start);
            load(FAULTS, BYTES, AS_WRITTEN(F3b), bytes);
            load(FAULTS, TURN, RELAXED, after);
            if
            :: before % 2 == 0 && before == after ->
                for (addr : 0 .. 8) {
                    assert(!(addr >= start && addr - start < bytes) || GUARDED(addr))
                }
            :: else
            fi;
            load(FAULTS, NEXT, RELAXED, next);
            assert(next == 0)
        :: else
        fi;
        d_step {
            head = 0;
            start = 0;
            bytes = 0;
            next = 0;
            addr = 0;
            before = 0;
            after = 0
        }
    od
}

init
{
    atomic {
        init_location(HEAD, 0);
        init_location(START, GARBAGE);
        init_location(BYTES, GARBAGE);
        init_location(NEXT, GARBAGE);
        init_location(TURN, 0);
        run maps();
        run faults()
    }
}
