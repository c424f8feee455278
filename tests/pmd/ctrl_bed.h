// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_user with a control queue, at a device of the tests' own, and the operations
// of ethdev that such a device is told of.
#ifndef TERN_TEST_CTRL_BED_H
#define TERN_TEST_CTRL_BED_H

#include "netdev.h"
#include "pair.h"

struct bed {
    struct netdev n;
    struct pair p;
    unsigned before; // commands
};

// Devargs of the formats of the rings.
#define FORMATS 4
#define FIRST_FORMAT 0
extern const char *const formats[FORMATS];

// Addresses: the port's first, and what mac_set makes of it.
extern const struct rte_ether_addr own, other;

// Opens a device with these features, and a port, whose link is up then. The port filters VLANs,
// since a device can be asked for that only from the start on.
void open_bed(struct bed *b, uint64_t features, const char *format);
void close_bed(struct bed *b);

// Sends frames to the device, and they come back. The port is promiscuous.
void frames_pass(struct bed *b);

bool has_address(const uint8_t list[64][6], unsigned n, const struct rte_ether_addr *a);

// ---- operations, and whether the device has been told ----

int promiscuous(uint16_t port);
int not_promiscuous(uint16_t port);
int allmulticast(uint16_t port);
int not_allmulticast(uint16_t port);
int mac_add(uint16_t port);
bool has_two_macs(const struct netdev_told *t);
int groups_set(uint16_t port);
bool has_groups(const struct netdev_told *t);
int vlan_add(uint16_t port);
bool has_vlan(const struct netdev_told *t);
int vlan_del(uint16_t port);
bool has_no_vlan(const struct netdev_told *t);
int mac_set(uint16_t port);
bool has_mac(const struct netdev_told *t);
int vlans_off(uint16_t port);

// All of them, in an order in which each has something to tell.
#define OPS 12
struct op {
    const char *name;
    int (*run)(uint16_t port);
    bool (*is_told)(const struct netdev_told *t);
    int type; // of the command
};
extern const struct op ops[OPS];

bool told(struct bed *b, unsigned op);

#endif
