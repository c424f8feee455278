// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: what is right arrives in struct fwd_conf; each error names file, line,
// section, key and a fix.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config.h"
#include "keys.h"

static char path[64], told[8192];
static struct fwd_conf conf;

static void keep(void *arg, const char *what, const char *fix)
{
    (void)arg;
    assert_true(fix && fix[0]);
    assert_int_equal(strncmp(what, path, strlen(path)), 0);
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", what + strlen(path));
}

static unsigned read_bytes(const void *bytes, size_t n)
{
    snprintf(path, sizeof(path), "/tmp/fwd-config.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    told[0] = '\0';
    fwd_conf_init(&conf);
    unsigned errors = fwd_config_read(&conf, path, keep, NULL);
    unlink(path);
    return errors;
}

static unsigned read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void test_everything(void **state)
{
    static const char text[] =
        "; a comment\n"
        "\n"
        "[fwd]\n"
        "mode = l2\n"
        "  idle=adaptive ; behind a value\n"
        "max-wake = 50\nburst = 64\nrebalance = on\ntwo-copies = on\nage = 60\nmbufs = 8192\n"
        "stats = 10\ndrain = 3600000\n"
        "control = /run/tern-fwd/control.sock\nmetrics = [::1]:9477\r\n"
        "[port net_tern_vhost0]\n"
        "devargs = iface=/tmp/a.sock,queues=2\n"
        "lcores = 1, 2\nvlan = 10\ntrunk = 20-22, 30\nmac-limit = 8\n"
        "txq = 2\nndesc = 512\nmtu = 9000\nmac = 02:00:00:00:00:0A\n"
        "[port net_tap0]\n"
        "peer = net_tern_vhost0";
    (void)state;
    if (read_text(text))
        fail_msg("%s", told);
    assert_int_equal(conf.mode, FWD_L2);
    assert_int_equal(conf.idle, FWD_IDLE_ADAPTIVE);
    assert_int_equal(conf.max_wake_us, 50);
    assert_int_equal(conf.burst, 64);
    assert_true(conf.rebalance);
    assert_true(conf.two_copies);
    assert_int_equal(conf.age_s, 60);
    assert_int_equal(conf.mbufs, 8192);
    assert_int_equal(conf.stats_period_s, 10);
    assert_int_equal(conf.drain_ms, 3600000);
    assert_string_equal(conf.ctl_path, "/run/tern-fwd/control.sock");
    assert_string_equal(conf.metrics_addr, "[::1]:9477");
    assert_int_equal(conf.nports, 2);
    const struct fwd_conf_port *p = &conf.ports[0];
    assert_string_equal(p->name, "net_tern_vhost0");
    assert_string_equal(p->devargs, "iface=/tmp/a.sock,queues=2");
    assert_true(p->create);
    assert_int_equal(p->rxq, 2);
    assert_int_equal(p->txq, 2);
    assert_int_equal(p->ndesc, 512);
    assert_int_equal(p->mtu, 9000);
    assert_int_equal(p->vlan, 10);
    assert_int_equal(p->mac_limit, 8);
    assert_true(p->has_mac);
    assert_memory_equal(p->mac, "\x02\0\0\0\0\x0a", 6);
    assert_int_equal(p->ntrunk, 4);
    assert_int_equal(p->trunk[2], 22);
    assert_int_equal(p->trunk[3], 30);
    assert_false(conf.ports[1].create);
    assert_int_equal(conf.npairs, 1);
    assert_int_equal(conf.pairs[0].a, 1);
    assert_int_equal(conf.pairs[0].b, 0);
    assert_int_equal(conf.nassign, 2);
    assert_int_equal(conf.assign[1].port, 0);
    assert_int_equal(conf.assign[1].queue, 1);
    assert_int_equal(conf.assign[1].lcore, 2);
}

static void test_routes(void **state)
{
    (void)state;
    assert_int_equal(read_text("[fwd]\nmode = l3\n[port a]\naddress = 10.0.0.1/24, fd00::1/64\n"
                               "[route 10.1.0.0/16]\nvia = 10.0.0.2\n"
                               "[route ::/0]\nvia = fd00::2\nport = a\n"),
                     0);
    assert_int_equal(conf.ports[0].naddresses, 2);
    assert_string_equal(conf.ports[0].addresses[1], "fd00::1/64");
    assert_int_equal(conf.nroutes, 2);
    assert_string_equal(conf.routes[0].prefix, "10.1.0.0/16");
    assert_string_equal(conf.routes[0].via, "10.0.0.2");
    assert_string_equal(conf.routes[1].port, "a");
}

// A file, and how its first error goes on behind the file's name.
static const struct {
    const char *text, *says;
} wrong[] = {
    {"mode = l2\n", ":1: mode stands before the first section"},
    {"[fwd\n", ":1: the section's name does not end with ]"},
    {"[fwd] mode = l2\n", ":1: the section's name does not end with ]"},
    {"[]\n", ":1: the section's name has 0 bytes"},
    {"[fwd]\n\nnonsense\n", ":3: \"nonsense\" is no entry"},
    {"[fwd]\nmode\n", ":2: \"mode\" is no entry"},
    {"[fwd]\n= l2\n", ":2: [fwd]: the key has 0 bytes"},
    {"[fwd]\nmode =\n", ":2: [fwd] mode: has no value"},
    {"[fwd]\nmode = ; l2\n", ":2: [fwd] mode: has no value"},
    {"[fwd]\nmode = l2\n;\nmode = l3\n", ":4: [fwd] mode: stands in line 2 already"},
    {"[fwd]\n[port a]\n[fwd]\n", ":3: [fwd] stands in line 1 already"},
    {"[fwd]\nmoed = l2\n", ":2: [fwd] moed: there is no such key"},
    {"[forward]\n", ":1: [forward]: there is no such section"},
    {"[fwd]\nmode = l4\n", ":2: [fwd] mode: \"l4\" is not io, mac, l2 or l3"},
    {"[fwd]\nmode = L2\n", ":2: [fwd] mode: \"L2\" is not"},
    {"[fwd]\nidle = sleep\n", ":2: [fwd] idle: \"sleep\" is not spin"},
    {"[fwd]\nburst = 0\n", ":2: [fwd] burst: \"0\" is not a whole number from 1 to 64 (packets)"},
    {"[fwd]\nburst = 65\n", ":2: [fwd] burst: \"65\" is not"},
    {"[fwd]\nburst = 32x\n", ":2: [fwd] burst: \"32x\" is not"},
    {"[fwd]\nburst = -1\n", ":2: [fwd] burst: \"-1\" is not"},
    {"[fwd]\nburst = 0x20\n", ":2: [fwd] burst: \"0x20\" is not"},
    {"[fwd]\nburst = 18446744073709551617\n", ":2: [fwd] burst: \"18446744073709551617\" is not"},
    {"[fwd]\nmbufs = 4294967297\n", ":2: [fwd] mbufs: \"4294967297\" is not"},
    {"[fwd]\nmbufs = 511\n", ":2: [fwd] mbufs: \"511\" is not a whole number from 512 to 16777216"},
    {"[fwd]\ndrain = 3600001\n",
     ":2: [fwd] drain: \"3600001\" is not a whole number from 0 to 3600000"},
    {"[fwd]\nrebalance = yes\n", ":2: [fwd] rebalance: \"yes\" is not on or off"},
    {"[fwd]\ncontrol = sock\n", ":2: [fwd] control: \"sock\" is not an absolute path"},
    {"[fwd]\nmetrics = 0.0.0.0:80\n", ":2: [fwd] metrics: \"0.0.0.0:80\" is not 127.0.0.1:PORT"},
    {"[fwd]\nmetrics = 127.0.0.1:0\n", ":2: [fwd] metrics:"},
    {"[fwd]\nmetrics = 127.0.0.1:65536\n", ":2: [fwd] metrics:"},
    {"[fwd]\nmetrics = 127.0.0.1\n", ":2: [fwd] metrics:"},
    {"[port ]\n", ":1: [port]: there is no such section"},
    {"[port a]\n[port  a]\n", ":2: [port  a]: there is a [port a] already"},
    {"[port a]\npeer = b\n", ":2: [port a] peer: there is no [port b]"},
    {"[port a]\npeer = a\n", ":2: [port a] peer: a is the port itself"},
    {"[port a]\npeer = b\n[port b]\n[port c]\npeer = b\n", ":5: [port c] peer: one of c and b has"},
    {"[port a]\nlcores = 1,\n", ":2: [port a] lcores: \"1,\" is not a list"},
    {"[port a]\nlcores = -1\n", ":2: [port a] lcores: \"-1\" is not"},
    {"[port a]\nlcores = 1 2\n", ":2: [port a] lcores: \"1 2\" is not"},
    {"[port a]\nlcores = 4096\n", ":2: [port a] lcores: \"4096\" is not"},
    {"[port a]\nrxq = 2\nlcores = 1\n", ":3: [port a] lcores: 1 lcores for 2 receive queues"},
    {"[port a]\nmac = 01:00:00:00:00:00\n", ":2: [port a] mac: \"01:00:00:00:00:00\" is not"},
    {"[port a]\nmac = 00:00:00:00:00:00\n", ":2: [port a] mac:"},
    {"[port a]\nmac = 2:0:0:0:0:1\n", ":2: [port a] mac:"},
    {"[port a]\nmac = 02:00:00:00:00:0g\n", ":2: [port a] mac:"},
    {"[port a]\nmtu = 67\n", ":2: [port a] mtu: \"67\" is not a whole number from 68 to 65535"},
    {"[fwd]\nmode = l2\n[port a]\nvlan = 4095\n", ":4: [port a] vlan: \"4095\" is not"},
    {"[fwd]\nmode = l2\n[port a]\ntrunk = 5-4\n", ":4: [port a] trunk: \"5-4\" is not"},
    {"[fwd]\nmode = l2\n[port a]\ntrunk = 1-65\n", ":4: [port a] trunk: \"1-65\" is not"},
    {"[fwd]\nmode = l2\n[port a]\ntrunk = ,\n", ":4: [port a] trunk: \",\" is not"},
    {"[fwd]\nmode = l2\n[port a]\nvlan = 7\ntrunk = 7\n", ":5: [port a] trunk: VLAN 7 is the one"},
    {"[port a]\nvlan = 7\n", ":2: [port a] vlan: only the mode l2 has VLANs"},
    {"[port a]\nmac-limit = 8\n", ":2: [port a] mac-limit: only the mode l2 learns addresses"},
    {"[fwd]\nmode = l3\n[port a]\nmac-limit = 8\n", ":4: [port a] mac-limit: only the mode l2"},
    {"[port a]\naddress = 10.0.0.1/24\n", ":2: [port a] address: only the mode l3"},
    {"[port a]\naddress = 10.0.0.1\n", ":2: [port a] address: \"10.0.0.1\" is not a list"},
    {"[port a]\naddress = 10.0.0.1/33\n", ":2: [port a] address:"},
    {"[port a]\naddress = 10.0.0.256/24\n", ":2: [port a] address:"},
    {"[port a]\naddress = fd00::1/129\n", ":2: [port a] address:"},
    {"[route 10.1.0.0/16]\nvia = 10.0.0.2\n", ":1: [route 10.1.0.0/16]: only the mode l3"},
    {"[route 10.1.0.1/16]\n", ":1: [route 10.1.0.1/16]: \"10.1.0.1/16\" is not a prefix"},
    {"[route 10.1]\n", ":1: [route 10.1]: \"10.1\" is not a prefix"},
    {"[fwd]\nmode = l3\n[route 10.1.0.0/16]\n", ":3: [route 10.1.0.0/16]: it leads nowhere"},
    {"[fwd]\nmode = l3\n[route 10.1.0.0/16]\nport = b\n",
     ":4: [route 10.1.0.0/16] port: there is no [port b]"},
    {"[fwd]\nmode = l3\n[route 10.1.0.0/16]\nvia = fd00::1\n",
     ":4: [route 10.1.0.0/16] via: fd00::1 is of the other version of IP"},
    {"[fwd]\nmode = l3\n[route 10.1.0.0/16]\nvia = b\n",
     ":4: [route 10.1.0.0/16] via: \"b\" is not an address"},
};

// A router's: what follows the line with its mode.
static const struct {
    const char *text, *says;
} wrong_l3[] = {
    // Addresses that no port may have.
    {"[port a]\naddress = 10.0.0.1/24, fe80::1/64\n",
     ":4: [port a] address: fe80::1/64 is no address for a port"},
    {"[port a]\naddress = 224.0.0.1/24\n", ":4: [port a] address: 224.0.0.1/24 is no address"},
    {"[port a]\naddress = 127.0.0.1/8\n", ":4: [port a] address: 127.0.0.1/8 is no address"},
    {"[port a]\naddress = ff02::1/64\n", ":4: [port a] address: ff02::1/64 is no address"},
    {"[port a]\naddress = ::ffff:10.0.0.1/120\n",
     ":4: [port a] address: ::ffff:10.0.0.1/120 is no address"},
    {"[port a]\naddress = 10.0.0.0/24\n",
     ":4: [port a] address: 10.0.0.0/24 is there already, or means all hosts of a subnet"},
    {"[port a]\naddress = 10.0.0.255/24\n", ":4: [port a] address: 10.0.0.255/24 is there already"},
    {"[port a]\naddress = 10.0.0.1/24, 10.0.0.1/16\n",
     ":4: [port a] address: 10.0.0.1/16 is there already"},
    // Two ports.
    {"[port a]\naddress = 10.0.0.1/24\n[port b]\naddress = 10.0.0.2/24\n",
     ":6: [port b] address: 10.0.0.2/24 overlaps 10.0.0.1/24 of port a"},
    {"[port a]\naddress = 10.0.0.1/24\n[port b]\naddress = 10.0.0.1/32\n",
     ":6: [port b] address: 10.0.0.1/32 overlaps 10.0.0.1/24 of port a"},
    {"[port a]\naddress = fd00::1/64\n[port b]\naddress = 10.0.0.1/24, fd00::2/64\n",
     ":6: [port b] address: fd00::2/64 overlaps fd00::1/64 of port a"},
    // Routes that are there already.
    {"[port a]\naddress = 10.0.0.1/24\n[route 10.0.0.0/24]\nvia = 10.0.0.2\n",
     ":5: [route 10.0.0.0/24]: port a brings this route along with its address 10.0.0.1/24"},
    {"[route 10.0.0.0/24]\nport = a\n[port a]\naddress = 10.0.0.1/24\n",
     ":3: [route 10.0.0.0/24]: port a brings this route along"},
    {"[port a]\n[route fd00::/64]\nport = a\n[route fd00:0::/64]\nport = a\n",
     ":6: [route fd00:0::/64]: it is the same as [route fd00::/64]"},
    {"[port a]\n[route ::ffff:10.0.0.0/120]\nport = a\n",
     ":4: [route ::ffff:10.0.0.0/120]: it holds addresses of IPv4 in IPv6's form"},
    // Next hops that cannot be reached.
    {"[port a]\naddress = 10.0.0.1/24\n[route 10.1.0.0/16]\nvia = 10.0.1.2\n",
     ":6: [route 10.1.0.0/16] via: 10.0.1.2 is not on the link of any port"},
    {"[route 10.1.0.0/16]\nvia = 10.0.1.2\n",
     ":4: [route 10.1.0.0/16] via: 10.0.1.2 is not on the link"},
    {"[port a]\naddress = 10.0.0.1/24\n[port b]\naddress = 10.0.1.1/24\n"
     "[route 10.1.0.0/16]\nvia = 10.0.0.2\nport = b\n",
     ":8: [route 10.1.0.0/16] via: 10.0.0.2 is not on the link of port b"},
    {"[port a]\naddress = 10.0.0.1/24\n[route 10.1.0.0/16]\nvia = 10.0.0.1\n",
     ":6: [route 10.1.0.0/16] via: 10.0.0.1 is port a itself"},
    {"[port a]\naddress = 10.0.0.1/8\n[port b]\naddress = 10.1.0.1/16\n[route 192.0.2.0/24]\nvia = "
     "10.1.0.2\n",
     ":8: [route 192.0.2.0/24] via: 10.1.0.2 is on the links of 2 ports"},
    {"[port a]\n[port b]\n[route fd00::/64]\nvia = fe80::2\n",
     ":6: [route fd00::/64] via: fe80::2 is on the links of 2 ports"},
    {"[port a]\naddress = 10.0.0.1/24\n[route 10.1.0.0/16]\nvia = 224.0.0.5\n",
     ":6: [route 10.1.0.0/16] via: 224.0.0.5 is no address of a host"},
};

static void test_wrong_routers(void **state)
{
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof(wrong_l3) / sizeof(wrong_l3[0]); i++) {
        snprintf(text, sizeof(text), "[fwd]\nmode = l3\n%s", wrong_l3[i].text);
        unsigned errors = read_text(text);
        if (errors != 1 || strncmp(told, wrong_l3[i].says, strlen(wrong_l3[i].says)))
            fail_msg("%s: %u errors, %s", text, errors, told);
    }
}

// What looks alike and is right.
static void test_right_routers(void **state)
{
    static const char *const right[] = {
        "[port a]\naddress = 10.0.0.1/24, 10.0.0.2/24, 10.0.0.3/32\n",
        "[port a]\naddress = 10.0.0.0/31, 10.0.1.7/32\n",
        "[port a]\naddress = 10.0.0.1/8\n[port b]\naddress = 10.1.0.1/16\n"
        "[route 192.0.2.0/24]\nvia = 10.1.0.2\nport = b\n",
        "[port a]\n[route fd00::/64]\nvia = fe80::2\n",
        "[port a]\n[port b]\n[route fd00::/64]\nvia = fe80::2\nport = b\n",
        "[route fd00::/64]\nvia = fe80::2\n", // of a port that EAL has found
        "[port a]\naddress = 10.0.0.1/24\n[route 10.0.0.0/25]\nport = a\n[route 10.0.0.0/23]\nport "
        "= a\n",
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        snprintf(text, sizeof(text), "[fwd]\nmode = l3\n%s", right[i]);
        if (read_text(text))
            fail_msg("%s: %s", text, told);
    }
}

static void test_wrong_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unsigned errors = read_text(wrong[i].text);
        if (!errors || strncmp(told, wrong[i].says, strlen(wrong[i].says)))
            fail_msg("%s: %u errors, %s", wrong[i].text, errors, told);
    }
}

static void test_all_errors_are_told(void **state)
{
    (void)state;
    assert_int_equal(read_text("[fwd]\nmode = x\nidle = y\n[port a]\nmtu = z\n"), 3);
    assert_non_null(strstr(told, ":2:"));
    assert_non_null(strstr(told, ":3:"));
    assert_non_null(strstr(told, ":5:"));
}

static void test_hostile_bytes(void **state)
{
    static char big[200000];
    (void)state;
    assert_int_equal(read_bytes("[fwd]\nmode\0= l2\n", 16), 1);
    assert_non_null(strstr(told, ":2: the line has a NUL byte"));
    memset(big, 'x', sizeof(big));
    assert_int_equal(read_bytes(big, sizeof(big)), 1);
    assert_non_null(strstr(told, ":1: the line has 200000 bytes"));
    memset(big, '\n', sizeof(big));
    assert_int_equal(read_bytes(big, sizeof(big)), 1);
    assert_non_null(strstr(told, "more than 8191 lines"));
    for (unsigned i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 2654435761u >> 13);
    assert_true(read_bytes(big, sizeof(big)) > 0);
    // As long as rte_cfgfile takes it, and a byte more.
    int n = snprintf(big, sizeof(big), "[port a]\ndevargs = ");
    memset(big + n, 'd', 255);
    big[n + 255] = '\n';
    assert_int_equal(read_bytes(big, (size_t)n + 256), 0);
    assert_int_equal(strlen(conf.ports[0].devargs), 255);
    memset(big + n, 'd', 256);
    big[n + 256] = '\n';
    assert_int_equal(read_bytes(big, (size_t)n + 257), 1);
    assert_non_null(strstr(told, "[port a] devargs: the value has 256 bytes"));
}

static void test_too_many(void **state)
{
    static char text[1 << 17];
    size_t n = 0;
    (void)state;
    for (int i = 0; i <= FWD_CONF_PORTS; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[port p%d]\n", i);
    assert_int_equal(read_text(text), 1);
    assert_non_null(strstr(told, ":33: [port p32]: there are more than 32 ports"));
    n = (size_t)snprintf(text, sizeof(text), "[fwd]\nmode = l3\n[port a]\n");
    for (int i = 0; i <= FWD_CONF_ROUTES; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[route 10.%d.%d.0/24]\nport = a\n",
                              i / 256, i % 256);
    assert_int_equal(read_text(text), 1);
    assert_non_null(strstr(told, "there are more than 1024 routes"));
}

static void test_no_file(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/no/such/file.ini");
    told[0] = '\0';
    assert_int_equal(fwd_config_read(&conf, path, keep, NULL), 1);
    assert_string_equal(told, ": No such file or directory\n");
    snprintf(path, sizeof(path), "/");
    told[0] = '\0';
    assert_int_equal(fwd_config_read(&conf, path, keep, NULL), 1);
}

// The examples in the error messages are right themselves.
static void test_examples(void **state)
{
    const struct fwd_keys *all[] = {&fwd_keys_fwd, &fwd_keys_port, &fwd_keys_route};
    static struct fwd_conf_port port;
    static struct fwd_conf_route route;
    void *to[] = {&conf, &port, &route};
    (void)state;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < all[k]->n; i++) {
            const struct fwd_key *key = &all[k]->rows[i];
            assert_true(key->set(key, to[k], key->example));
            assert_false(key->set(key, to[k], ""));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),    cmocka_unit_test(test_routes),
        cmocka_unit_test(test_wrong_files),   cmocka_unit_test(test_wrong_routers),
        cmocka_unit_test(test_right_routers), cmocka_unit_test(test_all_errors_are_told),
        cmocka_unit_test(test_hostile_bytes), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_file),       cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
