// SPDX-License-Identifier: BSD-3-Clause
// A network device with a control queue and config space, over lib/vhost: it does what it is told,
// remembers it, sends every frame back on the pair it came from, and misbehaves on demand.
#ifndef TERN_TEST_NETDEV_H
#define TERN_TEST_NETDEV_H

#include <pthread.h>

#include "server.h"
#include "ctrl.h"
#include "vnet.h"

#define NETDEV_PAIRS 8u // at most

#define NETDEV_BASE                                                                      \
    (VQ_F_VERSION_1 | VQ_F_RING_PACKED | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC | \
     VQ_F_IN_ORDER | VNET_F_MRG_RXBUF)
#define NETDEV_CONFIG (VNET_F_MAC | VNET_F_STATUS | VNET_F_MTU | VNET_F_SPEED_DUPLEX)
#define NETDEV_CTRL                                                                  \
    (VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_CTRL_RX_EXTRA | VNET_F_CTRL_MAC_ADDR | \
     VNET_F_CTRL_VLAN | VNET_F_GUEST_ANNOUNCE)
#define NETDEV_ALL (NETDEV_BASE | NETDEV_CONFIG | NETDEV_CTRL | VNET_F_MQ)

// How a command is answered.
enum netdev_mood {
    NETDEV_HONEST,
    NETDEV_REFUSES,        // ERR
    NETDEV_REFUSES_TABLES, // the same, to tables of addresses alone
    NETDEV_SILENT,         // takes it and says nothing
    NETDEV_SLOW,           // after a while
    NETDEV_BABBLES,        // neither OK nor ERR
    NETDEV_EMPTY,          // says that nothing was written
    NETDEV_LONG,           // says that more was written than there was room for
    NETDEV_OTHER_ID,       // gives back another buffer
    NETDEV_TWICE,          // gives it back twice
    NETDEV_ASKS,           // says that config space changed, then answers
};

// What it was told.
struct netdev_told {
    bool promiscuous, allmulticast;
    uint8_t mac[6];
    unsigned stations, groups;
    uint8_t station[64][6], group[64][6];
    uint64_t vlans[VNET_VLANS / 64];
    unsigned pairs;     // 0: never told
    unsigned announced; // announcements acknowledged
    unsigned commands;  // that came, whatever the answer
    unsigned malformed; // of them, those that no specification knows
    unsigned filled;    // receive rings that had a buffer as soon as they were there
    unsigned empty;     // and those that had none
};

struct netdev {
    // Set by the test before netdev_open.
    uint64_t features;
    uint32_t pairs;      // that it has, and max_virtqueue_pairs unless the test changes config
    uint32_t says_pairs; // max_virtqueue_pairs; 0: pairs
    bool no_ring;        // offers a control queue, but has no ring for it
    bool no_config;      // offers the features, but not the protocol feature CONFIG
    struct vnet_config config;

    struct vhu_class type;
    struct vhu_loop *loop;
    struct vhu_dev *dev;
    pthread_mutex_t lock; // all below, and config
    enum netdev_mood mood;
    int only; // the mood, which stays when it opens again, is for this type of command; -1: for all
    struct netdev_told told;
    uint64_t accepted; // features
};

// Listens at `path`, on a thread of its own, as a device that was never told anything.
void netdev_open(struct netdev *n, const char *path);
void netdev_close(struct netdev *n);

void netdev_mood(struct netdev *n, enum netdev_mood mood, int only);
struct netdev_told netdev_told(struct netdev *n);
uint64_t netdev_accepted(struct netdev *n);
bool netdev_has_vlan(const struct netdev_told *t, unsigned vlan);

// Changes config space, and says so.
void netdev_set_config(struct netdev *n, const struct vnet_config *c);

#endif
