// SPDX-License-Identifier: BSD-3-Clause
#include "offload_bed.h"

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#define SIZE 64u
#define RX 0u // the guest's
#define TX 1u
#define RX_AT(i) (FE_BUF_BASE + 4096u * (i))
#define TX_AT (FE_BUF_BASE + (1u << 20))

struct pair bed_pair;
struct fe bed_guest;
static bool is_guest;
static uint32_t buffer_bytes;

static void give_buffer(unsigned i)
{
    memset(bed_guest.mem + RX_AT(i), 0xff, buffer_bytes);
    assert_true(fe_put(&bed_guest, RX, RX_AT(i), 0, buffer_bytes, bed_guest.mem + RX_AT(i)));
}

void bed_open(uint64_t features, const char *args, uint64_t rx_offloads, uint32_t buffer)
{
    char text[128];
    snprintf(text, sizeof(text), ",tso=1%s", args);
    bed_pair = (struct pair){.queues = 1};
    bed_pair.conf.rxmode.offloads = rx_offloads;
    bed_pair.conf.rxmode.max_lro_pkt_size = UINT16_MAX;
    pair_add_dev(&bed_pair, text);
    fe_init(&bed_guest, features);
    is_guest = true;
    fe_connect(&bed_guest, socket_path());
    fe_start(&bed_guest, 2, SIZE);
    buffer_bytes = buffer;
    for (unsigned i = 0; i < SIZE; i++)
        give_buffer(i);
    fe_kick(&bed_guest, RX);
    EVENTUALLY(link_is_up(bed_pair.dev));
}

void bed_close(void)
{
    fe_free(&bed_guest);
    is_guest = false;
    EVENTUALLY(!link_is_up(bed_pair.dev));
    pair_remove_dev(&bed_pair);
}

int bed_clean_up(void **state)
{
    (void)state;
    if (is_guest)
        fe_free(&bed_guest);
    is_guest = false;
    pair_clean_up();
    return 0;
}

// ---- from the guest ----

void bed_guest_sends(struct vnet_hdr h, const uint8_t *frame, uint32_t bytes, uint32_t first)
{
    struct vq_drv *q = &bed_guest.q[TX].drv;
    struct vq_seg s[2] = {{.addr = FE_GPA + TX_AT, .bytes = first ? first : BED_HDR + bytes}};
    struct vq_chain c = {.seg = s, .nread = first ? 2 : 1};
    void *token;
    s[1] = (struct vq_seg){.addr = FE_GPA + TX_AT + first, .bytes = BED_HDR + bytes - first};
    while (vq_drv_get_used(q, bed_guest.features, &token, NULL))
        continue;
    memcpy(bed_guest.mem + TX_AT, &h, BED_HDR);
    memcpy(bed_guest.mem + TX_AT + BED_HDR, frame, bytes);
    assert_true(vq_drv_put_avail(q, bed_guest.features, &c, &c));
    fe_kick(&bed_guest, TX);
}

struct rte_mbuf *bed_port_gets(void)
{
    struct rte_mbuf *m;
    EVENTUALLY(rte_eth_rx_burst(bed_pair.dev, 0, &m, 1) == 1);
    return m;
}

struct vnet_hdr bed_header(const struct frame *f, uint16_t gso)
{
    struct vnet_hdr h = {.flags = VNET_HDR_F_NEEDS_CSUM};
    if (gso)
        h.gso_type = f->ip == 4 ? VNET_HDR_GSO_TCPV4 : VNET_HDR_GSO_TCPV6;
    vq_store16(&h.csum_start, (uint16_t)(f->l2 + f->l3));
    vq_store16(&h.csum_offset, f->proto == 6 ? 16 : 6);
    vq_store16(&h.gso_size, gso);
    vq_store16(&h.hdr_len, 1); // not looked at
    return h;
}

// ---- to the guest ----

struct rte_mbuf *bed_packet(const uint8_t *frame, uint32_t bytes, uint32_t seg)
{
    struct rte_mbuf *head = NULL;
    for (uint32_t at = 0; at < bytes; at += seg) {
        uint32_t part = RTE_MIN(seg, bytes - at);
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
        assert_non_null(m);
        memcpy(rte_pktmbuf_append(m, (uint16_t)part), frame + at, part);
        if (!head)
            head = m;
        else
            assert_int_equal(rte_pktmbuf_chain(head, m), 0);
    }
    return head;
}

struct rte_mbuf *bed_request(const struct frame *f, const uint8_t *frame, uint32_t seg,
                             uint64_t flags, uint16_t segsz)
{
    struct rte_mbuf *m = bed_packet(frame, f->bytes, seg);
    m->ol_flags = flags | (f->ip == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    m->l2_len = f->l2;
    m->l3_len = f->l3;
    m->l4_len = f->l4;
    m->tso_segsz = segsz;
    return m;
}

void bed_port_sends(struct rte_mbuf *m)
{
    EVENTUALLY(rte_eth_tx_burst(bed_pair.dev, 0, &m, 1) == 1);
}

uint32_t bed_guest_gets(struct vnet_hdr *h, uint8_t *frame)
{
    static uint8_t all[BED_HDR + BED_FRAME_MAX + 4096];
    struct vq_drv *q = &bed_guest.q[RX].drv;
    uint32_t sum = 0;
    for (unsigned left = 1; left > 0; left--) {
        void *token = NULL;
        uint32_t bytes = 0;
        EVENTUALLY(vq_drv_get_used(q, bed_guest.features, &token, &bytes));
        assert_true(sum + bytes <= sizeof(all));
        memcpy(all + sum, token, bytes);
        if (sum == 0) {
            memcpy(h, token, BED_HDR);
            left = vq_load16(&h->num_buffers);
        }
        sum += bytes;
        give_buffer((unsigned)(((char *)token - bed_guest.mem - FE_BUF_BASE) / 4096));
    }
    fe_kick(&bed_guest, RX);
    memcpy(frame, all + BED_HDR, sum - BED_HDR);
    return sum - BED_HDR;
}
