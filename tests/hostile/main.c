// SPDX-License-Identifier: BSD-3-Clause
// Attacks a port of a running process, case by case, and looks at the process after each; see
// run for what is started before. Output: TAP.
// usage: hostile PID LOG TELEMETRY SOCKET PROBE FLOW_FIFO FLOW_LOG [PART_OF_A_NAME]
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "attack.h"

#define MOST 1000

static struct attack attacks[MOST];
static unsigned nattacks;
static const char *filter = "";
static bool ready; // fe is initialised

struct attack *attack_add(void (*run)(const struct attack *a), const void *row, uint64_t features,
                          const char *fmt, ...)
{
    assert_true(nattacks < MOST - 1);
    struct attack *a = &attacks[nattacks];
    va_list ap;
    va_start(ap, fmt);
    int n = snprintf(a->name, sizeof(a->name), "%s: ", FORMAT(features));
    vsnprintf(a->name + n, sizeof(a->name) - (size_t)n, fmt, ap);
    va_end(ap);
    a->run = run;
    a->row = row;
    a->features = features;
    a->vq = TRANSMITQ;
    a->ask = false;
    nattacks += strstr(a->name, filter) != NULL;
    return a;
}

static bool same_lie(const struct attack *a, const struct attack *b)
{
    return a->run == b->run && a->row == b->row;
}

// Each lie once, by the formats and rings in turn: it has all of them with full counts, and, where
// it needs no process of its own, in the unit tests.
static void choose(void)
{
    unsigned kept = 0, nlies = 0;
    static unsigned lie[MOST];
    static bool keep[MOST];
    for (unsigned i = 0; i < nattacks; i++) {
        unsigned first = 0, all = 0, before = 0;
        while (!same_lie(&attacks[first], &attacks[i]))
            first++;
        lie[i] = first == i ? nlies++ : lie[first];
        for (unsigned j = first; j < nattacks; j++) {
            all += same_lie(&attacks[j], &attacks[i]);
            before += j < i && same_lie(&attacks[j], &attacks[i]);
        }
        keep[i] = lie[i] % all == before;
    }
    for (unsigned i = 0; i < nattacks; i++)
        if (keep[i])
            attacks[kept++] = attacks[i];
    nattacks = kept;
}

static bool port_is_free(void)
{
    return tel_says("/tern/port,0", "connection", "none");
}

static int open_case(void **state)
{
    const struct attack *a = *state;
    watch_mark();
    counters_mark();
    fe_init(&fe, a->features);
    ready = true;
    return 0;
}

// Also after a case that failed half way: the next one starts from the same state.
static int close_case(void **state)
{
    (void)state;
    if (ready)
        fe_free(&fe);
    ready = false;
    return FE_UNTIL(port_is_free()) ? 0 : -1;
}

static void new_peer(uint64_t features)
{
    fe.features = features;
    honest_start();
    honest_echo(0);
    honest_echo(1);
}

static void run_case(void **state)
{
    const struct attack *a = *state;
    a->run(a);
    watch_standing();
    fe_close(&fe);
    assert_true(FE_UNTIL(port_is_free()));
    watch_flat();
    fe_free(&fe); // its memory may be spoilt
    fe_init(&fe, a->features);
    new_peer(a->features & VQ_F_RING_PACKED ? SPLIT : PACKED);
}

static int open_all(void **state)
{
    (void)state;
    // What is allocated for the first peer and kept for the next ones, once.
    for (unsigned i = 0; i < 4; i++) {
        fe_init(&fe, formats[i % 2]);
        new_peer(formats[i % 2]);
        fe_free(&fe);
        assert_true(FE_UNTIL(port_is_free()));
    }
    watch_base();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    watch_close();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 8)
        return 2;
    paths =
        (struct watch_paths){atoi(argv[1]), argv[2], argv[3], argv[4], argv[5], argv[6], argv[7]};
    filter = argc > 8 ? argv[8] : "";
    add_messages();
    add_stalls();
    add_memory();
    add_chains();
    add_rings();
    add_net();
    if (!fe_full() && !*filter)
        choose();
    struct CMUnitTest *tests = calloc(nattacks, sizeof(*tests));
    for (unsigned i = 0; i < nattacks; i++)
        tests[i] =
            (struct CMUnitTest){attacks[i].name, run_case, open_case, close_case, &attacks[i]};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    watch_open();
    int failed = _cmocka_run_group_tests("hostile", tests, nattacks, open_all, close_all);
    free(tests);
    return failed != 0;
}
