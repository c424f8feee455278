// SPDX-License-Identifier: BSD-3-Clause
// The net header and frames: no offload is offered, so what a header says of one means nothing; and
// receive buffers of odd sizes.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "attack.h"

#define BUFFER_AT (SPOT + 0x40000)

// ---- headers that lie about offloads ----

struct header {
    const char *name;
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
static const struct header headers[] = {
    {"50: csum_start past the frame", 1, 0, 0, 0, FRAME + 100, 16, 0},
    {"50: csum_start and csum_offset 65535", 1, 0, 0, 0, 65535, 65535, 0},
    {"50: checksum field astride the end", 1, 0, 0, 0, FRAME - 1, 0, 0},
    {"51: TCPv4 with gso_size 0", 1, 1, 54, 0, 34, 16, 0},
    {"51: UDP with gso_size 0", 0, 3, 42, 0, 0, 0, 0},
    {"51: TCPv6 of 65535", 1, 4, 74, 65535, 54, 16, 0},
    {"51: gso_type 255", 0, 255, 0, 1448, 0, 0, 0},
    {"52: hdr_len longer than the frame", 1, 1, 65535, 1448, 34, 16, 0},
    {"flags 255", 255, 0, 0, 0, 0, 0, 0},
    {"55: num_buffers 65535 from a driver", 0, 0, 0, 0, 0, 0, 65535},
};

static void send_header(const struct attack *a)
{
    const struct header *h = a->row;
    struct vnet_hdr raw = {.flags = h->flags, .gso_type = h->gso_type};
    uint16_t rest[5] = {h->hdr_len, h->gso_size, h->csum_start, h->csum_offset, h->num_buffers};
    struct vnet_hdr got;
    memcpy(&raw.hdr_len, rest, sizeof(rest));
    honest_start();
    memset(fe.mem + SPOT, 0xee, 2048);
    assert_true(fe_put(&fe, RECEIVEQ, SPOT, 0, 2048, &fe));
    fe_kick(&fe, RECEIVEQ);
    uint32_t bytes = frame_at(BUFFER_AT), len;
    memcpy(fe.mem + BUFFER_AT, &raw, sizeof(raw));
    assert_true(fe_put(&fe, TRANSMITQ, BUFFER_AT, bytes, 0, &fe));
    fe_kick(&fe, TRANSMITQ);
    void *token;
    assert_true(FE_UNTIL(vq_drv_get_used(&fe.q[0].drv, fe.features, &token, &len)));
    assert_int_equal(len, bytes);
    // The frame is what it was, and nothing of the header is passed on.
    assert_memory_equal(fe.mem + SPOT + 12 + 12, fe.mem + BUFFER_AT + 12 + 12, FRAME - 12);
    static const struct vnet_hdr plain;
    memcpy(&got, fe.mem + SPOT, sizeof(got));
    assert_memory_equal(&got, &plain, sizeof(got) - 2);
    assert_int_equal(vq_load16(&got.num_buffers), 1);
}

// ---- offloads that are not offered ----

struct bit {
    const char *name;
    unsigned bit;
};
static const struct bit bits[] = {
    {"CSUM", 0},
    {"GUEST_CSUM", 1},
    {"GUEST_TSO4", 7},
    {"HOST_TSO4", 11},
    {"HOST_UFO", 14},
    {"HOST_USO", 56},
    {"53: HASH_REPORT", 57},
    {"RSS", 60},
    {"3, 46: LOG_ALL", 26},
    {"20: ACCESS_PLATFORM", 33},
    {"NOTIFICATION_DATA", 38},
};

static void want_bit(const struct attack *a)
{
    const struct bit *b = a->row;
    fe_connect(&fe, paths.socket);
    assert_int_equal(fe_ask_u64(&fe, VHU_REQ_SET_FEATURES, fe.features | 1ull << b->bit), 1);
    expect_refused("were not offered");
    fe_start(&fe, FE_QUEUES, RING_SIZE);
    honest_echo(0);
}

// ---- frames that are too short or too long ----

static void frame_of(uint32_t bytes)
{
    frame_at(BUFFER_AT);
    assert_true(fe_put(&fe, TRANSMITQ, BUFFER_AT, bytes, 0, &fe));
    fe_kick(&fe, TRANSMITQ);
    void *token;
    assert_true(FE_UNTIL(vq_drv_get_used(&fe.q[1].drv, fe.features, &token, NULL)));
}

static const uint32_t runts[] = {1, 10, 11, 12, 13, 25};

static void runt(const struct attack *a)
{
    honest_start();
    frame_of(*(const uint32_t *)a->row);
    expect_drops(TRANSMITQ, "runt");
    honest_echo(0);
}

// 54: more of them than the port has packet buffers.
static void many_runts(const struct attack *a)
{
    void *token;
    (void)a;
    honest_start();
    struct fe_queue *q = &fe.q[TRANSMITQ];
    for (unsigned sent = 0; sent < 40000;) {
        while (vq_drv_get_used(&q->drv, fe.features, &token, NULL))
            continue;
        while (fe_put(&fe, TRANSMITQ, BUFFER_AT, 20, 0, &fe))
            sent++;
        fe_kick(&fe, TRANSMITQ);
        fe_nap();
    }
    expect_drops(TRANSMITQ, "runt");
    assert_true(
        FE_UNTIL((vq_drv_get_used(&q->drv, fe.features, &token, NULL), q->drv.outstanding == 0)));
    honest_echo(0);
}

static void too_long(const struct attack *a)
{
    (void)a;
    honest_start();
    frame_of(12 + 65536);
    expect_drops(TRANSMITQ, "too_long");
    honest_echo(0);
}

// A driver without VERSION_1 and mergeable buffers has a header of ten bytes.
static void legacy_header(const struct attack *a)
{
    (void)a;
    fe.features &= ~(VQ_F_VERSION_1 | VNET_F_MRG_RXBUF);
    honest_start();
    for (unsigned i = 0; i < 10; i++)
        honest_echo(i % 2);
}

// ---- receive buffers ----

struct buffers {
    const char *name, *cause; // NULL: the frame arrives
    uint64_t without;
    uint32_t bytes;
    unsigned n;      // buffers that it takes
    unsigned frames; // to send
};
static const struct buffers sizes[] = {
    {"43: receive buffers of 11 bytes", NULL, 0, 11, 7, 1},
    {"43: receive buffers of 12 bytes", NULL, 0, 12, 7, 1},
    {"43: receive buffers of 2 bytes", NULL, 0, 2, 38, 1},
    {"56: receive buffers of 1 byte", "scattered", 0, 1, 64, 1},
    {"56: receive buffers of 1 byte and 1000 frames", "scattered", 0, 1, 64, 1000},
    {"43: one buffer of 1 byte", "no_room", VNET_F_MRG_RXBUF, 1, 1, 1},
    {"43: one buffer of 11 bytes", "no_room", VNET_F_MRG_RXBUF, 11, 1, 1},
    {"43: one buffer of the header alone", "no_room", VNET_F_MRG_RXBUF, 12, 1, 1},
    {"43: one buffer, a byte short", "no_room", VNET_F_MRG_RXBUF, 75, 1, 1},
    {"43: one buffer that just fits", NULL, VNET_F_MRG_RXBUF, 76, 1, 1},
};

static void receive_into(const struct attack *a)
{
    const struct buffers *b = a->row;
    unsigned got = 0;
    uint32_t bytes = 0, sum = 0;
    void *token;
    honest_start();
    for (unsigned i = 0; i < b->n; i++)
        assert_true(fe_put(&fe, RECEIVEQ, SPOT + 16 * i, 0, b->bytes, &fe));
    fe_kick(&fe, RECEIVEQ);
    for (unsigned i = 0; i < b->frames; i++) {
        frame_of(12 + FRAME);
        while (b->cause && vq_drv_get_used(&fe.q[0].drv, fe.features, &token, NULL))
            assert_true(fe_put(&fe, RECEIVEQ, SPOT, 0, b->bytes, &fe));
        fe_kick(&fe, RECEIVEQ);
    }
    if (b->cause) {
        expect_drops(RECEIVEQ, b->cause);
        return;
    }
    while (got < b->n) {
        assert_true(FE_UNTIL(vq_drv_get_used(&fe.q[0].drv, fe.features, &token, &bytes)));
        sum += bytes;
        got++;
    }
    assert_int_equal(sum, 12 + FRAME);
    expect_live(RECEIVEQ);
}

void add_net(void)
{
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
            attack_add(send_header, &headers[i], formats[f], "%s", headers[i].name);
        for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
            attack_add(want_bit, &bits[i], formats[f], "22: feature %s", bits[i].name);
        for (unsigned i = 0; i < sizeof(runts) / sizeof(runts[0]); i++)
            attack_add(runt, &runts[i], formats[f], "42: %u bytes, header and all", runts[i]);
        attack_add(many_runts, NULL, formats[f], "54: 40000 runts");
        attack_add(too_long, NULL, formats[f], "53: a frame of 65536 bytes");
        attack_add(legacy_header, NULL, formats[f], "53: a header of ten bytes");
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            attack_add(receive_into, &sizes[i], formats[f] & ~sizes[i].without, "%s",
                       sizes[i].name);
    }
}
