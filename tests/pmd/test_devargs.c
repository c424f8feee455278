// SPDX-License-Identifier: BSD-3-Clause
// Devargs: defaults, every known key, and that whatever is not applied is refused by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devargs.h"
#include "log.h"

static char *said; // what the last parse logged
static size_t said_bytes;

static int parse(const char *text, struct tern_args *args)
{
    free(said);
    FILE *log = open_memstream(&said, &said_bytes);
    assert_non_null(log);
    rte_openlog_stream(log);
    int rc = tern_args_parse("net_tern_vhost7", text, args);
    rte_openlog_stream(NULL);
    fclose(log);
    return rc;
}

static void refused(const char *text, const char *word)
{
    struct tern_args args;
    print_message("  %s\n", text ? text : "(none)");
    assert_int_equal(parse(text, &args), -EINVAL);
    assert_non_null(strstr(said, "net_tern_vhost7: "));
    assert_non_null(strstr(said, word));
    assert_non_null(strstr(said, "\nfix: "));
}

static void defaults_are_those_of_net_vhost(void **state)
{
    struct tern_args a;
    (void)state;
    assert_int_equal(parse("iface=/tmp/s", &a), 0);
    assert_string_equal(a.iface, "/tmp/s");
    assert_int_equal(a.queues, 1);
    assert_false(a.client);
    assert_false(a.linear_buffer);
    assert_false(a.ext_buffer);
    assert_false(a.tso);
    assert_false(a.legacy_ol_flags);
    assert_true(a.packed);
    assert_true(a.in_order);
    assert_true(a.event_idx);
    assert_false(a.ring_reset);
    assert_int_equal(a.queue_size_max, 32768);
    assert_int_equal(said_bytes, 0);
}

static void every_key_is_applied(void **state)
{
    struct tern_args a;
    (void)state;
    assert_int_equal(parse("iface=s,queues=128,client=1,iommu-support=0,postcopy-support=0,tso=1,"
                           "linear-buffer=1,ext-buffer=1,legacy-ol-flags=1,packed=0,in_order=0,"
                           "event_idx=0,ring_reset=1,queue_size_max=0x300",
                           &a),
                     0);
    assert_int_equal(a.queues, 128);
    assert_true(a.client);
    assert_true(a.linear_buffer);
    assert_true(a.ext_buffer);
    assert_true(a.tso);
    assert_true(a.legacy_ol_flags);
    assert_false(a.packed);
    assert_false(a.in_order);
    assert_false(a.event_idx);
    assert_true(a.ring_reset);
    assert_int_equal(a.queue_size_max, 768);
}

static void what_is_not_known_is_refused(void **state)
{
    (void)state;
    refused("iface=s,bogus=1", "bogus");
    refused("iface=s,Queues=1", "Queues");
    refused(NULL, "iface");
    refused("queues=2", "iface");
    refused("iface=", "iface");
    refused("iface=a,iface=b", "iface");
    refused("iface=s,queues=1,queues=1", "queues");
}

static void what_is_not_supported_yet_is_refused(void **state)
{
    (void)state;
    refused("iface=s,iommu-support=1", "iommu-support=1 is not supported");
    refused("iface=s,postcopy-support=1", "postcopy-support=1 is not supported");
    refused("iface=s,tso=2", "tso=2");
    refused("iface=s,legacy-ol-flags=1", "legacy-ol-flags=1 means nothing without tso=1");
}

static void numbers_out_of_range_are_refused(void **state)
{
    static const char *const bad[] = {"0",  "129", "-1",         "+1",
                                      " 1", "1 ",  "1x",         "x",
                                      "",   "0x",  "4294967297", "99999999999999999999"};
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "iface=s,queues=%s", bad[i]);
        refused(text, "queues=");
    }
    refused("iface=s,queues", "queues=");
    refused("iface=s,client=2", "client=2");
    refused("iface=s,packed=2", "packed=2");
    refused("iface=s,queue_size_max=0", "queue_size_max=0");
    refused("iface=s,queue_size_max=32769", "queue_size_max=32769");
}

static void a_path_must_fit_a_socket_address(void **state)
{
    struct tern_args a;
    char text[200] = "iface=";
    (void)state;
    memset(text + 6, 'a', sizeof(a.iface) - 1);
    assert_int_equal(parse(text, &a), 0);
    assert_int_equal(strlen(a.iface), sizeof(a.iface) - 1);
    text[6 + sizeof(a.iface) - 1] = 'a';
    refused(text, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_net_vhost),
        cmocka_unit_test(every_key_is_applied),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(what_is_not_supported_yet_is_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_path_must_fit_a_socket_address),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(said);
    return rc;
}
