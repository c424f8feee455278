// SPDX-License-Identifier: BSD-3-Clause
#include "chain_rows.h"

#include "attack.h"

#define SIZE RING_SIZE
#define N VQ_DESC_F_NEXT
#define W VQ_DESC_F_WRITE
#define I VQ_DESC_F_INDIRECT

// The flag that makes a descriptor right for the ring.
static unsigned dir(unsigned vq)
{
    return vq % 2 == RECEIVEQ ? W : 0;
}

static void one(unsigned vq, uint64_t gpa, uint32_t bytes, unsigned flags, unsigned next)
{
    desc(vq, 0, gpa, bytes, flags | dir(vq), next);
    offer(vq, 0, 1);
}

// ---- 27 to 30, 49: where chains lead ----

static void loop_of_one(unsigned vq)
{
    one(vq, GPA(SPOT), 1, N, 0);
}
static void loop_of_two(unsigned vq)
{
    desc(vq, 5, GPA(SPOT), 1, N | dir(vq), 0);
    one(vq, GPA(SPOT), 1, N, 5);
}
static void loop_of_nothing(unsigned vq)
{
    one(vq, GPA(SPOT), 0, N, 0);
}
static void loop_in_table(unsigned vq)
{
    for (unsigned i = 0; i < 3; i++)
        entry(SPOT, i, GPA(SPOT + 4096), 8, N | dir(vq), 1);
    one(vq, GPA(SPOT), 48, I, 0);
}
static void round_the_ring(unsigned vq)
{
    for (unsigned i = SIZE; i-- > 0;)
        desc(vq, i, GPA(SPOT), 1, N | dir(vq), i);
    offer(vq, 0, 1);
}
static void next_range(unsigned vq)
{
    one(vq, GPA(SPOT), 1, N, SIZE);
}
static void next_far(unsigned vq)
{
    one(vq, GPA(SPOT), 1, N, 65535);
}
static void table_next_range(unsigned vq)
{
    entry(SPOT, 0, GPA(SPOT + 4096), 8, N | dir(vq), 3);
    one(vq, GPA(SPOT), 48, I, 0);
}
static void head_range(unsigned vq)
{
    offer(vq, SIZE, 1);
}
static void head_far(unsigned vq)
{
    offer(vq, 65535, 1);
}
static void index_jump(unsigned vq)
{
    vq_store16(&fe.q[vq].drv.avail->idx, SIZE + 1);
}
static void index_back(unsigned vq)
{
    vq_store16(&fe.q[vq].drv.avail->idx, 65535);
}
static void index_half(unsigned vq)
{
    vq_store16(&fe.q[vq].drv.avail->idx, 32768);
}
// One segment more than the device has room for.
static void table_long(unsigned vq)
{
    for (unsigned i = 0; i <= 2048; i++)
        entry(SPOT, i, GPA(SPOT + 65536), 1, N | dir(vq), i + 1);
    one(vq, GPA(SPOT), 2049 * 16, I, 0);
}
static void cut(unsigned vq)
{
    one(vq, GPA(SPOT), 1, N, 1);
}
// The second descriptor carries the marks of a used one, or of the lap before.
static void cut_used(unsigned vq)
{
    desc(vq, 1, GPA(SPOT), 1, VQ_DESC_F_USED | dir(vq), 1);
    one(vq, GPA(SPOT), 1, N, 0);
}
static void cut_flipped(unsigned vq)
{
    desc(vq, 1, GPA(SPOT), 1, VQ_DESC_F_AVAIL | VQ_DESC_F_USED | dir(vq), 1);
    one(vq, GPA(SPOT), 1, N, 0);
}

// ---- 31 to 33, 40, 49: indirect tables ----

static void table_of(unsigned vq, uint32_t bytes)
{
    one(vq, GPA(SPOT), bytes, I, 0);
}
static void table_empty(unsigned vq)
{
    table_of(vq, 0);
}
static void table_15(unsigned vq)
{
    table_of(vq, 15);
}
static void table_24(unsigned vq)
{
    table_of(vq, 24);
}
static void table_huge(unsigned vq)
{
    table_of(vq, 16 * (VQ_SIZE_MAX + 1));
}
static void table_ones(unsigned vq)
{
    table_of(vq, 0xfffffff0);
}
static void table_good(unsigned vq)
{
    entry(SPOT, 0, GPA(SPOT + 4096), 64, dir(vq), 0);
    table_of(vq, 16);
}
static void nested(unsigned vq)
{
    entry(SPOT, 0, GPA(SPOT), 16, I | dir(vq), 0);
    table_of(vq, 16);
}
static void table_and_next(unsigned vq)
{
    entry(SPOT, 0, GPA(SPOT + 4096), 64, dir(vq), 0);
    desc(vq, 1, GPA(SPOT), 1, dir(vq), 0);
    one(vq, GPA(SPOT), 16, I | N, 1);
}
static void table_after_direct(unsigned vq)
{
    desc(vq, 1, GPA(SPOT), 16, I | dir(vq), 0);
    one(vq, GPA(SPOT + 4096), 64, N, 1);
}
static void table_outside(unsigned vq)
{
    one(vq, GPA(MEM_END), 16, I, 0);
}
static void table_over_end(unsigned vq)
{
    entry(MEM_END - 16, 0, GPA(SPOT), 8, N | dir(vq), 1);
    one(vq, GPA(MEM_END - 16), 32, I, 0);
}
static void table_wraps(unsigned vq)
{
    one(vq, 0 - UINT64_C(16), 32, I, 0);
}
static void table_entry_outside(unsigned vq)
{
    entry(SPOT, 0, GPA(MEM_END), 64, dir(vq), 0);
    table_of(vq, 16);
}
static void table_of_nothing(unsigned vq)
{
    for (unsigned i = 0; i < 65; i++)
        entry(SPOT, i, 0, 0, N | dir(vq), i + 1);
    table_of(vq, 65 * 16);
}
// 1024 times all of the memory: 2^32 bytes. One entry less is a chain, if a useless one.
static void table_bytes(unsigned vq)
{
    for (unsigned i = 0; i < 1024; i++)
        entry(SPOT, i, GPA(0), FE_MEM_BYTES, (i < 1023 ? N : 0) | dir(vq), i + 1);
    table_of(vq, 1024 * 16);
}
static void table_many_bytes(unsigned vq)
{
    for (unsigned i = 0; i < 1023; i++)
        entry(SPOT, i, GPA(0), FE_MEM_BYTES, (i < 1022 ? N : 0) | dir(vq), i + 1);
    table_of(vq, 1023 * 16);
}

// ---- 38, 39, 41, 47: addresses and lengths ----

static void outside(unsigned vq)
{
    one(vq, UINT64_C(1) << 62, 64, 0, 0);
}
static void just_outside(unsigned vq)
{
    one(vq, GPA(MEM_END), 1, 0, 0);
}
static void just_below(unsigned vq)
{
    one(vq, GPA(0) - 1, 64, 0, 0);
}
static void over_end(unsigned vq)
{
    one(vq, GPA(MEM_END - 63), 64, 0, 0);
}
static void over_zero(unsigned vq)
{
    one(vq, 0 - UINT64_C(8), 64, 0, 0);
}
static void address_0(unsigned vq)
{
    one(vq, 0, 64, 0, 0);
}
static void front_address(unsigned vq)
{
    one(vq, FE_VA, 64, 0, 0); // an address of the front end is none of the guest
}
static void huge(unsigned vq)
{
    one(vq, GPA(SPOT), 0xffffffff, 0, 0);
}
static void second_outside(unsigned vq)
{
    desc(vq, 1, GPA(MEM_END), 64, dir(vq), 0);
    one(vq, GPA(SPOT), 64, N, 1);
}
// Four in one batch, one of them without a byte and nowhere.
static void batch_with_nowhere(unsigned vq)
{
    for (unsigned i = 4; i-- > 0;)
        desc(vq, i, i == 1 ? UINT64_C(1) << 62 : GPA(SPOT), i == 1 ? 0 : 8, dir(vq), i);
    offer(vq, 0, 4);
}
static void empty(unsigned vq)
{
    one(vq, GPA(SPOT), 0, 0, 0);
}
static void empty_nowhere(unsigned vq)
{
    one(vq, ~UINT64_C(0), 0, 0, 0);
}

// ---- directions ----

static void mixed(unsigned vq)
{
    desc(vq, 1, GPA(SPOT), 64, 0, 0);
    desc(vq, 0, GPA(SPOT), 64, N | W, 1);
    offer(vq, 0, 1);
}
static void wrong_way(unsigned vq)
{
    desc(vq, 0, GPA(SPOT), 128, dir(vq) ^ W, 0);
    offer(vq, 0, 1);
}
static void both_ways(unsigned vq)
{
    desc(vq, 1, GPA(SPOT), 128, W, 0);
    desc(vq, 0, GPA(SPOT), 128, N, 1);
    offer(vq, 0, 1);
}

// ---- what is unusual, and right ----

static uint32_t frame(unsigned vq, uint64_t offset)
{
    return vq % 2 == TRANSMITQ ? frame_at(offset) : vnet_hdr_bytes(fe.features) + FRAME;
}
static void at_the_end(unsigned vq)
{
    uint32_t bytes = vnet_hdr_bytes(fe.features) + FRAME;
    frame(vq, MEM_END - bytes);
    one(vq, GPA(MEM_END - bytes), bytes, 0, 0);
}
static void garbage_next(unsigned vq)
{
    one(vq, GPA(SPOT), frame(vq, SPOT), 0, 65535); // packed: the buffer id
}
static void unknown_flags(unsigned vq)
{
    one(vq, GPA(SPOT), frame(vq, SPOT), 0x7f78 & ~VQ_DESC_F_AVAIL, 0);
}
static void byte_by_byte(unsigned vq)
{
    uint32_t bytes = frame(vq, SPOT);
    for (unsigned i = 0; i < bytes; i++)
        entry(SPOT + 4096, i, GPA(SPOT + i), 1, (i + 1 < bytes ? N : 0) | dir(vq), i + 1);
    one(vq, GPA(SPOT + 4096), bytes * 16, I, 0);
}
static void empty_between(unsigned vq)
{
    uint32_t bytes = frame(vq, SPOT);
    entry(SPOT + 4096, 0, 0, 0, N | dir(vq), 1);
    entry(SPOT + 4096, 1, GPA(SPOT), 5, N | dir(vq), 2);
    entry(SPOT + 4096, 2, ~UINT64_C(0), 0, N | dir(vq), 3);
    entry(SPOT + 4096, 3, GPA(SPOT + 5), bytes - 5, dir(vq), 0);
    one(vq, GPA(SPOT + 4096), 64, I, 0);
}
static void misaligned_table(unsigned vq)
{
    entry(SPOT + 4099, 0, GPA(SPOT), frame(vq, SPOT), dir(vq), 0);
    one(vq, GPA(SPOT + 4099), 16, I, 0);
}

const struct chain chains[] = {
    {"27: descriptor is its own next", BREAKS, VQ_E_CHAIN_LOOP, 0, SP, EITHER, 0, loop_of_one},
    {"27: two descriptors in a circle", BREAKS, VQ_E_CHAIN_LOOP, 0, SP, EITHER, 0, loop_of_two},
    {"27: circle without a byte", BREAKS, VQ_E_CHAIN_LOOP, 0, SP, EITHER, 0, loop_of_nothing},
    {"27: circle in a table", BREAKS, VQ_E_CHAIN_LOOP, 0, SP, EITHER, 0, loop_in_table},
    {"27: chain round the whole ring", BREAKS, VQ_E_CHAIN_CUT, 0, PK, EITHER, 0, round_the_ring},
    {"28: next is the size", BREAKS, VQ_E_NEXT_RANGE, 0, SP, EITHER, 0, next_range},
    {"28: next is 65535", BREAKS, VQ_E_NEXT_RANGE, 0, SP, EITHER, 0, next_far},
    {"28: next in a table is its length", BREAKS, VQ_E_NEXT_RANGE, 0, SP, EITHER, 0,
     table_next_range},
    {"29: head is the size", BREAKS, VQ_E_HEAD_RANGE, 0, SP, EITHER, 0, head_range},
    {"29: head is 65535", BREAKS, VQ_E_HEAD_RANGE, 0, SP, EITHER, 0, head_far},
    {"30: index jumps", BREAKS, VQ_E_AVAIL_JUMP, 0, SP, EITHER, 0, index_jump},
    {"30: index goes back", BREAKS, VQ_E_AVAIL_JUMP, 0, SP, EITHER, 0, index_back},
    {"30: index jumps half way round", BREAKS, VQ_E_AVAIL_JUMP, 0, SP, EITHER, 0, index_half},
    {"49: chain longer than any array", BREAKS, VQ_E_CHAIN_LONG, 0, BOTH, EITHER, 0, table_long},
    {"49: next is not available", BREAKS, VQ_E_CHAIN_CUT, 0, PK, EITHER, 0, cut},
    {"49: next is available and used", BREAKS, VQ_E_CHAIN_CUT, 0, PK, EITHER, 0, cut_used},
    {"49: next has the marks of the next lap", BREAKS, VQ_E_CHAIN_CUT, 0, PK, EITHER, 0,
     cut_flipped},
    {"33: empty table", BREAKS, VQ_E_INDIRECT_BYTES, 0, BOTH, EITHER, 0, table_empty},
    {"33: table of 15 bytes", BREAKS, VQ_E_INDIRECT_BYTES, 0, BOTH, EITHER, 0, table_15},
    {"33: table of 24 bytes", BREAKS, VQ_E_INDIRECT_BYTES, 0, BOTH, EITHER, 0, table_24},
    {"33: table of 32769 entries", BREAKS, VQ_E_INDIRECT_BYTES, 0, BOTH, EITHER, 0, table_huge},
    {"33: table of 4 GiB", BREAKS, VQ_E_INDIRECT_BYTES, 0, BOTH, EITHER, 0, table_ones},
    {"33: indirect not negotiated", BREAKS, VQ_E_INDIRECT_OFF, 0, BOTH, EITHER,
     VQ_F_RING_INDIRECT_DESC, table_good},
    {"33: indirect inside indirect", BREAKS, VQ_E_INDIRECT_NEST, 0, SP, EITHER, 0, nested},
    {"33: indirect and NEXT", BREAKS, VQ_E_INDIRECT_NEXT, 0, BOTH, EITHER, 0, table_and_next},
    {"33: indirect after direct", BREAKS, VQ_E_INDIRECT_NEXT, 0, PK, EITHER, 0, table_after_direct},
    {"32: table outside memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, table_outside},
    {"32: table over the end of memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, table_over_end},
    {"32: table over address 0", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, table_wraps},
    {"32: table entry outside memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0,
     table_entry_outside},
    {"40: table without a byte", BREAKS, VQ_E_CHAIN_LONG, 0, BOTH, EITHER, 0, table_of_nothing},
    {"41: 2^32 bytes", BREAKS, VQ_E_CHAIN_BYTES, 0, BOTH, EITHER, 0, table_bytes},
    {"41: one descriptor of 4 GiB", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, huge},
    {"38: address above memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, outside},
    {"38: address just above memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, just_outside},
    {"38: address just below memory", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, just_below},
    {"38: buffer over the end", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, over_end},
    {"38: buffer over address 0", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, over_zero},
    {"38: address 0", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, address_0},
    {"38: address of the front end", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, front_address},
    {"38: second descriptor outside", BREAKS, VQ_E_ADDRESS, 0, BOTH, EITHER, 0, second_outside},
    {"readable after writable", BREAKS, VQ_E_WRITE_READ, 0, BOTH, EITHER, 0, mixed},
    {"wrong direction", BREAKS, VQ_E_DIRECTION, 0, BOTH, EITHER, 0, wrong_way},
    {"both directions", BREAKS, VQ_E_DIRECTION, 0, BOTH, EITHER, 0, both_ways},
    {"41: 2^32 bytes less 4 MiB", DROPS, 0, "too_long", BOTH, TX, 0, table_many_bytes},
    {"41: room of 2^32 bytes less 4 MiB", PASSES, 0, 0, BOTH, RX, 0, table_many_bytes},
    {"39: batch with nothing nowhere", DROPS, 0, "runt", BOTH, TX, 0, batch_with_nowhere},
    {"39: batch with nothing nowhere", DROPS, 0, "no_room", BOTH, RX, VNET_F_MRG_RXBUF,
     batch_with_nowhere},
    {"40: descriptor without a byte", DROPS, 0, "runt", BOTH, TX, 0, empty},
    {"40: descriptor without a byte", DROPS, 0, "no_room", BOTH, RX, VNET_F_MRG_RXBUF, empty},
    {"39: nothing, nowhere", DROPS, 0, "runt", BOTH, TX, 0, empty_nowhere},
    {"39: nothing, nowhere", DROPS, 0, "no_room", BOTH, RX, VNET_F_MRG_RXBUF, empty_nowhere},
    {"47: buffer ends with the memory", PASSES, 0, 0, BOTH, EITHER, 0, at_the_end},
    {"45: garbage in next, packed in the id", PASSES, 0, 0, BOTH, EITHER, 0, garbage_next},
    {"flags that mean nothing", PASSES, 0, 0, BOTH, EITHER, 0, unknown_flags},
    {"42: header and frame byte by byte", PASSES, 0, 0, BOTH, EITHER, 0, byte_by_byte},
    {"40: nothing between the segments", PASSES, 0, 0, BOTH, EITHER, 0, empty_between},
    {"32: misaligned table", PASSES, 0, 0, BOTH, EITHER, 0, misaligned_table},
};
const unsigned nchains = sizeof(chains) / sizeof(chains[0]);
