// SPDX-License-Identifier: BSD-3-Clause
// Queues: set up, released, started and stopped, and how they follow the device that comes and
// goes. What a burst reads changes only while its gate is closed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "mbuf_chain.h"
#include "offload.h"
#include "pmd.h"
#include "probe.h"

#define HEAL_MS 1000 // between two starts of a ring that breaks

// ---- set-up ----

static void free_queue(struct tern_user_queue *q)
{
    if (!q)
        return;
    tern_wake_close(&q->wake);
    rte_free(q->block.at);
    rte_free(q);
}

static struct tern_user_queue *new_queue(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc,
                                         unsigned socket, bool is_rx)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    struct tern_user_queue *q =
        rte_zmalloc_socket("tern_queue", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
    if (!q)
        goto out;
    q->wake = TERN_WAKE_NONE;
    q->port = port;
    q->generic = port->args.generic;
    q->port_id = port->port_id;
    q->queue_id = id;
    q->is_rx = is_rx;
    q->stopped = true;
    q->holds = TERN_HOLD_DOWN;
    q->burst = tern_user_burst_null;
    q->null_hdr = q->zero;
    q->ndesc = (uint16_t)RTE_MIN(ndesc, port->args.queue_size);
    if (tern_user_block_get(&q->block, q->ndesc, is_rx ? 0 : TERN_USER_INDIRECT, (int)socket))
        goto out;
    return q;
out:
    TERN_LOG(ERR, "port %u: no memory for %s queue %u\nfix: give DPDK more (-m, or more hugepages)",
             port->port_id, is_rx ? "rx" : "tx", id);
    free_queue(q);
    return NULL;
}

static void place(struct tern_user_port *port, uint32_t index, struct tern_user_queue *q)
{
    pthread_mutex_lock(&port->gates);
    port->queue[index] = q;
    if (q)
        q->careful = port->nfresh > 0;
    pthread_mutex_unlock(&port->gates);
}

static void publish(struct tern_user_queue *q)
{
    struct tern_user_port *port = q->port;
    pthread_mutex_lock(&port->lock);
    place(port, tern_user_vq_index(q->queue_id, q->is_rx), q);
    tern_user_filter_queue(q);
    pthread_mutex_unlock(&port->lock);
}

static int check_pool(const struct rte_eth_dev *dev, uint16_t id, struct rte_mempool *mp)
{
    if (!mp) {
        TERN_LOG(ERR, "port %u: rx queue %u has no mempool\nfix: give it exactly one",
                 dev->data->port_id, id);
        return -EINVAL;
    }
    tern_user_memory_scan();
    if (tern_user_memory_has(mp))
        return 0;
    TERN_LOG(ERR,
             "port %u: rx queue %u: the back end cannot reach the buffers of pool %s, which lie in "
             "memory without a file\nfix: let EAL allocate them, or map the memory shared from a "
             "file or a memfd",
             dev->data->port_id, id, mp->name);
    return -EINVAL;
}

int tern_user_rx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                       const struct rte_eth_rxconf *conf, struct rte_mempool *mp)
{
    int rc = check_pool(dev, id, mp);
    if (rc)
        return rc;
    struct tern_user_queue *q = new_queue(dev, id, ndesc, socket, true);
    if (!q)
        return -ENOMEM;
    q->mp = mp;
    q->deferred = conf->rx_deferred_start;
    q->mbuf_flags = tern_mbuf_flags(mp);
    dev->data->rx_queues[id] = q;
    publish(q);
    return 0;
}

int tern_user_tx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                       const struct rte_eth_txconf *conf)
{
    struct tern_user_queue *q = new_queue(dev, id, ndesc, socket, false);
    if (!q)
        return -ENOMEM;
    q->deferred = conf->tx_deferred_start;
    dev->data->tx_queues[id] = q;
    publish(q);
    return 0;
}

static void release(void **queue)
{
    struct tern_user_queue *q = *queue;
    if (!q)
        return;
    pthread_mutex_lock(&q->port->lock);
    place(q->port, tern_user_vq_index(q->queue_id, q->is_rx), NULL);
    pthread_mutex_unlock(&q->port->lock);
    *queue = NULL;
    free_queue(q);
}

void tern_user_rx_release(struct rte_eth_dev *dev, uint16_t id)
{
    release(&dev->data->rx_queues[id]);
}

void tern_user_tx_release(struct rte_eth_dev *dev, uint16_t id)
{
    release(&dev->data->tx_queues[id]);
}

void tern_user_each(struct tern_user_port *port, void (*fn)(struct tern_user_queue *q))
{
    for (unsigned i = 0; i < RTE_DIM(port->queue); i++)
        if (port->queue[i])
            fn(port->queue[i]);
}

// ---- gates ----

static void hold(struct tern_user_queue *q, uint8_t why)
{
    pthread_mutex_lock(&q->port->gates);
    q->holds |= why;
    pthread_mutex_unlock(&q->port->gates);
    // Nobody opens it with our reason there. A tx burst that frees packets may be waiting for EAL,
    // and who has EAL's locks for `gates`: so the wait is without it.
    vhu_gate_close(&q->gate);
}

// With `gates` held.
static void open_if_free(struct tern_user_queue *q)
{
    if (q->holds == 0)
        vhu_gate_open(&q->gate);
}

static void unhold(struct tern_user_queue *q, uint8_t why)
{
    pthread_mutex_lock(&q->port->gates);
    q->holds &= (uint8_t)~why;
    open_if_free(q);
    pthread_mutex_unlock(&q->port->gates);
}

void tern_user_pause(struct tern_user_queue *q)
{
    if (q->live)
        hold(q, TERN_HOLD_PAUSE);
}

void tern_user_unpause(struct tern_user_queue *q)
{
    if (q->live)
        unhold(q, TERN_HOLD_PAUSE);
}

// A tx burst that is under way has the packets that it was called with, which are older than the
// memory. An rx burst takes buffers from its pool, to which new ones may come: wait for its end. It
// frees none but its own pool's, so it cannot be waiting for us.
static void make_careful(struct tern_user_queue *q)
{
    __atomic_store_n(&q->careful, true, __ATOMIC_RELAXED);
    if (!q->is_rx)
        return;
    vhu_gate_close(&q->gate);
    open_if_free(q);
}

void tern_user_fresh_add(struct tern_user_port *port, const struct tern_user_fresh *f)
{
    pthread_mutex_lock(&port->gates);
    uint32_t n = port->nfresh;
    if (n < TERN_USER_FRESH) {
        port->fresh[n] = *f;
        __atomic_store_n(&port->nfresh, n + 1, __ATOMIC_RELEASE);
    } else { // one for both and all between, which bursts may read while it grows
        struct tern_user_fresh *last = &port->fresh[n - 1];
        __atomic_store_n(&last->from, RTE_MIN(last->from, f->from), __ATOMIC_RELAXED);
        __atomic_store_n(&last->to, RTE_MAX(last->to, f->to), __ATOMIC_RELAXED);
        last->number = f->number;
    }
    tern_user_each(port, make_careful);
    pthread_mutex_unlock(&port->gates);
}

static void drop_told(struct tern_user_port *port, uint64_t told)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < port->nfresh; i++)
        if (port->fresh[i].number > told)
            port->fresh[left++] = port->fresh[i];
    port->nfresh = left;
    for (uint32_t i = 0; i < RTE_DIM(port->queue); i++)
        if (port->queue[i])
            __atomic_store_n(&port->queue[i]->careful, left > 0, __ATOMIC_RELAXED);
}

void tern_user_fresh_told(struct tern_user_port *port, uint64_t told)
{
    if (__atomic_load_n(&port->nfresh, __ATOMIC_ACQUIRE) == 0)
        return;
    tern_user_each(port, tern_user_pause);
    pthread_mutex_lock(&port->gates);
    drop_told(port, told);
    pthread_mutex_unlock(&port->gates);
    tern_user_each(port, tern_user_unpause);
}

// ---- following the device ----

static void choose(struct tern_user_queue *q)
{
    tern_user_choose_burst(q);
    if (q->stopped)
        q->burst = tern_user_burst_null;
}

void tern_user_adopt(struct tern_user_queue *q, struct vio_queue *vio)
{
    q->vio = vio;
    q->vq = &vio->vq;
    q->f = vio->vq.features | (tern_user_offloads(q->port) ? TERN_F_OFFLOAD : 0);
    q->hdr_bytes = vnet_hdr_bytes(q->f);
    q->may = (uint16_t)(q->is_rx ? vnet_may_to_driver(q->f) : vnet_may_from_driver(q->f));
    q->takes = (uint16_t)tern_offload_takes(q->port->dev->data->dev_conf.rxmode.offloads, false);
    if (q->is_rx) {
        tern_user_lay_out(q);
        tern_rest_ring(&q->rest, q->vq->size);
    }
    q->missing = 0;
    vq_drv_notify_off(q->vq, q->f);
    choose(q);
}

void tern_user_prime(struct tern_user_queue *q)
{
    if (!q->is_rx)
        return;
    if (!q->stopped)
        tern_user_fill(q);
    tern_user_intr_started(q);
}

void tern_user_open(struct tern_user_queue *q)
{
    q->live = true;
    unhold(q, TERN_HOLD_DOWN);
}

// ---- getting buffers back ----

// Keeps a sent packet until the port's lock is let go.
static void put_in_bag(struct tern_user_bag *b, struct rte_mbuf *m)
{
    if (b->n == b->room) {
        uint32_t room = b->room ? 2 * b->room : 256;
        struct rte_mbuf **more = realloc(b->m, room * sizeof(struct rte_mbuf *));
        if (!more) {
            rte_pktmbuf_free(m); // better now than never
            return;
        }
        b->m = more;
        b->room = room;
    }
    b->m[b->n++] = m;
}

void tern_user_unlock(struct tern_user_port *port)
{
    struct tern_user_bag b = port->bag;
    port->bag = (struct tern_user_bag){.n = 0};
    pthread_mutex_unlock(&port->lock);
    for (uint32_t i = 0; i < b.n; i++)
        rte_pktmbuf_free(b.m[i]);
    free(b.m);
}

unsigned tern_user_settle(struct tern_user_queue *q, unsigned n)
{
    void *token[TERN_CHUNK];
    unsigned done = 0, got = 1;
    for (; done < n && got > 0; done += got) {
        got = vq_drv_get_used_burst(q->vq, q->f, token, NULL, RTE_MIN(n - done, TERN_CHUNK));
        for (unsigned i = 0; i < got; i++)
            put_in_bag(&q->port->bag, token[i]);
    }
    return done;
}

static void give_back(void *arg, void *token)
{
    struct tern_user_queue *q = arg;
    bool apart;
    if (q->is_rx) {
        struct rte_mbuf *m = tern_rx_token(q, token, &apart);
        tern_mbuf_put_bulk(q->mp, &m, 1);
    } else {
        put_in_bag(&q->port->bag, token);
    }
}

static void give_back_lost(void *arg, void *token)
{
    struct tern_user_queue *q = arg;
    if (!q->is_rx)
        q->stats.drops[TERN_USER_DROP_LOST]++;
    give_back(arg, token);
}

static void note_broken(struct tern_user_queue *q)
{
    // What we gave up ourselves the device did not break, or it was noted then.
    if (!q->vq->broken || q->vq->broken == VQ_E_CONTROL)
        return;
    q->last_broken = q->vq->broken;
    q->stats.broken++;
    TERN_LOG(
        ERR,
        "port %u: %s queue %u is broken: %s; it starts anew\nfix: if it happens again, the back "
        "end breaks the virtio specification",
        q->port_id, q->is_rx ? "rx" : "tx", q->queue_id, vq_broken_name(q->vq->broken));
}

// Packets that were sent are not lost, even if nobody has looked yet.
static void settle(struct tern_user_queue *q)
{
    if (!q->is_rx)
        tern_user_settle(q, q->vq->size);
    rte_pktmbuf_free(q->part);
    q->part = NULL;
}

void tern_user_leave(struct tern_user_queue *q, bool lost)
{
    if (!q->vio)
        return;
    hold(q, TERN_HOLD_DOWN);
    q->live = false;
    if (q->is_rx)
        tern_user_intr_stopped(q);
    note_broken(q);
    settle(q);
    vio_queue_stop(q->vio, lost ? give_back_lost : give_back, q);
    q->vio = NULL;
    q->vq = NULL;
    unhold(q, TERN_HOLD_PAUSE);
}

// The ring is taken back and given again, empty; gate closed.
static int restart(struct tern_user_queue *q, bool lost)
{
    settle(q);
    int rc = vio_queue_reset(q->vio, lost ? give_back_lost : give_back, q);
    if (rc)
        return rc;
    if (q->is_rx)
        tern_user_lay_out(q);
    q->missing = 0;
    vq_drv_notify_off(q->vq, q->f);
    return 0;
}

// A ring that cannot be given again: only a reset of the whole device helps, unless it is gone.
static void reset_instead(struct tern_user_queue *q)
{
    q->port->reset_why = "a queue does not start again";
    tern_user_link_wake(q->port);
}

void tern_user_heal(struct tern_user_queue *q)
{
    uint64_t now = tern_user_now_ms();
    // A device that breaks it again and again must not keep us, and the log, busy.
    if (!q->live || !q->vq->broken || now < q->heal_ms)
        return;
    q->heal_ms = now + HEAL_MS;
    tern_user_pause(q);
    note_broken(q);
    if (restart(q, true) == 0)
        tern_user_prime(q);
    else
        reset_instead(q);
    tern_user_unpause(q);
}

// ---- one by one ----

// Stops or starts one queue while others run. The ring of a stopped one is there and empty, so
// that back ends which stop all rings with one go on at once, and all its buffers are back.
static void set_stopped(struct tern_user_queue *q, bool stopped)
{
    pthread_mutex_lock(&q->port->lock);
    bool change = q->stopped != stopped;
    q->stopped = stopped;
    if (q->live && change) {
        tern_user_pause(q);
        note_broken(q);
        if ((stopped || q->vq->broken) && restart(q, false))
            reset_instead(q);
        choose(q);
        if (!stopped) {
            if (q->is_rx)
                tern_user_lay_out(q); // it is empty, and the MTU may have changed
            tern_user_prime(q);
        }
        tern_user_unpause(q);
    }
    tern_user_unlock(q->port);
}

static int change(void *queue, uint8_t *state, bool stopped)
{
    set_stopped(queue, stopped);
    *state = stopped ? RTE_ETH_QUEUE_STATE_STOPPED : RTE_ETH_QUEUE_STATE_STARTED;
    return 0;
}

int tern_user_rx_start(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->rx_queues[id], &dev->data->rx_queue_state[id], false);
}

int tern_user_rx_stop(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->rx_queues[id], &dev->data->rx_queue_state[id], true);
}

int tern_user_tx_start(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->tx_queues[id], &dev->data->tx_queue_state[id], false);
}

int tern_user_tx_stop(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->tx_queues[id], &dev->data->tx_queue_state[id], true);
}
