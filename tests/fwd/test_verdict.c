// SPDX-License-Identifier: BSD-3-Clause
// The verdicts, each from two looks at a queue.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "verdict.h"

#define RX "\"direction\":\"rx\",\"link\":\"up\",\"lcore\":1,"
#define TX "\"direction\":\"tx\",\"link\":\"up\",\"lcore\":1,"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
