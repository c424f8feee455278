// SPDX-License-Identifier: BSD-3-Clause
#include "keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- texts ----

// Reads decimal digits at *at and moves it behind them.
static bool digits(const char **at, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return !errno && *out >= min && *out <= max;
}

bool fwd_text_mac(const char *text, uint8_t mac[6])
{
    unsigned b[6];
    int used = 0;
    if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &used) != 6 ||
        used != 17 || (b[0] & 1) || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5]))
        return false;
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)b[i];
    return true;
}

static bool zero_below(const uint8_t *bytes, unsigned prefix, unsigned bits)
{
    for (unsigned i = prefix; i < bits; i++)
        if (bytes[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

bool fwd_text_prefix(const char *text, bool masked)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    const char *slash = strchr(text, '/');
    uint64_t length;
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    bool v6 = strchr(address, ':');
    unsigned bits = v6 ? 128 : 32;
    slash++;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, bytes) != 1)
        return false;
    if (!digits(&slash, 0, bits, &length) || *slash)
        return false;
    return !masked || zero_below(bytes, (unsigned)length, bits);
}

bool fwd_text_loopback(const char *text)
{
    static const char *const hosts[] = {"127.0.0.1:", "[::1]:", "localhost:"};
    uint64_t port;
    if (!strncmp(text, "unix:/", 6))
        return text[6] && strlen(text + 5) < 108;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const char *at = text + strlen(hosts[i]);
        if (!strncmp(text, hosts[i], strlen(hosts[i])))
            return digits(&at, 1, 65535, &port) && !*at;
    }
    return false;
}

// Cuts `value` at commas and calls fn for each piece, blanks around it taken off. False when fn is,
// or a piece is empty.
static bool each_piece(const char *value, bool (*fn)(void *to, const char *piece), void *to)
{
    char piece[FWD_TEXT_MAX];
    for (;;) {
        size_t n = strcspn(value, ","), skip = strspn(value, " \t");
        size_t bytes = n < skip ? 0 : n - skip;
        const char *from = value + skip;
        while (bytes && (from[bytes - 1] == ' ' || from[bytes - 1] == '\t'))
            bytes--;
        if (!bytes || bytes >= sizeof(piece))
            return false;
        memcpy(piece, from, bytes);
        piece[bytes] = '\0';
        if (!fn(to, piece))
            return false;
        if (!value[n])
            return true;
        value += n + 1;
    }
}

// ---- setters ----

static bool set_number(const struct fwd_key *key, void *to, const char *value)
{
    uint64_t n;
    if (!digits(&value, key->min, key->max, &n) || *value)
        return false;
    if (key->size == sizeof(uint16_t))
        *(uint16_t *)((char *)to + key->at) = (uint16_t)n;
    else
        *(uint32_t *)((char *)to + key->at) = (uint32_t)n;
    return true;
}

static bool set_text(const struct fwd_key *key, void *to, const char *value)
{
    size_t bytes = strlen(value);
    if (!bytes || bytes >= key->size)
        return false;
    memcpy((char *)to + key->at, value, bytes + 1);
    return true;
}

static bool set_mode(const struct fwd_key *key, void *to, const char *value)
{
    static const char *const names[] = {"io", "mac", "l2", "l3"};
    (void)key;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(value, names[i])) {
            ((struct fwd_conf *)to)->mode = (enum fwd_mode_id)i;
            return true;
        }
    return false;
}

static bool set_idle(const struct fwd_key *key, void *to, const char *value)
{
    static const char *const names[] = {"spin", "pause", "adaptive"};
    (void)key;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(value, names[i])) {
            ((struct fwd_conf *)to)->idle = (enum fwd_idle)i;
            return true;
        }
    return false;
}

static bool set_switch(bool *to, const char *value)
{
    *to = !strcmp(value, "on");
    return *to || !strcmp(value, "off");
}

static bool set_rebalance(const struct fwd_key *key, void *to, const char *value)
{
    (void)key;
    return set_switch(&((struct fwd_conf *)to)->rebalance, value);
}

static bool set_two_copies(const struct fwd_key *key, void *to, const char *value)
{
    (void)key;
    return set_switch(&((struct fwd_conf *)to)->two_copies, value);
}

static bool set_path(const struct fwd_key *key, void *to, const char *value)
{
    return value[0] == '/' && strlen(value) < 108 && set_text(key, to, value);
}

static bool set_loopback(const struct fwd_key *key, void *to, const char *value)
{
    return fwd_text_loopback(value) && set_text(key, to, value);
}

static bool set_devargs(const struct fwd_key *key, void *to, const char *value)
{
    ((struct fwd_conf_port *)to)->create = true;
    return set_text(key, to, value);
}

static bool set_mac(const struct fwd_key *key, void *to, const char *value)
{
    struct fwd_conf_port *p = to;
    (void)key;
    p->has_mac = fwd_text_mac(value, p->mac);
    return p->has_mac;
}

static bool add_vlans(void *to, const char *piece)
{
    struct fwd_conf_port *p = to;
    uint64_t first, last;
    if (!digits(&piece, 1, 4094, &first))
        return false;
    last = first;
    if (*piece == '-' && (piece++, !digits(&piece, first, 4094, &last)))
        return false;
    for (uint64_t v = first; v <= last; v++) {
        if (p->ntrunk == FWD_CONF_VLANS)
            return false;
        p->trunk[p->ntrunk++] = (uint16_t)v;
    }
    return !*piece;
}

static bool set_trunk(const struct fwd_key *key, void *to, const char *value)
{
    (void)key;
    ((struct fwd_conf_port *)to)->ntrunk = 0;
    return each_piece(value, add_vlans, to);
}

static bool add_address(void *to, const char *piece)
{
    struct fwd_conf_port *p = to;
    if (p->naddresses == FWD_CONF_ADDRESSES || strlen(piece) >= FWD_NAME_MAX ||
        !fwd_text_prefix(piece, false))
        return false;
    strcpy(p->addresses[p->naddresses++], piece);
    return true;
}

static bool set_addresses(const struct fwd_key *key, void *to, const char *value)
{
    (void)key;
    ((struct fwd_conf_port *)to)->naddresses = 0;
    return each_piece(value, add_address, to);
}

static bool set_via(const struct fwd_key *key, void *to, const char *value)
{
    uint8_t bytes[16];
    return inet_pton(strchr(value, ':') ? AF_INET6 : AF_INET, value, bytes) == 1 &&
           set_text(key, to, value);
}

// ---- rows ----

#define AT(type, member) offsetof(type, member), sizeof(((type *)0)->member)
#define NUM(type, name, form, example, member, min, max)                                           \
    {                                                                                              \
        name, "a whole number from " #min " to " #max form, example, set_number, AT(type, member), \
            min, max                                                                               \
    }
#define ROW(type, name, form, example, set, member)      \
    {                                                    \
        name, form, example, set, AT(type, member), 0, 0 \
    }
#define KEYS(rows)                             \
    {                                          \
        rows, sizeof(rows) / sizeof((rows)[0]) \
    }

static const struct fwd_key fwd_rows[] = {
    ROW(struct fwd_conf, "mode", "io, mac, l2 or l3", "l2", set_mode, mode),
    ROW(struct fwd_conf, "idle", "spin, pause or adaptive", "adaptive", set_idle, idle),
    NUM(struct fwd_conf, "max-wake", " (microseconds)", "100", max_wake_us, 1, 1000000),
    NUM(struct fwd_conf, "burst", " (packets)", "32", burst, 1, 64),
    ROW(struct fwd_conf, "rebalance", "on or off", "on", set_rebalance, rebalance),
    ROW(struct fwd_conf, "two-copies", "on or off", "off", set_two_copies, two_copies),
    NUM(struct fwd_conf, "age", " (seconds)", "300", age_s, 1, 1000000),
    NUM(struct fwd_conf, "mbufs", " (packet buffers a NUMA node)", "32768", mbufs, 512, 16777216),
    NUM(struct fwd_conf, "stats", " (seconds; 0: no status line)", "10", stats_period_s, 0, 86400),
    NUM(struct fwd_conf, "drain", " (milliseconds)", "1000", drain_ms, 0, 3600000),
    ROW(struct fwd_conf, "control", "an absolute path of 107 bytes at most",
        "/run/tern-fwd/control.sock", set_path, ctl_path),
    ROW(struct fwd_conf, "commands", "an absolute path of 107 bytes at most", "/etc/tern/commands",
        set_path, cmd_file),
    ROW(struct fwd_conf, "metrics", "127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:/PATH",
        "127.0.0.1:9477", set_loopback, metrics_addr),
};

static const struct fwd_key port_rows[] = {
    ROW(struct fwd_conf_port, "devargs", "text of 255 bytes at most, as after --vdev NAME,",
        "iface=/run/tern-guests/vm1.sock", set_devargs, devargs),
    NUM(struct fwd_conf_port, "rxq", " (queues)", "1", rxq, 1, 128),
    NUM(struct fwd_conf_port, "txq", " (queues)", "1", txq, 1, 128),
    NUM(struct fwd_conf_port, "ndesc", " (descriptors)", "1024", ndesc, 1, 32768),
    NUM(struct fwd_conf_port, "mtu", " (bytes)", "1500", mtu, 68, 65535),
    ROW(struct fwd_conf_port, "mac", "the MAC address of a station", "02:00:00:00:00:01", set_mac,
        mac),
    NUM(struct fwd_conf_port, "vlan", "", "10", vlan, 1, 4094),
    ROW(struct fwd_conf_port, "trunk", "a list of at most 64 VLANs from 1 to 4094", "10,20-23",
        set_trunk, trunk),
    NUM(struct fwd_conf_port, "mac-limit", " (addresses)", "1024", mac_limit, 1, 1000000),
    ROW(struct fwd_conf_port, "address", "a list of at most 8 addresses with prefix lengths",
        "10.0.0.1/24,2001:db8::1/64", set_addresses, addresses),
};

static const struct fwd_key route_rows[] = {
    ROW(struct fwd_conf_route, "via", "an address of IPv4 or IPv6", "10.0.0.2", set_via, via),
    ROW(struct fwd_conf_route, "port", "the name of a port", "net_tern_vhost0", set_text, port),
};

const struct fwd_keys fwd_keys_fwd = KEYS(fwd_rows);
const struct fwd_keys fwd_keys_port = KEYS(port_rows);
const struct fwd_keys fwd_keys_route = KEYS(route_rows);

const struct fwd_key *fwd_key_find(const struct fwd_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->n; i++)
        if (!strcmp(keys->rows[i].name, name))
            return &keys->rows[i];
    return NULL;
}

bool fwd_key_same(const struct fwd_key *key, const struct fwd_conf *a, const struct fwd_conf *b)
{
    const char *x = (const char *)a + key->at, *y = (const char *)b + key->at;
    if (key->size <= sizeof(uint32_t))
        return !memcmp(x, y, key->size);
    return !strcmp(x, y); // a text; what lies behind its end means nothing
}
