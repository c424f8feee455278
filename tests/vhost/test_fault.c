// SPDX-License-Identifier: BSD-3-Clause
// Guest memory that vanishes under a running device: its front end is given up, the process and its
// other devices go on, and a SIGBUS of the application stays the application's.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define FEATURES (PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES)
#define SPLIT (FEATURES & ~(VQ_F_RING_PACKED | VQ_F_IN_ORDER))

// One buffer through queue 0.
static void pass(struct plain *p, struct fe *f)
{
    uint64_t seen = PLAIN_COUNT(p, seen[0]);
    void *token;
    uint32_t bytes;
    assert_true(fe_put(f, 0, FE_BUF_BASE, 64, 64, f));
    fe_kick(f, 0);
    assert_true(FE_UNTIL(PLAIN_COUNT(p, seen[0]) > seen));
    assert_true(FE_UNTIL(vq_drv_get_used(&f->q[0].drv, f->features, &token, &bytes)));
}

static void come(struct plain *p, struct fe *f, uint64_t features)
{
    fe_init(f, features);
    fe_connect(f, p->path);
    fe_start(f, 1, 64);
    pass(p, f);
}

static void leave(struct fe *f)
{
    fe_close(f);
    fe_free(f);
}

static void vanish(uint64_t features, void (*how)(struct fe *f))
{
    struct plain victim, neighbour;
    struct fe f, g;
    plain_open(&victim, "victim");
    victim.sequence = true; // it reads the buffers
    plain_open(&neighbour, "neighbour");
    plain_poll(&victim);
    plain_poll(&neighbour);
    come(&victim, &f, features);
    come(&neighbour, &g, features);
    how(&f);
    for (unsigned i = 0; i < 100; i++)
        pass(&neighbour, &g);
    assert_true(fe_hung_up(&f));
    assert_true(FE_UNTIL(PLAIN_COUNT(&victim, disconnected) == 1));
    assert_non_null(strstr(victim.why, "guest memory is gone"));
    assert_int_equal(plain_info(&victim).refused, 1);
    assert_int_equal(plain_info(&victim).memory_lost, 1); // it had one ring
    assert_int_equal(PLAIN_COUNT(&neighbour, disconnected), 0);
    leave(&f);
    come(&victim, &f, features); // an honest one is served again
    leave(&f);
    leave(&g);
    plain_poll_end(&victim);
    plain_poll_end(&neighbour);
    plain_close(&victim);
    plain_close(&neighbour);
}

static void truncate_all(struct fe *f)
{
    assert_int_equal(ftruncate(f->memfd, 0), 0);
}

static void test_truncated(void **state)
{
    (void)state;
    vanish(SPLIT, truncate_all);
    vanish(FEATURES, truncate_all);
}

// The rings stay; only the buffers go, and a copy runs into the hole.
static void truncate_buffers(struct fe *f)
{
    assert_int_equal(ftruncate(f->memfd, FE_BUF_BASE), 0);
    assert_true(fe_put(f, 0, FE_BUF_BASE, 64, 64, f));
    fe_kick(f, 0);
}

static void test_truncated_buffers(void **state)
{
    (void)state;
    vanish(SPLIT, truncate_buffers);
    vanish(FEATURES, truncate_buffers);
}

// A hole in a shared file is filled with zeros: nothing to catch, and nothing breaks but the ring.
static void test_hole(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open(&p, "hole");
    plain_poll(&p);
    come(&p, &f, SPLIT);
    assert_int_equal(
        fallocate(f.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, FE_MEM_BYTES), 0);
    assert_true(FE_UNTIL(PLAIN_COUNT(&p, broken) == 1));
    assert_int_equal(plain_info(&p).queues_broken, 1);
    assert_int_equal(PLAIN_COUNT(&p, disconnected), 0);
    leave(&f);
    plain_poll_end(&p);
    plain_close(&p);
}

// ---- somebody else's SIGBUS ----

static sigjmp_buf back;
static volatile int caught;

static void own_handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    caught++;
    siglongjmp(back, 1);
}

static volatile char *hollow_page(void)
{
    int fd = memfd_create("hollow", MFD_CLOEXEC);
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    return p;
}

static void catch_own(void)
{
    volatile char *page = hollow_page();
    if (sigsetjmp(back, 1) == 0) {
        (void)*page;
        fail();
    }
    munmap((void *)(uintptr_t)page, 4096);
}

// Two of the application's own accesses, before and after a fault of a device's memory.
static void test_application_handler(void **state)
{
    struct plain p;
    struct fe f;
    struct sigaction own = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO}, old;
    (void)state;
    assert_int_equal(sigaction(SIGBUS, &own, &old), 0); // cmocka has set one of its own
    plain_open(&p, "chain");
    plain_poll(&p);
    come(&p, &f, FEATURES);
    catch_own();
    truncate_all(&f);
    assert_true(fe_hung_up(&f));
    catch_own();
    assert_int_equal(caught, 2);
    leave(&f);
    plain_poll_end(&p);
    plain_close(&p);
    (void)sigaction(SIGBUS, &old, NULL);
}

// Without any other handler the process ends as it always did. Runs in a process of its own.
static int child_of_default(void)
{
    char path[100];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, "test_fault", "default", (char *)NULL);
        _exit(1);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void test_default_action(void **state)
{
    (void)state;
    if (getenv("MESON_EXE_WRAPPER")) {
        print_message("skipped: an emulator's process cannot start this program once more\n");
        skip();
    }
    int status = child_of_default();
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
}

static _Noreturn void die_of_sigbus(void)
{
    struct plain p;
    struct fe f;
    (void)signal(SIGBUS, SIG_DFL); // sanitizers have one of their own
    alarm(60);
    plain_open(&p, "default");
    plain_poll(&p);
    come(&p, &f, FEATURES);
    (void)*hollow_page();
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "default") == 0)
        die_of_sigbus();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),      cmocka_unit_test(test_truncated_buffers),
        cmocka_unit_test(test_hole),           cmocka_unit_test(test_application_handler),
        cmocka_unit_test(test_default_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
