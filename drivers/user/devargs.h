// SPDX-License-Identifier: BSD-3-Clause
// What a user says about a port: the part after the name in --vdev net_tern_user0,path=…
#ifndef TERN_USER_DEVARGS_H
#define TERN_USER_DEVARGS_H

#include <rte_ether.h>

#include "args.h"

#define TERN_USER_PAIRS_MAX 127u // what the index of a message can name

// For RTE_PMD_REGISTER_PARAM_STRING.
#define TERN_USER_PARAMS       \
    "path=<path> "             \
    "mac=<xx:xx:xx:xx:xx:xx> " \
    "cq=<0|1> "                \
    "queue_size=<1-32768> "    \
    "queues=<1-127> "          \
    "server=<0|1> "            \
    "mrg_rxbuf=<0|1> "         \
    "in_order=<0|1> "          \
    "packed_vq=<0|1> "         \
    "speed=<Mbit/s> "          \
    "vectorized=<0|1> "        \
    "generic=<0|1>"

// No pointers: it lies in memory that other processes see too.
struct tern_user_args {
    char path[TERN_PATH_BYTES];
    struct rte_ether_addr mac;
    bool mac_given;
    uint32_t queue_size;
    uint32_t queues; // pairs
    uint32_t speed;  // Mbit/s; 0: what the device says
    bool cq;         // use the device's control queue
    bool server;
    bool mrg_rxbuf;
    bool in_order;
    bool packed_vq;
    bool vectorized;
    bool generic; // no burst instance for the negotiated features: what those gain, measured
};

// Reads the devargs of port `name`. 0; or -EINVAL, after logging which argument is wrong and what
// to do. `text` may be NULL.
int tern_user_args_parse(const char *name, const char *text, struct tern_user_args *args);

#endif
