// SPDX-License-Identifier: BSD-3-Clause
// Devargs of net_tern_user: virtio-user's names and defaults, and that whatever is not applied is
// refused by name.
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

static int parse(const char *text, struct tern_user_args *args)
{
    free(said);
    FILE *log = open_memstream(&said, &said_bytes);
    assert_non_null(log);
    rte_log_set_level((uint32_t)tern_logtype, RTE_LOG_NOTICE);
    rte_openlog_stream(log);
    int rc = tern_user_args_parse("net_tern_user7", text, args);
    rte_openlog_stream(NULL);
    fclose(log);
    return rc;
}

static void refused(const char *text, const char *word)
{
    struct tern_user_args args;
    print_message("  %s\n", text ? text : "(none)");
    assert_int_equal(parse(text, &args), -EINVAL);
    assert_non_null(strstr(said, "net_tern_user7: "));
    assert_non_null(strstr(said, word));
    assert_non_null(strstr(said, "\nfix: "));
}

static void defaults_are_those_of_virtio_user(void **state)
{
    struct tern_user_args a;
    (void)state;
    assert_int_equal(parse("path=/tmp/s", &a), 0);
    assert_string_equal(a.path, "/tmp/s");
    assert_false(a.mac_given);
    assert_false(a.cq);
    assert_int_equal(a.queue_size, 256);
    assert_int_equal(a.queues, 1);
    assert_false(a.server);
    assert_true(a.mrg_rxbuf);
    assert_true(a.in_order);
    assert_false(a.packed_vq);
    assert_false(a.vectorized);
    assert_false(a.generic);
    assert_int_equal(a.speed, 0); // what the device says
    assert_int_equal(said_bytes, 0);
}

static void every_key_is_applied(void **state)
{
    struct tern_user_args a;
    (void)state;
    assert_int_equal(parse("path=s,mac=02:00:00:00:00:17,cq=1,queue_size=1000,queues=127,server=1,"
                           "mrg_rxbuf=0,in_order=0,packed_vq=1,speed=25000,vectorized=0,generic=1",
                           &a),
                     0);
    assert_true(a.mac_given);
    assert_int_equal(a.mac.addr_bytes[5], 0x17);
    assert_true(a.cq);
    assert_int_equal(a.queue_size, 1000);
    assert_int_equal(a.queues, 127);
    assert_true(a.server);
    assert_false(a.mrg_rxbuf);
    assert_false(a.in_order);
    assert_true(a.packed_vq);
    assert_int_equal(a.speed, 25000);
    assert_true(a.generic);
}

static void what_changes_nothing_says_so(void **state)
{
    struct tern_user_args a;
    (void)state;
    assert_int_equal(parse("path=s,vectorized=1", &a), 0);
    assert_non_null(strstr(said, "vectorized=1 changes nothing"));
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    refused(NULL, "path is missing");
    refused("queues=2", "path is missing");
    refused("path=", "path= is empty");
    refused("path=a,path=b", "path is given twice");
    refused("path=s,bogus=1", "no argument bogus");
    refused("path=s,iface=tap0", "iface=tap0 is not supported");
    refused("path=s,mac=hello", "mac=hello");
    refused("path=s,mac=01:00:00:00:00:01", "mac=01:00:00:00:00:01");
    refused("path=s,mac=00:00:00:00:00:00", "mac=");
    refused("path=s,queue_size=0", "queue_size=0");
    refused("path=s,queue_size=32769", "queue_size=32769");
    refused("path=s,packed_vq=1,queue_size=32769", "queue_size=32769");
    refused("path=s,queue_size=1000", "queue_size=1000 is not a power of two");
    refused("path=s,queues=0", "queues=0");
    refused("path=s,queues=128", "queues=128");
    refused("path=s,server=2", "server=2");
    refused("path=s,speed=fast", "speed=fast");
    refused("path=s,speed=1000001", "speed=1000001");
    refused("path=s,cq=2", "cq=2");
    refused("path=s,vectorized=2", "vectorized=2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_virtio_user),
        cmocka_unit_test(every_key_is_applied),
        cmocka_unit_test(what_changes_nothing_says_so),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(said);
    return rc;
}
