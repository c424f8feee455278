// SPDX-License-Identifier: BSD-3-Clause
// S1 and S2: a split ring of two entries, both sides polling. Whoever reads the new index finds the ring entry, the
// descriptor and the buffer that belong to it. INDEX: where the free running index wraps, 2^16 in the ring.
#define SIZE 2
#define LOCS (2 + 4 * SIZE)
#ifndef DEPTH
#define DEPTH 6
#endif
#include "memory.pml"

#define S1a 1
#define S1b 2
#define S2a 3
#define S2b 4

#define AVAIL_IDX 0
#define USED_IDX 1
#define AVAIL_RING 2
#define TABLE (AVAIL_RING + SIZE)  // a descriptor, or an indirect table: a number that tells the uses of it apart
#define USED_RING (TABLE + SIZE)   // id and, as the length, the number
#define BUFFER (USED_RING + SIZE)

#define AHEAD(a, b) ((INDEX + (a) - (b)) % INDEX)
#define NUMBERS 3

// What is true of a buffer, whoever has seen it.
mtype = { FREE, AVAIL, TAKEN, USED };
mtype state[SIZE] = FREE;
byte number[SIZE];

proctype driver()
{
    byte avail, used, seen, unpublished, id, r;
    do
    :: AHEAD(avail, used) < SIZE -> // vq_split_put_avail
        atomic {
            if
            :: state[0] == FREE -> id = 0
            :: state[1] == FREE -> id = 1
            fi;
            number[id] = (number[id] + 1) % NUMBERS;
            state[id] = AVAIL
        }
        touch(0, BUFFER + id);
        store(0, TABLE + id, number[id], RELAXED);
        if
        :: NEWS(AVAIL_RING + avail % SIZE) != id -> store(0, AVAIL_RING + avail % SIZE, id, RELAXED)
        :: else
        fi;
        d_step {
            id = 0;
            avail = (avail + 1) % INDEX;
            unpublished++
        }
        if
        :: true -> // vq_split_drv_publish
            store(0, AVAIL_IDX, avail, AS_WRITTEN(S1a));
            unpublished = 0
        :: AHEAD(avail, used) < SIZE // puts more before
        fi
    :: unpublished == 0 && seen == used && NEWS(USED_IDX) != used -> // vq_split_used_ready
        load(0, USED_IDX, AS_WRITTEN(S2b), seen)
    :: seen != used -> // vq_split_get_one
        load(0, USED_RING + used % SIZE, RELAXED, r);
        d_step {
            id = r % SIZE;
            assert(state[id] == USED);
            assert(r / SIZE == number[id]);
            r = 0
        }
        touch(0, BUFFER + id);
        d_step {
            state[id] = FREE;
            id = 0;
            used = (used + 1) % INDEX
        }
    od
}

proctype device()
{
    byte avail, used, seen, unpublished, id, r;
    do
    :: seen == avail && NEWS(AVAIL_IDX) != avail -> // vq_split_avail_ready
        load(1, AVAIL_IDX, AS_WRITTEN(S1b), seen)
    :: seen != avail -> // vq_split_get_run
        load(1, AVAIL_RING + avail % SIZE, RELAXED, id);
        assert(state[id] == AVAIL);
        load(1, TABLE + id, RELAXED, r);
        d_step {
            assert(r == number[id]);
            r = 0
        }
        touch(1, BUFFER + id);
        d_step {
            state[id] = TAKEN;
            id = 0;
            avail = (avail + 1) % INDEX
        }
    :: avail != used -> // vq_split_write_used, in any order
        atomic {
            if
            :: state[0] == TAKEN -> id = 0
            :: state[1] == TAKEN -> id = 1
            fi;
            state[id] = USED
        }
        store(1, USED_RING + used % SIZE, id + SIZE * number[id], RELAXED);
        d_step {
            id = 0;
            used = (used + 1) % INDEX
        }
        if
        :: true -> store(1, USED_IDX, used, AS_WRITTEN(S2a)) // vq_split_dev_publish
        :: avail != used
        fi
    od
}

init
{
    byte i;
    atomic {
        for (i : 0 .. LOCS - 1) { init_location(i, 0) }
        i = 0;
        run driver();
        run device()
    }
}
