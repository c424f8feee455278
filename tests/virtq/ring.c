// SPDX-License-Identifier: BSD-3-Clause
#include "ring.h"

struct ring_tape ring_tape;

static void *zeroed(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, bytes);
    assert_non_null(p);
    return memset(p, 0, bytes);
}

// Each part is an allocation of its exact size, so that a sanitizer sees a step outside.
static void *part(size_t bytes, uint64_t align)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, bytes), 0);
    return p;
}

struct ring *ring_open(uint64_t f, uint32_t size)
{
    struct ring *r = (struct ring *)zeroed(sizeof(*r));
    struct vq_ring_parts bytes = vq_ring_bytes(f, size), align = vq_ring_aligns(f);
    r->f = f;
    r->size = size;
    r->at = (struct vq_ring_addrs){part(bytes.desc, align.desc), part(bytes.driver, align.driver),
                                   part(bytes.device, align.device)};
    r->slots = (struct vq_drv_slot *)calloc(size, sizeof(*r->slots));
    r->mem = (struct vq_mem *)malloc(vq_mem_bytes(1));
    vq_mem_init(r->mem, 1);
    assert_int_equal(vq_mem_add(r->mem, RING_GAP, (UINT64_C(1) << 47), NULL), 0);
    if (f & VQ_F_RING_INDIRECT_DESC) {
        r->indirect.entries = RING_ENTRIES;
        r->indirect.host = zeroed(16 * (size_t)RING_ENTRIES * size);
        r->indirect.addr = ring_gpa(r->indirect.host);
    }
    r->ref = (struct ref_ring){
        (uint8_t *)r->at.desc, (uint8_t *)r->at.driver, (uint8_t *)r->at.device, size, f,
        0 - RING_GAP};
    assert_int_equal(vq_drv_init(&r->drv, &r->at, f, size, r->slots, &r->indirect), 0);
    assert_int_equal(vq_dev_init(&r->dev, &r->at, f, size, r->mem), 0);
    return r;
}

void ring_close(struct ring *r)
{
    free(r->at.desc);
    free(r->at.driver);
    free(r->at.device);
    free(r->slots);
    free(r->mem);
    free(r->indirect.host);
    free(r);
}

void ring_start(struct ring *r, uint32_t saved)
{
    assert_int_equal(vq_drv_restore(&r->drv, saved), 0);
    assert_int_equal(vq_dev_restore(&r->dev, saved), 0);
    r->dev.unnotified = 0; // these tests know that nothing was missed
}

uint64_t ring_combo(unsigned n)
{
    return VQ_F_VERSION_1 | (n & 1 ? VQ_F_RING_PACKED : 0) | (n & 2 ? VQ_F_IN_ORDER : 0) |
           (n & 4 ? VQ_F_RING_EVENT_IDX : 0);
}

bool ring_put(struct ring *r, void *buf, uint32_t bytes, bool write, void *token)
{
    struct vq_seg seg = {ring_gpa(buf), bytes};
    struct vq_chain c = {.seg = &seg, .nread = !write, .nwrite = write};
    bool ok = vq_drv_put_avail(&r->drv, r->f, &c, token);
    vq_drv_publish(&r->drv, r->f);
    return ok;
}

uint32_t ring_state(uint64_t f, uint32_t at, bool wrap)
{
    return RING_PACKED(f) ? (at | (uint32_t)wrap << 15) * 0x10001u : at;
}
