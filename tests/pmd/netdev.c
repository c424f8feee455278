// SPDX-License-Identifier: BSD-3-Clause
#include "netdev.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "copy.h"

#define SEGMENTS 64
#define DATA_MAX 2048
#define SLOW_MS 300

// ---- commands ----

static bool set_flag(bool *flag, const uint8_t *data, uint64_t bytes)
{
    if (bytes != 1 || data[0] > 1)
        return false;
    *flag = data[0];
    return true;
}

// One table: returns the bytes that it takes, 0 when it is none.
static uint64_t set_table(unsigned *n, uint8_t list[64][6], const uint8_t *data, uint64_t bytes)
{
    uint32_t entries;
    if (bytes < sizeof(entries))
        return 0;
    memcpy(&entries, data, sizeof(entries));
    if (entries > 64 || bytes < VNET_MAC_TABLE_BYTES(entries))
        return 0;
    *n = entries;
    memcpy(list, data + sizeof(entries), entries * VNET_MAC_BYTES);
    return VNET_MAC_TABLE_BYTES(entries);
}

static bool set_mac(struct netdev_told *t, uint8_t command, const uint8_t *data, uint64_t bytes)
{
    if (command == VNET_CTRL_MAC_ADDR_SET && bytes == VNET_MAC_BYTES) {
        memcpy(t->mac, data, VNET_MAC_BYTES);
        return true;
    }
    uint64_t first = set_table(&t->stations, t->station, data, bytes);
    return command == VNET_CTRL_MAC_TABLE_SET && first &&
           set_table(&t->groups, t->group, data + first, bytes - first) == bytes - first;
}

static bool set_vlan(struct netdev_told *t, uint8_t command, const uint8_t *data, uint64_t bytes)
{
    uint16_t vlan;
    if (bytes != sizeof(vlan) || command > VNET_CTRL_VLAN_DEL)
        return false;
    memcpy(&vlan, data, sizeof(vlan));
    if (vlan >= VNET_VLANS)
        return false;
    uint64_t bit = 1ULL << vlan % 64;
    if (command == VNET_CTRL_VLAN_ADD)
        t->vlans[vlan / 64] |= bit;
    else
        t->vlans[vlan / 64] &= ~bit;
    return true;
}

static bool set_pairs(struct netdev *n, const uint8_t *data, uint64_t bytes)
{
    uint16_t pairs;
    if (bytes != sizeof(pairs))
        return false;
    memcpy(&pairs, data, sizeof(pairs));
    if (pairs == 0 || pairs > n->pairs)
        return false;
    n->told.pairs = pairs;
    return true;
}

// False: no such command, or not one that was negotiated.
static bool run(struct netdev *n, const struct vnet_ctrl_hdr *h, const uint8_t *data,
                uint64_t bytes)
{
    struct netdev_told *t = &n->told;
    uint64_t f = n->accepted;
    switch (h->type) {
    case VNET_CTRL_RX:
        if (!(f & VNET_F_CTRL_RX) || h->command > VNET_CTRL_RX_ALLMULTI)
            return false;
        return set_flag(h->command == VNET_CTRL_RX_PROMISC ? &t->promiscuous : &t->allmulticast,
                        data, bytes);
    case VNET_CTRL_MAC:
        return (f & (h->command ? VNET_F_CTRL_MAC_ADDR : VNET_F_CTRL_RX)) &&
               set_mac(t, h->command, data, bytes);
    case VNET_CTRL_VLAN:
        return (f & VNET_F_CTRL_VLAN) && set_vlan(t, h->command, data, bytes);
    case VNET_CTRL_ANNOUNCE:
        t->announced++;
        return (f & VNET_F_GUEST_ANNOUNCE) && h->command == VNET_CTRL_ANNOUNCE_ACK && bytes == 0;
    case VNET_CTRL_MQ:
        return (f & VNET_F_MQ) && h->command == VNET_CTRL_MQ_PAIRS_SET && set_pairs(n, data, bytes);
    default:
        return false;
    }
}

static uint8_t answer(struct netdev *n, const struct vq_chain *c, enum netdev_mood *mood)
{
    uint8_t data[DATA_MAX];
    struct vnet_ctrl_hdr h = {0xff, 0xff};
    uint64_t got = vq_chain_read(c, 0, &h, sizeof(h));
    uint64_t bytes = vq_chain_read(c, sizeof(h), data, sizeof(data));
    bool known = got == sizeof(h) && vq_chain_writable(c) == 1;
    n->told.commands++;
    *mood = n->only < 0 || n->only == h.type ? n->mood : NETDEV_HONEST;
    bool is_table = h.type == VNET_CTRL_MAC && h.command == VNET_CTRL_MAC_TABLE_SET;
    if (*mood == NETDEV_REFUSES || (*mood == NETDEV_REFUSES_TABLES && is_table))
        return VNET_CTRL_ERR;
    if (*mood == NETDEV_SILENT || *mood == NETDEV_BABBLES || *mood == NETDEV_EMPTY)
        return 77;
    if (known && run(n, &h, data, bytes))
        return VNET_CTRL_OK;
    // A test asks for one that cannot be only by asking for too many pairs.
    n->told.malformed += h.type != VNET_CTRL_MQ;
    return VNET_CTRL_ERR;
}

static void give_back(struct vhu_queue *q, const struct vq_chain *c, enum netdev_mood mood,
                      uint8_t ack)
{
    uint64_t f = q->vq.features;
    struct vq_used u = {c->id, c->ndesc, 1};
    if (mood == NETDEV_SILENT)
        return;
    if (mood != NETDEV_EMPTY)
        vq_chain_write(c, 0, &ack, sizeof(ack));
    if (mood == NETDEV_EMPTY)
        u.bytes = 0;
    if (mood == NETDEV_LONG)
        u.bytes = 4096;
    if (mood == NETDEV_OTHER_ID)
        u.id = (uint16_t)(u.id + 7);
    vq_dev_put_used(&q->vq, f, u);
    if (mood == NETDEV_TWICE)
        vq_dev_put_used(&q->vq, f, u);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void serve_control(struct netdev *n, struct vhu_queue *q)
{
    struct vq_chain c;
    struct vq_seg seg[SEGMENTS];
    uint64_t f = q->vq.features;
    while (vq_dev_get_avail(&q->vq, f, &c, seg, SEGMENTS)) {
        enum netdev_mood mood;
        pthread_mutex_lock(&n->lock);
        uint8_t ack = answer(n, &c, &mood);
        pthread_mutex_unlock(&n->lock);
        if (mood == NETDEV_SLOW)
            sleep_ms(SLOW_MS);
        if (mood == NETDEV_ASKS)
            vhu_dev_config_changed(n->dev);
        give_back(q, &c, mood, ack);
        vq_dev_publish(&q->vq, f);
        vhu_queue_notify(q, f);
    }
}

// ---- frames ----

static void send_back(struct vhu_queue *rx, const uint8_t *frame, uint64_t bytes)
{
    struct vq_chain c;
    struct vq_seg seg[SEGMENTS];
    struct vnet_hdr h = {.num_buffers = {1}};
    uint64_t f = rx->vq.features;
    if (!rx->live || !vq_dev_get_avail(&rx->vq, f, &c, seg, SEGMENTS))
        return;
    bytes = vq_chain_write(&c, sizeof(h), frame, bytes) + vq_chain_write(&c, 0, &h, sizeof(h));
    vq_dev_put_used(&rx->vq, f, (struct vq_used){c.id, c.ndesc, (uint32_t)bytes});
    vq_dev_publish(&rx->vq, f);
    vhu_queue_notify(rx, f);
}

static void serve_frames(struct netdev *n, struct vhu_queue *q)
{
    uint8_t frame[DATA_MAX];
    struct vq_chain c;
    struct vq_seg seg[SEGMENTS];
    uint64_t f = q->vq.features;
    while (vq_dev_get_avail(&q->vq, f, &c, seg, SEGMENTS)) {
        uint64_t bytes = vq_chain_read(&c, sizeof(struct vnet_hdr), frame, sizeof(frame));
        send_back(vhu_dev_queue(n->dev, q->index - 1u), frame, bytes);
        vq_dev_put_used(&q->vq, f, (struct vq_used){c.id, c.ndesc, 0});
    }
    vq_dev_publish(&q->vq, f);
    vhu_queue_notify(q, f);
}

// ---- the class ----

// Behind the pairs that it could have, whether they are used or not (virtio 1.3 §5.1.2).
static uint32_t control_index(const struct netdev *n)
{
    return n->accepted & VNET_F_MQ ? 2 * n->pairs : 2;
}

static void kicked(void *ctx, struct vhu_queue *q)
{
    struct netdev *n = ctx;
    if ((n->accepted & VNET_F_CTRL_VQ) && q->index == control_index(n))
        serve_control(n, q);
    else if (q->index % 2)
        serve_frames(n, q);
}

static bool is_served(void *ctx, uint32_t index)
{
    (void)ctx;
    (void)index;
    return true;
}

// What would become of a packet that is there for the driver at once?
static void queue_started(void *ctx, struct vhu_queue *q)
{
    struct netdev *n = ctx;
    struct vq_chain c;
    struct vq_seg seg[SEGMENTS];
    uint64_t f = q->vq.features;
    if (q->index % 2 || ((n->accepted & VNET_F_CTRL_VQ) && q->index == control_index(n)))
        return;
    pthread_mutex_lock(&n->lock);
    if (vq_dev_get_avail(&q->vq, f, &c, seg, SEGMENTS)) {
        vq_dev_unget_avail(&q->vq, f, &c, 1);
        n->told.filled++;
    } else {
        n->told.empty++;
    }
    pthread_mutex_unlock(&n->lock);
}

static int features_set(void *ctx, uint64_t features)
{
    struct netdev *n = ctx;
    pthread_mutex_lock(&n->lock);
    struct netdev_told *t = &n->told;
    // A new beginning, but for what only counts.
    *t = (struct netdev_told){
        .announced = t->announced, .commands = t->commands, .malformed = t->malformed};
    __atomic_store_n(&n->accepted, features, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&n->lock);
    return 0;
}

static int config_get(void *ctx, uint32_t offset, void *buf, uint32_t bytes)
{
    struct netdev *n = ctx;
    pthread_mutex_lock(&n->lock);
    memcpy(buf, (const char *)&n->config + offset, bytes);
    pthread_mutex_unlock(&n->lock);
    return 0;
}

static void quiet(void *arg, int level, const char *text)
{
    (void)arg;
    if (getenv("TERN_TEST_LOG"))
        fprintf(stderr, "%d %s\n", level, text);
}

void netdev_open(struct netdev *n, const char *path)
{
    struct vhu_opts o = {
        .path = path, .features = ~0ull, .queues = 2 * n->pairs + (n->no_ring ? 0 : 1)};
    memset(&n->told, 0, sizeof(n->told));
    n->accepted = 0;
    n->config.max_pairs.raw = (uint16_t)(n->says_pairs ? n->says_pairs : n->pairs);
    n->type = (struct vhu_class){
        .name = "test-net",
        .features = n->features,
        .queue_max = 2 * NETDEV_PAIRS + 1,
        .queue_unit = 2,
        .config_bytes = n->no_config ? 0 : VNET_CONFIG_BYTES,
        .config_get = config_get,
        .features_set = features_set,
        .queue_started = queue_started,
        .is_served = is_served,
        .kicked = kicked,
    };
    pthread_mutex_init(&n->lock, NULL);
    assert_int_equal(vhu_loop_create(&n->loop), 0);
    vhu_loop_set_log(n->loop, quiet, NULL);
    assert_int_equal(vhu_dev_create(n->loop, &n->type, n, &o, &n->dev), 0);
    assert_int_equal(vhu_loop_spawn(n->loop, "tern-test"), 0);
}

void netdev_close(struct netdev *n)
{
    vhu_dev_destroy(n->dev);
    vhu_loop_destroy(n->loop);
    pthread_mutex_destroy(&n->lock);
}

// ---- for tests ----

void netdev_mood(struct netdev *n, enum netdev_mood mood, int only)
{
    pthread_mutex_lock(&n->lock);
    n->mood = mood;
    n->only = only;
    pthread_mutex_unlock(&n->lock);
}

struct netdev_told netdev_told(struct netdev *n)
{
    pthread_mutex_lock(&n->lock);
    struct netdev_told t = n->told;
    pthread_mutex_unlock(&n->lock);
    return t;
}

uint64_t netdev_accepted(struct netdev *n)
{
    return __atomic_load_n(&n->accepted, __ATOMIC_ACQUIRE);
}

bool netdev_has_vlan(const struct netdev_told *t, unsigned vlan)
{
    return t->vlans[vlan / 64] >> vlan % 64 & 1;
}

void netdev_set_config(struct netdev *n, const struct vnet_config *c)
{
    pthread_mutex_lock(&n->lock);
    n->config = *c;
    pthread_mutex_unlock(&n->lock);
    assert_int_equal(vhu_dev_config_changed(n->dev), 0);
}
