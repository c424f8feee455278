// SPDX-License-Identifier: BSD-3-Clause
// Weak memory for two threads, as C11 gives it to stores, loads and full fences.
//
// A location keeps its stores, oldest first; a thread has a view: of each location the oldest store
// that it may still read. A load takes any store from there on, so loads overtake each other and
// stores become visible late. A release store carries the view of who made it, an acquire load of it
// adds that to the reader's. A full fence exchanges views with all full fences before it.
//
// Stores that no thread may read any more are dropped, so that endless programs have finite states.
// The model sets LOCS (locations) and DEPTH (stores kept); too small a DEPTH is an error, not a limit. Where one
// thread may go on for ever without the other, the model sets BOUNDED: then a load is at most DEPTH - 1 stores behind.
// With FENCES_ONLY release and acquire give nothing, so that full fences alone have to do, and stores carry no view.

#ifndef WEAK
#define WEAK 0 // nothing is weakened
#endif
#define AS_WRITTEN(edge) (WEAK != edge)
#define RELAXED false

typedef Store {
    byte value;
#ifndef FENCES_ONLY
    byte view[LOCS]
#endif
};
typedef Location {
    Store kept[DEPTH];
    byte n
};
typedef View {
    byte from[LOCS]
};
Location mem[LOCS];
View sees[2];
View fenced;
hidden byte mi, mj, mk, ml, mcut, pick;

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define BACK(a, n) ((a) > (n) -> (a) - (n) : 0)
#define NEWEST(loc) (mem[loc].n - 1)
#define NEWS(loc) mem[loc].kept[NEWEST(loc)].value

#ifdef FENCES_ONLY
#define MOVE_VIEW(loc, to, from)
#define CLEAR_VIEW(loc, at)
#define CUT_VIEWS(loc)
#define CARRY_VIEW(t, loc, release)
#define TAKE_VIEW(t, loc, acquire)
#define NO_NEWS(loc, val) (NEWS(loc) == (val)) // an equal store behind it changes nothing that a load can tell
#else
#define MOVE_VIEW(loc, to, at) \
    for (mj : 0 .. LOCS - 1) { mem[loc].kept[to].view[mj] = mem[loc].kept[at].view[mj] }
#define CLEAR_VIEW(loc, at) \
    for (mj : 0 .. LOCS - 1) { mem[loc].kept[at].view[mj] = 0 }
#define CUT_VIEWS(loc) \
    for (mi : 0 .. LOCS - 1) { \
        for (mj : 0 .. DEPTH - 1) { \
            mem[mi].kept[mj].view[loc] = BACK(mem[mi].kept[mj].view[loc], mcut) \
        } \
    }
#define CARRY_VIEW(t, loc, release) \
    if \
    :: release -> \
        for (mi : 0 .. LOCS - 1) { mem[loc].kept[ml].view[mi] = sees[t].from[mi] } \
    :: else \
    fi;
#define TAKE_VIEW(t, loc, acquire) \
    if \
    :: acquire -> \
        for (mi : 0 .. LOCS - 1) { sees[t].from[mi] = MAX(sees[t].from[mi], mem[loc].kept[pick].view[mi]) } \
    :: else \
    fi;
#define NO_NEWS(loc, val) false
#endif

// Drops the oldest mcut stores; who could still have read them now starts with the next.
inline drop(loc)
{
    for (mi : 0 .. DEPTH - 1) {
        if
        :: mi + mcut < mem[loc].n ->
            mem[loc].kept[mi].value = mem[loc].kept[mi + mcut].value;
            MOVE_VIEW(loc, mi, mi + mcut)
        :: else ->
            mem[loc].kept[mi].value = 0;
            CLEAR_VIEW(loc, mi)
        fi
    }
    mem[loc].n = mem[loc].n - mcut;
    sees[0].from[loc] = BACK(sees[0].from[loc], mcut);
    sees[1].from[loc] = BACK(sees[1].from[loc], mcut);
    fenced.from[loc] = BACK(fenced.from[loc], mcut);
    CUT_VIEWS(loc)
}

inline forget(loc)
{
    mcut = (sees[0].from[loc] < sees[1].from[loc] -> sees[0].from[loc] : sees[1].from[loc]);
    if
    :: mcut > 0 -> drop(loc)
    :: else
    fi
}

inline forget_all()
{
    for (mk : 0 .. LOCS - 1) { forget(mk) }
}

inline init_location(loc, val)
{
    mem[loc].kept[0].value = val;
    mem[loc].n = 1
}

inline store(t, loc, val, release)
{
    d_step {
#ifdef BOUNDED
        if
        :: mem[loc].n == DEPTH ->
            mcut = 1;
            drop(loc)
        :: else
        fi;
#endif
        if
        :: NO_NEWS(loc, val) -> sees[t].from[loc] = NEWEST(loc)
        :: else ->
            assert(mem[loc].n < DEPTH); // enlarge DEPTH
            ml = mem[loc].n;
            mem[loc].kept[ml].value = val;
            mem[loc].n = ml + 1;
            sees[t].from[loc] = ml;
            CARRY_VIEW(t, loc, release)
        fi;
        forget(loc)
    }
}

inline load(t, loc, acquire, into)
{
    atomic {
        pick = sees[t].from[loc];
        do
        :: pick < NEWEST(loc) -> pick++
        :: break
        od;
        d_step {
            into = mem[loc].kept[pick].value;
            sees[t].from[loc] = pick;
            TAKE_VIEW(t, loc, acquire)
            forget_all();
            pick = 0
        }
    }
}

inline exchange(t)
{
    for (mi : 0 .. LOCS - 1) {
        sees[t].from[mi] = MAX(sees[t].from[mi], fenced.from[mi]);
        fenced.from[mi] = sees[t].from[mi]
    }
}

inline fence(t, present)
{
    d_step {
        if
        :: present -> exchange(t); forget_all()
        :: else
        fi
    }
}

// Something that is read and written without atomics, by one thread at a time: whoever touches it
// has seen the last touch of the other, or else the two race. Only the newest touch counts.
inline touch(t, loc)
{
    d_step {
        assert(sees[t].from[loc] == NEWEST(loc)); // a data race
        if
        :: mem[loc].n == DEPTH ->
            mcut = 1;
            drop(loc)
        :: else
        fi;
        sees[t].from[loc] = mem[loc].n;
        mem[loc].n = mem[loc].n + 1;
        forget(loc)
    }
}
