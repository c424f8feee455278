// SPDX-License-Identifier: BSD-3-Clause
// A sender that writes any net header in front of any packet: the first byte of the input is what
// was agreed, twelve are the header, the others the packet. Whatever is accepted lies inside the
// packet and was agreed, and says the same when it is written and read again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "vnet_offload.h"

#define PACKET_MAX 65535u

static void hold(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void check_csum(const struct vnet_offload *o, uint32_t bytes)
{
    uint32_t start = o->csum_start, at = start + o->csum_offset;
    hold(start >= VNET_ETHER_BYTES && at + 2 <= bytes, "a checksum outside the packet");
    if (!o->at.proto)
        return;
    hold(start == (uint32_t)o->at.l2_bytes + o->at.l3_bytes, "a checksum of something else");
    hold(start + o->at.l4_bytes <= bytes, "a header outside the packet");
    hold(o->at.l2_bytes <= 22 && o->at.l3_bytes <= VNET_HEAD_BYTES && o->at.l4_bytes <= 60,
         "a header longer than any");
}

static void check_again(const struct vnet_offload *o, unsigned may, const uint8_t *head,
                        uint32_t bytes)
{
    struct vnet_offload again;
    struct vnet_hdr h;
    hold(vnet_offload_agreed(o, may), "something that was not agreed");
    vnet_hdr_encode(o, &h);
    hold(vnet_hdr_decode(&h, may, head, bytes, &again) == VNET_HDR_OK, "refused when written");
    hold(again.needs_csum == o->needs_csum && again.valid == o->valid && again.ecn == o->ecn &&
             again.csum_start == o->csum_start && again.csum_offset == o->csum_offset &&
             again.gso_bytes == o->gso_bytes && again.at.proto == o->at.proto,
         "other when written and read again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vnet_hdr h;
    struct vnet_offload o;
    if (n < 1 + sizeof(h) || n > PACKET_MAX)
        return 0;
    unsigned may = vnet_may(data[0], 1, 2, 4, 8) | (data[0] & VNET_MAY_VALID);
    memcpy(&h, data + 1, sizeof(h));
    uint32_t bytes = (uint32_t)(n - 1 - sizeof(h));
    uint32_t first = bytes < VNET_HEAD_BYTES ? bytes : VNET_HEAD_BYTES;
    uint8_t *head = malloc(first + 1); // of exactly what may be looked at
    hold(head != NULL, "no memory");
    memcpy(head + 1, data + 1 + sizeof(h), first);
    if (vnet_hdr_decode(&h, may, head + 1, bytes, &o) == VNET_HDR_OK) {
        if (o.needs_csum)
            check_csum(&o, bytes);
        hold(o.gso_bytes == 0 || (o.needs_csum && o.at.proto == VNET_PROTO_TCP),
             "segments of no TCP");
        check_again(&o, may, head + 1, bytes);
    }
    free(head);
    return 0;
}
