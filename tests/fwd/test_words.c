// SPDX-License-Identifier: BSD-3-Clause
// Commands as people write them, and answers as people read them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "table.h"
#include "top.h"
#include "words.h"

// A line, and its words with | between them; NULL: it is wrong.
static const struct {
    const char *line, *words;
} splits[] = {
    {"", ""},
    {"  \t\r\n", ""},
    {"# all comment", ""},
    {"show ports", "show|ports"},
    {"  show\tports # and more", "show|ports"},
    {"port add name=a devargs=\"x y\" rxq=1\n", "port|add|name=a|devargs=x y|rxq=1"},
    {"a\"\"b", "ab"},
    {"\"\"", ""},
    {"\"open", NULL},
    {"a=\"", NULL},
    {"a#b", "a#b"},
};

static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
        char line[128], joined[256] = "", *words[FWD_WORDS_MAX];
        strcpy(line, splits[i].line);
        int n = fwd_words_split(line, words);
        for (int k = 0; k < n; k++) {
            strcat(joined, k ? "|" : "");
            strcat(joined, words[k]);
        }
        assert_int_equal(n < 0, splits[i].words == NULL);
        if (splits[i].words)
            assert_string_equal(joined, splits[i].words);
    }
}

static void test_split_has_a_limit(void **state)
{
    static char line[1000];
    char *words[FWD_WORDS_MAX];
    (void)state;
    for (int i = 0; i < FWD_WORDS_MAX; i++)
        strcat(line, "w ");
    assert_int_equal(fwd_words_split(strdupa(line), words), FWD_WORDS_MAX);
    strcat(line, "w");
    assert_int_equal(fwd_words_split(line, words), -1);
}

// Words, and the request that they are or what is wrong.
static const struct {
    const char *line, *request, *why;
} requests[] = {
    {"show ports", "{\"command\":\"show ports\",\"args\":{}}", NULL},
    {"show ports port=a=b", "{\"command\":\"show ports\",\"args\":{\"port\":\"a=b\"}}", NULL},
    {"show ports port=", "{\"command\":\"show ports\",\"args\":{\"port\":\"\"}}", NULL},
    {"show", NULL, "no command \"show\""},
    {"port=a", NULL, "no command \"\""},
    {"show ports lan", NULL, "no command \"show ports lan\""},
    {"show ports port=a lan", NULL, "lan is not KEY=VALUE"},
    {"show ports =a", NULL, "=a is not KEY=VALUE"},
    {"show ports port=a =b", NULL, "=b is not KEY=VALUE"},
    {"show ports port=a port=b", NULL, "port=b is given twice"},
    {"show ports port=\xff", NULL, "is no text"},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        char line[128], why[256], *words[FWD_WORDS_MAX];
        strcpy(line, requests[i].line);
        json_t *q = fwd_words_request(words, fwd_words_split(line, words), why);
        assert_int_equal(!q, !requests[i].request);
        if (q) {
            char *text = json_dumps(q, JSON_COMPACT);
            assert_string_equal(text, requests[i].request);
            free(text);
            json_decref(q);
        } else if (!strstr(why, requests[i].why)) {
            fail_msg("%s: %s", requests[i].line, why);
        }
    }
}

static void test_overlong_words(void **state)
{
    static char word[5000];
    char why[256], *words[] = {word, word};
    (void)state;
    memset(word, 'x', sizeof(word) - 1);
    assert_null(fwd_words_request(words, 2, why));
    word[0] = '=';
    assert_null(fwd_words_request(words, 2, why));
    char *good[] = {(char[]){"help"}, word};
    word[0] = 'x';
    word[100] = '=';
    assert_null(fwd_words_request(good, 2, why)); // a name of 100 bytes
}

static char *printed(const char *json)
{
    static char buf[4096];
    memset(buf, 0, sizeof(buf));
    json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
    FILE *out = fmemopen(buf, sizeof(buf), "w");
    assert_non_null(v);
    table_print(v, out);
    fclose(out);
    json_decref(v);
    return buf;
}

static void test_tables(void **state)
{
    (void)state;
    assert_string_equal(printed("[]"), "none\n");
    assert_string_equal(printed("null"), "");
    assert_string_equal(printed("\"a\""), "a\n");
    assert_string_equal(printed("{\"a\":1,\"b\":true,\"c\":null}"),
                        "a            1\nb            yes\nc            -\n");
    assert_string_equal(printed("[{\"port\":\"long\",\"rx\":1},{\"port\":\"s\",\"rx\":1000}]"),
                        "port    rx\nlong     1\ns     1000\n");
    assert_string_equal(printed("[{\"a\":1,\"b\":{\"c\":2}}]"), "a\n1\n");
    assert_string_equal(printed("[{\"a\":\"x\"},{\"b\":0.5}]"), "a     b\nx     -\n-  0.50\n");
    // Text from elsewhere cannot steer the terminal; letters of several bytes count once.
    assert_string_equal(
        printed("[{\"n\":\"\\u001b[2J\",\"m\":\"z\"},{\"n\":\"\xc3\xa9\",\"m\":\"z\"}]"),
        "n     m\n?[2J  z\n\xc3\xa9     z\n");
}

static void load(struct top_look *l, double at, const char *status, const char *workers,
                 const char *ports, const char *queues, const char *drops)
{
    l->at_s = at;
    l->status = json_loads(status, 0, NULL);
    l->workers = json_loads(workers, 0, NULL);
    l->ports = json_loads(ports, 0, NULL);
    l->queues = json_loads(queues, 0, NULL);
    l->drops = json_loads(drops, 0, NULL);
}

static void unload(struct top_look *l)
{
    json_decref(l->status);
    json_decref(l->workers);
    json_decref(l->ports);
    json_decref(l->queues);
    json_decref(l->drops);
}

// Rates are of the time between the looks, and a port that came in between began with nothing.
static void test_top(void **state)
{
    struct top_look a, b;
    static char out[8192];
    FILE *f = fmemopen(out, sizeof(out), "w");
    (void)state;
    load(&a, 10, "{}",
         "[{\"lcore\":1,\"busy_cycles\":0,\"idle_cycles\":0,\"slept_cycles\":50,\"packets\":0,"
         "\"bursts\":0,\"wakes_by_ns\":{\"2000\":9,\"1000000\":90}}]",
         "[{\"port\":\"a\",\"rx\":1000000,\"tx\":0,\"dropped\":0}]",
         "[{\"port\":\"a\",\"direction\":\"rx\",\"queue\":0,\"packets\":0,\"kicks\":0}]", "[]");
    load(&b, 12, "{\"uptime_s\":3723,\"mode\":\"mac\"}",
         "[{\"lcore\":1,\"queues\":2,\"busy_cycles\":300,\"idle_cycles\":100,"
         "\"slept_cycles\":1650,\"packets\":10,\"bursts\":4,"
         "\"wakes_by_ns\":{\"2000\":10,\"4000\":98,\"1000000\":91}}]",
         "[{\"port\":\"a\",\"rx\":5000000,\"tx\":0,\"dropped\":0,\"rx_missed\":500,"
         "\"rx_errors\":0},"
         "{\"port\":\"b\",\"rx\":2000000,\"tx\":4000000,\"single_copy\":3000000,"
         "\"dropped\":1000000}]",
         "[{\"port\":\"a\",\"direction\":\"rx\",\"queue\":0,\"packets\":4000000,\"kicks\":8000,"
         "\"verdict\":\"ok\"}]",
         "[{\"port\":\"b\",\"cause\":\"tx_full\",\"packets\":1000000,\"meaning\":\"full\"}]");
    top_print(&a, &b, f);
    fclose(f);
    assert_non_null(strstr(out, "up 1:02:03"));
    assert_non_null(strstr(out, "received 3.000 Mpps  sent 2.000 Mpps (1.500 by single copy)  "
                                "dropped 0.500 Mpps"));
    assert_non_null(strstr(out, "  15.0    80.0     0.000         30        2.5        4.00\n"));
    assert_non_null(strstr(out, "dropped     0.500 Mpps  b  tx_full: full"));
    assert_non_null(strstr(out, "before rx       250/s  a  rx_missed\n\n"));
    assert_non_null(strstr(out, "     2.000        2.0        0.0  ok"));
    unload(&a);
    unload(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),    cmocka_unit_test(test_split_has_a_limit),
        cmocka_unit_test(test_requests), cmocka_unit_test(test_overlong_words),
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
