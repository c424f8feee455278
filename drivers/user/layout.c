// SPDX-License-Identifier: BSD-3-Clause
// Where a receive buffer lies in its mbuf. A mergeable one begins right behind the headroom, so
// that the net header shares a cache line with the start of the frame, and one line fewer goes
// between the CPUs each way. Where a frame would not fit any more, or has to fit whatever comes,
// the header ends the headroom: it is apart. So it is in buffers put while frames of several
// buffers come, however this is (q->several), and in those put after the MTU of a running port
// became one whose frames need the room (q->always_apart).
#include "mbuf_chain.h"
#include "pmd.h"
#include "probe.h"

static uint32_t room_of(const struct tern_user_queue *q)
{
    return rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
}

// Does a frame of the port's MTU leave room for the net header behind the mbuf's headroom, or take
// several buffers anyway?
static bool header_behind(const struct tern_user_queue *q)
{
    uint32_t frame = q->port->dev->data->mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
    return frame + sizeof(struct vnet_hdr) <= room_of(q) || frame > room_of(q);
}

static bool ring_is_behind(const struct tern_user_queue *q)
{
    return q->buf_off == RTE_PKTMBUF_HEADROOM;
}

// A device must find room for the longest packet, whatever the ring lacks.
static uint32_t few_buffers(const struct tern_user_queue *q)
{
    uint32_t longest = q->f & VNET_F_MRG_RXBUF ? TERN_FRAME_MAX / q->buf_bytes + 1 : 1;
    return q->vq->size >= longest + 4 * TERN_USER_REFILL ? TERN_USER_REFILL : 1;
}

void tern_user_lay_out(struct tern_user_queue *q)
{
    bool behind = (q->f & VNET_F_MRG_RXBUF) && header_behind(q);
    uint16_t before = behind ? 0 : (uint16_t)q->hdr_bytes;
    q->buf_off = (uint16_t)(RTE_PKTMBUF_HEADROOM - before);
    q->buf_bytes = rte_pktmbuf_data_room_size(q->mp) - (uint32_t)q->buf_off;
    q->rearm = tern_rearm_word(q->port_id, (uint16_t)(q->buf_off + q->hdr_bytes));
    q->few = few_buffers(q);
    if (q->always_apart)
        q->always_apart = q->several = false;
}

// Where the header is apart already, any frame fits.
static void follow_mtu(struct tern_user_queue *q)
{
    if (!q->is_rx || !q->live || !ring_is_behind(q) || q->always_apart != header_behind(q))
        return;
    tern_user_pause(q);
    q->always_apart = q->several = !q->always_apart;
    tern_user_unpause(q);
}

void tern_user_follow_mtu(struct tern_user_port *port)
{
    tern_user_each(port, follow_mtu);
}

uint32_t tern_user_buf_room(const struct tern_user_queue *q)
{
    bool behind =
        q->vq ? ring_is_behind(q) && !q->always_apart : q->port->args.mrg_rxbuf && header_behind(q);
    return room_of(q) - (behind ? (uint32_t)sizeof(struct vnet_hdr) : 0);
}
