// SPDX-License-Identifier: BSD-3-Clause
#include "kit.h"

uint8_t kit_page[8192] __attribute__((aligned(64)));

uint64_t kit_get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

void kit_set(uint8_t *p, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

struct kit_desc kit_entry(const struct ring *r, const void *table, unsigned i)
{
    const uint8_t *p = (const uint8_t *)table + 16 * (size_t)i;
    struct kit_desc d = {.addr = kit_get(p, 8), .len = (uint32_t)kit_get(p + 8, 4)};
    uint16_t at12 = (uint16_t)kit_get(p + 12, 2), at14 = (uint16_t)kit_get(p + 14, 2);
    if (RING_PACKED(r->f)) {
        d.id = at12;
        d.flags = at14;
    } else {
        d.flags = at12;
        d.next = at14;
    }
    return d;
}

struct kit_desc kit_desc(const struct ring *r, unsigned slot)
{
    return kit_entry(r, r->ref.desc, slot);
}

void kit_write(const struct ring *r, void *at, struct kit_desc d)
{
    uint8_t *p = at;
    kit_set(p, 8, d.addr);
    kit_set(p + 8, 4, d.len);
    kit_set(p + 12, 2, RING_PACKED(r->f) ? d.id : d.flags);
    kit_set(p + 14, 2, RING_PACKED(r->f) ? d.flags : d.next);
}

bool kit_put_only(struct ring *r, unsigned nread, unsigned nwrite, void *token)
{
    struct vq_seg seg[64];
    struct vq_chain c = {.seg = seg, .nread = (uint16_t)nread, .nwrite = (uint16_t)nwrite};
    assert_true(nread + nwrite <= 64);
    for (unsigned i = 0; i < nread + nwrite; i++)
        seg[i] = (struct vq_seg){kit_gpa(KIT_BYTES * i), KIT_BYTES};
    return vq_drv_put_avail(&r->drv, r->f, &c, token);
}

bool kit_put(struct ring *r, unsigned nread, unsigned nwrite, void *token)
{
    bool ok = kit_put_only(r, nread, nwrite, token);
    vq_drv_publish(&r->drv, r->f);
    return ok;
}

bool kit_take(struct ring *r, struct vq_chain *c, struct vq_seg *seg, unsigned nseg)
{
    return vq_dev_get_avail(&r->dev, r->f, c, seg, nseg);
}

void kit_give(struct ring *r, const struct vq_chain *c, uint32_t len)
{
    vq_dev_put_used(&r->dev, r->f, (struct vq_used){c->id, c->ndesc, len});
    vq_dev_publish(&r->dev, r->f);
}

unsigned kit_turn(struct ring *r)
{
    struct vq_chain c;
    struct vq_seg seg[64];
    unsigned n = 0;
    void *token;
    while (kit_take(r, &c, seg, 64))
        kit_give(r, &c, 0);
    while (vq_drv_get_used(&r->drv, r->f, &token, NULL))
        n++;
    return n;
}

void kit_offer(struct ring *r, unsigned head)
{
    if (RING_PACKED(r->f))
        return;
    unsigned idx = kit_avail_idx(r);
    kit_set(r->ref.driver + 4 + 2 * (size_t)(idx % r->size), 2, head);
    kit_set(r->ref.driver + 2, 2, idx + 1);
}

void kit_use(struct ring *r, unsigned id, unsigned ndesc, uint32_t len)
{
    struct ref_device d;
    if (RING_PACKED(r->f)) {
        // Where our driver looks next, which is where an honest device would write.
        struct ref_pos at = {r->drv.used_idx, r->drv.used_mark != 0};
        ref_device_init(&d, &r->ref, at);
    } else {
        ref_device_init(&d, &r->ref, (struct ref_pos){kit_used_idx(r), false});
    }
    ref_device_put(&d, id, ndesc, len);
}

void kit_device_refuses(struct ring *r, enum vq_broken why)
{
    struct vq_chain c;
    struct vq_seg seg[64];
    assert_false(kit_take(r, &c, seg, 64));
    assert_int_equal(r->dev.broken, why);
}
