// SPDX-License-Identifier: BSD-3-Clause
// Connections: slow, stalled, vanishing and returning peers, in both directions.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define FEATURES (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)

static const struct vhu_hdr get_features = {VHU_REQ_GET_FEATURES, VHU_VERSION, 0};

static void send_raw(struct fe *f, const void *bytes, size_t n)
{
    assert_int_equal(send(f->sock, bytes, n, MSG_NOSIGNAL), n);
}

static void test_byte_by_byte(void **state)
{
    struct plain p;
    struct fe f;
    char bytes[sizeof(struct vhu_hdr) + 8];
    struct vhu_hdr h = {VHU_REQ_SET_FEATURES, VHU_VERSION | VHU_NEED_REPLY, 8};
    uint64_t features = FEATURES;
    (void)state;
    memcpy(bytes, &h, sizeof(h));
    memcpy(bytes + sizeof(h), &features, 8);
    plain_open(&p, "bytes");
    fe_init(&f, FEATURES);
    fe_connect(&f, p.path);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        send_raw(&f, bytes + i, 1);
        fe_nap();
    }
    assert_int_equal(fe_recv(&f), 0);
    assert_int_equal(f.rx.msg.p.u64, 0);
    assert_int_equal(plain_info(&p).accepted, FEATURES);
    fe_free(&f);
    plain_close(&p);
}

// A descriptor may come with any byte of its message.
static void test_fd_with_any_byte(void **state)
{
    struct plain p;
    struct fe f;
    char bytes[sizeof(struct vhu_hdr) + 8];
    struct vhu_hdr h = {VHU_REQ_SET_VRING_CALL, VHU_VERSION | VHU_NEED_REPLY, 8};
    (void)state;
    memcpy(bytes, &h, sizeof(h));
    memset(bytes + sizeof(h), 0, 8);
    plain_open(&p, "anybyte");
    fe_init(&f, FEATURES);
    fe_connect(&f, p.path);
    for (unsigned with = 0; with < sizeof(bytes); with++) {
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            struct iovec v = {bytes + i, 1};
            char control[CMSG_SPACE(sizeof(int))] = {0};
            struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
            if (i == with) {
                m.msg_control = control;
                m.msg_controllen = sizeof(control);
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
                memcpy(CMSG_DATA(c), &f.q[0].call, sizeof(int));
            }
            assert_int_equal(sendmsg(f.sock, &m, 0), 1);
        }
        assert_int_equal(fe_recv(&f), 0);
        assert_int_equal(f.rx.msg.p.u64, 0);
    }
    fe_free(&f);
    plain_close(&p);
}

static void test_two_in_one(void **state)
{
    struct plain p;
    struct fe f;
    struct vhu_hdr two[100];
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        two[i] = get_features;
    plain_open(&p, "two");
    fe_init(&f, FEATURES);
    fe_connect(&f, p.path);
    send_raw(&f, two, sizeof(two));
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(fe_recv(&f), 0);
    fe_free(&f);
    plain_close(&p);
}

// A header without its payload on one device; another device on the same loop answers at once.
static void test_stalled_peer(void **state)
{
    struct plain p, other = {.loop = NULL};
    struct fe slow, quick;
    struct vhu_hdr h = {VHU_REQ_SET_FEATURES, VHU_VERSION, 8};
    struct vhu_opts o = {.features = ~0ull, .queues = 2, .path = other.path};
    (void)state;
    plain_open(&p, "slow");
    fe_path(other.path, sizeof(other.path), "quick");
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &other, &o, &other.dev), 0);
    fe_init(&slow, FEATURES);
    fe_init(&quick, FEATURES);
    fe_connect(&slow, p.path);
    fe_connect(&quick, other.path);
    uint64_t begun = fe_now(), rounds = 0;
    send_raw(&slow, &h, sizeof(h));
    // The message begun holds until its deadline; meanwhile the other device makes many rounds.
    while (plain_info(&p).connects == 0 || plain_info(&p).connected) {
        fe_get(&quick, VHU_REQ_GET_FEATURES);
        rounds++;
        assert_true(fe_now() - begun < FE_WAIT_MS);
    }
    assert_true(fe_now() - begun >= VHU_DEADLINE_MS - 100);
    assert_true(rounds > 20);
    assert_non_null(strstr(plain_info(&p).last_error, "not finished"));
    assert_true(fe_hung_up(&slow));
    fe_free(&slow);
    fe_free(&quick);
    vhu_dev_destroy(other.dev);
    plain_close(&p);
}

// A peer that asks and asks and never reads is dropped; nothing waits for it.
static void test_peer_that_never_reads(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open(&p, "deaf");
    fe_init(&f, FEATURES);
    fe_connect(&f, p.path);
    assert_int_equal(fcntl(f.sock, F_SETFL, O_NONBLOCK), 0);
    assert_true(FE_UNTIL(plain_info(&p).connected));
    for (uint64_t end = fe_now() + FE_WAIT_MS; plain_info(&p).connected && fe_now() < end;)
        for (int i = 0; i < 100; i++)
            if (send(f.sock, &get_features, sizeof(get_features), MSG_NOSIGNAL) < 0)
                break;
    assert_non_null(strstr(plain_info(&p).last_error, "does not read"));
    fe_free(&f);
    plain_close(&p);
}

// One peer at a time; the next one is served when the first has gone.
static void test_second_peer_waits(void **state)
{
    struct plain p;
    struct fe a, b;
    (void)state;
    plain_open(&p, "second");
    fe_init(&a, FEATURES);
    fe_init(&b, FEATURES);
    fe_connect(&a, p.path);
    fe_start(&a, 1, 64);
    fe_connect(&b, p.path);
    assert_int_equal(fe_send(&b, VHU_REQ_GET_FEATURES, 0, NULL, 0, NULL, 0), 0);
    fe_get(&a, VHU_REQ_GET_FEATURES);
    assert_int_equal(plain_info(&p).connects, 1);
    fe_close(&a);
    assert_int_equal(fe_recv(&b), 0);
    assert_int_equal(plain_info(&p).connects, 2);
    assert_int_equal(PLAIN_COUNT(&p, queue_stopped), 1);
    fe_free(&a);
    fe_free(&b);
    plain_close(&p);
}

static void test_front_end_returns(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open(&p, "returns");
    plain_poll(&p);
    fe_init(&f, FEATURES);
    for (unsigned i = 1; i <= 100; i++) {
        fe_connect(&f, p.path);
        fe_start(&f, 2, 64);
        assert_int_equal(PLAIN_COUNT(&p, queue_started), 2 * i);
        fe_close(&f);
        assert_true(FE_UNTIL(PLAIN_COUNT(&p, disconnected) == i));
    }
    fe_free(&f);
    plain_close(&p);
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

// The back end connects, also when the front end's socket comes late, goes and comes again.
static void test_client_reconnects(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open_with(&p, "client",
                    &(struct vhu_opts){.features = ~0ull, .queues = 2, .client = true});
    fe_init(&f, FEATURES);
    for (unsigned i = 1; i <= 4; i++) {
        int l = listen_at(p.path);
        f.sock = accept4(l, NULL, NULL, SOCK_CLOEXEC);
        assert_true(f.sock >= 0);
        fe_start(&f, 2, 64);
        assert_int_equal(plain_info(&p).connects, i);
        fe_close(&f);
        close(l);
        unlink(p.path);
        assert_true(FE_UNTIL(PLAIN_COUNT(&p, disconnected) == i));
    }
    fe_free(&f);
    plain_close(&p);
}

static void test_socket_file(void **state)
{
    struct plain p;
    struct vhu_dev *d;
    struct stat st;
    char path[108];
    (void)state;
    plain_open(&p, "file");
    struct vhu_opts o = {.path = p.path, .features = ~0ull, .queues = 2};
    // In use.
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &d), -EADDRINUSE);
    assert_int_equal(lstat(p.path, &st), 0);
    // Left over.
    fe_path(path, sizeof(path), "stale");
    close(listen_at(path));
    o.path = path;
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &d), 0);
    vhu_dev_destroy(d);
    assert_int_equal(lstat(path, &st), -1);
    // Not a socket.
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &d), -EADDRINUSE);
    unlink(path);
    // Taken over by somebody else meanwhile: theirs stays.
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &d), 0);
    int other = listen_at(path);
    vhu_dev_destroy(d);
    assert_int_equal(lstat(path, &st), 0);
    close(other);
    unlink(path);
    plain_close(&p);
    assert_int_equal(lstat(p.path, &st), -1);
}

static void test_options(void **state)
{
    struct vhu_loop *l;
    struct vhu_dev *d;
    char longest[200];
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(vhu_loop_create(&l), 0);
    static const struct {
        struct vhu_opts o;
        int rc;
    } bad[] = {
        {{.path = "", .queues = 1}, -EINVAL},
        {{.path = NULL, .queues = 1}, -EINVAL},
        {{.path = "x", .queues = 0}, -EINVAL},
        {{.path = "x", .queues = FE_QUEUES + 1}, -EINVAL},
        {{.path = "x", .queues = 1, .size_max = 65536}, -EINVAL},
        {{.path = "/nonexistent/folder/x", .queues = 1}, -ENOENT},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vhu_dev_create(l, &plain_class, NULL, &bad[i].o, &d), bad[i].rc);
    struct vhu_opts o = {.path = longest, .queues = 1};
    assert_int_equal(vhu_dev_create(l, &plain_class, NULL, &o, &d), -ENAMETOOLONG);
    vhu_loop_destroy(l);
}

// No descriptor is left to accept with: the loop does not spin, and accepting recovers.
static void test_out_of_fds(void **state)
{
    struct plain p;
    struct fe f;
    struct rlimit old, tight;
    struct rusage before, after;
    (void)state;
    plain_open(&p, "emfile");
    fe_init(&f, FEATURES);
    f.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int probe = dup(f.sock);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)probe; // every descriptor below is in use
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, p.path);
    assert_int_equal(connect(f.sock, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_true(FE_UNTIL(strstr(plain_info(&p).last_error, "cannot be accepted")));
    getrusage(RUSAGE_SELF, &before);
    usleep(500000);
    getrusage(RUSAGE_SELF, &after);
    long spent = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                 after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                 (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
                 after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(spent < 250000);
    fe_start(&f, 1, 64);
    fe_free(&f);
    plain_close(&p);
}

// Devices come and go while their peers talk: events that were fetched before find nobody.
static void test_destroy_under_messages(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    fe_init(&f, FEATURES);
    unsigned n = fe_full() ? 2000 : 200;
    plain_open(&p, "destroy");
    struct vhu_opts o = {.path = p.path, .features = ~0ull, .queues = 2};
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < n; i++) {
        fe_connect(&f, p.path);
        for (unsigned k = 0; k < i % 20; k++)
            (void)!send(f.sock, &get_features, sizeof(get_features), MSG_NOSIGNAL);
        vhu_dev_destroy(p.dev);
        fe_close(&f);
        assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &p.dev), 0);
    }
    assert_int_equal(fe_open_fds(), before);
    fe_free(&f);
    plain_close(&p);
}

// The driver asked for a call, and the back end before us used its buffers and ended before it
// called: the driver sleeps, and nothing will move. It is called when the ring starts, unless it
// polls.
static void test_call_of_the_last_back_end(void **state)
{
    static const uint64_t formats[] = {0, VQ_F_RING_PACKED, VQ_F_RING_EVENT_IDX,
                                       VQ_F_RING_PACKED | VQ_F_RING_EVENT_IDX};
    struct plain p;
    struct fe f;
    uint64_t n;
    (void)state;
    plain_open(&p, "call");
    fe_init(&f, PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES);
    fe_connect(&f, p.path);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t base = 5;
        f.features = FEATURES | formats[i / 2];
        bool polls = i % 2, packed = f.features & VQ_F_RING_PACKED;
        fe_start(&f, 0, 0);
        fe_queue_init(&f, 0, 8);
        base |= packed ? 0x80058000 : 0;
        assert_int_equal(vq_drv_restore(&f.q[0].drv, base), 0);
        if (polls)
            vq_drv_notify_off(&f.q[0].drv, f.features);
        else
            vq_drv_notify_on(&f.q[0].drv, f.features);
        fe_queue_start(&f, 0, base);
        bool called = read(f.q[0].call, &n, sizeof(n)) == sizeof(n);
        // With event indices, "no calls" is a hint that names a far event.
        if (!polls || !(f.features & VQ_F_RING_EVENT_IDX))
            assert_int_equal(called, !polls);
        fe_close(&f);
        assert_true(FE_UNTIL(!plain_info(&p).connected));
        fe_connect(&f, p.path);
    }
    fe_free(&f);
    plain_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_fd_with_any_byte),
        cmocka_unit_test(test_two_in_one),
        cmocka_unit_test(test_stalled_peer),
        cmocka_unit_test(test_peer_that_never_reads),
        cmocka_unit_test(test_second_peer_waits),
        cmocka_unit_test(test_front_end_returns),
        cmocka_unit_test(test_client_reconnects),
        cmocka_unit_test(test_socket_file),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_out_of_fds),
        cmocka_unit_test(test_destroy_under_messages),
        cmocka_unit_test(test_call_of_the_last_back_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
