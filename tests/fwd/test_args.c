// SPDX-License-Identifier: BSD-3-Clause
// The command line: what it means, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "args.h"

static struct fwd_conf conf;

static enum fwd_args_end parse(const char *option, const char *value)
{
    char *argv[] = {(char *)"tern-fwd", (char *)option, (char *)value, NULL};
    fwd_conf_init(&conf);
    return fwd_args_parse(value ? 3 : 2, argv, &conf, fwd_args_error, NULL);
}

static void options_fill_the_configuration(void **state)
{
    (void)state;
    assert_int_equal(parse("--config", "(0,0,1),(3,2,17)"), FWD_ARGS_RUN);
    assert_int_equal(conf.nassign, 2);
    assert_int_equal(conf.assign[1].port, 3);
    assert_int_equal(conf.assign[1].queue, 2);
    assert_int_equal(conf.assign[1].lcore, 17);
    assert_int_equal(parse("--config", "auto"), FWD_ARGS_RUN);
    assert_int_equal(conf.nassign, 0);
    assert_int_equal(parse("--pairs", "(0,2),(1,3)"), FWD_ARGS_RUN);
    assert_int_equal(conf.npairs, 2);
    assert_int_equal(conf.pairs[0].b, 2);
    assert_int_equal(parse("--mode", "mac"), FWD_ARGS_RUN);
    assert_int_equal(conf.mode, FWD_MAC);
    assert_int_equal(parse("--idle", "adaptive"), FWD_ARGS_RUN);
    assert_int_equal(conf.idle, FWD_IDLE_ADAPTIVE);
    assert_int_equal(parse("--max-wake-us", "250"), FWD_ARGS_RUN);
    assert_int_equal(conf.max_wake_us, 250);
    assert_int_equal(parse("--burst", "64"), FWD_ARGS_RUN);
    assert_int_equal(conf.burst, 64);
    assert_int_equal(parse("--mbufs", "16777216"), FWD_ARGS_RUN);
    assert_int_equal(conf.mbufs, 16777216);
    assert_int_equal(parse("--mbufs", "512"), FWD_ARGS_RUN);
    assert_int_equal(conf.mbufs, 512);
    assert_int_equal(parse("--drain-ms", "0"), FWD_ARGS_RUN);
    assert_int_equal(conf.drain_ms, 0);
    assert_int_equal(parse("--drain-ms", "3600000"), FWD_ARGS_RUN);
    assert_int_equal(conf.drain_ms, 3600000);
    assert_int_equal(parse("--metrics", "localhost:80"), FWD_ARGS_RUN);
    assert_int_equal(parse("--rxq", "4"), FWD_ARGS_RUN);
    assert_int_equal(conf.all_ports.rxq, 4);
    assert_int_equal(parse("--txq", "5"), FWD_ARGS_RUN);
    assert_int_equal(conf.all_ports.txq, 5);
    assert_int_equal(parse("--ndesc", "512"), FWD_ARGS_RUN);
    assert_int_equal(conf.all_ports.ndesc, 512);
    assert_int_equal(parse("--rebalance", NULL), FWD_ARGS_RUN);
    assert_true(conf.rebalance);
    assert_int_equal(parse("--help", NULL), FWD_ARGS_DONE);
}

static void what_is_no_value_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"--config", ""},
        {"--config", "("},
        {"--config", "()"},
        {"--config", "(0,0)"},
        {"--config", "(0,0,1),"},
        {"--config", "(0,0,1)(1,0,1)"},
        {"--config", "(0,0,1),(0,0,2)"},
        {"--config", "(a,0,1)"},
        {"--config", "(0,0,-1)"},
        {"--config", "(0,0,65536)"},
        {"--config", "0,0,1"},
        {"--pairs", "(0)"},
        {"--pairs", "(0,1),x"},
        {"--mode", "l4"},
        {"--idle", "never"},
        {"--burst", "0"},
        {"--burst", "65"},
        {"--burst", "-1"},
        {"--burst", "3x"},
        {"--burst", ""},
        {"--burst", "99999999999999999999"},
        {"--max-wake-us", "0"},
        {"--max-wake-us", "1000001"},
        {"--mbufs", "511"},
        {"--mbufs", "16777217"},
        {"--drain-ms", "3600001"},
        {"--rxq", "0"},
        {"--txq", "129"},
        {"--ndesc", "32769"},
        {"--metrics", "0.0.0.0:80"},
        {"--no-such", NULL},
        {"stray", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i][0], bad[i][1]), FWD_ARGS_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_fill_the_configuration),
        cmocka_unit_test(what_is_no_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
