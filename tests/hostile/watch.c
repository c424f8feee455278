// SPDX-License-Identifier: BSD-3-Clause
#include "watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_MS 10    // what a neighbour's control socket may take
#define ANSWER_TRIES 50 // the best of so many counts: a machine may be busy, a port may not
#define ROUND_MS 120000 // above the time after which pktcheck gives up
#define PACE_MS 220   // the library logs ten lines a second of one port: no case may need another's
#define NOISE_MS 2200 // two seconds after a case that used them up, the log has room again

struct watch_paths paths;

static struct {
    int tel, log, flow_log, flow_in;
    off_t mark;
    uint64_t free_ms; // when the next case may begin
    unsigned fds, maps;
    struct fe probe;
    // The thread that keeps the neighbour's traffic going.
    pthread_t flow;
    bool end;
    uint64_t rounds, failed;
    char line[200];
} w;

// ---- files ----

static char *file_text(int fd, off_t from)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    size_t bytes = st.st_size > from ? (size_t)(st.st_size - from) : 0;
    char *text = calloc(1, bytes + 1);
    assert_non_null(text);
    ssize_t n = pread(fd, text, bytes, from);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static off_t file_end(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_size;
}

static bool logged_now(const char *want)
{
    char *text = file_text(w.log, w.mark);
    bool found = strstr(text, want);
    free(text);
    return found;
}

bool watch_logged(const char *want)
{
    return FE_UNTIL(logged_now(want));
}

// ---- telemetry ----

static void tel_open(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char hello[1024];
    strncpy(a.sun_path, paths.tel, sizeof(a.sun_path) - 1);
    w.tel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(w.tel, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_true(recv(w.tel, hello, sizeof(hello), 0) > 0);
}

// The value of a key, without its quotes; the answer is overwritten by the next one.
static const char *tel_value(const char *command, const char *key)
{
    static char answer[16384];
    char quoted[64];
    assert_int_equal(send(w.tel, command, strlen(command), MSG_NOSIGNAL), strlen(command));
    ssize_t n = recv(w.tel, answer, sizeof(answer) - 1, 0);
    assert_true(n > 0);
    answer[n] = '\0';
    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    char *at = strstr(answer, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    bool text = *at == '"';
    at += text;
    at[strcspn(at, text ? "\"" : ",}")] = '\0';
    return at;
}

int64_t tel_number(const char *command, const char *key)
{
    const char *value = tel_value(command, key);
    return value ? strtoll(value, NULL, 10) : -1;
}

bool tel_says(const char *command, const char *key, const char *text)
{
    const char *value = tel_value(command, key);
    return value && strstr(value, text);
}

// ---- the neighbour's traffic ----

static void flow_round(void)
{
    off_t mark = file_end(w.flow_log);
    assert_int_equal(write(w.flow_in, "run\n", 4), 4);
    for (uint64_t end = fe_now() + ROUND_MS;; usleep(2000)) {
        char *text = file_text(w.flow_log, mark);
        char *result = strstr(text, "result=");
        if (result && strchr(result, '\n')) {
            if (!strstr(text, "result=ok")) {
                snprintf(w.line, sizeof(w.line), "%s", text);
                __atomic_add_fetch(&w.failed, 1, __ATOMIC_RELEASE);
            }
            __atomic_add_fetch(&w.rounds, 1, __ATOMIC_RELEASE);
            free(text);
            return;
        }
        free(text);
        if (fe_now() > end || __atomic_load_n(&w.end, __ATOMIC_ACQUIRE))
            return;
    }
}

static void *flow_main(void *arg)
{
    while (!__atomic_load_n(&w.end, __ATOMIC_ACQUIRE))
        flow_round();
    return arg;
}

// The round that is under way ends well.
static void flow_check(void)
{
    uint64_t now = __atomic_load_n(&w.rounds, __ATOMIC_ACQUIRE), end = fe_now() + ROUND_MS;
    while (__atomic_load_n(&w.rounds, __ATOMIC_ACQUIRE) == now && fe_now() < end)
        usleep(1000);
    if (__atomic_load_n(&w.rounds, __ATOMIC_ACQUIRE) == now)
        fail_msg("the neighbour's frames do not come back any more");
    if (__atomic_exchange_n(&w.failed, 0, __ATOMIC_ACQ_REL))
        fail_msg("the neighbour: %s", w.line);
}

// ---- the other neighbour's control socket ----

static void probe_check(void)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < ANSWER_TRIES && best > ANSWER_MS; i++) {
        uint64_t begun = fe_now();
        fe_get(&w.probe, VHU_REQ_GET_FEATURES);
        uint64_t took = fe_now() - begun;
        best = took < best ? took : best;
    }
    if (best > ANSWER_MS)
        fail_msg("a neighbour's control socket took %u ms at best", (unsigned)best);
}

// ---- the process ----

static void check_alive(void)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", paths.pid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (!fgets(line, sizeof(line), f))
            line[0] = '\0';
        fclose(f);
    }
    const char *state = strrchr(line, ')');
    if (state && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X')
        return;
    print_message("# the attacked process is dead\n");
    exit(1); // nothing after this can pass
}

static unsigned count_fds(void)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", paths.pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

// All mappings, those of a front end's memory a thousandfold: none of them may stay.
static unsigned count_maps(void)
{
    char path[64], line[512];
    unsigned n = 0;
    snprintf(path, sizeof(path), "/proc/%d/maps", paths.pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        n += strstr(line, "memfd:") && strstr(line, "guest") ? 1000 : 1;
    fclose(f);
    return n;
}

void watch_base(void)
{
    w.fds = count_fds();
    w.maps = count_maps();
}

void watch_flat(void)
{
    if (!FE_UNTIL(count_fds() == w.fds))
        fail_msg("%u descriptors, before it were %u", count_fds(), w.fds);
    if (!FE_UNTIL(count_maps() <= w.maps))
        fail_msg("%u mappings, before it were %u", count_maps(), w.maps);
}

void watch_standing(void)
{
    check_alive();
    probe_check();
    flow_check();
    check_alive();
}

void watch_mark(void)
{
    while (fe_now() < w.free_ms)
        fe_nap();
    w.free_ms = fe_now() + PACE_MS;
    w.mark = file_end(w.log);
}

void watch_noisy(void)
{
    w.free_ms = fe_now() + NOISE_MS;
}

void watch_open(void)
{
    check_alive();
    w.log = open(paths.log, O_RDONLY | O_CLOEXEC);
    w.flow_log = open(paths.flow_log, O_RDONLY | O_CLOEXEC);
    w.flow_in = open(paths.flow_in, O_RDWR | O_CLOEXEC);
    assert_true(w.log >= 0 && w.flow_log >= 0 && w.flow_in >= 0);
    tel_open();
    fe_init(&w.probe, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES);
    fe_connect(&w.probe, paths.probe);
    fe_negotiate(&w.probe);
    assert_int_equal(pthread_create(&w.flow, NULL, flow_main, NULL), 0);
}

void watch_close(void)
{
    __atomic_store_n(&w.end, true, __ATOMIC_RELEASE);
    pthread_join(w.flow, NULL);
    fe_free(&w.probe);
    close(w.tel);
    close(w.log);
    close(w.flow_log);
    close(w.flow_in);
}
