// SPDX-License-Identifier: BSD-3-Clause
// What an operator asks for: the command line (args.h) and an INI file fill the same structure.
// Plain data, no DPDK handles: checked and turned into ports and workers by port.h and worker.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FWD_CONF_PORTS 32
#define FWD_CONF_ASSIGN 256
#define FWD_CONF_ROUTES 1024
#define FWD_CONF_ADDRESSES 8
#define FWD_CONF_VLANS 64
#define FWD_NAME_MAX 64
#define FWD_TEXT_MAX 256
#define FWD_CONF_MBUFS 16384

enum fwd_mode_id { FWD_IO, FWD_MAC, FWD_L2, FWD_L3 };
enum fwd_idle { FWD_IDLE_SPIN, FWD_IDLE_PAUSE, FWD_IDLE_ADAPTIVE };

// One port. Numbers of 0 mean the default that stands beside them.
struct fwd_conf_port {
    char name[FWD_NAME_MAX];    // DPDK's name of it: a port that exists, or the name to create
    char devargs[FWD_TEXT_MAX]; // to create it, as after --vdev but without the name; "" when it
                                // exists
    bool create;                // make it with `devargs`
    uint16_t rxq, txq;          // queues; 1, and (but to a guest) one a worker where it has them
    uint16_t ndesc;             // descriptors a ring; the device's own
    uint16_t mtu;               // bytes; as the device has it
    bool has_mac;
    uint8_t mac[6];                 // with has_mac, otherwise the device's
    uint16_t vlan;                  // access VLAN, 1 to 4094; 0: none
    uint16_t trunk[FWD_CONF_VLANS]; // VLANs that pass with their tag
    uint16_t ntrunk;
    uint32_t mac_limit; // addresses learned from it; the mode's default
    char addresses[FWD_CONF_ADDRESSES][FWD_NAME_MAX]; // "10.0.0.1/24", "2001:db8::1/64"
    uint16_t naddresses;
};

// Queue `queue` of port `port` is polled by lcore `lcore`.
struct fwd_conf_assign {
    uint16_t port; // number in `ports`, or DPDK's port id where `ports` is empty
    uint16_t queue;
    uint16_t lcore;
};

// Ports (numbered as in fwd_conf_assign) that io and mac send to each other.
struct fwd_conf_pair {
    uint16_t a, b;
};

struct fwd_conf_route {
    char prefix[FWD_NAME_MAX]; // "10.1.0.0/16"
    char via[FWD_NAME_MAX];    // next hop; "" for one that is on the link
    char port[FWD_NAME_MAX];   // its name
};

struct fwd_conf {
    enum fwd_mode_id mode;
    struct fwd_conf_port ports[FWD_CONF_PORTS]; // none: all that EAL has found
    uint16_t nports;
    struct fwd_conf_port all_ports; // rxq, txq, ndesc and mtu of ports that leave them 0
    struct fwd_conf_pair pairs[FWD_CONF_PORTS]; // none: 0-1, 2-3, …
    uint16_t npairs;
    struct fwd_conf_assign
        assign[FWD_CONF_ASSIGN]; // none: placed automatically, near their ports' memory
    uint16_t nassign;
    struct fwd_conf_route routes[FWD_CONF_ROUTES];
    uint16_t nroutes;
    enum fwd_idle idle;
    uint32_t max_wake_us; // adaptive: longest time from a packet's arrival to its worker, the 99th
                          // percentile
    uint16_t burst;       // packets a poll, 1 to FWD_BURST_MAX
    bool two_copies;      // between guests too, by a packet buffer
    bool rebalance;       // move queues from busy workers to idle ones
    uint32_t age_s;       // l2: how long an address is remembered
    uint32_t mbufs;       // packet buffers a NUMA node
    uint32_t stats_period_s;         // a status line so often; 0: never
    uint32_t drain_ms;               // how long a stop may wait for packets that are on their way
    char file[FWD_TEXT_MAX];         // the configuration was read from it; "": none
    char cmd_file[FWD_TEXT_MAX];     // commands to run at the start; "": none
    char ctl_path[FWD_TEXT_MAX];     // control socket; "": none
    char metrics_addr[FWD_TEXT_MAX]; // OpenMetrics, loopback only; "": none
};

// All defaults.
void fwd_conf_init(struct fwd_conf *conf);
