// SPDX-License-Identifier: BSD-3-Clause
// IP addresses of both families in 16 bytes: an IPv4 address stands behind ::ffff:0:0/96.
#ifndef FWD_ADDR_H
#define FWD_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#define FWD_ADDR_TEXT 64 // bytes that the longest text takes, with a prefix length

struct fwd_addr {
    uint8_t b[16];
};

// len counts the bits of the 16 bytes: 96 more than one says of an IPv4 prefix.
struct fwd_prefix {
    struct fwd_addr addr;
    uint8_t len;
};

static inline struct fwd_addr fwd_addr_v4(rte_be32_t a)
{
    struct fwd_addr x = {.b = {[10] = 0xff, [11] = 0xff}};
    memcpy(&x.b[12], &a, sizeof(a));
    return x;
}

static inline struct fwd_addr fwd_addr_v6(const uint8_t *b)
{
    struct fwd_addr x;
    memcpy(x.b, b, sizeof(x.b));
    return x;
}

static inline bool fwd_addr_is_v4(const struct fwd_addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline rte_be32_t fwd_addr_to_v4(const struct fwd_addr *a)
{
    rte_be32_t v;
    memcpy(&v, &a->b[12], sizeof(v));
    return v;
}

static inline bool fwd_addr_same(const struct fwd_addr *a, const struct fwd_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool fwd_addr_is_link_local(const struct fwd_addr *a) // fe80::/10
{
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

// The bits behind the prefix are cleared.
struct fwd_addr fwd_addr_masked(const struct fwd_addr *a, uint8_t len);
bool fwd_prefix_holds(const struct fwd_prefix *p, const struct fwd_addr *a);

// "10.0.0.1/24", "2001:db8::/32"; the bits behind the prefix are kept. Without a length: that of a
// host. false: it is none.
bool fwd_prefix_parse(const char *text, struct fwd_prefix *p);
bool fwd_addr_parse(const char *text, struct fwd_addr *a);

// Into FWD_ADDR_TEXT bytes; returns them.
char *fwd_addr_text(const struct fwd_addr *a, char *text);
char *fwd_prefix_text(const struct fwd_prefix *p, char *text);

// May a host have the address? Not a group, nor one that means "none", "all" or "myself".
bool fwd_addr_is_host(const struct fwd_addr *a);

#endif
