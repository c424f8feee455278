// SPDX-License-Identifier: BSD-3-Clause
// P3 and P4: kick and call of a packed ring. A lost one leaves both sides asleep: an invalid end state.
// SIZE: descriptors. WRAP: the wrap counter at the start. EVENT_IDX: 1 with event indices, 0 with flags only.
// What a step may hold is said in README.md.
#define LOCS (SIZE + 2)
#ifndef DEPTH
#define DEPTH 10
#endif
#include "memory.pml"

#define P3a 1
#define P3b 2
#define P4a 3
#define P4b 4

#define DEV_EVENT SIZE       // device event suppression: of kicks
#define DRV_EVENT (SIZE + 1) // driver event suppression: of calls

// A position is a slot in one of two laps, as in packed.h:vq_packed_pos.
#define LAPS (2 * SIZE)
#define SLOT(pos) ((pos) % SIZE)
#define AHEAD(a, b) ((LAPS + (a) - (b)) % LAPS)
// Locations 0 … SIZE - 1: the second word of a descriptor, of which the flags count: AVAIL | USED << 1.
#define AVAIL_MARK(pos) ((pos) < SIZE -> 1 : 2)
#define USED_MARK(pos) ((pos) < SIZE -> 3 : 0)

// An event word: packed.h:vq_packed_arm, vq_packed_event_hit
#define ENABLE 0
#define DISABLE 1
#define DESC(pos) (2 + (pos))
#define PASSED(at, now) ((now) > (at) -> (now) - (at) : (now) + LAPS - (at))
#define HIT(event, now, count) \
    (event != DISABLE && (event == ENABLE || PASSED(event - DESC(0), now) <= count))
#if EVENT_IDX
#define ARM(pos) DESC(pos)
#else
#define ARM(pos) ENABLE
#endif

bool kick, call;

proctype driver()
{
    byte avail = (WRAP -> 0 : SIZE), used = (WRAP -> 0 : SIZE), outstanding, unnotified, n, k, r;
top:
    do
    :: atomic { // vq_packed_put_avail: the first one's flags are held back
           outstanding < SIZE ->
           n = 1;
           do
           :: n < SIZE - outstanding -> n++
           :: break
           od;
           k = 1;
           do
           :: k < n ->
               store(0, SLOT(avail + k), AVAIL_MARK((avail + k) % LAPS), RELAXED);
               k++
           :: else -> break
           od;
           store(0, SLOT(avail), AVAIL_MARK(avail), true); // vq_packed_drv_publish: P1a
           avail = (avail + n) % LAPS;
           outstanding = outstanding + n;
           unnotified = unnotified + n;
           n = 0;
           k = 0
       }
    :: unnotified > 0 -> // vq_packed_drv_must_notify
        fence(0, AS_WRITTEN(P3a));
        atomic {
            load(0, DEV_EVENT, RELAXED, r);
            if
            :: HIT(r, avail, unnotified) -> kick = true
            :: else
            fi;
            unnotified = 0;
            r = 0
        }
    :: atomic {
           outstanding > 0 && unnotified == 0 ->
           load(0, SLOT(used), true, r); // vq_packed_get_used_run: P2b
           if
           :: r == USED_MARK(used) ->
               used = (used + 1) % LAPS;
               outstanding--;
               r = 0;
               goto top
           :: r != USED_MARK(used) -> // polls
               r = 0;
               goto top
           :: r != USED_MARK(used) -> // vq_packed_drv_notify_on
               r = 0;
               store(0, DRV_EVENT, ARM(used), RELAXED)
           fi
       }
       fence(0, AS_WRITTEN(P4b));
       atomic {
           load(0, SLOT(used), true, r);
           if
           :: r == USED_MARK(used) ->
               r = 0;
               goto top
           :: r != USED_MARK(used) -> r = 0
           fi
       }
       atomic {
           call;
           call = false;
           store(0, DRV_EVENT, DISABLE, RELAXED) // vq_packed_drv_notify_off
       }
    od
}

proctype device()
{
    byte avail = (WRAP -> 0 : SIZE), used = (WRAP -> 0 : SIZE), n, k, r;
top:
    do
    :: atomic { // vq_packed_put_used: the first one's flags are held back
           used != avail ->
           n = AHEAD(avail, used);
           k = 1;
           do
           :: k < n ->
               store(1, SLOT(used + k), USED_MARK((used + k) % LAPS), RELAXED);
               k++
           :: else -> break
           od;
           store(1, SLOT(used), USED_MARK(used), true); // vq_packed_dev_publish: P2a
           used = avail;
           k = 0
       }
       fence(1, AS_WRITTEN(P4a)); // vq_packed_dev_must_notify
       atomic {
           load(1, DRV_EVENT, RELAXED, r);
           if
           :: HIT(r, used, n) -> call = true
           :: else
           fi;
           n = 0;
           r = 0
       }
    :: atomic {
           AHEAD(avail, used) < SIZE ->
           load(1, SLOT(avail), true, r); // vq_packed_get_run: P1b
           if
           :: r == AVAIL_MARK(avail) ->
               avail = (avail + 1) % LAPS;
               r = 0;
               goto top
           :: r != AVAIL_MARK(avail) -> // polls, or the burst is short
               r = 0;
               goto top
           :: r != AVAIL_MARK(avail) && used == avail -> // vq_packed_dev_notify_on
               r = 0;
               store(1, DEV_EVENT, ARM(avail), RELAXED)
           fi
       }
       fence(1, AS_WRITTEN(P3b));
       atomic {
           load(1, SLOT(avail), true, r);
           if
           :: r == AVAIL_MARK(avail) ->
               r = 0;
               goto top
           :: r != AVAIL_MARK(avail) -> r = 0
           fi
       }
       atomic {
           kick;
           kick = false;
           store(1, DEV_EVENT, DISABLE, RELAXED) // vq_packed_dev_notify_off
       }
    od
}

init
{
    byte i;
    atomic {
        for (i : 0 .. SIZE - 1) { init_location(i, (WRAP -> 0 : 3)) }
        init_location(DEV_EVENT, ENABLE);
        init_location(DRV_EVENT, ENABLE);
        i = 0;
        run driver();
        run device()
    }
}
