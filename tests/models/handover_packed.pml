// SPDX-License-Identifier: BSD-3-Clause
// P1 and P2: a packed ring, both sides polling. Whoever reads the new flags finds the id, the address, the buffer
// and, of a chain, the other descriptors that belong to them; only the first word of a burst is released.
// SIZE: descriptors. WRAP: the wrap counter at the start.
#define LOCS (3 * SIZE)
#ifndef DEPTH
#define DEPTH 6
#endif
#include "memory.pml"

#define P1a 1
#define P1b 2
#define P2a 3
#define P2b 4

#define WORD 0             // length, id and flags of a descriptor
#define ADDR SIZE          // its address: names a buffer, and tells the uses of it apart
#define BUFFER (2 * SIZE)

#define LAPS (2 * SIZE)
#define SLOT(pos) ((pos) % SIZE)
#define AVAIL_MARK(pos) ((pos) < SIZE -> 1 : 2)
#define USED_MARK(pos) ((pos) < SIZE -> 3 : 0)
#define MARK(word) ((word) & 3)
#define NEXT 4
#define MAKE(mark, next, id) ((mark) + (next) + 8 * (id))
#define ID(word) ((word) / 8)

mtype = { FREE, AVAIL, TAKEN, USED };
mtype state[SIZE] = FREE;
byte number[SIZE], length[SIZE]; // length: descriptors of the buffer

#define ADDRESS(id) (id + SIZE * number[id])

// One of the buffers in that state.
inline any(id, wanted)
{
    if
    :: state[0] == wanted -> id = 0
#if SIZE > 1
    :: state[1] == wanted -> id = 1
#endif
#if SIZE > 2
    :: state[2] == wanted -> id = 2
#endif
    fi
}

proctype driver()
{
    byte avail = (WRAP -> 0 : SIZE), used = (WRAP -> 0 : SIZE), room = SIZE, id, r;
    byte head, head_word;
    bool held;
    do
    :: room > 0 -> // vq_packed_put_avail, vq_packed_put_direct
        atomic {
            any(id, FREE);
            number[id] = 1 - number[id];
            state[id] = AVAIL;
            if
            :: length[id] = 1
            :: room > 1 -> length[id] = 2
            fi
        }
        touch(0, BUFFER + id);
        store(0, ADDR + SLOT(avail), ADDRESS(id), RELAXED);
        if
        :: length[id] == 2 ->
            store(0, ADDR + SLOT(avail + 1), ADDRESS(id), RELAXED);
            store(0, WORD + SLOT(avail + 1), MAKE(AVAIL_MARK((avail + 1) % LAPS), 0, id), RELAXED)
        :: else
        fi;
        r = MAKE(AVAIL_MARK(avail), (length[id] == 2 -> NEXT : 0), id);
        if // vq_packed_put_head
        :: held -> store(0, WORD + SLOT(avail), r, RELAXED)
        :: else ->
            d_step {
                held = true;
                head = SLOT(avail);
                head_word = r
            }
        fi;
        d_step {
            avail = (avail + length[id]) % LAPS;
            room = room - length[id];
            id = 0;
            r = 0
        }
        if
        :: true -> // vq_packed_drv_publish
            store(0, WORD + head, head_word, AS_WRITTEN(P1a));
            d_step {
                held = false;
                head = 0;
                head_word = 0
            }
        :: room > 0
        fi
    :: !held && room < SIZE && MARK(NEWS(WORD + SLOT(used))) == USED_MARK(used) ->
        load(0, WORD + SLOT(used), AS_WRITTEN(P2b), r); // vq_packed_get_used_run
        if
        :: MARK(r) == USED_MARK(used) ->
            d_step {
                id = ID(r);
                assert(state[id] == USED);
                r = 0
            }
            touch(0, BUFFER + id);
            d_step { // vq_packed_used_step
                state[id] = FREE;
                room = room + length[id];
                used = (used + length[id]) % LAPS;
                id = 0
            }
        :: else -> r = 0
        fi
    od
}

proctype device()
{
    byte avail = (WRAP -> 0 : SIZE), used = (WRAP -> 0 : SIZE), inflight, id, r, a;
    byte head, head_word;
    bool held;
    do
    :: inflight < SIZE && !held && MARK(NEWS(WORD + SLOT(avail))) == AVAIL_MARK(avail) ->
        load(1, WORD + SLOT(avail), AS_WRITTEN(P1b), r); // vq_packed_get_run
        if
        :: MARK(r) == AVAIL_MARK(avail) ->
            id = ID(r);
            load(1, ADDR + SLOT(avail), RELAXED, a); // vq_packed_get_run
            d_step {
                assert(state[id] == AVAIL);
                assert(a == ADDRESS(id))
            }
            if
            :: r & NEXT -> // vq_packed_walk
                load(1, WORD + SLOT(avail + 1), RELAXED, r);
                assert(r == MAKE(AVAIL_MARK((avail + 1) % LAPS), 0, id)); // else: VQ_E_CHAIN_CUT
                load(1, ADDR + SLOT(avail + 1), RELAXED, a);
                assert(a == ADDRESS(id))
            :: else
            fi;
            touch(1, BUFFER + id);
            d_step { // vq_packed_avail_step
                state[id] = TAKEN;
                inflight = inflight + length[id];
                avail = (avail + length[id]) % LAPS;
                id = 0;
                r = 0;
                a = 0
            }
        :: else -> r = 0
        fi
    :: inflight > 0 -> // vq_packed_write_used, in any order
        atomic {
            any(id, TAKEN);
            state[id] = USED;
            r = MAKE(USED_MARK(used), 0, id)
        }
        if
        :: held -> store(1, WORD + SLOT(used), r, RELAXED)
        :: else ->
            d_step {
                held = true;
                head = SLOT(used);
                head_word = r
            }
        fi;
        d_step { // vq_packed_dev_advance
            used = (used + length[id]) % LAPS;
            inflight = inflight - length[id];
            id = 0;
            r = 0
        }
        if
        :: true -> // vq_packed_dev_publish
            store(1, WORD + head, head_word, AS_WRITTEN(P2a));
            d_step {
                held = false;
                head = 0;
                head_word = 0
            }
        :: inflight > 0
        fi
    od
}

init
{
    byte i;
    atomic {
        for (i : 0 .. SIZE - 1) {
            init_location(WORD + i, (WRAP -> 0 : 3));
            init_location(ADDR + i, 0);
            init_location(BUFFER + i, 0)
        }
        i = 0;
        run driver();
        run device()
    }
}
