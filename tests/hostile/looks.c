// SPDX-License-Identifier: BSD-3-Clause
// What a guest gains by changing its memory between two looks of one burst of net_tern_vhost: done
// at exactly that point, not by another thread and luck.
#include "bed.h"

static unsigned hooked_vq; // the ring that is written while it is read

// ---- 31, 34, 35: what was read once is never read again ----

#define LOOKS 1024u

static const uint8_t *looks[LOOKS]; // of the burst so far
static unsigned nlooks;
static uint64_t last_bytes; // of the last look
static bool last_burns;
static bool header_read;

static bool in_frames(const uint8_t *at)
{
    return at >= (uint8_t *)fe.mem + FRAME_AT && at < (uint8_t *)fe.mem + TABLE_AT;
}

// The entry of an available ring is looked at twice: the first look only fetches the line of its
// descriptor.
static bool in_avail_ring(const uint8_t *at)
{
    const uint8_t *ring = (const uint8_t *)fe.q[hooked_vq].ring.driver + 4;
    return !is_packed() && at >= ring && at < ring + 2 * RING_SIZE;
}

// Fails when something is looked at that was looked at before; and all of that is ones now, as if
// the guest had waited for the look.
static void burn(const uint8_t *at, uint64_t bytes)
{
    unsigned before = 0;
    if (hooked_vq == RECEIVEQ && in_frames(at))
        return; // that is written
    for (unsigned i = 0; i < nlooks; i++)
        before += looks[i] == at;
    if (before > in_avail_ring(at))
        fail_msg("offset %lu of the memory is looked at again", (uint64_t)(at - (uint8_t *)fe.mem));
    if (last_burns)
        memset((void *)(uintptr_t)looks[nlooks - 1], 0xff, last_bytes);
    assert_true(nlooks < LOOKS);
    looks[nlooks++] = at;
    last_bytes = bytes;
    last_burns = before == in_avail_ring(at);
    if (in_frames(at) && (uint64_t)(at - (uint8_t *)fe.mem - FRAME_AT) % 2048 < 12)
        header_read = true;
}

// Twenty buffers: of one piece; of two, the header with some of the frame, and the rest; of the
// same in a table.
enum layout { ONE, TWO, IN_TABLE };

static void offer_buffer(unsigned vq, enum layout as, unsigned i)
{
    unsigned w = vq == RECEIVEQ ? VQ_DESC_F_WRITE : 0;
    uint64_t at = FRAME_AT + 2048 * i, rest = at + 12 + 20, table = TABLE_AT + 64 * i;
    memset(fe.mem + at, 0x77, 12); // a header with every field set
    if (fe.features & VNET_F_CSUM) // or one that asks for the checksum behind the Ethernet header
        memcpy(fe.mem + at, "\x01\0\0\0\0\0\x0e\0\0\0\0", 12);
    memset(fe.mem + at + 12, (int)i + 1, FRAME);
    if (as == ONE) {
        desc(vq, i, GPA(at), 12 + FRAME, w, i);
    } else if (as == TWO) {
        desc(vq, 2 * i, GPA(at), 32, VQ_DESC_F_NEXT | w, 2 * i + 1);
        desc(vq, 2 * i + 1, GPA(rest), FRAME - 20, w, 2 * i + 1);
    } else {
        entry(table, 0, GPA(at), 32, VQ_DESC_F_NEXT | w, 1);
        entry(table, 1, GPA(rest), FRAME - 20, w, 0);
        desc(vq, i, GPA(table), 2 * ENTRY_BYTES, VQ_DESC_F_INDIRECT, i);
    }
}

static void offer_buffers(unsigned vq, enum layout as)
{
    for (unsigned i = 0; i < 20; i++)
        offer_buffer(vq, as, i);
    offer(vq, 0, 20);
    if (!is_packed())
        for (unsigned i = 0; i < 20; i++)
            vq_store16(&fe.q[vq].drv.avail->ring[i], (uint16_t)(as == TWO ? 2 * i : i));
}

// Every frame is whole: those from the driver in packets, those to it in its buffers.
static void check_frames(unsigned vq)
{
    for (unsigned i = 0; i < 20; i++) {
        const uint8_t *got = (uint8_t *)fe.mem + FRAME_AT + 2048 * i + 12;
        if (vq == TRANSMITQ) {
            assert_int_equal(packets[i]->pkt_len, FRAME);
            got = rte_pktmbuf_mtod(packets[i], const uint8_t *);
        }
        for (unsigned k = 20; k < FRAME; k++)
            assert_int_equal(got[k], vq == TRANSMITQ ? i + 1 : i + k);
    }
}

static void burnt(uint64_t features, unsigned vq, enum layout as)
{
    open_ring(features, vq, RING_SIZE);
    offer_buffers(vq, as);
    hooked_vq = vq;
    nlooks = 0;
    last_burns = false;
    header_read = false;
    counted_hook = burn;
    if (vq == RECEIVEQ)
        make_packets(20, FRAME);
    unsigned went = counted_burst(packets, 20);
    counted_hook = NULL;
    if (counted_broken())
        fail_msg("%s ring, %s: %s", vq == TRANSMITQ ? "transmit" : "receive", FORMAT(features),
                 vq_broken_name(counted_broken()));
    assert_int_equal(went, 20);
    assert_in_range(counted.descriptors, as == ONE ? 20 : 40, as == IN_TABLE ? 61 : 41);
    check_frames(vq);
    assert_int_equal(header_read, vq == TRANSMITQ && (features & VNET_F_CSUM)); // 37
    for (unsigned i = 0; i < 20 && vq == TRANSMITQ; i++)
        rte_pktmbuf_free(packets[i]);
    close_ring();
}

static void what_was_read_is_not_read_again(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 12; n++)
        burnt(formats[n & 1], n >> 1 & 1, (enum layout)(n >> 2));
    for (unsigned n = 0; n < 6; n++)
        burnt(formats[n & 1] | VNET_OFFLOADS_HOST, TRANSMITQ, (enum layout)(n >> 1));
}

// ---- 44: more in flight than the ring holds ----

#define SMALL 16u

static unsigned looks_left;

// While the last descriptor of the ring is looked at, the first one becomes that of the next lap.
static void next_lap(const uint8_t *at, uint64_t bytes)
{
    (void)bytes;
    if (at != (const uint8_t *)&fe.q[TRANSMITQ].drv.pring[SMALL - 1].word)
        return;
    uint64_t word = FRAME | (uint64_t)VQ_DESC_F_USED << 48;
    vq_store64(&fe.q[TRANSMITQ].drv.pring[0].word, word);
}

static void packed_lap_within_a_burst(void **state)
{
    (void)state;
    open_ring(formats[1], TRANSMITQ, SMALL);
    for (unsigned i = SMALL; i-- > 0;)
        desc(TRANSMITQ, i, GPA(FRAME_AT), 12 + FRAME, 0, i);
    offer(TRANSMITQ, 0, SMALL);
    counted_hook = next_lap;
    assert_int_equal(burst_of(TRANSMITQ, BURST, FRAME), SMALL);
    assert_int_equal(counted_broken(), VQ_E_INFLIGHT);
    close_ring();
}

// While the first packet is written, further buffers are said to be there: all of the ring is in
// the device's hands already.
static void more_offered(const uint8_t *at, uint64_t bytes)
{
    (void)bytes;
    if (at < (uint8_t *)fe.mem + FRAME_AT || at >= (uint8_t *)fe.mem + TABLE_AT ||
        looks_left-- != 1)
        return;
    struct vq_drv *q = &fe.q[RECEIVEQ].drv;
    if (is_packed())
        vq_store64(&q->pring[0].word, 8 | (uint64_t)(VQ_DESC_F_USED | VQ_DESC_F_WRITE) << 48);
    else
        vq_store16(&q->avail->idx, SMALL + 5);
}

static void ring_offered_again_within_a_burst(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        open_ring(formats[f], RECEIVEQ, SMALL);
        for (unsigned i = SMALL; i-- > 0;)
            desc(RECEIVEQ, i, GPA(FRAME_AT + 256 * i), 32, VQ_DESC_F_WRITE, i);
        offer(RECEIVEQ, 0, SMALL);
        looks_left = 1;
        counted_hook = more_offered;
        // Each packet takes three buffers, and the first collecting was of eight. The second one
        // gets nothing more from a split ring, and all that is left from a packed one.
        assert_int_equal(burst_of(RECEIVEQ, 8, FRAME), f ? 5 : 2);
        assert_int_equal(counted_broken(), VQ_E_INFLIGHT);
        close_ring();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_not_read_again),
        cmocka_unit_test(packed_lap_within_a_burst),
        cmocka_unit_test(ring_offered_again_within_a_burst),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
