// SPDX-License-Identifier: BSD-3-Clause
// Sockets and their files: a path that is in use is not taken over, and one that another has taken
// over is not removed.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend.h"
#include "sock.h"

static struct sockaddr_un addr;

static int set_up(void **state)
{
    (void)state;
    addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    fe_path(addr.sun_path, sizeof(addr.sun_path), "sock");
    unlink(addr.sun_path);
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    unlink(addr.sun_path);
    return 0;
}

static bool is_there(void)
{
    return access(addr.sun_path, F_OK) == 0;
}

// Leaves the file of a listener behind, as a process does that dies.
static void leave_stale(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_true(is_there());
}

static void assert_flags(int fd)
{
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void peers_reach_each_other(void **state)
{
    struct vhu_listener l;
    char byte = 7;
    (void)state;
    assert_int_equal(vhu_sock_connect(&addr), -ENOENT);
    assert_int_equal(vhu_sock_listen(&l, &addr, 4), 0);
    assert_flags(l.fd);
    assert_int_equal(vhu_sock_accept(&l), -EAGAIN);
    int to = vhu_sock_connect(&addr), from = vhu_sock_accept(&l);
    assert_flags(to);
    assert_flags(from);
    assert_int_equal(write(to, &byte, 1), 1);
    assert_int_equal(read(from, &byte, 1), 1);
    close(to);
    close(from);
    vhu_sock_unlisten(&l, &addr);
    assert_int_equal(l.fd, -1);
    assert_false(is_there());
    vhu_sock_unlisten(&l, &addr);
}

static void a_stale_file_is_replaced(void **state)
{
    struct vhu_listener l;
    (void)state;
    leave_stale();
    assert_int_equal(vhu_sock_connect(&addr), -ECONNREFUSED);
    assert_int_equal(vhu_sock_listen(&l, &addr, 1), 0);
    int fd = vhu_sock_connect(&addr);
    assert_true(fd >= 0);
    close(fd);
    vhu_sock_unlisten(&l, &addr);
    assert_false(is_there());
}

// Nothing of another's is removed, whoever it is.
static void a_path_in_use_stays(void **state)
{
    struct vhu_listener l, second;
    (void)state;
    assert_int_equal(vhu_sock_listen(&l, &addr, 4), 0);
    assert_int_equal(vhu_sock_listen(&second, &addr, 4), -EADDRINUSE);
    assert_int_equal(second.fd, -1);
    vhu_sock_unlisten(&second, &addr);
    int fd = vhu_sock_connect(&addr);
    assert_true(fd >= 0);
    close(fd);
    vhu_sock_unlisten(&l, &addr);
    fd = open(addr.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(vhu_sock_listen(&l, &addr, 4), -EADDRINUSE);
    assert_int_equal(l.fd, -1);
    assert_true(is_there());
    assert_int_equal(unlink(addr.sun_path), 0);
    assert_int_equal(mkdir(addr.sun_path, 0700), 0);
    assert_int_equal(vhu_sock_listen(&l, &addr, 4), -EADDRINUSE);
    assert_int_equal(rmdir(addr.sun_path), 0);
}

static void a_path_of_another_stays(void **state)
{
    struct vhu_listener l;
    (void)state;
    assert_int_equal(vhu_sock_listen(&l, &addr, 4), 0);
    assert_int_equal(unlink(addr.sun_path), 0);
    leave_stale();
    vhu_sock_unlisten(&l, &addr);
    assert_int_equal(l.fd, -1);
    assert_true(is_there());
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    struct sockaddr_un nowhere = addr;
    struct vhu_listener l;
    (void)state;
    strncat(nowhere.sun_path, "/x", sizeof(nowhere.sun_path) - strlen(nowhere.sun_path) - 1);
    int before = dup(0);
    close(before);
    assert_int_equal(vhu_sock_listen(&l, &nowhere, 4), -ENOENT);
    assert_int_equal(l.fd, -1);
    int after = dup(0); // the lowest that is free: none was left open
    close(after);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(peers_reach_each_other, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_stale_file_is_replaced, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_path_in_use_stays, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_path_of_another_stays, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_an_error, set_up, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
