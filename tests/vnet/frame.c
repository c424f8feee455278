// SPDX-License-Identifier: BSD-3-Clause
#include "frame.h"

#include <string.h>

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

// The one's complement sum of big-endian words, `from` carried on.
static uint32_t sum_of(uint32_t from, const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        from += i % 2 ? at[i] : (uint32_t)at[i] << 8;
        from = (from & 0xffff) + (from >> 16);
    }
    return from;
}

static uint32_t pseudo_of(const struct frame *f, const uint8_t *at)
{
    const uint8_t *ip = at + f->l2;
    uint32_t l4 = f->bytes - f->l2 - f->l3;
    uint8_t tail[8] = {0, 0, (uint8_t)(l4 >> 8), (uint8_t)l4, 0, 0, 0, (uint8_t)f->proto};
    uint32_t sum = f->ip == 4 ? sum_of(0, ip + 12, 8) : sum_of(0, ip + 8, 32);
    return sum_of(sum, tail, 8);
}

static void make_ip4(const struct frame *f, uint8_t *ip)
{
    memset(ip, 1, f->l3); // options: no operation
    memset(ip, 0, 20);
    ip[0] = (uint8_t)(0x40 | f->l3 / 4);
    put16(ip + 2, f->bytes - f->l2);
    ip[8] = 64;
    ip[9] = (uint8_t)f->proto;
    memcpy(ip + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
    put16(ip + 10, ~sum_of(0, ip, f->l3));
}

// Further bytes are one header of options for the destination.
static void make_ip6(const struct frame *f, uint8_t *ip)
{
    memset(ip, 0, f->l3);
    ip[0] = 0x60;
    put16(ip + 4, f->bytes - f->l2 - 40);
    ip[6] = (uint8_t)(f->options ? 60 : f->proto);
    ip[7] = 64;
    for (unsigned i = 0; i < 32; i++)
        ip[8 + i] = (uint8_t)(0xfd - i);
    if (f->options) {
        ip[40] = (uint8_t)f->proto;
        ip[41] = (uint8_t)(f->options / 8 - 1);
        ip[42] = 1;
        ip[43] = (uint8_t)(f->options - 4);
    }
}

uint32_t frame_make(struct frame *f, uint8_t *at)
{
    f->l2 = 14 + 4 * f->tags;
    f->l3 = (f->ip == 4 ? 20 : 40) + f->options;
    f->l4 = f->proto == 6 ? 32 : 8; // TCP with time stamps
    f->bytes = f->l2 + f->l3 + f->l4 + f->payload;
    memcpy(at, "\x02\x77\x00\x00\x00\x02\x02\x77\x00\x00\x00\x01", 12);
    for (unsigned i = 0; i < f->tags; i++)
        memcpy(at + 12 + 4 * i, i + 1 < f->tags ? "\x88\xa8\x00\x05" : "\x81\x00\x00\x07", 4);
    put16(at + f->l2 - 2, f->ip == 4 ? 0x0800 : 0x86dd);
    if (f->ip == 4)
        make_ip4(f, at + f->l2);
    else
        make_ip6(f, at + f->l2);
    uint8_t *l4 = at + f->l2 + f->l3;
    memset(l4, 0, f->l4);
    memcpy(l4, "\x13\x88\x13\x89", 4);
    if (f->proto == 6)
        l4[12] = 8 << 4;
    else
        put16(l4 + 4, f->l4 + f->payload);
    for (uint32_t i = 0; i < f->payload; i++)
        l4[f->l4 + i] = (uint8_t)(i * 7 + i / 251);
    put16(at + frame_field(f), ~sum_of(pseudo_of(f, at), l4, f->l4 + f->payload));
    return f->bytes;
}

void frame_unfinish(const struct frame *f, uint8_t *at)
{
    put16(at + frame_field(f), pseudo_of(f, at));
}

void frame_spoil(const struct frame *f, uint8_t *at)
{
    put16(at + frame_field(f), 0xdead);
}

bool frame_ip_is_right(const struct frame *f, const uint8_t *at)
{
    return f->ip == 6 || sum_of(0, at + f->l2, f->l3) == 0xffff;
}

bool frame_l4_is_right(const struct frame *f, const uint8_t *at)
{
    return get16(at + frame_field(f)) != 0 && // in UDP: there is none
           sum_of(pseudo_of(f, at), at + f->l2 + f->l3, f->l4 + f->payload) == 0xffff;
}

bool frame_is_unfinished(const struct frame *f, const uint8_t *at)
{
    return get16(at + frame_field(f)) == pseudo_of(f, at);
}
