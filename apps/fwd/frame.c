// SPDX-License-Identifier: BSD-3-Clause
#include "frame.h"

#include <string.h>

#include <rte_ip.h>

struct rte_mbuf *fwd_frame_own(struct rte_mbuf *m, struct rte_mempool *pool)
{
    if (fwd_frame_mine(m))
        return m;
    struct rte_mbuf *copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
    if (copy)
        rte_pktmbuf_free(m);
    return copy;
}

bool fwd_frame_gather(struct rte_mbuf *m, uint16_t n)
{
    uint16_t lacks = n - m->data_len;
    if (!fwd_frame_mine(m) || rte_pktmbuf_tailroom(m) < lacks)
        return false;
    while (lacks) {
        struct rte_mbuf *next = m->next;
        uint16_t part = RTE_MIN(lacks, next->data_len);
        memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len), rte_pktmbuf_mtod(next, void *),
               part);
        m->data_len += part;
        next->data_off += part;
        next->data_len -= part;
        lacks -= part;
        if (next->data_len)
            continue;
        m->next = next->next;
        m->nb_segs--;
        rte_pktmbuf_free_seg(next);
    }
    return true;
}

uint16_t fwd_frame_sum(const struct rte_mbuf *m, uint32_t at, uint32_t len)
{
    uint32_t sum = 0, done = 0;
    for (; done < len; m = m->next) {
        uint32_t skip = RTE_MIN(at, m->data_len), part = RTE_MIN(m->data_len - skip, len - done);
        uint16_t here = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, void *, skip), part);
        sum += done % 2 ? rte_bswap16(here) : here;
        at -= skip;
        done += part;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

void fwd_frame_trim(struct rte_mbuf *m, uint32_t n)
{
    uint32_t left = n;
    struct rte_mbuf *last = m;
    if (m->pkt_len <= n)
        return;
    for (; left > last->data_len; last = last->next)
        left -= last->data_len;
    last->data_len = (uint16_t)left;
    rte_pktmbuf_free(last->next);
    last->next = NULL;
    m->nb_segs = 1;
    for (struct rte_mbuf *s = m; s->next; s = s->next)
        m->nb_segs++;
    m->pkt_len = n;
}

// l2_len says where the next header is, wherever somebody has filled it in.
static void moved(struct rte_mbuf *m, int bytes)
{
    if (m->ol_flags & RTE_MBUF_F_TX_TUNNEL_MASK)
        m->outer_l2_len += bytes;
    else if (m->l2_len)
        m->l2_len += bytes;
}

bool fwd_frame_tag(struct rte_mbuf *m, uint16_t tci)
{
    uint8_t *to = (uint8_t *)rte_pktmbuf_prepend(m, FWD_VLAN);
    if (!to)
        return false;
    memmove(to, to + FWD_VLAN, 2 * RTE_ETHER_ADDR_LEN);
    const uint16_t tag[] = {rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(tci)};
    memcpy(to + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
    moved(m, FWD_VLAN);
    return true;
}

void fwd_frame_untag(struct rte_mbuf *m)
{
    uint8_t *from = rte_pktmbuf_mtod(m, uint8_t *);
    memmove(from + FWD_VLAN, from, 2 * RTE_ETHER_ADDR_LEN);
    rte_pktmbuf_adj(m, FWD_VLAN);
    moved(m, -(int)FWD_VLAN);
}
