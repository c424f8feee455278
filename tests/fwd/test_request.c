// SPDX-License-Identifier: BSD-3-Clause
// Lines of the control socket: what is no request is refused by name, and harms nothing.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "request.h"

static unsigned ran;

static int run_ok(void *ctx, const json_t *args, struct fwd_reply *r)
{
    char buf[24];
    const char *port = fwd_arg_text(args, "port", buf);
    (void)ctx;
    ran++;
    r->result = json_pack("{s:s}", "port", port ? port : "none");
    return 0;
}

static int run_fails(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    ran++;
    r->result = json_string("half done"); // must not leak
    return fwd_fail(r, ENODEV, "give another", "no port \"%s\"", "caf\xc3");
}

static int run_silent(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    (void)r;
    return -EBUSY;
}

static const fwd_run_fn run[FWD_CMD_COUNT] = {
    [FWD_CMD_SHOW_PORTS] = run_ok,
    [FWD_CMD_SHOW_WORKERS] = run_fails,
    [FWD_CMD_SHOW_STATUS] = run_silent,
};
static const struct fwd_runner runner = {.run = run};

// Answers a line; the answer must be one line of JSON with "ok".
static json_t *ask(const char *line, size_t bytes)
{
    char *text = fwd_request_answer(&runner, line, bytes);
    assert_non_null(text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *answer = json_loads(text, 0, NULL);
    assert_non_null(answer);
    assert_true(json_is_boolean(json_object_get(answer, "ok")));
    free(text);
    return answer;
}

static const char *error_of(const json_t *answer)
{
    assert_true(json_is_false(json_object_get(answer, "ok")));
    return json_string_value(json_object_get(answer, "error"));
}

static void test_good_requests(void **state)
{
    static const struct {
        const char *line, *port;
    } t[] = {
        {"{\"command\":\"show ports\"}", "none"},
        {" {\"command\":\"show ports\",\"args\":{}}\r", "none"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":\"lan\"}}", "lan"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":12}}", "12"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":-9223372036854775808}}",
         "-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        json_t *a = ask(t[i].line, strlen(t[i].line));
        assert_true(json_is_true(json_object_get(a, "ok")));
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(a, "result"), "port")), t[i].port);
        json_decref(a);
    }
}

static void test_hostile_lines(void **state)
{
    static const struct {
        const char *line, *says;
    } t[] = {
        {"x", "no JSON"},
        {"{", "no JSON"},
        {"\xff\xfe{}", "no JSON"},
        {"{\"command\":\"\xc3\"}", "no JSON"},
        {"{\"command\":\"show ports\"} {}", "no JSON"},
        {"{\"command\":\"show ports\",\"command\":\"help\"}", "no JSON"},
        {"{\"command\":\"a\\u0000b\"}", "no JSON"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":9223372036854775808}}", "no JSON"},
        {"[]", "no object"},
        {"[{\"command\":\"show ports\"}]", "no object"},
        {"{}", "names no command"},
        {"{\"command\":7}", "names no command"},
        {"{\"command\":null}", "names no command"},
        {"{\"command\":\"show ports\",\"extra\":1}", "no member \"extra\""},
        {"{\"command\":\"show ports\",\"args\":[]}", "\"args\" is no object"},
        {"{\"command\":\"show ports\",\"args\":\"port=0\"}", "\"args\" is no object"},
        {"{\"command\":\"show  ports\"}", "no command \"show  ports\""},
        {"{\"command\":\"\"}", "no command \"\""},
        {"{\"command\":\"show ports \"}", "no command"},
        {"{\"command\":\"%s%n%s\"}", "no command \"%s%n%s\""},
        {"{\"command\":\"show ports\",\"args\":{\"prot\":1}}", "no argument prot"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":1.5}}", "neither text nor"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":{}}}", "neither text nor"},
        {"{\"command\":\"show ports\",\"args\":{\"port\":null}}", "neither text nor"},
    };
    (void)state;
    ran = 0;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        json_t *a = ask(t[i].line, strlen(t[i].line));
        if (!strstr(error_of(a), t[i].says))
            fail_msg("%s: %s", t[i].line, error_of(a));
        assert_non_null(json_object_get(a, "fix"));
        json_decref(a);
    }
    assert_int_equal(ran, 0);
}

// Bytes that are no text, deep nesting, and every way to cut a request.
static void test_hostile_bytes(void **state)
{
    static const char good[] = "{\"command\":\"show ports\",\"args\":{\"port\":\"a\"},\"id\":1}";
    static char deep[60000];
    (void)state;
    ran = 0;
    json_decref(ask("\0\0\0", 3));
    json_decref(ask("{\"command\":\"show ports\"}\0", 25));
    memset(deep, '[', sizeof(deep));
    json_t *a = ask(deep, sizeof(deep));
    assert_non_null(strstr(error_of(a), "no JSON"));
    json_decref(a);
    for (size_t n = 0; n < sizeof(good) - 1; n++) {
        a = ask(good, n);
        error_of(a);
        json_decref(a);
    }
    assert_int_equal(ran, 0);
    json_decref(ask(good, sizeof(good) - 1));
    assert_int_equal(ran, 1);
}

static void test_failing_commands(void **state)
{
    static const char line[] = "{\"command\":\"show workers\",\"id\":\"x\"}";
    static const char silent[] = "{\"command\":\"show status\"}";
    (void)state;
    json_t *a = ask(line, sizeof(line) - 1);
    assert_string_equal(error_of(a), "no port \"caf?\"");
    assert_string_equal(json_string_value(json_object_get(a, "result")), "half done");
    assert_string_equal(json_string_value(json_object_get(a, "fix")), "give another");
    assert_string_equal(json_string_value(json_object_get(a, "id")), "x");
    json_decref(a);
    a = ask(silent, sizeof(silent) - 1);
    assert_string_equal(error_of(a), strerror(EBUSY));
    assert_null(json_object_get(a, "result"));
    json_decref(a);
}

static void test_ids_are_returned(void **state)
{
    static const char wrong[] = "{\"command\":\"no\",\"id\":-5}", object[] = "{\"id\":{\"a\":1}}";
    (void)state;
    json_t *a = ask(wrong, sizeof(wrong) - 1);
    assert_int_equal(json_integer_value(json_object_get(a, "id")), -5);
    json_decref(a);
    a = ask(object, sizeof(object) - 1);
    assert_null(json_object_get(a, "id"));
    json_decref(a);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } t[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"100", 0, 100},
        {"101", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1e2", -EINVAL, 0},
        {"ten", -EINVAL, 0},
        {"99999999999999999999999", -EINVAL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct fwd_reply r = {0};
        uint64_t value = 4711;
        json_t *args = json_pack("{s:s}", "n", t[i].text);
        assert_int_equal(fwd_arg_uint(args, "n", 100, &value, &r), t[i].rc);
        assert_int_equal(value, t[i].rc ? 4711 : t[i].value);
        assert_int_equal(!!r.error[0], !!t[i].rc);
        assert_int_equal(fwd_arg_uint(args, "other", 100, &value, &r), 0);
        json_decref(args);
    }
}

// The table is what help, ternctl and the completion show: no hole, no name twice.
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < FWD_CMD_COUNT; i++) {
        const struct fwd_command *c = &fwd_commands[i];
        assert_non_null(c->name);
        assert_true(c->help && strlen(c->help) > 5);
        assert_ptr_equal(fwd_command_find(c->name), c);
        for (size_t k = 0; k < fwd_command_nargs(c); k++) {
            assert_non_null(c->args[k].help);
            assert_ptr_equal(fwd_command_arg_find(c, c->args[k].name), &c->args[k]);
        }
    }
    json_t *help = fwd_request_help();
    assert_int_equal(json_array_size(help), FWD_CMD_COUNT);
    json_decref(help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_requests),
        cmocka_unit_test(test_hostile_lines),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_failing_commands),
        cmocka_unit_test(test_ids_are_returned),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
