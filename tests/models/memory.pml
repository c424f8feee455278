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

#ifndef WEAK
#define WEAK 0 // nothing is weakened
#endif
#define AS_WRITTEN(edge) (WEAK != edge)
#define RELAXED false

typedef Store {
    byte value;
    byte view[LOCS]
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

// Drops the oldest mcut stores; who could still have read them now starts with the next.
inline drop(loc)
{
    for (mi : 0 .. DEPTH - 1) {
        if
        :: mi + mcut < mem[loc].n ->
            mem[loc].kept[mi].value = mem[loc].kept[mi + mcut].value;
            for (mj : 0 .. LOCS - 1) {
                mem[loc].kept[mi].view[mj] = mem[loc].kept[mi + mcut].view[mj]
            }
        :: else ->
            mem[loc].kept[mi].value = 0;
            for (mj : 0 .. LOCS - 1) { mem[loc].kept[mi].view[mj] = 0 }
        fi
    }
    mem[loc].n = mem[loc].n - mcut;
    sees[0].from[loc] = BACK(sees[0].from[loc], mcut);
    sees[1].from[loc] = BACK(sees[1].from[loc], mcut);
    fenced.from[loc] = BACK(fenced.from[loc], mcut);
    for (mi : 0 .. LOCS - 1) {
        for (mj : 0 .. DEPTH - 1) {
            mem[mi].kept[mj].view[loc] = BACK(mem[mi].kept[mj].view[loc], mcut)
        }
    }
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
#else
        assert(mem[loc].n < DEPTH); // enlarge DEPTH
#endif
        ml = mem[loc].n;
        mem[loc].kept[ml].value = val;
        mem[loc].n = ml + 1;
        sees[t].from[loc] = ml;
        if
        :: release ->
            for (mi : 0 .. LOCS - 1) { mem[loc].kept[ml].view[mi] = sees[t].from[mi] }
        :: else
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
        skip; // no jump leads into a d_step
        d_step {
            into = mem[loc].kept[pick].value;
            sees[t].from[loc] = pick;
            if
            :: acquire ->
                for (mi : 0 .. LOCS - 1) {
                    sees[t].from[mi] = MAX(sees[t].from[mi], mem[loc].kept[pick].view[mi])
                }
            :: else
            fi;
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
