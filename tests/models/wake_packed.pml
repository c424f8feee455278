// SPDX-License-Identifier: BSD-3-Clause
// P3 and P4: kick and call of a packed ring. A lost one leaves both sides asleep: an invalid end state.
// SIZE: descriptors. WRAP: the wrap counter at the start. EVENT_IDX: 1 with event indices, 0 with flags only.
// KICK, CALL: 1 if the device or the driver sleeps until the other tells it; 0 if it polls: then it waits for a
// store that is news, and may still read an older one.
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
    do
    :: outstanding < SIZE -> // vq_packed_put_avail: the first one's flags are held back
        atomic {
            n = 1;
            do
            :: n < SIZE - outstanding -> n++
            :: break
            od;
            k = 1
        }
        do
        :: k < n ->
            store(0, SLOT(avail + k), AVAIL_MARK((avail + k) % LAPS), RELAXED);
            k++
        :: else -> break
        od;
        store(0, SLOT(avail), AVAIL_MARK(avail), true); // vq_packed_drv_publish: P1a
        d_step {
            avail = (avail + n) % LAPS;
            outstanding = outstanding + n;
            unnotified = unnotified + n;
            n = 0;
            k = 0
        }
        if
        :: !KICK -> unnotified = 0
        :: KICK -> // vq_packed_drv_must_notify
            fence(0, AS_WRITTEN(P3a));
            load(0, DEV_EVENT, RELAXED, r);
            d_step {
                if
                :: HIT(r, avail, unnotified) -> kick = true
                :: else
                fi;
                unnotified = 0;
                r = 0
            }
        :: KICK && outstanding < SIZE // publishes again before it tells
        fi
    :: outstanding > 0 && unnotified == 0 && (CALL || NEWS(SLOT(used)) == USED_MARK(used)) ->
        load(0, SLOT(used), true, r); // vq_packed_get_used, vq_packed_read_used: P2b
        if
        :: d_step {
               r == USED_MARK(used);
               used = (used + 1) % LAPS;
               outstanding--;
               r = 0
           }
        :: !CALL && r != USED_MARK(used) -> r = 0
        :: CALL && r != USED_MARK(used) -> // vq_packed_drv_notify_on
            store(0, DRV_EVENT, ARM(used), RELAXED);
            fence(0, AS_WRITTEN(P4b));
            load(0, SLOT(used), true, r);
            if
            :: r == USED_MARK(used) -> r = 0
            :: atomic {
                   r != USED_MARK(used) && call;
                   call = false;
                   r = 0
               }
               store(0, DRV_EVENT, DISABLE, RELAXED) // vq_packed_drv_notify_off
            fi
        fi
    od
}

proctype device()
{
    byte avail = (WRAP -> 0 : SIZE), used = (WRAP -> 0 : SIZE), n, k, r;
    do
    :: KICK || n > 0 || NEWS(SLOT(avail)) == AVAIL_MARK(avail) ->
        if
        :: n < SIZE -> load(1, SLOT(avail), true, r) // vq_packed_get_avail: P1b
        :: n > 0 -> r = 255                          // takes no more in this burst
        fi;
        if
        :: d_step {
               r == AVAIL_MARK(avail);
               avail = (avail + 1) % LAPS;
               n++;
               r = 0
           }
        :: r != AVAIL_MARK(avail) && n > 0 -> // vq_packed_put_used: the first one's flags are held back
            d_step {
                r = 0;
                k = 1
            }
            do
            :: k < n ->
                store(1, SLOT(used + k), USED_MARK((used + k) % LAPS), RELAXED);
                k++
            :: else -> break
            od;
            store(1, SLOT(used), USED_MARK(used), true); // vq_packed_dev_publish: P2a
            d_step {
                used = avail;
                k = 0
            }
            if
            :: !CALL -> n = 0
            :: CALL -> // vq_packed_dev_must_notify
                fence(1, AS_WRITTEN(P4a));
                load(1, DRV_EVENT, RELAXED, r);
                d_step {
                    if
                    :: HIT(r, used, n) -> call = true
                    :: else
                    fi;
                    n = 0;
                    r = 0
                }
            fi
        :: !KICK && r != AVAIL_MARK(avail) && n == 0 -> r = 0
        :: KICK && r != AVAIL_MARK(avail) && n == 0 -> // vq_packed_dev_notify_on
            store(1, DEV_EVENT, ARM(avail), RELAXED);
            fence(1, AS_WRITTEN(P3b));
            load(1, SLOT(avail), true, r);
            if
            :: r == AVAIL_MARK(avail) -> r = 0
            :: atomic {
                   r != AVAIL_MARK(avail) && kick;
                   kick = false;
                   r = 0
               }
               store(1, DEV_EVENT, DISABLE, RELAXED) // vq_packed_dev_notify_off
            fi
        fi
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
