// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.1 to §2.6 and §3 ask of a driver: status, features, config space, reset. The
// driver core runs on a transport that writes down all that it is told.
#include "clause.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

#define V1 VQ_F_VERSION_1
#define ALL_OK 15u // ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK
#define QUEUE 8u

// A device on paper. The trace has a word for each call: S1 = status 1 was written, F = features
// were, C = config space was written, r = it was read, Q+ and Q- = a queue was started and
// stopped, N = a notification.
struct spy {
    struct vio_dev d;
    char trace[512];
    uint64_t offered, accepted;
    uint8_t status, keeps; // bits of the status that it keeps
    uint32_t generation, changes;
    int stop_rc;
    uint32_t config[4];
    uint32_t read_bytes; // of config space, at last
    unsigned drained;
    uint8_t ring[256]; // what a started queue's ring held
};

static struct spy *spy_of(struct vio_dev *d)
{
    return (struct spy *)d;
}

static void note(struct vio_dev *d, const char *word)
{
    struct spy *s = spy_of(d);
    size_t at = strlen(s->trace);
    assert_true(at + strlen(word) + 2 < sizeof(s->trace));
    snprintf(s->trace + at, sizeof(s->trace) - at, "%s%s", at ? " " : "", word);
}

static int get_status(struct vio_dev *d, uint8_t *status)
{
    *status = spy_of(d)->status;
    return 0;
}
static int set_status(struct vio_dev *d, uint8_t status)
{
    char word[8];
    snprintf(word, sizeof(word), "S%u", status);
    note(d, word);
    spy_of(d)->status = status & spy_of(d)->keeps;
    return 0;
}
static int get_features(struct vio_dev *d, uint64_t *features)
{
    *features = spy_of(d)->offered;
    return 0;
}
static int set_features(struct vio_dev *d, uint64_t features)
{
    note(d, "F");
    spy_of(d)->accepted = features;
    return 0;
}
static int config_read(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes)
{
    struct spy *s = spy_of(d);
    note(d, "r");
    s->read_bytes = bytes;
    memcpy(buf, (char *)s->config + offset, bytes);
    if (s->changes > 0) { // the device changes it just now
        s->changes--;
        s->generation++;
        s->config[0]++;
        s->config[1]++;
    }
    return 0;
}
static int config_write(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes)
{
    (void)offset;
    (void)buf;
    (void)bytes;
    note(d, "C");
    return 0;
}
static int config_generation(struct vio_dev *d, uint32_t *generation)
{
    *generation = spy_of(d)->generation;
    return 0;
}
static int queue_max(struct vio_dev *d, uint32_t index, uint32_t *size)
{
    (void)d;
    *size = index < 2 ? QUEUE : 0;
    return 0;
}
static int queue_start(struct vio_queue *q)
{
    struct spy *s = spy_of(q->dev);
    note(q->dev, "Q+");
    memcpy(s->ring, q->rings.desc, 16 * QUEUE);
    return 0;
}
static int queue_stop(struct vio_queue *q)
{
    note(q->dev, "Q-");
    return spy_of(q->dev)->stop_rc;
}
static void notify(struct vio_queue *q)
{
    note(q->dev, "N");
}

static const struct vio_transport_ops ops = {
    .name = "paper",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_read = config_read,
    .config_write = config_write,
    .config_generation = config_generation,
    .queue_max = queue_max,
    .queue_start = queue_start,
    .queue_stop = queue_stop,
    .notify = notify,
};

static void *mem_get(void *arg, uint64_t bytes, uint64_t *addr)
{
    void *p = aligned_alloc(4096, (bytes + 4095) & ~UINT64_C(4095));
    (void)arg;
    assert_non_null(p);
    *addr = (uintptr_t)p;
    return memset(p, 0, bytes);
}
static void mem_put(void *arg, void *p, uint64_t bytes)
{
    (void)arg;
    (void)bytes;
    free(p);
}

static struct spy *spy_open(uint64_t offered)
{
    struct spy *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->d.ops = &ops;
    s->d.alloc = (struct vio_alloc){mem_get, mem_put, NULL};
    s->offered = offered;
    s->keeps = 0xff;
    return s;
}

static void spy_close(struct spy *s)
{
    vio_dev_del_vqs(&s->d);
    free(s);
}

// Negotiates, makes one queue that would like to be larger, and starts the device.
static struct vio_queue *spy_start(struct spy *s)
{
    struct vio_vq_spec spec = {.name = "data", .size = 0, .indirect = 64};
    assert_int_equal(vio_dev_negotiate(&s->d, s->offered, false), 0);
    assert_int_equal(vio_dev_find_vqs(&s->d, &spec, 1), 0);
    assert_int_equal(vio_dev_ready(&s->d), 0);
    return s->d.queue[0];
}

static void drain(void *arg, void *token)
{
    struct spy *s = arg;
    (void)token;
    s->drained++;
    note(&s->d, "D");
}

static void add(struct vio_queue *q, unsigned n)
{
    static char buf[64];
    struct vq_seg seg = {(uintptr_t)buf, sizeof(buf)};
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(vio_queue_add(q, &seg, 1, 0, buf), 0);
}

// ---- §2.1 ----

CLAUSE(status_follows_the_steps, "2.1.1-1", DRIVER, BOTH,
       "Each step that is done sets its bit: acknowledged, driver found, features agreed, driver "
       "ready.")
{
    struct spy *s = spy_open(V1);
    spy_start(s);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ S15");
    spy_close(s);
}

CLAUSE(no_status_bit_is_cleared, "2.1.1-2", DRIVER, BOTH,
       "A status bit that was set stays set until a reset, also when the driver gives up.")
{
    for (unsigned refuse = 0; refuse < 2; refuse++) {
        struct spy *s = spy_open(V1);
        if (refuse)
            s->keeps = (uint8_t)~VIO_S_FEATURES_OK;
        for (unsigned i = 0; i < 3; i++) {
            if (vio_dev_negotiate(&s->d, V1, false) == 0)
                assert_int_equal(vio_dev_ready(&s->d), 0);
        }
        unsigned last = 0, writes = 0;
        for (char *at = s->trace; (at = strchr(at, 'S')); writes++) {
            unsigned status = (unsigned)strtoul(at + 1, &at, 10);
            assert_true(status == 0 || (status & last) == last);
            last = status;
        }
        assert_int_equal(writes, 15);
        assert_int_equal(last, refuse ? 11 | VIO_S_FAILED : ALL_OK);
        spy_close(s);
    }
}

CLAUSE(after_failed_comes_a_reset, "2.1.1-3", DRIVER, BOTH,
       "A device that the driver has given up is reset before it is tried again.")
{
    struct spy *s = spy_open(0);
    assert_int_equal(vio_dev_negotiate(&s->d, V1, false), -ENOTSUP);
    assert_string_equal(s->trace, "S0 S1 S3 S131");
    s->trace[0] = '\0';
    s->offered = V1;
    spy_start(s);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ S15");
    spy_close(s);
}

// ---- §2.2, §6.1 ----

CLAUSE(nothing_is_accepted_unoffered, "2.2.1-1", DRIVER, BOTH,
       "A feature that was not offered is not accepted, however much the driver wants it.")
{
    struct spy *s = spy_open(V1 | VQ_F_RING_PACKED);
    assert_int_equal(vio_dev_negotiate(&s->d, ~UINT64_C(0), false), 0);
    assert_int_equal(s->accepted, V1 | VQ_F_RING_PACKED);
    spy_close(s);
}

CLAUSE(offers_are_validated, "2.2.1-3", DRIVER, BOTH,
       "What the device offers is looked at before anything is accepted.")
{
    for (unsigned bit = 0; bit < 64; bit++) {
        struct spy *s = spy_open(UINT64_C(1) << bit);
        int rc = vio_dev_negotiate(&s->d, ~UINT64_C(0), false);
        assert_int_equal(rc, s->offered == V1 ? 0 : -ENOTSUP);
        assert_int_equal(s->accepted, rc ? 0 : V1);
        spy_close(s);
    }
}

CLAUSE(a_missing_feature_ends_in_failed, "2.2.1-6", DRIVER, BOTH,
       "A driver that cannot do without a feature sets FAILED and goes no further.")
{
    struct spy *s = spy_open(~V1);
    assert_int_equal(vio_dev_negotiate(&s->d, V1, false), -ENOTSUP);
    assert_int_equal(vio_dev_ready(&s->d), -EIO);
    assert_string_equal(s->trace, "S0 S1 S3 S131");
    spy_close(s);
}

CLAUSE(unknown_offers_do_no_harm, "2.2.1-7", DRIVER, BOTH,
       "A feature that the driver does not know is no reason to fail.")
{
    struct spy *s = spy_open(~UINT64_C(0));
    assert_int_equal(vio_dev_negotiate(&s->d, VQ_F_RING_PACKED, false), 0);
    assert_int_equal(s->accepted, V1 | VQ_F_RING_PACKED);
    assert_int_equal(s->status, 11);
    spy_close(s);
}

CLAUSE(version_1_is_accepted, "6.1-1", DRIVER, BOTH,
       "VERSION_1 is accepted when it is offered, asked for or not.")
{
    struct spy *s = spy_open(V1 | VQ_F_RING_PACKED);
    assert_int_equal(vio_dev_negotiate(&s->d, 0, false), 0);
    assert_int_equal(s->accepted, V1);
    spy_close(s);
}

// ---- §2.5 ----

CLAUSE(config_reads_are_not_atomic, "2.5.1-1", DRIVER, BOTH,
       "Config space that changed while it was read is read again, so that its fields belong "
       "together.")
{
    for (uint32_t changes = 0; changes < 5; changes++) {
        struct spy *s = spy_open(V1);
        uint32_t two[2];
        s->config[0] = 10;
        s->config[1] = 20;
        s->changes = changes;
        assert_int_equal(vio_config_get(&s->d, 0, two, sizeof(two)), 0);
        assert_int_equal(two[0], 10 + changes);
        assert_int_equal(two[1], 20 + changes);
        assert_int_equal(strlen(s->trace), 2 * changes + 1);
        spy_close(s);
    }
}

CLAUSE(config_may_be_of_any_size, "2.5.1-3", DRIVER, BOTH,
       "Nothing is asked of the size of config space but that the field that is read lies in it.")
{
    struct spy *s = spy_open(V1);
    uint32_t field;
    s->config[3] = 77;
    assert_int_equal(vio_config_get(&s->d, 12, &field, sizeof(field)), 0);
    assert_int_equal(field, 77);
    assert_string_equal(s->trace, "r"); // that field, and no more
    assert_int_equal(s->read_bytes, sizeof(field));
    spy_close(s);
}

// ---- §2.6.1 ----

CLAUSE(a_reset_is_verified, "2.6.1.1.2-1", DRIVER, BOTH,
       "Until the device says that a queue is reset, its buffers are not taken back and it is not "
       "started again.")
{
    struct spy *s = spy_open(V1 | VQ_F_RING_RESET);
    struct vio_queue *q = spy_start(s);
    add(q, 3);
    s->trace[0] = '\0';
    s->stop_rc = -EIO;
    assert_int_equal(vio_queue_reset(q, drain, s), -EIO);
    assert_string_equal(s->trace, "Q-");
    s->stop_rc = 0;
    assert_int_equal(vio_queue_reset(q, drain, s), 0);
    assert_string_equal(s->trace, "Q- Q- D D D Q+");
    spy_close(s);
}

CLAUSE(a_queue_is_configured_anew, "2.6.1.2.2-1", DRIVER, BOTH,
       "A queue that was reset is given to the device again as at first: its ring in the start "
       "state.")
{
    for (unsigned packed = 0; packed < 2; packed++) {
        static const uint8_t zero[16 * QUEUE];
        struct spy *s = spy_open(V1 | VQ_F_RING_RESET | (packed ? VQ_F_RING_PACKED : 0));
        struct vio_queue *q = spy_start(s);
        struct vq_ring_addrs at = q->rings;
        for (unsigned i = 0; i < 3; i++) {
            assert_memory_equal(s->ring, zero, sizeof(zero));
            add(q, 1 + i);
            vio_queue_kick(q);
            assert_memory_not_equal(q->rings.desc, zero, sizeof(zero));
            memset(s->ring, 1, sizeof(s->ring));
            assert_int_equal(vio_queue_reset(q, drain, s), 0);
            assert_int_equal(vq_drv_save(&q->vq), packed ? 0x80008000 : 0);
            assert_memory_equal(&at, &q->rings, sizeof(at));
        }
        spy_close(s);
    }
}

// ---- §2.8.17 ----

CLAUSE(no_list_is_longer_than_allowed, "2.8.17-1", DRIVER, PACKED,
       "A list that is longer than the device allows a queue to be is refused, whatever size the "
       "driver had in mind.")
{
    struct spy *s = spy_open(V1 | VQ_F_RING_PACKED | VQ_F_RING_INDIRECT_DESC);
    struct vio_queue *q = spy_start(s);
    struct vq_seg seg[QUEUE + 1] = {{0x1000, 8}};
    assert_int_equal(q->size, QUEUE);
    assert_int_equal(vio_queue_add(q, seg, QUEUE + 1, 0, s), -EINVAL);
    assert_int_equal(vio_queue_add(q, seg, QUEUE, 0, s), 0);
    spy_close(s);
}

// ---- §3.1, §3.3 ----

CLAUSE(the_sequence_is_kept, "3.1.1-1", DRIVER, BOTH,
       "Reset, acknowledge, driver, features, features agreed and read back, queues, driver ready: "
       "in this order.")
{
    struct spy *s = spy_open(V1);
    s->status = ALL_OK; // of a driver before
    spy_start(s);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ S15");
    s->keeps = (uint8_t)~VIO_S_FEATURES_OK;
    assert_int_equal(vio_dev_negotiate(&s->d, V1, false), -ENOTSUP); // which the read tells
    spy_close(s);
}

CLAUSE(config_is_not_written_while_features_are_chosen, "3.1.1-2", DRIVER, BOTH,
       "Config space may be read but is not written before the features are agreed.")
{
    struct spy *s = spy_open(V1);
    spy_start(s);
    assert_null(strchr(s->trace, 'C'));
    spy_close(s);
}

CLAUSE(no_feature_after_features_ok, "3.1.1-3", DRIVER, BOTH,
       "After FEATURES_OK no features are written until the device is reset.")
{
    struct spy *s = spy_open(V1);
    for (unsigned i = 0; i < 3; i++) {
        vio_dev_del_vqs(&s->d);
        spy_start(s);
    }
    bool agreed = false;
    unsigned written = 0;
    for (char *word = strtok(s->trace, " "); word; word = strtok(NULL, " ")) {
        if (strcmp(word, "S0") == 0)
            agreed = false;
        else if (strcmp(word, "S11") == 0)
            agreed = true;
        else if (strcmp(word, "F") == 0)
            assert_false(agreed), written++;
    }
    assert_int_equal(written, 3);
    spy_close(s);
}

CLAUSE(a_failed_step_is_the_last, "3.1.1-4", DRIVER, BOTH,
       "After a step that failed nothing goes on: DRIVER_OK is not set.")
{
    struct spy *s = spy_open(V1);
    s->keeps = (uint8_t)~VIO_S_FEATURES_OK;
    assert_int_equal(vio_dev_negotiate(&s->d, V1, false), -ENOTSUP);
    assert_int_equal(vio_dev_ready(&s->d), -EIO);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 S139");
    spy_close(s);
}

CLAUSE(no_notification_before_driver_ok, "3.1.1-5", DRIVER, BOTH,
       "No queue notifies the device before DRIVER_OK; what was put before is told of then.")
{
    struct vio_vq_spec spec[2] = {{.name = "one"}, {.name = "two"}};
    struct spy *s = spy_open(V1);
    assert_int_equal(vio_dev_negotiate(&s->d, V1, false), 0);
    assert_int_equal(vio_dev_find_vqs(&s->d, spec, 2), 0);
    add(s->d.queue[1], 1);
    vio_queue_kick(s->d.queue[1]);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ Q+");
    assert_int_equal(vio_dev_ready(&s->d), 0);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ Q+ S15 N");
    add(s->d.queue[0], 1);
    vio_queue_kick(s->d.queue[0]);
    assert_string_equal(s->trace, "S0 S1 S3 F S11 Q+ Q+ S15 N N");
    spy_close(s);
}

CLAUSE(exposed_buffers_are_not_altered, "3.3.1-1", DRIVER, BOTH,
       "While a queue runs, entries of buffers that the device has not used stay as they are.")
{
    for (unsigned packed = 0; packed < 2; packed++) {
        uint8_t before[16 * QUEUE];
        struct spy *s = spy_open(V1 | (packed ? VQ_F_RING_PACKED : 0));
        struct vio_queue *q = spy_start(s);
        add(q, 5);
        vio_queue_kick(q);
        memcpy(before, q->rings.desc, 16 * 5);
        assert_null(vio_queue_get(q, NULL));
        vio_queue_disable_cb(q);
        vio_queue_enable_cb(q);
        add(q, 3);
        vio_queue_kick(q);
        assert_memory_equal(q->rings.desc, before, 16 * 5);
        memcpy(before, q->rings.desc, sizeof(before));
        s->stop_rc = -EIO; // the device does not give the queue back
        assert_int_equal(vio_queue_stop(q, drain, s), -EIO);
        assert_memory_equal(q->rings.desc, before, sizeof(before));
        s->stop_rc = 0;
        spy_close(s);
    }
}

CLAUSE(buffers_are_removed_from_dead_queues_only, "3.3.1-2", DRIVER, BOTH,
       "Buffers are taken back only when the device has given the queue back.")
{
    struct spy *s = spy_open(V1);
    struct vio_queue *q = spy_start(s);
    add(q, 2);
    s->trace[0] = '\0';
    assert_int_equal(vio_queue_stop(q, drain, s), 0);
    assert_string_equal(s->trace, "Q- D D");
    spy_close(s);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
