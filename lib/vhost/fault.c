// SPDX-License-Identifier: BSD-3-Clause
#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

// A guarded mapping. The signal handler reads the list without a lock, so entries are never freed:
// one with bytes = 0 is free for the next mapping.
struct vhu_fault {
    uint64_t start, bytes;
    uint32_t turn; // counts changes of the two above; odd: one is under way
    uint32_t hit;
    struct vhu_fault *next;
};

static struct vhu_fault *list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of writers
// Who handled SIGBUS before us, when we came first and when we came last. An application that takes
// the signal later and hands on what is not its own comes back to us: then it is the first's turn.
static struct sigaction first, last;
static bool installed;

// What si_errno, which the kernel leaves 0, says of a signal that we handed on already. A handler
// that jumps away takes the mark with it.
#define HANDED_ON 0x7e54

// True when the address lies in the mapping; false too while the entry is being changed.
static bool covers(const struct vhu_fault *f, uint64_t addr)
{
    // F2b: the range that belongs to this turn, or a later one; pairs with F2a.
    uint32_t turn = __atomic_load_n(&f->turn, __ATOMIC_ACQUIRE);
    // F3b: who reads a part of a later range reads a later turn below; pairs with F3a.
    uint64_t start = __atomic_load_n(&f->start, __ATOMIC_ACQUIRE);
    uint64_t bytes = __atomic_load_n(&f->bytes, __ATOMIC_ACQUIRE);
    return addr - start < bytes && turn % 2 == 0 &&
           __atomic_load_n(&f->turn, __ATOMIC_RELAXED) == turn;
}

// Gives the entry another range; under the lock.
static void change(struct vhu_fault *f, uint64_t start, uint64_t bytes)
{
    uint32_t turn = f->turn;
    __atomic_store_n(&f->turn, turn + 1, __ATOMIC_RELAXED);
    // F3a: the odd turn before the range; pairs with F3b.
    __atomic_store_n(&f->start, start, __ATOMIC_RELEASE);
    __atomic_store_n(&f->bytes, bytes, __ATOMIC_RELEASE);
    // F2a: the range before the even turn; pairs with F2b.
    __atomic_store_n(&f->turn, turn + 2, __ATOMIC_RELEASE);
}

static struct vhu_fault *find(uint64_t addr)
{
    // F1b: an entry in the list is a whole one; pairs with F1a.
    struct vhu_fault *f = __atomic_load_n(&list, __ATOMIC_ACQUIRE);
    while (f && !covers(f, addr))
        f = f->next;
    return f;
}

static void hand_on(const struct sigaction *to, int sig, siginfo_t *info, void *context)
{
    if (to->sa_flags & SA_SIGINFO) {
        to->sa_sigaction(sig, info, context);
    } else if (to->sa_handler == SIG_DFL || to->sa_handler == SIG_IGN) {
        // The access is repeated and ends the process; a signal that somebody sent has to be sent
        // again.
        (void)signal(sig, SIG_DFL);
        if (info->si_code <= 0)
            (void)raise(sig);
    } else {
        to->sa_handler(sig);
    }
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    struct vhu_fault *f = info->si_code > 0 ? find((uint64_t)(uintptr_t)info->si_addr) : NULL;
    // The whole mapping: of a file of huge pages no smaller part can be replaced.
    if (f && mmap((void *)(uintptr_t)f->start, f->bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED) {
        __atomic_store_n(&f->hit, 1, __ATOMIC_RELEASE);
    } else if (info->si_errno == HANDED_ON) {
        hand_on(&first, sig, info, context);
    } else {
        info->si_errno = HANDED_ON;
        hand_on(&last, sig, info, context);
    }
    errno = saved;
}

// Makes sure that ours is the handler; under the lock.
static void install(void)
{
    struct sigaction now, ours = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigaction(SIGBUS, NULL, &now);
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_sigbus)
        return;
    if (!installed)
        first = now;
    installed = true;
    last = now;
    (void)sigemptyset(&ours.sa_mask);
    (void)sigaction(SIGBUS, &ours, NULL);
}

struct vhu_fault *vhu_fault_watch(void *map, uint64_t bytes)
{
    (void)pthread_mutex_lock(&lock);
    install();
    struct vhu_fault *f = list;
    while (f && f->bytes)
        f = f->next;
    if (!f && (f = calloc(1, sizeof(*f))) != NULL) {
        f->next = list;
        // F1a: its fields before it can be found; pairs with F1b.
        __atomic_store_n(&list, f, __ATOMIC_RELEASE);
    }
    if (f) {
        __atomic_store_n(&f->hit, 0, __ATOMIC_RELAXED);
        change(f, (uint64_t)(uintptr_t)map, bytes);
    }
    (void)pthread_mutex_unlock(&lock);
    return f;
}

void vhu_fault_forget(struct vhu_fault *f)
{
    if (!f)
        return;
    (void)pthread_mutex_lock(&lock);
    change(f, f->start, 0);
    (void)pthread_mutex_unlock(&lock);
}

bool vhu_fault_hit(const struct vhu_fault *f)
{
    return f && __atomic_load_n(&f->hit, __ATOMIC_ACQUIRE);
}
