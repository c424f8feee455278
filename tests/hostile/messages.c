// SPDX-License-Identifier: BSD-3-Clause
// Messages: the rows of tests/vhost, sent to a port whose rings run, in both formats; and requests
// that are repeated or come when they must not.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "attack.h"
#include "../vhost/hostile_rows.h"

static void run_row(const struct attack *a)
{
    const struct hostile_row *r = a->row;
    const char *why = r->net_why ? r->net_why : r->why;
    honest_start();
    assert_true(rows_send(&fe, r, a->ask));
    if (r->outcome == DROP || (r->outcome == NACK_DROP && !a->ask)) {
        expect_dropped(why);
        return;
    }
    if (a->ask) {
        assert_int_equal(fe_recv(&fe), 0);
        assert_int_equal(fe.rx.msg.hdr.request, r->request);
        assert_int_not_equal(fe.rx.msg.p.u64, 0);
    }
    expect_refused(why);
    honest_echo(0);
}

// ---- requests that are harmless once ----

#define TIMES 1000

// 7: the size, told again and again.
static void repeat_num(const struct attack *a)
{
    (void)a;
    honest_start();
    for (unsigned i = 0; i < TIMES; i++)
        assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_NUM, 0, RING_SIZE), 0);
    honest_echo(0);
}

// 6: each new descriptor takes the place of the last one.
static void repeat_fds(const struct attack *a)
{
    (void)a;
    honest_start();
    for (unsigned i = 0; i < TIMES; i++) {
        assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_CALL, 0, fe.q[0].call), 0);
        assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_ERR, 0, fe.q[0].err), 0);
        assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, 0, fe.q[0].kick), 0);
    }
    honest_echo(0);
}

// 8: each is refused, and the connection ends; none leaves anything.
static void repeat_inflight(const struct attack *a)
{
    static const uint64_t want[3] = {4096, 0, 64ull << 16 | 4};
    (void)a;
    for (unsigned i = 0; i < 50; i++) {
        fe_connect(&fe, paths.socket);
        assert_int_equal(fe_send(&fe, VHU_REQ_GET_INFLIGHT_FD, 0, want, 24, NULL, 0), 0);
        expect_dropped("not offered");
        counters_mark();
    }
    watch_noisy();
}

static void repeat_table(const struct attack *a)
{
    (void)a;
    honest_start();
    for (unsigned i = 0; i < 200; i++)
        fe_share_memory(&fe);
    honest_echo(0);
}

static void repeat_add(const struct attack *a)
{
    struct vhu_mem_single r = {.r = {0x10000, 4096, 0x10000, 0}};
    (void)a;
    honest_start();
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(fe_ask(&fe, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &fe.memfd, 1), 0);
    honest_echo(0);
}

static void resets(const struct attack *a)
{
    (void)a;
    fe_connect(&fe, paths.socket);
    for (unsigned i = 0; i < 20; i++) {
        fe_start(&fe, FE_QUEUES, RING_SIZE);
        honest_echo(0);
        assert_int_equal(fe_ask_u64(&fe, VHU_REQ_SET_STATUS, 0), 0);
    }
}

// ---- rings that cannot start ----

// 24, 48: a state outside the ring.
static void base_outside(const struct attack *a)
{
    uint32_t base = a->features & VQ_F_RING_PACKED ? 0x80408040 : 0;
    struct vhu_vring_addr addr;
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
    fe_share_memory(&fe);
    fe_queue_init(&fe, 0, RING_SIZE);
    fe_queue_addr(&fe, 0, &addr);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_NUM, 0, RING_SIZE), 0);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_BASE, 0, base), 0);
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0), 0);
    assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, 0, fe.q[0].kick), 0);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_ENABLE, 0, 1), 1);
    expect_refused("does not fit");
}

// 48, split: what the driver says of where the ring stands is put right, not believed.
static void base_lies(const struct attack *a)
{
    (void)a;
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
    fe_share_memory(&fe);
    for (unsigned i = 0; i < FE_QUEUES; i++) {
        fe_queue_init(&fe, i, RING_SIZE);
        fe_queue_start(&fe, i, 40000);
    }
    assert_true(watch_logged("base 40000 does not fit"));
    honest_echo(0);
}

// Both formats' sizes are judged by the format that was agreed on at last.
static void size_of_other_format(const struct attack *a)
{
    fe_connect(&fe, paths.socket);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_NUM, 0, 48), 0);
    fe_negotiate(&fe);
    fe_share_memory(&fe);
    fe_queue_init(&fe, 0, RING_SIZE);
    struct vhu_vring_addr addr;
    fe_queue_addr(&fe, 0, &addr);
    bool fine = a->features & VQ_F_RING_PACKED;
    (void)fe_ask(&fe, VHU_REQ_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
    assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, 0, fe.q[0].kick), 0);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_ENABLE, 0, 1), !fine);
    if (!fine)
        expect_refused("not a power of two");
}

// Everything that a ring needs, in another order than usual.
static void backwards(const struct attack *a)
{
    struct vhu_vring_addr addr;
    (void)a;
    fe_connect(&fe, paths.socket);
    for (unsigned i = 0; i < FE_QUEUES; i++) {
        fe_queue_init(&fe, i, RING_SIZE);
        fe_queue_addr(&fe, i, &addr);
        assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_ENABLE, i, 1), 0);
        assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, i, fe.q[i].kick), 0);
        assert_int_equal(fe_ask(&fe, VHU_REQ_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0), 0);
        assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_NUM, i, RING_SIZE), 0);
    }
    fe_share_memory(&fe);
    fe_negotiate(&fe);
    honest_echo(0);
    honest_echo(1);
}

// ---- many peers ----

// Others wait for their turn; their leaving costs nothing.
static void crowd(const struct attack *a)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int socks[16];
    (void)a;
    strncpy(addr.sun_path, paths.socket, sizeof(addr.sun_path) - 1);
    honest_start();
    for (unsigned i = 0; i < 16; i++) {
        socks[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(socks[i], (struct sockaddr *)&addr, sizeof(addr));
    }
    honest_echo(0);
    watch_standing();
    for (unsigned i = 0; i < 16; i++)
        close(socks[i]);
    honest_echo(0);
}

// 6: no descriptor is left to accept with. Later there is.
static void no_fds(const struct attack *a)
{
    struct rlimit old, tight;
    (void)a;
    if (prlimit(paths.pid, RLIMIT_NOFILE, NULL, &old))
        skip();
    tight = old;
    tight.rlim_cur = 3;
    assert_int_equal(prlimit(paths.pid, RLIMIT_NOFILE, &tight, NULL), 0);
    fe_connect(&fe, paths.socket);
    bool said = watch_logged("cannot be accepted");
    assert_int_equal(prlimit(paths.pid, RLIMIT_NOFILE, &old, NULL), 0);
    assert_true(said);
    fe_start(&fe, FE_QUEUES, RING_SIZE);
    honest_echo(0);
}

void add_messages(void)
{
    static const struct {
        void (*run)(const struct attack *a);
        const char *name;
    } others[] = {
        {repeat_num, "7: the ring size a thousand times"},
        {repeat_fds, "6: three thousand eventfds"},
        {repeat_inflight, "8, 10, 11: inflight asked for again and again"},
        {repeat_table, "6, 18: the memory table 200 times"},
        {repeat_add, "18: a region added 200 times"},
        {resets, "25: resets under way"},
        {size_of_other_format, "24: a size of the other format"},
        {backwards, "rings told backwards"},
        {crowd, "sixteen peers at once"},
        {no_fds, "6: no descriptor left to accept with"},
    };
    rows_open();
    for (unsigned f = 0; f < 2; f++) {
        bool packed = formats[f] & VQ_F_RING_PACKED;
        for (unsigned i = 0; i < hostile_nrows; i++) {
            const struct hostile_row *r = &hostile_rows[i];
            if (r->format == (packed ? SPLIT_ONLY : PACKED_ONLY))
                continue;
            for (unsigned ask = 0; ask < (fe_full() ? 2 : 1); ask++)
                attack_add(run_row, r, formats[f], "%s%s", r->name, packed != ask ? ", asked" : "")
                    ->ask = packed != ask;
        }
        for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            attack_add(others[i].run, NULL, formats[f], "%s", others[i].name);
    }
    attack_add(base_outside, NULL, PACKED, "48: a base outside the ring");
    attack_add(base_lies, NULL, SPLIT, "48: a base that does not fit the used index");
}
