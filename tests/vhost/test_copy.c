// SPDX-License-Identifier: BSD-3-Clause
// Copies between a chain and flat memory: every offset and length over unequal segments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "copy.h"

#define NREAD 4
#define NWRITE 3
#define BYTES 20 // of either part

static const uint32_t lengths[NREAD + NWRITE] = {1, 0, 7, 12, 5, 14, 1};

// The parts lie in `mem`, with a gap behind each segment.
static void make_chain(struct vq_chain *c, struct vq_seg *seg, char *mem)
{
    for (unsigned i = 0; i < NREAD + NWRITE; i++) {
        seg[i] = (struct vq_seg){.addr = (uintptr_t)mem, .bytes = lengths[i]};
        mem += lengths[i] + 3;
    }
    *c = (struct vq_chain){.seg = seg, .nread = NREAD, .nwrite = NWRITE};
}

// The part as flat memory, read byte by byte.
static void flatten(const struct vq_seg *s, unsigned n, char *flat)
{
    for (unsigned i = 0; i < n; i++)
        for (uint32_t k = 0; k < s[i].bytes; k++)
            *flat++ = ((const char *)vq_seg_ptr(&s[i]))[k];
}

static uint64_t expected(uint64_t offset, uint64_t bytes)
{
    uint64_t left = offset < BYTES ? BYTES - offset : 0;
    return bytes < left ? bytes : left;
}

static void test_read(void **state)
{
    char mem[80], flat[BYTES], buf[BYTES + 8];
    struct vq_seg seg[NREAD + NWRITE];
    struct vq_chain c;
    (void)state;
    for (unsigned i = 0; i < sizeof(mem); i++)
        mem[i] = (char)i;
    make_chain(&c, seg, mem);
    assert_int_equal(vq_chain_readable(&c), BYTES);
    assert_int_equal(vq_chain_writable(&c), BYTES);
    flatten(seg, NREAD, flat);
    for (uint64_t offset = 0; offset < BYTES + 4; offset++) {
        for (uint64_t bytes = 0; bytes < sizeof(buf); bytes++) {
            memset(buf, 0x7f, sizeof(buf));
            uint64_t n = vq_chain_read(&c, offset, buf, bytes);
            assert_int_equal(n, expected(offset, bytes));
            assert_memory_equal(buf, flat + (n ? offset : 0), n);
            assert_int_equal(buf[n < sizeof(buf) ? n : 0], 0x7f);
        }
    }
}

static void test_write(void **state)
{
    char flat[BYTES], buf[BYTES + 8];
    struct vq_seg seg[NREAD + NWRITE];
    struct vq_chain c;
    (void)state;
    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (char)(i + 1);
    for (uint64_t offset = 0; offset < BYTES + 4; offset++) {
        for (uint64_t bytes = 0; bytes < sizeof(buf); bytes++) {
            char mem[80] = {0}, want[BYTES] = {0};
            make_chain(&c, seg, mem);
            uint64_t n = vq_chain_write(&c, offset, buf, bytes);
            assert_int_equal(n, expected(offset, bytes));
            memcpy(want + (n ? offset : 0), buf, n);
            flatten(seg + NREAD, NWRITE, flat);
            assert_memory_equal(flat, want, BYTES);
            // Nothing else was touched: not the readable part, not the gaps.
            unsigned set = 0;
            for (unsigned i = 0; i < sizeof(mem); i++)
                set += mem[i] != 0;
            assert_int_equal(set, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
