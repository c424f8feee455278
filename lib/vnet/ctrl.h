// SPDX-License-Identifier: BSD-3-Clause
// Commands of the network device's control queue (virtio 1.3 §5.1.6.5): a header and data for the
// device to read, and one byte for it to write.
#ifndef VNET_CTRL_H
#define VNET_CTRL_H

#include "../virtq/spec.h"

struct vnet_ctrl_hdr {
    uint8_t type; // the "class" of the specification
    uint8_t command;
};

// What the device writes.
#define VNET_CTRL_OK 0u
#define VNET_CTRL_ERR 1u

// Types and their commands, with what they carry.
#define VNET_CTRL_RX 0u
#define VNET_CTRL_RX_PROMISC 0u  // one byte: on or off
#define VNET_CTRL_RX_ALLMULTI 1u // likewise

#define VNET_CTRL_MAC 1u
#define VNET_CTRL_MAC_TABLE_SET 0u // two tables: stations, then groups (§5.1.6.5.2)
#define VNET_CTRL_MAC_ADDR_SET 1u  // six bytes

#define VNET_CTRL_VLAN 2u
#define VNET_CTRL_VLAN_ADD 0u // 16 bits, little-endian
#define VNET_CTRL_VLAN_DEL 1u // likewise

#define VNET_CTRL_ANNOUNCE 3u
#define VNET_CTRL_ANNOUNCE_ACK 0u // nothing

#define VNET_CTRL_MQ 4u
#define VNET_CTRL_MQ_PAIRS_SET 0u // 16 bits, little-endian

#define VNET_VLANS 4096u
#define VNET_MAC_BYTES 6u

// Bytes of one table of `n` addresses: how many there are, 32 bits, little-endian, and they.
#define VNET_MAC_TABLE_BYTES(n) (4u + (n)*VNET_MAC_BYTES)

#endif
