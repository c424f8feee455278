// SPDX-License-Identifier: BSD-3-Clause
// The control socket under clients that cut lines, send too much, never read or never speak.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl.h"

static char dir[64], path[96];
static struct fwd_ctl *ctl;
static size_t answer_bytes;

static int run_ports(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    char *text = malloc(answer_bytes + 1);
    memset(text, 'a', answer_bytes);
    text[answer_bytes] = '\0';
    r->result = json_string(text);
    free(text);
    return 0;
}

static const fwd_run_fn run[FWD_CMD_COUNT] = {[FWD_CMD_SHOW_PORTS] = run_ports};
static const struct fwd_runner runner = {.run = run};
static const char request[] = "{\"command\":\"show ports\"}\n";

static void open_ctl(const struct fwd_ctl_limits *limits)
{
    struct fwd_reply r = {0};
    assert_int_equal(fwd_ctl_open(&ctl, path, &runner, limits, &r), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/fwd-ctl.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/s", dir);
    answer_bytes = 3;
    ctl = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fwd_ctl_close(ctl);
    unlink(path);
    return rmdir(dir); // fails, and the test with it, if anything was left
}

static int join(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    strcpy(at.sun_path, path);
    assert_int_equal(connect(fd, (void *)&at, sizeof(at)), 0);
    fwd_ctl_poll(ctl, 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

// Reads until the server has nothing more to say; returns bytes, or -1 for an end.
static ssize_t hear(int fd, char *buf, size_t size)
{
    size_t got = 0;
    for (int idle = 0; idle < 3;) {
        fwd_ctl_poll(ctl, 1);
        ssize_t n = recv(fd, buf + got, size - 1 - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return got ? (ssize_t)got : -1;
        idle = n < 0 ? idle + 1 : 0;
        got += n > 0 ? (size_t)n : 0;
        buf[got] = '\0';
    }
    return (ssize_t)got;
}

static unsigned lines(const char *s)
{
    unsigned n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void test_mode_and_removal(void **state)
{
    struct stat st;
    (void)state;
    mode_t old = umask(0);
    open_ctl(NULL);
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fwd_ctl_close(ctl);
    ctl = NULL;
    assert_int_equal(stat(path, &st), -1);
}

static void test_byte_by_byte_and_together(void **state)
{
    char buf[4096];
    (void)state;
    open_ctl(NULL);
    int fd = join();
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
        say(fd, request + i, 1);
    }
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\"result\":\"aaa\""));
    assert_int_equal(lines(buf), 1);
    for (int i = 0; i < 20; i++)
        say(fd, request, sizeof(request) - 1);
    say(fd, "\n\n\n", 3);
    shutdown(fd, SHUT_WR); // all twenty are answered all the same
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_int_equal(lines(buf), 20);
    close(fd);
}

static void test_several_clients(void **state)
{
    char buf[4096];
    int fd[8];
    (void)state;
    open_ctl(NULL);
    for (int i = 0; i < 8; i++)
        fd[i] = join();
    say(fd[0], "{\"comm", 7); // begun and not ended: nobody else waits
    for (int i = 7; i > 0; i--)
        say(fd[i], request, sizeof(request) - 1);
    for (int i = 1; i < 8; i++) {
        assert_true(hear(fd[i], buf, sizeof(buf)) > 0);
        assert_non_null(strstr(buf, "\"aaa\""));
        close(fd[i]);
    }
    assert_int_equal(hear(fd[0], buf, sizeof(buf)), 0);
    close(fd[0]);
}

static void test_too_many_clients(void **state)
{
    static const struct fwd_ctl_limits two = {
        .clients = 2, .line_ms = 5000, .silent_ms = 60000, .answer_ms = 5000};
    char buf[4096];
    (void)state;
    open_ctl(&two);
    int a = join(), b = join(), c = join();
    assert_true(hear(c, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "too many clients"));
    assert_int_equal(hear(c, buf, sizeof(buf)), -1);
    close(a);
    fwd_ctl_poll(ctl, 1);
    int d = join();
    say(d, request, sizeof(request) - 1);
    assert_true(hear(d, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\"aaa\""));
    close(b);
    close(c);
    close(d);
}

static void test_too_long_line(void **state)
{
    char buf[4096], *big = malloc(FWD_REQUEST_MAX);
    (void)state;
    open_ctl(NULL);
    int fd = join();
    memset(big, ' ', FWD_REQUEST_MAX);
    memcpy(big, request, sizeof(request) - 2);
    big[FWD_REQUEST_MAX - 1] = '\n'; // just as long as is allowed
    say(fd, big, FWD_REQUEST_MAX);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\"aaa\""));
    big[FWD_REQUEST_MAX - 1] = ' ';
    say(fd, big, FWD_REQUEST_MAX);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "too long"));
    assert_int_equal(hear(fd, buf, sizeof(buf)), -1);
    close(fd);
    free(big);
}

// A client that asks and never reads is closed; the others go on.
static void test_answer_not_taken(void **state)
{
    static const struct fwd_ctl_limits quick = {
        .clients = 16, .line_ms = 60000, .silent_ms = 60000, .answer_ms = 30};
    static char buf[1 << 16];
    (void)state;
    answer_bytes = 8u << 20;
    open_ctl(&quick);
    int fd = join();
    say(fd, request, sizeof(request) - 1);
    fwd_ctl_poll(ctl, 1);
    answer_bytes = 3;
    int other = join();
    say(other, request, sizeof(request) - 1);
    assert_true(hear(other, buf, sizeof(buf)) > 0);
    for (int i = 0; i < 200; i++) {
        usleep(1000);
        fwd_ctl_poll(ctl, 0);
    }
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
        got += (size_t)n;
    assert_int_equal(n, 0); // the end, long before all of it
    assert_true(got < 8u << 20);
    close(fd);
    close(other);
}

// … and one that reads slowly gets all of it.
static void test_long_answer(void **state)
{
    static char buf[1 << 16];
    size_t got = 0;
    (void)state;
    answer_bytes = 3u << 20;
    open_ctl(NULL);
    int fd = join();
    say(fd, request, sizeof(request) - 1);
    for (int idle = 0; idle < 3;) {
        fwd_ctl_poll(ctl, 1);
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        got += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
    }
    assert_true(got > 3u << 20);
    close(fd);
}

static void test_unfinished_and_silent(void **state)
{
    static const struct fwd_ctl_limits quick = {
        .clients = 16, .line_ms = 20, .silent_ms = 400, .answer_ms = 5000};
    char buf[4096];
    (void)state;
    open_ctl(&quick);
    int half = join(), silent = join();
    say(half, "{", 1);
    fwd_ctl_poll(ctl, 1);
    usleep(30000);
    assert_true(hear(half, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "did not end in time"));
    assert_int_equal(hear(half, buf, sizeof(buf)), -1);
    usleep(500000);
    fwd_ctl_poll(ctl, 1);
    assert_int_equal(recv(silent, buf, sizeof(buf), 0), 0);
    close(half);
    close(silent);
}

static void test_clients_that_vanish(void **state)
{
    char buf[4096];
    (void)state;
    open_ctl(NULL);
    for (int i = 0; i < 100; i++) {
        int fd = join();
        say(fd, request, i % sizeof(request));
        close(fd);
    }
    fwd_ctl_poll(ctl, 1);
    int fd = join();
    say(fd, request, sizeof(request) - 1);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    close(fd);
}

static void test_paths(void **state)
{
    struct fwd_ctl *second = NULL;
    struct fwd_reply r = {0};
    char longer[200];
    (void)state;
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    assert_int_equal(fwd_ctl_open(&ctl, path, &runner, NULL, &r), -EEXIST);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    unlink(path);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(fwd_ctl_open(&ctl, longer, &runner, NULL, &r), -ENAMETOOLONG);
    assert_int_equal(fwd_ctl_open(&ctl, "/no/such/folder/s", &runner, NULL, &r), -ENOENT);
    assert_true(r.fix[0]);
    open_ctl(NULL);
    assert_int_equal(fwd_ctl_open(&second, path, &runner, NULL, &r), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0); // the first one's is still there
}

// What a killed program left is no obstacle.
static void test_stale_socket(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)state;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(at.sun_path, path);
    assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
    close(fd);
    open_ctl(NULL);
    close(join());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mode_and_removal),    TEST(test_byte_by_byte_and_together),
        TEST(test_several_clients),     TEST(test_too_many_clients),
        TEST(test_too_long_line),       TEST(test_answer_not_taken),
        TEST(test_long_answer),         TEST(test_unfinished_and_silent),
        TEST(test_clients_that_vanish), TEST(test_paths),
        TEST(test_stale_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
