// SPDX-License-Identifier: BSD-3-Clause
#include "mbuf_chain.h"

#include <rte_malloc.h>

uint64_t tern_mbuf_flags(struct rte_mempool *mp)
{
    return rte_pktmbuf_priv_flags(mp) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF ? RTE_MBUF_F_EXTERNAL : 0;
}

bool tern_mbuf_get_bulk(struct rte_mempool *mp, struct rte_mbuf **m, unsigned n)
{
    return rte_mempool_get_bulk(mp, (void **)m, n) == 0;
}

void tern_mbuf_put_bulk(struct rte_mempool *mp, struct rte_mbuf **m, unsigned n)
{
    rte_mempool_put_bulk(mp, (void **)m, n);
}

// Has it one reference, one segment, and its own buffer?
static inline bool is_plain(const struct rte_mbuf *m)
{
    static const uint16_t ones[] = {1, 1};
    _Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2, "");
    const uint8_t *refcnt = (const uint8_t *)m + offsetof(struct rte_mbuf, refcnt);
    return likely(memcmp(refcnt, ones, sizeof(ones)) == 0) && RTE_MBUF_DIRECT(m);
}

static void free_mixed(struct rte_mbuf **m, unsigned n)
{
    void *run[64];
    unsigned held = 0;
    struct rte_mempool *mp = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (unlikely(!is_plain(m[i]))) {
            rte_pktmbuf_free(m[i]);
            continue;
        }
        if (unlikely(held == RTE_DIM(run) || m[i]->pool != mp)) {
            if (held)
                rte_mempool_put_bulk(mp, run, held);
            held = 0;
            mp = m[i]->pool;
        }
        run[held++] = m[i];
    }
    if (held)
        rte_mempool_put_bulk(mp, run, held);
}

void tern_mbuf_free_bulk(struct rte_mbuf **m, unsigned n)
{
    struct rte_mempool *mp = n ? m[0]->pool : NULL;
    unsigned plain = 0;
    while (plain < n && likely(is_plain(m[plain]) && m[plain]->pool == mp))
        plain++;
    if (likely(plain > 0))
        rte_mempool_put_bulk(mp, (void **)m, plain);
    if (unlikely(plain < n))
        free_mixed(&m[plain], n - plain);
}

// Frees the external buffer of tern_mbuf_attach.
static void tern_ext_free(void *addr, void *opaque)
{
    (void)addr;
    rte_free(opaque);
}

bool tern_mbuf_attach(struct rte_mbuf *m, uint32_t bytes)
{
    uint32_t room = RTE_PKTMBUF_HEADROOM + bytes + sizeof(struct rte_mbuf_ext_shared_info) + 16;
    uint16_t len = (uint16_t)RTE_MIN(room, (uint32_t)UINT16_MAX);
    if (bytes > TERN_ATTACH_MAX)
        return false;
    void *buf = rte_malloc(NULL, room, RTE_CACHE_LINE_SIZE);
    if (!buf)
        return false;
    struct rte_mbuf_ext_shared_info *info =
        rte_pktmbuf_ext_shinfo_init_helper(buf, &len, tern_ext_free, buf);
    if (!info) {
        rte_free(buf);
        return false;
    }
    rte_pktmbuf_attach_extbuf(m, buf, rte_malloc_virt2iova(buf), len, info);
    m->data_off = RTE_PKTMBUF_HEADROOM;
    return true;
}

void tern_mbuf_raw(struct rte_mbuf *m)
{
    if (RTE_MBUF_HAS_EXTBUF(m) && !RTE_MBUF_HAS_PINNED_EXTBUF(m))
        rte_pktmbuf_detach_extbuf(m);
    rte_pktmbuf_free(m->next);
    m->next = NULL;
    m->nb_segs = 1;
}
