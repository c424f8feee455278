// SPDX-License-Identifier: BSD-3-Clause
// One test a clause. A clause is named by its section in virtio 1.3 and its place among the MUSTs
// and MUST NOTs of that section: 2.7.6.1-1 is the first of section 2.7.6.1. A letter instead of
// the number stands for what a section defines without these words.
//
// `role` is the side under test. When it is not the side that the clause binds, the peer breaks
// the rule, and the test shows that this is found out or does no harm. docs/conformance.md is made
// of these lines, see README.md.
#ifndef CLAUSE_H
#define CLAUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DRIVER "driver"
#define DEVICE "device"
#define SPLIT "split"
#define PACKED "packed"
#define BOTH "both"

struct clause {
    const char *id, *role, *format, *sentence, *test;
    void (*run)(void **state);
};

// Notes a test for clause_main, in the order of the file.
void clause_enter(const struct clause *c);

// What surrounds all tests, and what comes after each, passed or failed: there it ends what it left
// open, so that it spoils no other. NULL: nothing.
struct clause_fixtures {
    CMFixtureFunction start, stop, after;
};

// Runs the tests that were entered, or with --list prints them: id|role|format|sentence|file:test.
// The number that failed.
int clause_main(int argc, char **argv, struct clause_fixtures f);

#define CLAUSE(test, id, role, format, sentence)                                  \
    static void test(void **state);                                               \
    __attribute__((constructor)) static void test##_enter(void)                   \
    {                                                                             \
        static const struct clause c = {id, role, format, sentence, #test, test}; \
        clause_enter(&c);                                                         \
    }                                                                             \
    static void test(__attribute__((unused)) void **state)

#endif
