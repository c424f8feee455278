// SPDX-License-Identifier: BSD-3-Clause
// The router's part of a configuration: do its addresses and routes go together? Needs no port.
#ifndef FWD_L3_CONF_H
#define FWD_L3_CONF_H

#include "conf.h"
#include "fib.h"

#define FWD_ADDRESS_ROUTES 4u

// A route that an address of a port brings along.
struct fwd_address_route {
    struct fwd_prefix prefix;
    uint8_t kind; // enum fwd_hop_kind
};

// "10.0.0.1/24", and one that a port may have: no group, no link-local one.
bool fwd_address_parse(const char *text, struct fwd_prefix *a);

// The address itself, its subnet, and of IPv4 the subnet's first and last address, which mean all
// of its hosts. Returns how many there are.
unsigned fwd_address_routes(const struct fwd_prefix *a,
                            struct fwd_address_route routes[FWD_ADDRESS_ROUTES]);

// Tells each address and route of *conf that the router would refuse, or that would lead nowhere:
// where it stands, what is wrong, and what to do.
typedef void (*fwd_l3_tell)(void *arg, const char *section, const char *key, const char *fix,
                            const char *what);
void fwd_l3_conf_check(const struct fwd_conf *conf, fwd_l3_tell tell, void *arg);

#endif
