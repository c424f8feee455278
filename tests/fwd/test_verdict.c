// SPDX-License-Identifier: BSD-3-Clause
// The verdicts, each from two looks at a queue.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "verdict.h"

#define RX "\"direction\":\"rx\",\"link\":\"up\",\"lcore\":1,"
#define TX "\"direction\":\"tx\",\"link\":\"up\",\"lcore\":1,"

static json_int_t number_of(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

static const struct {
    const char *before, *now, *verdict;
} t[] = {
    {NULL, "{" RX "\"packets\":0}", "idle"},
    {NULL, "{" RX "\"packets\":5}", "idle"}, // nothing is known of when they came
    {"{" RX "\"packets\":5}", "{" RX "\"packets\":5}", "idle"},
    {"{" RX "\"packets\":5}", "{" RX "\"packets\":6}", "ok"},
    {"{" RX "\"packets\":5}", "{" RX "\"packets\":0}", "idle"}, // another port of that name
    {NULL, "{\"direction\":\"rx\",\"link\":\"down\",\"lcore\":1}", "not connected"},
    {NULL, "{\"direction\":\"rx\",\"link\":\"up\"}", "not polled"},
    {NULL, "{" RX "\"broken\":\"bad address\",\"state\":\"broken\"}", "broken: bad address"},
    {NULL, "{\"direction\":\"tx\",\"link\":\"down\",\"broken\":\"loop\"}", "broken: loop"},
    {NULL, "{" RX "\"broken\":\"\",\"state\":\"live\"}", "idle"},
    {NULL, "{" RX "\"state\":\"stopped\"}", "stopped"},
    // Buffers wait, and nothing moves.
    {"{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}",
     "{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}", "kick lost"},
    {"{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}",
     "{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":4}", "idle"},
    {"{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}",
     "{" RX "\"packets\":9,\"waiting\":1,\"size\":256,\"kicks\":3}", "ok"},
    {"{" RX "\"packets\":5,\"waiting\":0,\"size\":256,\"kicks\":3}",
     "{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}", "idle"},
    {NULL, "{" RX "\"packets\":5,\"waiting\":1,\"size\":256,\"kicks\":3}", "idle"},
    // They came while the worker slept.
    {"{" RX "\"packets\":5,\"kicks\":3,\"unkicked\":1}",
     "{" RX "\"packets\":9,\"kicks\":3,\"unkicked\":2}", "kick lost"},
    {"{" RX "\"packets\":5,\"kicks\":3,\"unkicked\":1}",
     "{" RX "\"packets\":9,\"kicks\":4,\"unkicked\":2}", "ok"}, // that one came too late
    {"{" RX "\"packets\":5,\"kicks\":3,\"unkicked\":1}",
     "{" RX "\"packets\":9,\"kicks\":3,\"unkicked\":1}", "ok"}, // it was awake
    {"{" RX "\"packets\":5,\"unkicked\":1}", "{" RX "\"packets\":9,\"unkicked\":2}", "ok"},
    {NULL, "{" RX "\"packets\":9,\"kicks\":3,\"unkicked\":2}", "idle"},
    // The ring is full of packets.
    {"{" RX "\"packets\":5}", "{" RX "\"packets\":9,\"waiting\":224,\"size\":256}",
     "driver starved"},
    {"{" RX "\"packets\":5}", "{" RX "\"packets\":9,\"waiting\":223,\"size\":256}", "ok"},
    // Sending.
    {NULL, "{" TX "\"packets\":0,\"waiting\":0,\"size\":256}", "no receive buffers"},
    {NULL, "{" TX "\"packets\":0,\"waiting\":1,\"size\":256,\"no_room\":7}", "idle"},
    {"{" TX "\"packets\":0,\"waiting\":9,\"no_room\":7}",
     "{" TX "\"packets\":9,\"waiting\":9,\"no_room\":8}", "no receive buffers"},
    {"{" TX "\"packets\":0,\"calls\":2,\"calls_suppressed\":5}",
     "{" TX "\"packets\":9,\"calls\":2,\"calls_suppressed\":6}", "suppressed"},
    {"{" TX "\"packets\":0,\"calls\":2,\"calls_suppressed\":5}",
     "{" TX "\"packets\":9,\"calls\":3,\"calls_suppressed\":6}", "ok"},
    {"{" TX "\"packets\":9,\"calls\":2,\"calls_suppressed\":5}",
     "{" TX "\"packets\":9,\"calls\":2,\"calls_suppressed\":5}", "idle"},
    {"{" TX "\"packets\":1}", "{" TX "\"packets\":2}", "ok"}, // a driver that tells nothing
    {NULL, "{}", "not connected"},
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        char buf[96];
        json_t *before = t[i].before ? json_loads(t[i].before, 0, NULL) : NULL;
        json_t *now = json_loads(t[i].now, 0, NULL);
        assert_non_null(now);
        const char *verdict = fwd_verdict(before, now, buf);
        if (strcmp(verdict, t[i].verdict))
            fail_msg("%s then %s: %s, not %s", t[i].before ? t[i].before : "nothing", t[i].now,
                     verdict, t[i].verdict);
        json_decref(before);
        json_decref(now);
    }
}

// What net_tern_user tells: its kicks are its own, and what waits for it where it transmits are
// packets that were sent.
static void test_the_other_end(void **state)
{
    static const struct {
        const char *row, *told, *verdict;
    } r[] = {
        {"{" RX "\"unkicked\":%d,\"packets\":%d}", "\"size\":256,\"waiting\":0,\"kicks\":0", "ok"},
        {"{" TX "\"no_room\":0,\"packets\":1%d%d}", "\"size\":256,\"waiting\":0,\"kicks\":3", "ok"},
        {"{" RX "\"unkicked\":%d,\"packets\":%d}",
         "\"size\":256,\"waiting\":0,\"kicks\":0,\"calls\":0,\"calls_suppressed\":0", "kick lost"},
        {"{" TX "\"no_room\":0,\"packets\":1%d%d}",
         "\"size\":256,\"waiting\":0,\"kicks\":3,\"calls\":0,\"calls_suppressed\":0",
         "no receive buffers"},
        // Nothing moves: whether its device has called is not told, so nobody is blamed.
        {"{" RX "\"look\":1%d%d,\"packets\":5}", "\"size\":256,\"waiting\":3,\"kicks\":3", "idle"},
        {"{" RX "\"look\":1%d%d,\"packets\":5}", "\"size\":256,\"waiting\":250,\"kicks\":3",
         "driver starved"},
        {"{" RX "\"look\":1%d%d,\"packets\":5}",
         "\"size\":256,\"waiting\":3,\"kicks\":3,\"calls\":0", "kick lost"},
        {"{" RX "\"unkicked\":%d,\"packets\":%d}",
         "\"size\":256,\"waiting\":256,\"kicks\":0,\"broken\":\"\"", "driver starved"},
        {"{" TX "\"no_room\":0,\"packets\":1%d%d}", "\"kicks\":3,\"broken\":\"loop\"",
         "broken: loop"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++) {
        char text[256], buf[96];
        json_t *look[2];
        for (int k = 0; k < 2; k++) {
            snprintf(text, sizeof(text), r[i].row, k, k);
            look[k] = json_loads(text, 0, NULL);
            assert_non_null(look[k]);
            snprintf(text, sizeof(text), "{%s}", r[i].told);
            json_t *told = json_loads(text, 0, NULL);
            assert_non_null(told);
            fwd_verdict_told(told, look[k]);
            json_decref(told);
        }
        assert_string_equal(fwd_verdict(look[0], look[1], buf), r[i].verdict);
        json_decref(look[0]);
        json_decref(look[1]);
    }
    json_t *row = json_pack("{s:s}", "direction", "rx");
    fwd_verdict_told(NULL, row);
    assert_int_equal(json_object_size(row), 1);
    json_decref(row);
}

// A packet each 200 ms. Who looks each 20 ms sees them move all the same, and shortens no look of
// one who looks each second.
static void test_looks(void **state)
{
    char buf[96];
    json_t *history = json_object();
    (void)state;
    for (unsigned ms = 1000; ms < 5000; ms += 20) {
        json_t *row = json_pack("{s:s, s:s, s:i, s:i}", "direction", "rx", "link", "up", "lcore", 1,
                                "packets", (int)(ms / 200));
        json_t *before = fwd_verdict_before(history, "a/rx/0", row, ms);
        assert_int_equal(before == NULL, ms == 1000);
        if (ms >= 1200)
            assert_string_equal(fwd_verdict(before, row, buf), "ok");
        // Not of long ago, either.
        if (ms >= 2000)
            assert_in_range(ms / 200 - (unsigned)number_of(before, "packets"), FWD_LOOK_MS / 200,
                            2 * FWD_LOOK_MS / 200 + 1);
        json_decref(before);
        json_decref(row);
    }
    // Other queues have looks of their own.
    json_t *row = json_pack("{s:i}", "packets", 7);
    assert_null(fwd_verdict_before(history, "a/tx/0", row, 5000));
    json_decref(row);
    json_decref(history);
}

// After a long rest the last look is what counts, and not the one before.
static void test_looks_that_are_rare(void **state)
{
    json_t *history = json_object();
    (void)state;
    for (int i = 0; i < 5; i++) {
        json_t *row = json_pack("{s:i}", "packets", i);
        json_t *before = fwd_verdict_before(history, "q", row, 60000u * (unsigned)(i + 1));
        if (i)
            assert_int_equal(number_of(before, "packets"), i - 1);
        json_decref(before);
        json_decref(row);
    }
    json_decref(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_the_other_end),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_looks_that_are_rare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
