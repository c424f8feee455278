// SPDX-License-Identifier: BSD-3-Clause
// A plug-in that is loaded into a program with another DPDK says so at once. This program plays the other DPDK:
// its rte_version() comes first in the global scope. $TERN_PMD_DIR is where the plug-ins are.
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const char *rte_version(void);

static const char *program_version;

const char *
rte_version(void)
{
    return program_version;
}

/* Load the plug-in in a child, so that its constructors run each time; what it wrote to stderr is left in `text`. */
static void
load_plugin(char *text, size_t bytes)
{
    FILE *file = tmpfile();
    char path[4096];
    int status;
    pid_t child;

    assert_non_null(getenv("TERN_PMD_DIR"));
    snprintf(path, sizeof(path), "%s/librte_net_tern_vhost.so", getenv("TERN_PMD_DIR"));
    assert_non_null(file);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(fileno(file), STDERR_FILENO);
        if (dlopen(path, RTLD_NOW) != NULL)
            _exit(0);
        fprintf(stderr, "%s\n", dlerror());
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    rewind(file);
    text[fread(text, 1, bytes - 1, file)] = '\0';
    fclose(file);
    if (status != 0)
        fail_msg("loading the plug-in: %s", text);
}

static void
other_version_is_named_with_a_fix(void **state)
{
    char text[4096];

    (void)state;
    program_version = "DPDK 19.11.3";
    load_plugin(text, sizeof(text));
    assert_non_null(strstr(text, "the program runs DPDK 19.11.3"));
    assert_non_null(strstr(text, "\nfix: "));
}

static void
right_version_is_silent(void **state)
{
    char text[4096];

    (void)state;
    program_version = "DPDK " TERN_BUILT_FOR;
    load_plugin(text, sizeof(text));
    assert_string_equal(text, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_version_is_named_with_a_fix),
        cmocka_unit_test(right_version_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
