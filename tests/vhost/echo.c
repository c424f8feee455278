// SPDX-License-Identifier: BSD-3-Clause
#include "echo.h"

#include <string.h>

#include "copy.h"

#define SEGMENTS 128

// What the device has in hand; returns the bytes written to the chain.
typedef uint32_t (*echo_fn)(struct echo *e, const struct vq_chain *c);

static uint32_t echo_data(struct echo *e, const struct vq_chain *c)
{
    char piece[256];
    uint32_t done = 0;
    while (done < e->config.limit) {
        uint64_t want = e->config.limit - done;
        uint64_t n = vq_chain_read(c, done, piece, want < sizeof(piece) ? want : sizeof(piece));
        uint64_t written = vq_chain_write(c, done, piece, n);
        done += (uint32_t)written;
        if (written < sizeof(piece))
            break;
    }
    e->echoed++;
    return done;
}

static enum echo_status run_command(struct echo *e, const struct echo_command *cmd)
{
    if (cmd->code != ECHO_SET_LIMIT || cmd->arg == 0)
        return ECHO_ERR;
    e->config.limit = cmd->arg;
    // A front end without the channel reads the config space when it likes.
    (void)vhu_dev_config_changed(e->dev);
    return ECHO_OK;
}

static uint32_t echo_control(struct echo *e, const struct vq_chain *c)
{
    struct echo_command cmd;
    uint8_t status = ECHO_ERR;
    if (vq_chain_read(c, 0, &cmd, sizeof(cmd)) == sizeof(cmd))
        status = (uint8_t)run_command(e, &cmd);
    return (uint32_t)vq_chain_write(c, 0, &status, sizeof(status));
}

// One queue, until it is empty or a lap is done (the library comes back for the rest): the whole
// data path of a served device.
static void serve(struct echo *e, struct vhu_queue *q, echo_fn fn)
{
    struct vq_chain c;
    struct vq_seg seg[SEGMENTS];
    uint64_t f = q->vq.features;
    for (uint32_t n = 0; n < q->vq.size && vq_dev_get_avail(&q->vq, f, &c, seg, SEGMENTS); n++) {
        uint32_t bytes = fn(e, &c);
        vq_dev_put_used(&q->vq, f, (struct vq_used){c.id, c.ndesc, bytes});
    }
    vq_dev_publish(&q->vq, f);
    vhu_queue_notify(q, f);
}

static void kicked(void *ctx, struct vhu_queue *q)
{
    serve(ctx, q, q->index == ECHO_DATA ? echo_data : echo_control);
}

static bool is_served(void *ctx, uint32_t index)
{
    (void)ctx;
    (void)index;
    return true;
}

static int config_get(void *ctx, uint32_t offset, void *buf, uint32_t bytes)
{
    memcpy(buf, (const char *)&((struct echo *)ctx)->config + offset, bytes);
    return 0;
}

static const struct vhu_class echo_class = {
    .name = "echo",
    .features = VQ_F_VERSION_1 | VQ_F_RING_PACKED | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC |
                VQ_F_IN_ORDER | VQ_F_RING_RESET,
    .queue_max = ECHO_QUEUES,
    .config_bytes = sizeof(struct echo_config),
    .config_get = config_get,
    .is_served = is_served,
    .kicked = kicked,
};

int echo_create(struct echo *e, struct vhu_loop *l, const char *path)
{
    return echo_reach(e, l, path, false);
}

int echo_reach(struct echo *e, struct vhu_loop *l, const char *path, bool client)
{
    struct vhu_opts o = {
        .path = path, .client = client, .features = echo_class.features, .queues = ECHO_QUEUES};
    *e = (struct echo){.config = {.limit = 4096}};
    return vhu_dev_create(l, &echo_class, e, &o, &e->dev);
}
