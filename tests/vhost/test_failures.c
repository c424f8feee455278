// SPDX-License-Identifier: BSD-3-Clause
// Calls of the system that fail, one after the other: each is reported, leaves nothing behind, and
// the next try works. The loop runs on this thread where calls shall fail.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "echo.h"
#include "failing.h"
#include "loop.h"
#include "plain.h"
#include "sock.h"

#define FEATURES (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)

static char log_text[4096];

static void note(void *arg, int level, const char *text)
{
    size_t n = strlen(log_text);
    (void)arg;
    if (level <= VHU_LOG_WARN)
        snprintf(log_text + n, sizeof(log_text) - n, "%s\n", text);
}

static struct vhu_loop *new_loop(void)
{
    struct vhu_loop *l;
    log_text[0] = '\0';
    assert_int_equal(vhu_loop_create(&l), 0);
    vhu_loop_set_log(l, note, NULL);
    return l;
}

// ---- the loop ----

static void test_loop_create(void **state)
{
    unsigned before = fe_open_fds();
    (void)state;
    for (unsigned n = 1;; n++) {
        struct vhu_loop *l = NULL;
        fail_any(n);
        int rc = vhu_loop_create(&l), error = fail_end();
        assert_int_equal(rc, -error);
        if (rc == 0) {
            vhu_loop_destroy(l);
            assert_int_equal(n, 7); // six things that it needs
            break;
        }
        assert_null(l);
        assert_int_equal(fe_open_fds(), before);
    }
    assert_int_equal(fe_open_fds(), before);
}

static void test_loop_spawn(void **state)
{
    struct vhu_loop *l = new_loop();
    (void)state;
    fail_call("pthread_create", 1, EAGAIN);
    assert_int_equal(vhu_loop_spawn(l, "tern-test"), -EAGAIN);
    assert_int_equal(fail_end(), EAGAIN);
    assert_int_equal(vhu_loop_spawn(l, "tern-test"), 0);
    assert_int_equal(vhu_loop_spawn(l, "tern-test"), -EALREADY);
    vhu_loop_destroy(l);
}

static void test_loop_run(void **state)
{
    struct vhu_loop *l = new_loop();
    (void)state;
    fail_call("epoll_wait", 1, EINTR);
    assert_int_equal(vhu_loop_run(l, 0), 0);
    fail_call("epoll_wait", 1, EINVAL);
    assert_int_equal(vhu_loop_run(l, 0), -EINVAL);
    assert_int_equal(fail_end(), EINVAL);
    assert_int_equal(vhu_loop_run(l, 0), 0);
    vhu_loop_destroy(l);
}

static void count(void *arg, uint32_t events)
{
    (void)events;
    ++*(unsigned *)arg;
}

// More sources than there are slots, and no memory for more: those that are there stay.
static void test_sources(void **state)
{
    struct vhu_source s[20];
    unsigned hits = 0, n;
    struct vhu_loop *l = new_loop();
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), fds[20];
    (void)state;
    for (n = 0; n < 20; n++) {
        fds[n] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        s[n] = (struct vhu_source){.ready = count, .arg = &hits};
        fail_call("realloc", 1, ENOMEM);
        int rc = vhu_source_add(l, &s[n], fds[n], EPOLLIN), error = fail_end();
        assert_int_equal(rc, -error);
        if (rc) {
            assert_int_equal(n, 14); // slot 0 is none, slot 1 the loop's own
            assert_int_equal(s[n].slot, 0);
            assert_int_equal(vhu_source_add(l, &s[n], fds[n], EPOLLIN), 0);
        }
    }
    assert_int_equal(vhu_source_add(l, &(struct vhu_source){.ready = count}, -1, EPOLLIN), -EBADF);
    assert_int_equal(vhu_loop_run(l, 0), 0);
    assert_int_equal(hits, 20);
    for (n = 0; n < 20; n++) {
        vhu_source_del(l, &s[n]);
        vhu_source_del(l, &s[n]);
        close(fds[n]);
    }
    assert_int_equal(vhu_loop_run(l, 0), 0);
    assert_int_equal(hits, 20);
    close(fd);
    vhu_loop_destroy(l);
}

static void fired(void *arg)
{
    ++*(unsigned *)arg;
}

// Timers in any order of setting; one that was taken out of the middle does not fire.
static void test_timers(void **state)
{
    unsigned hits[4] = {0};
    struct vhu_timer t[4];
    struct vhu_loop *l = new_loop();
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        t[i] = (struct vhu_timer){.fire = fired, .arg = &hits[i]};
    vhu_timer_set(l, &t[0], 100000000);
    assert_int_equal(vhu_loop_run(l, 0), 0);
    vhu_timer_set(l, &t[1], 1);
    vhu_timer_set(l, &t[2], 2);
    vhu_timer_set(l, &t[3], 3);
    vhu_timer_off(l, &t[2]);
    vhu_timer_off(l, &t[2]);
    while (hits[3] == 0)
        assert_int_equal(vhu_loop_run(l, -1), 0);
    assert_int_equal(hits[0], 0);
    assert_int_equal(hits[1], 1);
    assert_int_equal(hits[2], 0);
    vhu_timer_off(l, &t[0]);
    vhu_loop_destroy(l);
}

// Without a sink, errors and warnings go to standard error, and nothing else does.
static void test_log_to_stderr(void **state)
{
    char text[200] = "";
    struct vhu_loop *l = new_loop();
    int file = memfd_create("stderr", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
    (void)state;
    vhu_loop_set_log(l, NULL, NULL);
    assert_true(file >= 0 && saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    vhu_log(l, VHU_LOG_WARN, "first %d", 1);
    vhu_log(l, VHU_LOG_INFO, "second %d", 2);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(text, "vhost-user: first 1\n");
    close(file);
    close(saved);
    vhu_loop_destroy(l);
}

// ---- sockets ----

static struct sockaddr_un new_path(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    fe_path(a.sun_path, sizeof(a.sun_path), name);
    unlink(a.sun_path);
    return a;
}

static void test_sockets(void **state)
{
    struct sockaddr_un a = new_path("failing");
    struct vhu_listener l, stale;
    unsigned before = fe_open_fds();
    (void)state;
    for (unsigned stage = 0; stage < 2; stage++) { // on a free path, then on a stale file
        for (unsigned n = 1;; n++) {
            if (stage) {
                assert_int_equal(vhu_sock_listen(&stale, &a, 1), 0);
                close(stale.fd);
            }
            fail_any(n);
            int rc = vhu_sock_listen(&l, &a, 1), error = fail_end();
            if (rc)
                assert_int_equal(l.fd, -1);
            vhu_sock_unlisten(&l, &a);
            assert_int_equal(fe_open_fds(), before);
            unlink(a.sun_path); // stays where the listener cannot know that it is its own
            if (error == 0) {
                assert_int_equal(rc, 0);
                assert_true(n > (stage ? 8 : 5));
                break;
            }
            if (rc) // what could not be tried may be in use
                assert_true(rc == -error || rc == -EADDRINUSE);
            else
                assert_true(fail_was("lstat"));
        }
    }
}

// The stale file went by itself between the look and the unlink.
static void test_stale_file_goes(void **state)
{
    struct sockaddr_un a = new_path("going");
    struct vhu_listener l;
    (void)state;
    assert_int_equal(vhu_sock_listen(&l, &a, 1), 0);
    close(l.fd);
    fail_call("unlink", 1, ENOENT);
    assert_int_equal(vhu_sock_listen(&l, &a, 1), -EADDRINUSE); // bind says so: it did not
    assert_int_equal(fail_end(), ENOENT);
    assert_int_equal(vhu_sock_listen(&l, &a, 1), 0);
    vhu_sock_unlisten(&l, &a);
}

// ---- devices ----

static bool turn(struct vhu_loop *l)
{
    assert_int_equal(vhu_loop_run(l, 1), 0);
    return true;
}

// Runs the loop on another thread, so that this one can ask and be answered.
struct pump {
    pthread_t thread;
    struct vhu_loop *loop;
    bool end;
};

static void *pump_main(void *arg)
{
    struct pump *p = arg;
    while (!__atomic_load_n(&p->end, __ATOMIC_ACQUIRE))
        vhu_loop_run(p->loop, 1);
    return NULL;
}

static void pump_start(struct pump *p, struct vhu_loop *l)
{
    *p = (struct pump){.loop = l};
    assert_int_equal(pthread_create(&p->thread, NULL, pump_main, p), 0);
}

static void pump_stop(struct pump *p)
{
    __atomic_store_n(&p->end, true, __ATOMIC_RELEASE);
    pthread_join(p->thread, NULL);
}

static bool connected(struct vhu_dev *d)
{
    struct vhu_info info;
    vhu_dev_info(d, &info);
    return info.connected;
}

static void test_device_create(void **state)
{
    struct sockaddr_un a = new_path("device");
    struct plain p = {.loop = new_loop()};
    struct vhu_opts o = {.path = a.sun_path, .features = ~0ull, .queues = FE_QUEUES};
    unsigned before = fe_open_fds();
    (void)state;
    for (unsigned n = 1;; n++) {
        fail_any(n);
        int rc = vhu_dev_create(p.loop, &plain_class, &p, &o, &p.dev), error = fail_end();
        if (rc == 0) {
            int fd = vhu_sock_connect(&a); // also when it could not be watched at once
            assert_true(fd >= 0);
            assert_true(FE_UNTIL((turn(p.loop), connected(p.dev))));
            close(fd);
            vhu_dev_destroy(p.dev);
        } else {
            assert_int_equal(rc, -error);
            assert_int_not_equal(access(a.sun_path, F_OK), 0);
        }
        assert_int_equal(fe_open_fds(), before);
        unlink(a.sun_path);
        if (error == 0) {
            assert_true(n > 12);
            break;
        }
        if (rc == 0)
            assert_true(fail_was("lstat") || fail_was("epoll_ctl"));
    }
    vhu_loop_destroy(p.loop);
}

static void test_options(void **state)
{
    char path[200] = "x";
    struct vhu_loop *l = new_loop();
    const struct vhu_opts good = {.path = path, .queues = 1};
    struct vhu_opts bad[] = {good, good, good, good, good};
    struct vhu_class wide = plain_class;
    struct vhu_dev *d;
    (void)state;
    wide.queue_max = VHU_QUEUES_MAX + 1;
    bad[0].path = NULL;
    bad[1].path = "";
    bad[2].queues = 0;
    bad[3].queues = VHU_QUEUES_MAX + 1;
    bad[4].size_max = VQ_SIZE_MAX + 1;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vhu_dev_create(l, &wide, NULL, &bad[i], &d), -EINVAL);
    bad[3].queues = FE_QUEUES + 1;
    assert_int_equal(vhu_dev_create(l, &plain_class, NULL, &bad[3], &d), -EINVAL);
    wide.config_bytes = VHU_CONFIG_MAX + 1;
    assert_int_equal(vhu_dev_create(l, &wide, NULL, &good, &d), -EINVAL);
    memset(path, 'x', 108);
    assert_int_equal(vhu_dev_create(l, &plain_class, NULL, &good, &d), -ENAMETOOLONG);
    vhu_loop_destroy(l);
}

// A peer that cannot be taken waits until it can.
static void test_accept(void **state)
{
    static const struct {
        const char *name;
        int error;
        bool said;
    } row[] = {{"accept4", EMFILE, true},
               {"accept4", EINTR, false},
               {"accept4", ECONNABORTED, false},
               {"accept4", EAGAIN, false}};
    struct sockaddr_un a = new_path("accept");
    struct plain p = {.loop = new_loop()};
    struct vhu_opts o = {.path = a.sun_path, .features = ~0ull, .queues = 1};
    (void)state;
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &p.dev), 0);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        int fd = vhu_sock_connect(&a);
        log_text[0] = '\0';
        fail_call(row[i].name, 1, row[i].error);
        assert_true(FE_UNTIL((turn(p.loop), connected(p.dev))));
        assert_int_equal(fail_end(), row[i].error);
        assert_int_equal(strstr(log_text, "cannot be accepted") != NULL, row[i].said);
        close(fd);
        assert_true(FE_UNTIL((turn(p.loop), !connected(p.dev))));
    }
    // Accepted and not watched: this one is lost, the next is not.
    int fd = vhu_sock_connect(&a);
    fail_call("epoll_ctl", 2, ENOSPC); // the first stops listening
    assert_true(FE_UNTIL((turn(p.loop), fail_was("epoll_ctl"))));
    fail_call("epoll_ctl", 1, ENOSPC); // nor can it listen again at once
    assert_true(FE_UNTIL((turn(p.loop), fail_was("epoll_ctl"))));
    assert_false(connected(p.dev));
    close(fd);
    fd = vhu_sock_connect(&a);
    assert_true(FE_UNTIL((turn(p.loop), connected(p.dev))));
    close(fd);
    vhu_dev_destroy(p.dev);
    vhu_loop_destroy(p.loop);
}

// A device that connects by itself tries again.
static void test_client(void **state)
{
    struct sockaddr_un a = new_path("client");
    struct plain p = {.loop = new_loop()};
    struct vhu_opts o = {.path = a.sun_path, .client = true, .features = ~0ull, .queues = 1};
    struct vhu_listener l;
    (void)state;
    assert_int_equal(vhu_sock_listen(&l, &a, 4), 0);
    unsigned before = fe_open_fds();
    for (unsigned n = 1; n <= 3; n++) {
        assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &p.dev), 0);
        const char *name = n == 1 ? "socket" : n == 2 ? "connect" : "epoll_ctl";
        fail_call(name, 1, EMFILE);
        assert_true(FE_UNTIL((turn(p.loop), fail_was(name))));
        assert_false(connected(p.dev));
        assert_int_equal(fe_open_fds(), before);
        assert_true(FE_UNTIL((turn(p.loop), connected(p.dev))));
        vhu_dev_destroy(p.dev);
    }
    vhu_sock_unlisten(&l, &a);
    vhu_loop_destroy(p.loop);
}

// ---- requests ----

// Sends a request, which is handled on this thread with that call failing; the answer.
static uint64_t ask_failing(struct vhu_loop *l, struct fe *f, uint32_t request, const void *payload,
                            uint32_t size, int fd, const char *name, unsigned nth)
{
    assert_int_equal(fe_send(f, request, VHU_NEED_REPLY, payload, size, &fd, fd >= 0), 0);
    fail_call(name, nth, ENOMEM);
    assert_true(FE_UNTIL((turn(l), fail_was(name))));
    assert_int_equal(fail_end(), ENOMEM);
    assert_int_equal(fe_recv(f), 0);
    return f->rx.msg.p.u64;
}

static bool is_live(struct vhu_dev *d)
{
    struct vhu_queue_info info;
    assert_int_equal(vhu_queue_info(d, 0, &info), 0);
    return info.live;
}

static void test_requests(void **state)
{
    static const char *const names[] = {"fstat", "mmap", "calloc"};
    struct sockaddr_un a = new_path("requests");
    struct vhu_mem_table t = {.n = 1};
    struct vhu_mem_single one = {.r = {FE_GPA, FE_MEM_BYTES, FE_VA, 0}};
    struct vhu_info info;
    struct echo e;
    struct fe f;
    struct pump p;
    struct vhu_loop *l = new_loop();
    (void)state;
    assert_int_equal(echo_create(&e, l, a.sun_path), 0);
    fe_init(&f, FEATURES);
    fe_connect(&f, a.sun_path);
    pump_start(&p, l);
    fe_negotiate(&f);
    pump_stop(&p);
    t.r[0] = one.r;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_not_equal(
            ask_failing(l, &f, VHU_REQ_SET_MEM_TABLE, &t, 8 + 32, f.memfd, names[i], 1), 0);
        assert_int_not_equal(
            ask_failing(l, &f, VHU_REQ_ADD_MEM_REG, &one, sizeof(one), f.memfd, names[i], 1), 0);
        vhu_dev_info(e.dev, &info);
        assert_int_equal(info.regions, 0);
        assert_non_null(strstr(info.last_error, "ADD_MEM_REG"));
    }
    pump_start(&p, l);
    fe_share_memory(&f);
    fe_queue_init(&f, 0, 16);
    fe_queue_start(&f, 0, 0);
    pump_stop(&p);
    assert_true(is_live(e.dev));
    // A kick that cannot be watched stops its ring; the first call forgets the old one.
    uint64_t index = 0;
    int kick = f.q[0].kick;
    assert_int_not_equal(
        ask_failing(l, &f, VHU_REQ_SET_VRING_KICK, &index, 8, kick, "epoll_ctl", 2), 0);
    vhu_dev_info(e.dev, &info);
    assert_non_null(strstr(info.last_error, "kick cannot be watched"));
    assert_false(is_live(e.dev));
    // Nor does it start with one.
    assert_int_not_equal(
        ask_failing(l, &f, VHU_REQ_SET_VRING_KICK, &index, 8, kick, "epoll_ctl", 1), 0);
    assert_false(is_live(e.dev));
    // Without /proc an eventfd is taken at its word.
    assert_int_equal(ask_failing(l, &f, VHU_REQ_SET_VRING_KICK, &index, 8, kick, "readlink", 1), 0);
    assert_true(is_live(e.dev));
    fe_free(&f);
    vhu_dev_destroy(e.dev);
    vhu_loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_create),   cmocka_unit_test(test_loop_spawn),
        cmocka_unit_test(test_loop_run),      cmocka_unit_test(test_sources),
        cmocka_unit_test(test_timers),        cmocka_unit_test(test_log_to_stderr),
        cmocka_unit_test(test_sockets),       cmocka_unit_test(test_stale_file_goes),
        cmocka_unit_test(test_device_create), cmocka_unit_test(test_options),
        cmocka_unit_test(test_accept),        cmocka_unit_test(test_client),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
