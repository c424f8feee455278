// SPDX-License-Identifier: BSD-3-Clause
#include "ref_peer.h"

#include <stdlib.h>
#include <string.h>

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7, USED = 1 << 15 };

// ---- Little-endian bytes (§1.4) ----

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static void put(uint8_t *p, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static bool has(const struct ref_ring *r, uint64_t feature)
{
    return (r->features & feature) != 0;
}

// ---- Places in the three parts (§2.7.5, §2.7.6, §2.7.8, §2.8.13, §2.8.14) ----

// A descriptor of either format: split flags at 12, next at 14; packed id at 12, flags at 14.
struct desc {
    uint64_t addr;
    uint32_t bytes;
    uint16_t at12, at14;
};

static struct desc read_desc(const uint8_t *p)
{
    struct desc d = {get(p, 8), (uint32_t)get(p + 8, 4), (uint16_t)get(p + 12, 2),
                     (uint16_t)get(p + 14, 2)};
    return d;
}

static void write_desc(uint8_t *p, struct desc d)
{
    put(p, 8, d.addr);
    put(p + 8, 4, d.bytes);
    put(p + 12, 2, d.at12);
    put(p + 14, 2, d.at14);
}

static uint8_t *ring_desc(const struct ref_ring *r, uint32_t slot)
{
    return r->desc + 16 * (uint64_t)slot;
}
static uint8_t *avail_entry(const struct ref_ring *r, uint32_t idx)
{
    return r->driver + 4 + 2 * (uint64_t)(idx % r->size);
}
static uint8_t *used_entry(const struct ref_ring *r, uint32_t idx)
{
    return r->device + 4 + 8 * (uint64_t)(idx % r->size);
}
static uint8_t *guest(const struct ref_ring *r, uint64_t addr)
{
    return (uint8_t *)(uintptr_t)(addr + r->delta);
}

// ---- Positions and wrap counters (§2.7.6, §2.8.1) ----

struct ref_pos ref_pos_next(const struct ref_ring *r, struct ref_pos p, uint32_t entries)
{
    while (entries--) {
        if (!has(r, REF_PACKED)) {
            p.at = (p.at + 1) % 65536;
        } else if (++p.at == r->size) {
            p.at = 0;
            p.wrap = !p.wrap;
        }
    }
    return p;
}

// ---- Event suppression (§2.7.7, §2.7.10, §2.8.10) ----

// `who` decides by what its peer wrote: the driver reads the device's area and the reverse.
static const uint8_t *peer_area(const struct ref_ring *r, enum ref_role who)
{
    return who == REF_DRIVER ? r->device : r->driver;
}

// §2.7.7, §2.7.10: the event index follows the last entry of the peer's ring.
static uint32_t split_event_at(const struct ref_ring *r, enum ref_role ring)
{
    return 4 + (ring == REF_DRIVER ? 2 : 8) * r->size;
}

// True when the peer wants to hear of the entry that was published at `p`.
static bool wants(const struct ref_ring *r, enum ref_role who, struct ref_pos p)
{
    const uint8_t *area = peer_area(r, who);
    if (!has(r, REF_PACKED)) {
        if (!has(r, REF_EVENT_IDX))
            return get(area, 2) == 0;
        return get(area + split_event_at(r, who == REF_DRIVER ? REF_DEVICE : REF_DRIVER), 2) ==
               p.at;
    }
    uint32_t off = get(area, 2) & 0x7fff, flags = get(area + 2, 2) & 3;
    bool wrap = get(area, 2) >> 15;
    if (flags == 1)
        return false;
    if (flags == 2 && has(r, REF_EVENT_IDX) && off < r->size)
        return off == p.at && wrap == p.wrap;
    return true; // enabled, or nothing that the specification knows: better heard than lost
}

bool ref_decide(const struct ref_ring *r, enum ref_role who, struct ref_watch *w)
{
    bool hit = false;
    struct ref_pos p = w->from;
    for (uint32_t i = 0; i < w->entries; i++) {
        hit |= wants(r, who, p);
        p = ref_pos_next(r, p, 1);
    }
    if (w->always) // as if every place had been passed
        hit |= has(r, REF_PACKED) ? (peer_area(r, who)[2] & 3) != 1
                                  : has(r, REF_EVENT_IDX) || wants(r, who, p);
    *w = (struct ref_watch){p, 0, false};
    return hit;
}

void ref_ask(const struct ref_ring *r, enum ref_role who, enum ref_wish wish, struct ref_pos p)
{
    uint8_t *area = who == REF_DRIVER ? r->driver : r->device;
    if (has(r, REF_PACKED)) {
        put(area, 2, wish == REF_AT ? p.at | (uint32_t)p.wrap << 15 : 0);
        put(area + 2, 2, wish == REF_AT ? 2 : wish == REF_NEVER ? 1 : 0);
    } else if (has(r, REF_EVENT_IDX)) {
        put(area + split_event_at(r, who), 2, p.at);
    } else {
        put(area, 2, wish == REF_NEVER ? 1 : 0);
    }
}

// ---- Driver: put (§2.7.13, §2.8.21) ----

void ref_driver_init(struct ref_driver *d, const struct ref_ring *r, struct ref_pos start,
                     uint64_t seed)
{
    memset(d, 0, sizeof(*d));
    d->r = *r;
    d->avail = d->used = d->watch.from = start;
    d->random = seed;
    d->out = calloc(r->size, sizeof(*d->out));
    d->free = calloc(r->size, sizeof(*d->free));
    d->next = calloc(r->size, sizeof(*d->next));
    d->fifo = calloc(r->size, sizeof(*d->fifo));
    d->nfree = d->room = r->size;
    for (uint32_t i = 0; i < r->size; i++)
        d->free[i] = (uint16_t)i;
    memset(r->desc, 0, 16 * (size_t)r->size);
    memset(r->driver, 0, has(r, REF_PACKED) ? 4 : 6 + 2 * (size_t)r->size);
    memset(r->device, 0, has(r, REF_PACKED) ? 4 : 6 + 8 * (size_t)r->size);
    if (!has(r, REF_PACKED)) {
        put(r->driver + 2, 2, start.at);
        put(r->device + 2, 2, start.at);
        return;
    }
    // §2.8.1: a ring that came this far holds used descriptors, of this lap before `start`.
    for (uint32_t i = 0; i < r->size; i++) {
        bool counter = i < start.at ? start.wrap : !start.wrap;
        put(ring_desc(r, i) + 14, 2, counter ? AVAIL | USED : 0);
    }
}

void ref_driver_free(struct ref_driver *d)
{
    free(d->out);
    free(d->free);
    free(d->next);
    free(d->fifo);
}

// A free descriptor or id: any of them, as the specification demands no order.
static uint16_t take_free(struct ref_driver *d)
{
    d->random = d->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint32_t at = (uint32_t)(d->random >> 33) % d->nfree;
    uint16_t id = d->free[at];
    d->free[at] = d->free[--d->nfree];
    return id;
}

// §2.7.5: in order, descriptors are used in ring order.
static uint16_t take_split_desc(struct ref_driver *d)
{
    if (!has(&d->r, REF_IN_ORDER))
        return take_free(d);
    uint16_t slot = (uint16_t)d->in_order;
    d->in_order = (d->in_order + 1) % d->r.size;
    return slot;
}

// Fills an indirect table (§2.7.5.3, §2.8.7).
static void fill_table(struct ref_driver *d, uint64_t table, const struct ref_elem *e, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        uint16_t write = e[k].write ? WRITE : 0;
        struct desc t = {e[k].addr, e[k].bytes, 0, 0};
        if (has(&d->r, REF_PACKED)) {
            t.at14 = write;
        } else {
            t.at12 = write | (k + 1 < n ? NEXT : 0);
            t.at14 = (uint16_t)(k + 1 < n ? k + 1 : 0);
        }
        write_desc(guest(&d->r, table) + 16 * (uint64_t)k, t);
    }
}

static uint16_t put_split(struct ref_driver *d, const struct ref_elem *e, uint32_t n,
                          struct ref_layout layout)
{
    uint32_t direct = layout.table ? layout.direct : n, ndesc = direct + (layout.table ? 1 : 0);
    uint16_t head = take_split_desc(d), slot = head;

    for (uint32_t k = 0; k < ndesc; k++) {
        bool more = k + 1 < ndesc;
        uint16_t next = more ? take_split_desc(d) : 0;
        struct desc t = {0, 0, more ? NEXT : 0, next};
        if (k < direct) {
            t.addr = e[k].addr;
            t.bytes = e[k].bytes;
            t.at12 |= e[k].write ? WRITE : 0;
        } else {
            fill_table(d, layout.table, e + direct, n - direct);
            t.addr = layout.table;
            t.bytes = 16 * (n - direct);
            t.at12 |= INDIRECT;
        }
        write_desc(ring_desc(&d->r, slot), t);
        d->next[slot] = next;
        slot = next;
    }
    put(avail_entry(&d->r, d->avail.at), 2, head);
    d->avail = ref_pos_next(&d->r, d->avail, 1);
    put(d->r.driver + 2, 2, d->avail.at);
    return head;
}

// §2.8.21.1: all descriptors, then the flags of the first one.
static uint16_t put_packed(struct ref_driver *d, const struct ref_elem *e, uint32_t n,
                           struct ref_layout layout)
{
    uint16_t id = take_free(d), first_flags = 0;
    uint32_t ndesc = layout.table ? 1 : n, first = d->avail.at;

    for (uint32_t k = 0; k < ndesc; k++) {
        uint16_t flags = d->avail.wrap ? AVAIL : USED;
        struct desc t = {e[k].addr, e[k].bytes, 0xdead, 0};
        flags |= k + 1 < ndesc ? NEXT : 0;
        if (layout.table) {
            fill_table(d, layout.table, e, n);
            t = (struct desc){layout.table, 16 * n, 0, 0};
            flags |= INDIRECT;
        } else {
            flags |= e[k].write ? WRITE : 0;
        }
        if (k + 1 == ndesc)
            t.at12 = id; // §2.8.6: the id is in the last descriptor
        uint8_t *at = ring_desc(&d->r, d->avail.at);
        t.at14 = k ? flags : (uint16_t)get(at + 14, 2);
        write_desc(at, t);
        first_flags = k ? first_flags : flags;
        d->avail = ref_pos_next(&d->r, d->avail, 1);
    }
    put(ring_desc(&d->r, first) + 14, 2, first_flags);
    return id;
}

bool ref_driver_put(struct ref_driver *d, const struct ref_elem *e, uint32_t n,
                    struct ref_layout layout, void *token)
{
    bool packed = has(&d->r, REF_PACKED);
    uint32_t ndesc = layout.table ? (packed ? 0 : layout.direct) + 1 : n, writable = 0;
    if (ndesc > d->room)
        return false;
    for (uint32_t k = 0; k < n; k++)
        writable += e[k].write ? e[k].bytes : 0;
    uint16_t id = packed ? put_packed(d, e, n, layout) : put_split(d, e, n, layout);
    d->out[id] = (struct ref_out){true, token, ndesc, writable, d->put_count};
    d->fifo[d->put_count++ % d->r.size] = id;
    d->room -= ndesc;
    d->outstanding++;
    d->watch.entries += packed ? ndesc : 1;
    return true;
}

// ---- Driver: get (§2.7.14, §2.8.22) ----

// The next used entry: §2.7.8, or §2.8.1 with flags that both equal the wrap counter.
static bool read_used(struct ref_driver *d, uint32_t *id, uint32_t *bytes)
{
    if (!has(&d->r, REF_PACKED)) {
        if (get(d->r.device + 2, 2) == d->used.at)
            return false;
        *id = (uint32_t)get(used_entry(&d->r, d->used.at), 4);
        *bytes = (uint32_t)get(used_entry(&d->r, d->used.at) + 4, 4);
        return true;
    }
    struct desc u = read_desc(ring_desc(&d->r, d->used.at));
    if (d->outstanding == 0 || !(u.at14 & AVAIL) == d->used.wrap ||
        !(u.at14 & USED) == d->used.wrap)
        return false;
    *id = u.at12;
    *bytes = u.at14 & WRITE ? u.bytes : 0; // §2.8.4
    if (u.at14 & WRITE && u.bytes == 0)
        d->fault = "WRITE and nothing written"; // §2.8.3
    return true;
}

// Returns descriptors and id to the free ones.
static void release(struct ref_driver *d, uint16_t id)
{
    uint16_t slot = id;
    for (uint32_t k = 0; k < (has(&d->r, REF_PACKED) ? 1 : d->out[id].ndesc); k++) {
        if (has(&d->r, REF_PACKED) || !has(&d->r, REF_IN_ORDER))
            d->free[d->nfree++] = slot;
        slot = d->next[slot];
    }
}

// §2.7.9, §2.8.8: the entry names the last buffer of a batch; the others were used completely.
static bool open_batch(struct ref_driver *d)
{
    uint32_t id, bytes;
    if (d->batch)
        return true;
    if (!read_used(d, &id, &bytes))
        return false;
    if (id >= d->r.size || !d->out[id].busy) {
        d->fault = "used id is not outstanding";
        return false;
    }
    d->batch = has(&d->r, REF_IN_ORDER) ? d->out[id].order - d->got_count + 1 : 1;
    d->batch_bytes = bytes;
    if (!has(&d->r, REF_IN_ORDER))
        d->fifo[d->got_count % d->r.size] = (uint16_t)id;
    return true;
}

bool ref_driver_get(struct ref_driver *d, void **token, uint32_t *bytes)
{
    if (!open_batch(d))
        return false;
    uint16_t id = d->fifo[d->got_count % d->r.size];
    struct ref_out *o = &d->out[id];
    *token = o->token;
    *bytes = d->batch == 1 ? d->batch_bytes : o->writable;
    if (*bytes > o->writable)
        d->fault = "used length above the buffer";
    release(d, id);
    o->busy = false;
    d->room += o->ndesc;
    d->outstanding--;
    d->got_count++;
    d->batch--;
    d->used = ref_pos_next(&d->r, d->used, has(&d->r, REF_PACKED) ? o->ndesc : 1);
    return true;
}

// ---- Device: get (§2.7.14, §2.8.22) ----

void ref_device_init(struct ref_device *d, const struct ref_ring *r, struct ref_pos start)
{
    *d = (struct ref_device){.r = *r, .avail = start, .used = start, .watch = {.from = start}};
}

// Adds an element; §2.6.4: what the device may write comes last.
static void add_elem(struct ref_device *d, struct ref_buf *b, struct desc t, uint16_t flags)
{
    if (b->nelem && b->elem[b->nelem - 1].write && !(flags & WRITE))
        d->fault = "device-readable after device-writable";
    if (b->nelem == REF_ELEMS || b->nelem == d->r.size)
        d->fault = "chain longer than the queue"; // §2.7.5.3.1, §2.8.17
    else
        b->elem[b->nelem++] = (struct ref_elem){t.addr, t.bytes, (flags & WRITE) != 0};
}

static void read_table(struct ref_device *d, struct ref_buf *b, struct desc table)
{
    uint32_t n = table.bytes / 16;
    if (!has(&d->r, REF_INDIRECT_DESC) || n == 0 || table.bytes % 16)
        d->fault = "indirect table";
    for (uint32_t k = 0; k < n && !d->fault; k++) {
        struct desc t = read_desc(guest(&d->r, table.addr) + 16 * (uint64_t)k);
        bool last = k + 1 == n;
        // §2.7.5.3: `next` in sequence is a MUST in order, and no driver here does otherwise.
        if (has(&d->r, REF_PACKED) ? t.at14 & ~WRITE : !(t.at12 & NEXT) != last)
            d->fault = "flags of an indirect descriptor";
        if (!has(&d->r, REF_PACKED) && ((!last && t.at14 != k + 1) || t.at12 & ~(NEXT | WRITE)))
            d->fault = "links of an indirect table";
        add_elem(d, b, t, has(&d->r, REF_PACKED) ? t.at14 : t.at12);
    }
}

static bool get_split(struct ref_device *d, struct ref_buf *b)
{
    if (get(d->r.driver + 2, 2) == d->avail.at)
        return false;
    uint32_t slot = (uint32_t)get(avail_entry(&d->r, d->avail.at), 2);
    b->id = slot;
    for (bool more = true; more && !d->fault;) {
        if (slot >= d->r.size || b->ndesc++ == d->r.size) {
            d->fault = "descriptor chain";
            break;
        }
        struct desc t = read_desc(ring_desc(&d->r, slot));
        more = t.at12 & NEXT;
        if (t.at12 & ~(NEXT | WRITE | INDIRECT) || (more && t.at12 & INDIRECT))
            d->fault = "descriptor flags"; // §2.7.5.3.1
        if (more && has(&d->r, REF_IN_ORDER) && t.at14 != (slot + 1) % d->r.size)
            d->fault = "in order: next is not the next slot"; // §2.7.5.2
        if (t.at12 & INDIRECT)
            read_table(d, b, t);
        else
            add_elem(d, b, t, t.at12);
        slot = t.at14;
    }
    d->avail = ref_pos_next(&d->r, d->avail, 1);
    return !d->fault;
}

static bool get_packed(struct ref_device *d, struct ref_buf *b)
{
    bool more = true;
    while (more && !d->fault) {
        struct desc t = read_desc(ring_desc(&d->r, d->avail.at));
        if (!(t.at14 & AVAIL) == d->avail.wrap || !(t.at14 & USED) != d->avail.wrap) {
            if (b->ndesc) // §2.8.6, §2.8.17: never a partial list
                d->fault = "partial list";
            return false;
        }
        more = t.at14 & NEXT;
        if (t.at14 & ~(NEXT | WRITE | INDIRECT | AVAIL | USED) ||
            (t.at14 & INDIRECT && (more || b->ndesc)))
            d->fault = "descriptor flags"; // §2.8.19
        b->id = t.at12;
        b->ndesc++;
        if (t.at14 & INDIRECT)
            read_table(d, b, t);
        else
            add_elem(d, b, t, t.at14);
        d->avail = ref_pos_next(&d->r, d->avail, 1);
    }
    return !d->fault;
}

bool ref_device_get(struct ref_device *d, struct ref_buf *b)
{
    b->ndesc = b->nelem = 0;
    return has(&d->r, REF_PACKED) ? get_packed(d, b) : get_split(d, b);
}

// ---- Device: put (§2.7.8, §2.7.9, §2.8.8, §2.8.22) ----

void ref_device_put_batch(struct ref_device *d, uint32_t id, uint32_t ndesc, uint32_t bytes,
                          uint32_t n)
{
    if (has(&d->r, REF_PACKED)) {
        uint16_t flags = (d->used.wrap ? AVAIL | USED : 0) | (bytes ? WRITE : 0);
        // §2.8.4: without WRITE the length means nothing, and may be anything.
        struct desc u = {0, bytes ? bytes : 0x0badbeef, (uint16_t)id, flags};
        write_desc(ring_desc(&d->r, d->used.at), u);
        d->used = ref_pos_next(&d->r, d->used, ndesc);
        d->watch.entries += ndesc;
        return;
    }
    put(used_entry(&d->r, d->used.at), 4, id);
    put(used_entry(&d->r, d->used.at) + 4, 4, bytes);
    d->used = ref_pos_next(&d->r, d->used, n);
    put(d->r.device + 2, 2, d->used.at);
    d->watch.entries += n;
}

void ref_device_put(struct ref_device *d, uint32_t id, uint32_t ndesc, uint32_t bytes)
{
    ref_device_put_batch(d, id, ndesc, bytes, 1);
}
