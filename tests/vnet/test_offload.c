// SPDX-License-Identifier: BSD-3-Clause
// Net headers and what they say (virtio 1.3 §5.1.6.2, §5.1.6.4), without a ring and without DPDK.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame.h"
#include "vnet_offload.h"

#define ALL_HOST VNET_OFFLOADS_HOST
#define ALL_GUEST VNET_OFFLOADS_GUEST
#define ALL (VNET_MAY_CSUM | VNET_MAY_TSO4 | VNET_MAY_TSO6 | VNET_MAY_ECN)

static uint8_t frame[70000];

static struct vnet_hdr header(unsigned flags, unsigned type, unsigned gso, unsigned start,
                              unsigned offset)
{
    struct vnet_hdr h = {.flags = (uint8_t)flags, .gso_type = (uint8_t)type};
    vq_store16(&h.hdr_len, 0xffff); // means nothing
    vq_store16(&h.gso_size, (uint16_t)gso);
    vq_store16(&h.csum_start, (uint16_t)start);
    vq_store16(&h.csum_offset, (uint16_t)offset);
    return h;
}

// ---- §5.1.3: what was agreed ----

static void features_mean_nothing_without_those_they_require(void **state)
{
    (void)state;
    assert_int_equal(vnet_may_from_driver(ALL_HOST), ALL);
    assert_int_equal(vnet_may_from_driver(ALL_HOST & ~VNET_F_CSUM), 0);
    assert_int_equal(vnet_may_from_driver(ALL_GUEST), 0);
    assert_int_equal(vnet_may_from_driver(VNET_F_CSUM | VNET_F_HOST_ECN), VNET_MAY_CSUM);
    assert_int_equal(vnet_may_from_driver(VNET_F_CSUM | VNET_F_HOST_TSO6 | VNET_F_HOST_ECN),
                     VNET_MAY_CSUM | VNET_MAY_TSO6 | VNET_MAY_ECN);
    assert_int_equal(vnet_may_to_driver(ALL_GUEST), ALL | VNET_MAY_VALID);
    assert_int_equal(vnet_may_to_driver(ALL_GUEST & ~VNET_F_GUEST_CSUM), 0);
    assert_int_equal(vnet_may_to_driver(ALL_HOST), 0);
    assert_int_equal(vnet_may_to_driver(VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4),
                     VNET_MAY_CSUM | VNET_MAY_TSO4 | VNET_MAY_VALID);
}

// ---- layers ----

static const struct frame kinds[] = {
    {.ip = 4, .proto = 6, .payload = 100},
    {.ip = 4, .proto = 17, .payload = 100},
    {.ip = 6, .proto = 6, .payload = 100},
    {.ip = 6, .proto = 17, .payload = 100},
    {.ip = 4, .proto = 6, .tags = 1, .payload = 100},
    {.ip = 4, .proto = 17, .tags = 2, .payload = 100},
    {.ip = 6, .proto = 6, .tags = 2, .payload = 100},
    {.ip = 4, .proto = 6, .options = 40, .payload = 100},
    {.ip = 6, .proto = 17, .options = 8, .payload = 100},
    {.ip = 6, .proto = 6, .options = 24, .tags = 1, .payload = 100},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void layers_are_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame f = kinds[i];
        struct vnet_layers l;
        vnet_layers_of(frame, frame_make(&f, frame), &l);
        assert_int_equal(l.l2_bytes, f.l2);
        assert_int_equal(l.l3_bytes, f.l3);
        assert_int_equal(l.l4_bytes, f.l4);
        assert_int_equal(l.ip, f.ip);
        assert_int_equal(l.proto, f.proto);
        assert_false(l.cwr);
        frame[f.l2 + f.l3 + 13] = 0x80;
        vnet_layers_of(frame, f.bytes, &l);
        assert_int_equal(l.cwr, f.proto == 6);
    }
}

// A frame that ends anywhere: the layer that is cut is not known; AddressSanitizer sees the rest.
static void layers_end_with_the_frame(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame f = kinds[i];
        frame_make(&f, frame);
        for (uint32_t bytes = 0; bytes < f.l2 + f.l3 + f.l4; bytes++) {
            struct vnet_layers l;
            uint8_t *cut = test_malloc(bytes ? bytes : 1);
            memcpy(cut, frame, bytes);
            vnet_layers_of(cut, bytes, &l);
            assert_int_equal(l.proto, 0);
            assert_int_equal(l.ip != 0, bytes >= f.l2 + (f.ip == 4 ? f.l3 : 40));
            assert_in_range(l.l2_bytes + l.l3_bytes + l.l4_bytes, 0, bytes);
            test_free(cut);
        }
    }
}

static void spoilt(struct frame f, uint32_t at, uint8_t value, const char *what)
{
    struct vnet_layers l;
    frame_make(&f, frame);
    frame[at] = value;
    vnet_layers_of(frame, f.bytes, &l);
    if (l.proto)
        fail_msg("%s: taken for whole", what);
}

static void layers_that_lie_are_not_known(void **state)
{
    const struct frame tcp4 = kinds[0], tcp6 = kinds[2], more6 = kinds[8];
    (void)state;
    spoilt(tcp4, 14, 0x44, "an IPv4 header of 16 bytes");
    spoilt(tcp4, 14, 0x65, "IPv6 in an Ethernet frame of IPv4");
    spoilt(tcp4, 20, 0x20, "the first fragment");
    spoilt(tcp4, 21, 0x01, "a later fragment");
    spoilt(tcp4, 23, 50, "another protocol");
    spoilt(tcp4, 34 + 12, 4 << 4, "a TCP header of 16 bytes");
    spoilt(tcp4, 13, 0x06, "ARP");
    spoilt(tcp6, 14, 0x45, "IPv4 in an Ethernet frame of IPv6");
    spoilt(tcp6, 20, 44, "a fragment of IPv6");
    spoilt(more6, 55, 255, "an extension header longer than the frame");
}

// ---- §5.1.6.2, §5.1.6.4: reading a header ----

struct row {
    const char *name;
    enum vnet_fault fault;
    unsigned flags, type, gso, start, offset;
    unsigned without; // of what was agreed
};
#define TSO4 VNET_HDR_GSO_TCPV4
#define TSO6 VNET_HDR_GSO_TCPV6
#define ECN VNET_HDR_GSO_ECN
#define LAST (14 + 20 + 32 + 100) // bytes of the frame, TCP over IPv4

static const struct row rows[] = {
    {"nothing", VNET_HDR_OK, 0, 0, 0, 0, 0, 0},
    {"start and offset without the flag", VNET_HDR_OK, 0, 0, 0, 0xffff, 0xffff, 0},
    {"a size without a type", VNET_HDR_OK, 0, 0, 1448, 0, 0, 0},
    {"flags that are unknown", VNET_HDR_OK, 0xfe, 0, 0, 0xffff, 0xffff, 0},
    {"a checksum", VNET_HDR_OK, 1, 0, 0, 34, 16, 0},
    {"a checksum of something else", VNET_HDR_OK, 1, 0, 0, 40, 2, 0},
    {"the last two bytes", VNET_HDR_OK, 1, 0, 0, 34, LAST - 34 - 2, 0},
    {"astride the end", VNET_HDR_CSUM, 1, 0, 0, 34, LAST - 34 - 1, 0},
    {"behind the end", VNET_HDR_CSUM, 1, 0, 0, 34, LAST, 0},
    {"start at the end", VNET_HDR_CSUM, 1, 0, 0, LAST, 0, 0},
    {"sum over 65535", VNET_HDR_CSUM, 1, 0, 0, 0xffff, 0xffff, 0},
    {"sum of 65536", VNET_HDR_CSUM, 1, 0, 0, 34, 0xffff - 33, 0},
    {"in the Ethernet header", VNET_HDR_CSUM, 1, 0, 0, 13, 0, 0},
    {"segments", VNET_HDR_OK, 1, TSO4, 1448, 34, 16, 0},
    {"segments of 1 byte", VNET_HDR_OK, 1, TSO4, 1, 34, 16, 0},
    {"segments with ECN", VNET_HDR_OK, 1, TSO4 | ECN, 1448, 34, 16, 0},
    {"segments without payload", VNET_HDR_GSO_SIZE, 1, TSO4, 0, 34, 16, 0},
    {"segments without a checksum", VNET_HDR_NO_CSUM, 0, TSO4, 1448, 34, 16, 0},
    {"segments with another checksum", VNET_HDR_NOT_TCP, 1, TSO4, 1448, 34, 6, 0},
    {"segments of an IP option", VNET_HDR_NOT_TCP, 1, TSO4, 1448, 38, 16, 0},
    {"segments of IPv6", VNET_HDR_NOT_TCP, 1, TSO6, 1448, 34, 16, 0},
    {"fragments of UDP", VNET_HDR_TYPE, 1, 3, 1448, 34, 16, 0},
    {"segments of UDP", VNET_HDR_TYPE, 1, 5, 1448, 34, 16, 0},
    {"type 2", VNET_HDR_TYPE, 1, 2, 1448, 34, 16, 0},
    {"type 127", VNET_HDR_TYPE, 1, 127, 1448, 34, 16, 0},
    {"ECN alone", VNET_HDR_TYPE, 1, ECN, 1448, 34, 16, 0},
    {"not agreed: TSO4", VNET_HDR_TYPE, 1, TSO4, 1448, 34, 16, VNET_MAY_TSO4},
    {"not agreed: TSO6", VNET_HDR_TYPE, 1, TSO6, 1448, 34, 16, VNET_MAY_TSO6},
    {"not agreed: ECN", VNET_HDR_ECN, 1, TSO4 | ECN, 1448, 34, 16, VNET_MAY_ECN},
    {"not agreed: anything", VNET_HDR_OK, 0xff, 0xff, 0xffff, 0xffff, 0xffff, ALL},
};

static void every_field_is_held_against_the_packet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct frame f = kinds[0];
        struct vnet_offload o;
        struct vnet_hdr h = header(r->flags, r->type, r->gso, r->start, r->offset);
        assert_int_equal(frame_make(&f, frame), LAST);
        enum vnet_fault fault = vnet_hdr_decode(&h, ALL & ~r->without, frame, LAST, &o);
        if (fault != r->fault)
            fail_msg("%s: %d", r->name, fault);
        if (fault == VNET_HDR_OK)
            assert_int_equal(o.needs_csum, (r->flags & 1) && r->without != ALL);
    }
}

static void a_tcp_header_that_lies_is_not_cut(void **state)
{
    struct frame f = kinds[0];
    struct vnet_hdr h = header(1, TSO4, 1448, 34, 16);
    struct vnet_offload o;
    (void)state;
    frame_make(&f, frame);
    frame[34 + 12] = 0xf0; // 60 bytes
    assert_int_equal(vnet_hdr_decode(&h, ALL, frame, 34 + 60, &o), VNET_HDR_OK);
    assert_int_equal(vnet_hdr_decode(&h, ALL, frame, 34 + 59, &o), VNET_HDR_NOT_TCP);
}

// §5.1.6.2.1: a driver does not say that; §5.1.6.4.1: a device may.
static void only_a_driver_believes_in_checked_packets(void **state)
{
    struct vnet_hdr h = header(VNET_HDR_F_DATA_VALID, 0, 0, 0, 0);
    struct vnet_offload o;
    (void)state;
    assert_int_equal(vnet_hdr_decode(&h, vnet_may_from_driver(ALL_HOST), frame, 60, &o), 0);
    assert_false(o.valid);
    assert_int_equal(vnet_hdr_decode(&h, vnet_may_to_driver(ALL_GUEST), frame, 60, &o), 0);
    assert_true(o.valid);
    h.flags |= VNET_HDR_F_NEEDS_CSUM;
    vq_store16(&h.csum_start, 34);
    assert_int_equal(vnet_hdr_decode(&h, vnet_may_to_driver(ALL_GUEST), frame, 60, &o), 0);
    assert_false(o.valid); // it has no checksum yet
}

// ---- writing one ----

static void what_is_written_is_what_is_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++) {
        struct frame f = kinds[i / 2];
        struct vnet_offload o = {.needs_csum = true}, got;
        struct vnet_hdr h;
        frame_make(&f, frame);
        vnet_layers_of(frame, f.bytes, &o.at);
        o.csum_start = (uint16_t)(f.l2 + f.l3);
        o.csum_offset = vnet_csum_at(f.proto);
        o.gso_bytes = i % 2 && f.proto == 6 ? 50 : 0;
        o.ecn = o.gso_bytes;
        vnet_hdr_encode(&o, &h);
        assert_int_equal(vnet_hdr_decode(&h, ALL, frame, f.bytes, &got), VNET_HDR_OK);
        assert_memory_equal(&got.at, &o.at, sizeof(o.at));
        assert_int_equal(got.needs_csum, true);
        assert_int_equal(got.csum_start + got.csum_offset, frame_field(&f));
        assert_int_equal(got.gso_bytes, o.gso_bytes);
        assert_int_equal(got.ecn, o.ecn);
        assert_int_equal(vq_load16(&h.hdr_len), o.gso_bytes ? f.l2 + f.l3 + f.l4 : 0);
        assert_int_equal(vq_load16(&h.num_buffers), 0);
    }
}

static void nothing_is_left_that_was_not_agreed(void **state)
{
    struct vnet_offload plain = {.valid = true}, csum = {.needs_csum = true};
    struct vnet_offload tso4 = {.needs_csum = true, .gso_bytes = 9, .at = {.ip = 4}};
    struct vnet_offload tso6 = {.needs_csum = true, .gso_bytes = 9, .ecn = true, .at = {.ip = 6}};
    (void)state;
    assert_true(vnet_offload_agreed(&plain, 0));
    assert_false(vnet_offload_agreed(&csum, 0));
    assert_true(vnet_offload_agreed(&csum, VNET_MAY_CSUM));
    assert_false(vnet_offload_agreed(&tso4, ALL & ~VNET_MAY_TSO4));
    assert_true(vnet_offload_agreed(&tso4, VNET_MAY_CSUM | VNET_MAY_TSO4));
    assert_false(vnet_offload_agreed(&tso6, ALL & ~VNET_MAY_TSO6));
    assert_false(vnet_offload_agreed(&tso6, ALL & ~VNET_MAY_ECN));
    assert_true(vnet_offload_agreed(&tso6, ALL));
}

// ---- checksums ----

static void pseudo_headers_are_summed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame f = kinds[i];
        frame_make(&f, frame);
        uint16_t sum = vnet_pseudo_sum(frame + f.l2, f.ip, f.proto, f.bytes - f.l2 - f.l3), field;
        memcpy(frame + frame_field(&f), &sum, sizeof(sum));
        assert_true(frame_is_unfinished(&f, frame));
        field = (uint16_t)~vnet_sum_fold(vnet_sum(0, frame + f.l2 + f.l3, f.l4 + f.payload));
        memcpy(frame + frame_field(&f), &field, sizeof(field));
        assert_true(frame_l4_is_right(&f, frame));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_mean_nothing_without_those_they_require),
        cmocka_unit_test(layers_are_found),
        cmocka_unit_test(layers_end_with_the_frame),
        cmocka_unit_test(layers_that_lie_are_not_known),
        cmocka_unit_test(every_field_is_held_against_the_packet),
        cmocka_unit_test(a_tcp_header_that_lies_is_not_cut),
        cmocka_unit_test(only_a_driver_believes_in_checked_packets),
        cmocka_unit_test(what_is_written_is_what_is_read),
        cmocka_unit_test(nothing_is_left_that_was_not_agreed),
        cmocka_unit_test(pseudo_headers_are_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
