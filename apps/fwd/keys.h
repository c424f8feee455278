// SPDX-License-Identifier: BSD-3-Clause
// The keys of a configuration: what each is called, what its value looks like, and where it goes
// in struct fwd_conf. The INI file and the command "port add" fill a port by the same rows.
#ifndef FWD_KEYS_H
#define FWD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

struct fwd_key {
    const char *name;
    const char *form;    // what a value is, for "is not …"
    const char *example; // a value that is right
    bool (*set)(const struct fwd_key *key, void *to, const char *value); // false: not of that form
    size_t at, size;   // offset and bytes of the member that it fills
    uint64_t min, max; // set_number
};

struct fwd_keys {
    const struct fwd_key *rows;
    size_t n;
};

extern const struct fwd_keys fwd_keys_fwd;   // to: struct fwd_conf
extern const struct fwd_keys fwd_keys_port;  // to: struct fwd_conf_port
extern const struct fwd_keys fwd_keys_route; // to: struct fwd_conf_route

// The row of this name, or NULL.
const struct fwd_key *fwd_key_find(const struct fwd_keys *keys, const char *name);

// True when a key of [fwd] has the same value in both.
bool fwd_key_same(const struct fwd_key *key, const struct fwd_conf *a, const struct fwd_conf *b);

// True for a MAC address of a station (no group, not all zero) as six hexadecimal bytes with
// colons.
bool fwd_text_mac(const char *text, uint8_t mac[6]);

// True for an address of IPv4 or IPv6 with a prefix length; `masked`: no bit set below the prefix.
bool fwd_text_prefix(const char *text, bool masked);

// True for 127.0.0.1:PORT, [::1]:PORT, localhost:PORT, or unix:/PATH.
bool fwd_text_loopback(const char *text);

#endif
