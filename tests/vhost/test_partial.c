// SPDX-License-Identifier: BSD-3-Clause
// Messages that a socket takes only in part, cut at every byte: what is sent in the end comes whole
// and once, its descriptors too; what cannot be sent ends the connection, and nothing is left.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "plain.h"

static int pair[2], files[VHU_FDS_MAX];
static unsigned fds_before;

static int setup(void **state)
{
    int room = 1 << 20; // for messages of single bytes, each of which takes a page or so
    (void)state;
    fds_before = fe_open_fds();
    for (unsigned i = 0; i < VHU_FDS_MAX; i++)
        files[i] = memfd_create("file", MFD_CLOEXEC);
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
           setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

static int teardown(void **state)
{
    (void)state;
    fail_end();
    for (unsigned i = 0; i < VHU_FDS_MAX; i++)
        close(files[i]);
    close(pair[0]);
    close(pair[1]);
    return fe_open_fds() != fds_before;
}

// ---- the wire ----

static const struct {
    uint32_t bytes;
    unsigned nfd;
} shapes[] = {{0, 0}, {0, 1}, {8, 1}, {40, 1}, {sizeof(struct vhu_mem_table), VHU_TABLE_MAX}};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static size_t shape(struct vhu_msg *m, unsigned i)
{
    memset(m, 0, sizeof(*m));
    m->hdr = (struct vhu_hdr){i + 1, VHU_VERSION, shapes[i].bytes};
    m->nfd = shapes[i].nfd;
    memcpy(m->fd, files, sizeof(m->fd));
    for (unsigned k = 0; k < shapes[i].bytes; k++)
        m->p.raw[k] = (uint8_t)(k + i);
    return sizeof(m->hdr) + shapes[i].bytes;
}

static ino_t file_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void has_files(const struct vhu_msg *m, unsigned nfd)
{
    assert_int_equal(m->nfd, nfd);
    for (unsigned i = 0; i < nfd; i++)
        assert_int_equal(file_of(m->fd[i]), file_of(files[i]));
}

static void comes_once(const struct vhu_msg *m)
{
    static struct vhu_rx rx;
    const char *why;
    char more;
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 1);
    assert_memory_equal(&rx.msg.hdr, &m->hdr, sizeof(m->hdr));
    assert_memory_equal(rx.msg.p.raw, m->p.raw, m->hdr.size);
    has_files(&rx.msg, m->nfd);
    vhu_rx_reset(&rx);
    assert_int_equal(recv(pair[1], &more, 1, MSG_DONTWAIT), -1);
}

static void test_parts(void **state)
{
    static struct vhu_msg m;
    unsigned fds = fe_open_fds();
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        size_t bytes = shape(&m, i);
        for (size_t part = 1; part <= bytes; part++) {
            for (unsigned full = 0; full <= 2; full++) {
                fail_in_parts(part, full, 0);
                assert_int_equal(vhu_msg_send(pair[0], &m, full ? FE_WAIT_MS : 0), 0);
                fail_end();
                comes_once(&m);
                assert_int_equal(fe_open_fds(), fds);
            }
        }
    }
}

// Who does not wait stops in the middle, and says so.
static void test_cut(void **state)
{
    static struct vhu_msg m;
    static struct vhu_rx rx;
    const char *why;
    unsigned fds = fe_open_fds();
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        size_t bytes = shape(&m, i);
        for (size_t part = 1; part < bytes; part++) {
            fail_in_parts(part, 2, 0);
            assert_int_equal(vhu_msg_send(pair[0], &m, 0), -EAGAIN);
            fail_end();
            assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 0);
            assert_int_equal(rx.got, part);
            has_files(&rx.msg, m.nfd);
            vhu_rx_reset(&rx);
            assert_int_equal(fe_open_fds(), fds);
        }
    }
}

// The time is for the whole message, however often a peer makes a little room.
static void test_deadline(void **state)
{
    static struct vhu_msg m;
    size_t bytes = shape(&m, 2);
    (void)state;
    fail_in_parts(1, 1, 5);
    assert_int_equal(vhu_msg_send(pair[0], &m, FE_WAIT_MS), 0);
    fail_end();
    comes_once(&m);
    fail_in_parts(1, 1, 5);
    assert_int_equal(vhu_msg_send(pair[0], &m, (int)bytes), -EAGAIN);
}

// ---- the back end ----

static char log_text[4096];

static void note(void *arg, int level, const char *text)
{
    size_t n = strlen(log_text);
    (void)arg;
    (void)level;
    snprintf(log_text + n, sizeof(log_text) - n, "%s\n", text);
}

static struct plain p;
static struct fe f;

// The loop runs on this thread, where sockets are as a test wants them.
static void open_device(void)
{
    struct vhu_opts o = {.path = p.path, .features = ~0ull, .queues = 1};
    memset(&p, 0, sizeof(p));
    fe_path(p.path, sizeof(p.path), "partial");
    assert_int_equal(vhu_loop_create(&p.loop), 0);
    vhu_loop_set_log(p.loop, note, NULL);
    assert_int_equal(vhu_dev_create(p.loop, &plain_class, &p, &o, &p.dev), 0);
    fe_init(&f, 0);
    fe_connect(&f, p.path);
}

static void close_device(void)
{
    fail_end();
    fe_free(&f);
    vhu_dev_destroy(p.dev);
    vhu_loop_destroy(p.loop);
}

static bool turn(void)
{
    assert_int_equal(vhu_loop_run(p.loop, 1), 0);
    return true;
}

// Requests, and how long the answers are.
static const struct {
    uint32_t request, flags, size, answer;
} asked[] = {
    {VHU_REQ_GET_FEATURES, 0, 0, 8},
    {VHU_REQ_SET_OWNER, VHU_NEED_REPLY, 0, 8},
    {VHU_REQ_GET_CONFIG, 0, VHU_CONFIG_HDR + PLAIN_CONFIG_BYTES,
     VHU_CONFIG_HDR + PLAIN_CONFIG_BYTES},
};
#define ASKED (sizeof(asked) / sizeof(asked[0]))

// The device handles one request, and its socket takes the answer so.
static void ask(unsigned i, size_t part, unsigned full)
{
    struct vhu_config c = {.bytes = PLAIN_CONFIG_BYTES};
    uint64_t before = plain_info(&p).messages;
    log_text[0] = '\0';
    assert_int_equal(fe_send(&f, asked[i].request, asked[i].flags, &c, asked[i].size, NULL, 0), 0);
    fail_in_parts(part, full, 0);
    assert_true(FE_UNTIL((turn(), plain_info(&p).messages > before)));
    fail_end();
}

static void answered(unsigned i)
{
    char more;
    assert_int_equal(fe_recv(&f), 0);
    assert_int_equal(f.rx.msg.hdr.request, asked[i].request);
    assert_int_equal(f.rx.msg.hdr.size, asked[i].answer);
    if (asked[i].request == VHU_REQ_GET_CONFIG)
        assert_memory_equal(f.rx.msg.p.config.data, p.config, PLAIN_CONFIG_BYTES);
    else
        assert_int_equal(f.rx.msg.p.u64, asked[i].flags ? 0 : plain_info(&p).offered);
    assert_int_equal(recv(f.sock, &more, 1, MSG_DONTWAIT), -1);
}

static void test_answers(void **state)
{
    (void)state;
    open_device();
    for (unsigned i = 0; i < ASKED; i++) {
        for (size_t part = 1; part < sizeof(struct vhu_hdr) + asked[i].answer; part++) {
            ask(i, part, 0);
            answered(i);
        }
    }
    assert_int_equal(plain_info(&p).connects, 1);
    close_device();
}

// A front end that leaves answers unread is left: what came of the answer is no message, and the
// next front end is served.
static void test_answers_cut(void **state)
{
    char got[sizeof(struct vhu_msg)];
    (void)state;
    open_device();
    assert_true(FE_UNTIL((turn(), plain_info(&p).connected)));
    unsigned fds = fe_open_fds();
    for (unsigned i = 0; i < ASKED; i++) {
        for (size_t part = 1; part < sizeof(struct vhu_hdr) + asked[i].answer; part++) {
            ask(i, part, 2);
            assert_false(plain_info(&p).connected);
            assert_non_null(strstr(plain_info(&p).last_error, "the peer does not read"));
            assert_non_null(strstr(log_text, "reply cannot be sent: the peer does not read"));
            assert_int_equal(recv(f.sock, got, sizeof(got), 0), part);
            assert_int_equal(recv(f.sock, got, sizeof(got), 0), 0);
            fe_close(&f);
            fe_connect(&f, p.path);
            ask(i, sizeof(got), 0);
            answered(i);
            assert_int_equal(fe_open_fds(), fds);
        }
    }
    close_device();
}

// Gives the device a channel; our end of it.
static int give_channel(void)
{
    int ends[2];
    uint64_t before = plain_info(&p).messages;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fe_send(&f, VHU_REQ_SET_BACKEND_REQ_FD, 0, NULL, 0, &ends[1], 1), 0);
    close(ends[1]);
    assert_true(FE_UNTIL((turn(), plain_info(&p).messages > before)));
    return ends[0];
}

static void test_notices(void **state)
{
    struct vhu_hdr want = {VHU_BACKEND_CONFIG_CHANGE, VHU_VERSION, 0}, got[2];
    (void)state;
    open_device();
    assert_true(FE_UNTIL((turn(), plain_info(&p).connected)));
    unsigned fds = fe_open_fds();
    for (size_t part = 1; part < sizeof(want); part++) {
        int channel = give_channel();
        fail_in_parts(part, 0, 0);
        assert_int_equal(vhu_dev_config_changed(p.dev), 0);
        fail_end();
        assert_int_equal(recv(channel, got, sizeof(got), 0), sizeof(want));
        assert_memory_equal(got, &want, sizeof(want));
        // One that stops in the middle is the channel's last, and the connection stays.
        fail_in_parts(part, 2, 0);
        assert_int_equal(vhu_dev_config_changed(p.dev), -EAGAIN);
        fail_end();
        assert_int_equal(recv(channel, got, sizeof(got), 0), part);
        assert_int_equal(recv(channel, got, sizeof(got), 0), 0);
        assert_int_equal(vhu_dev_config_changed(p.dev), -ENOTSUP);
        close(channel);
        assert_int_equal(fe_open_fds(), fds);
    }
    assert_int_equal(plain_info(&p).connects, 1);
    ask(0, 1, 0);
    answered(0);
    close_device();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_parts),       CASE(test_cut),
                                       CASE(test_deadline),    CASE(test_answers),
                                       CASE(test_answers_cut), CASE(test_notices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
