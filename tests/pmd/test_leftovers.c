// SPDX-License-Identifier: BSD-3-Clause
// A program of this folder that is killed leaves a socket and EAL's run-time files; the next one
// removes them, and nobody else's.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "leftovers.h"

static char base[] = "/tmp/tern-left-XXXXXX";

static const char *at(const char *format, int pid)
{
    static char path[100];
    int n = snprintf(path, sizeof(path), "%s/", base);
    snprintf(path + n, sizeof(path) - (size_t)n, format, pid);
    return path;
}

static void make_folder(const char *format, int pid)
{
    assert_int_equal(mkdir(at(format, pid), 0700), 0);
}

static void make_file(const char *format, int pid)
{
    int fd = open(at(format, pid), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int is_there(const char *format, int pid)
{
    return access(at(format, pid), F_OK) == 0;
}

static void make_all(int pid)
{
    make_folder("tern-pmd-%d", pid);
    make_file("tern-pmd-%d/config", pid);
    make_folder("tern-pmd-%d/deeper", pid);
    make_file("tern-pmd-%d/deeper/file", pid);
    make_folder("tern-pmd-%d-abcdef", pid);
    make_file("tern-pmd-%d-abcdef/sock", pid);
    make_folder("other-%d", pid);
    make_file("tern-pmd-%dx", pid);
}

static void test_of_the_dead(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(base));
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_true(child > 0);
    make_all(child);
    make_all(getpid());
    make_folder("tern-pmd-%d", 1);
    make_file("tern-pmd-", 0);
    leftovers_remove(base, "tern-pmd-");
    assert_true(is_there("tern-pmd-%d/config", child)); // it lives
    assert_true(is_there("tern-pmd-%d-abcdef/sock", child));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    leftovers_remove(base, "tern-pmd-");
    assert_false(is_there("tern-pmd-%d", child));
    assert_false(is_there("tern-pmd-%d-abcdef", child));
    // Not of that kind, or of the living.
    assert_true(is_there("other-%d", child));
    assert_true(is_there("tern-pmd-%dx", child));
    assert_true(is_there("tern-pmd-%d/deeper/file", getpid()));
    assert_true(is_there("tern-pmd-%d-abcdef/sock", getpid()));
    assert_true(is_there("tern-pmd-%d", 1));
    assert_true(is_there("tern-pmd-", 0));
    leftovers_remove("/tmp/no-such-folder", "tern-pmd-");
    leftovers_remove_tree(base);
    assert_int_not_equal(access(base, F_OK), 0);
    leftovers_remove_tree(base); // nor any more
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_of_the_dead)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
