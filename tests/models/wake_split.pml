// SPDX-License-Identifier: BSD-3-Clause
// S3 and S4: kick and call of a split ring. A lost one leaves both sides asleep: an invalid end state.
// SIZE: entries. INDEX: where the free running index wraps, 2^16 in the ring; a multiple of SIZE.
// EVENT_IDX: 1 with event indices, 0 with flags. What a step may hold is said in README.md.
// TURNED: all indices are counted from the driver's position in the used ring, so that states that differ by a turn of
// the ring alone are one. The sides only ever compare indices with each other.
#define LOCS 4
#ifndef DEPTH
#define DEPTH 10
#endif
#include "memory.pml"

#define S3a 1
#define S3b 2
#define S4a 3
#define S4b 4

#define AVAIL_IDX 0   // avail->idx
#define USED_IDX 1    // used->idx
#define AVAIL_EVENT 2 // avail_event, or used->flags: of kicks
#define USED_EVENT 3  // used_event, or avail->flags: of calls

#define AHEAD(a, b) ((INDEX + (a) - (b)) % INDEX)
// lib/virtq/split.h: vq_split_event_hit, and the flag that stands for it
#if EVENT_IDX
#define HIT(event, now, count) (AHEAD(now, (event) + 1) < count)
#define OFF(idx) AHEAD(idx, 1)
#define ON(idx) (idx)
#else
#define HIT(event, now, count) (event == 0)
#define OFF(idx) 1
#define ON(idx) 0
#endif

bool kick, call;
byte taken; // by the device: its position in the available ring

#ifdef TURNED
inline turn(loc, by)
{
    for (mi : 0 .. DEPTH - 1) {
        if
        :: mi < mem[loc].n -> mem[loc].kept[mi].value = AHEAD(mem[loc].kept[mi].value, by)
        :: else
        fi
    }
}

// `used` becomes 0, and all else moves with it.
inline turn_back()
{
    d_step {
        turn(AVAIL_IDX, used);
        turn(USED_IDX, used);
#if EVENT_IDX
        turn(AVAIL_EVENT, used);
        turn(USED_EVENT, used);
#endif
        taken = AHEAD(taken, used);
        avail = AHEAD(avail, used);
        used = 0
    }
}
#else
inline turn_back() { skip }
#endif

// Takes 1 … most of something.
inline some(n, most)
{
    n = 1;
    do
    :: n < most -> n++
    :: break
    od
}

proctype driver()
{
    byte avail, used, n, unnotified, r;
top:
    do
    :: atomic { // vq_split_put_avail, vq_split_drv_publish
           AHEAD(avail, used) < SIZE ->
           some(n, SIZE - AHEAD(avail, used));
           avail = (avail + n) % INDEX;
           unnotified = unnotified + n;
           n = 0;
           store(0, AVAIL_IDX, avail, true) // S1a
       }
    :: unnotified > 0 -> // vq_split_drv_must_notify
        fence(0, AS_WRITTEN(S3a));
        atomic {
            load(0, AVAIL_EVENT, RELAXED, r);
            if
            :: HIT(r, avail, unnotified) -> kick = true
            :: else
            fi;
            unnotified = 0;
            r = 0
        }
    :: atomic {
           avail != used && unnotified == 0 ->
           load(0, USED_IDX, true, r); // vq_split_get_used: S2b
           if
           :: r != used ->
               some(n, AHEAD(r, used));
               used = (used + n) % INDEX;
               n = 0;
               r = 0;
               turn_back();
               goto top
           :: r == used -> // polls
               r = 0;
               goto top
           :: r == used -> // vq_split_drv_notify_on
               r = 0;
               store(0, USED_EVENT, ON(used), RELAXED)
           fi
       }
       fence(0, AS_WRITTEN(S4b));
       atomic {
           load(0, USED_IDX, true, r);
           if
           :: r != used ->
               r = 0;
               goto top
           :: r == used -> r = 0
           fi
       }
       atomic {
           call;
           call = false;
           store(0, USED_EVENT, OFF(used), RELAXED) // vq_split_drv_notify_off
       }
    od
}

proctype device()
{
    byte n, r;
top:
    do
    :: n > 0 -> // vq_split_dev_must_notify
        fence(1, AS_WRITTEN(S4a));
        atomic {
            load(1, USED_EVENT, RELAXED, r);
            if
            :: HIT(r, taken, n) -> call = true
            :: else
            fi;
            n = 0;
            r = 0
        }
    :: atomic {
           n == 0 ->
           load(1, AVAIL_IDX, true, r); // vq_split_get_avail: S1b
           if
           :: r != taken -> // vq_split_put_used, vq_split_dev_publish; what is taken is used at once
               some(n, AHEAD(r, taken));
               taken = (taken + n) % INDEX;
               r = 0;
               store(1, USED_IDX, taken, true); // S2a
               goto top
           :: r == taken -> // polls
               r = 0;
               goto top
           :: r == taken -> // vq_split_dev_notify_on
               r = 0;
               store(1, AVAIL_EVENT, ON(taken), RELAXED)
           fi
       }
       fence(1, AS_WRITTEN(S3b));
       atomic {
           load(1, AVAIL_IDX, true, r);
           if
           :: r != taken ->
               r = 0;
               goto top
           :: r == taken -> r = 0
           fi
       }
       atomic {
           kick;
           kick = false;
           store(1, AVAIL_EVENT, OFF(taken), RELAXED) // vq_split_dev_notify_off
       }
    od
}

init
{
    atomic {
        init_location(AVAIL_IDX, 0);
        init_location(USED_IDX, 0);
        init_location(AVAIL_EVENT, 0);
        init_location(USED_EVENT, 0);
        run driver();
        run device()
    }
}
