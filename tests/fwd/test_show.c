// SPDX-License-Identifier: BSD-3-Clause
// What the commands and the metrics make of counters, of one port and one worker that nobody runs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "control.h"
#include "forward.h"
#include "metrics.h"
#include "show.h"

static struct fwd fwd;
static struct fwd_port port = {.name = "a"};

// A worker that has slept for most of its time.
static int start(void **state)
{
    (void)state;
    fwd.mode = &fwd_mode_io;
    fwd.ports[0] = &port;
    fwd.nports = 1;
    fwd.nworkers = 1;
    for (int i = 0; i < 2; i++) {
        fwd.workers[i] = aligned_alloc(_Alignof(struct fwd_worker), sizeof(struct fwd_worker));
        if (!fwd.workers[i])
            return -1;
        memset(fwd.workers[i], 0, sizeof(struct fwd_worker));
    }
    fwd.control = fwd.workers[1];
    struct fwd_worker *w = fwd.workers[0];
    w->fwd = &fwd;
    w->lcore = 7;
    w->busy = 300;
    w->idle = 100;
    w->sleeper.slept = 3600;
    w->count[0].tx = 50;
    w->count[0].moved = 20;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(fwd.workers[0]);
    free(fwd.workers[1]);
    return 0;
}

static double shown(int (*show)(void *, const json_t *, struct fwd_reply *), const char *name)
{
    struct fwd_reply r = {0};
    assert_int_equal(show(&fwd, NULL, &r), 0);
    json_t *value = json_object_get(json_array_get(r.result, 0), name);
    assert_non_null(value);
    double number = json_number_value(value);
    json_decref(r.result);
    return number;
}

static void sleep_is_part_of_a_workers_time(void **state)
{
    (void)state;
    for (fwd.conf.idle = FWD_IDLE_SPIN; fwd.conf.idle <= FWD_IDLE_ADAPTIVE; fwd.conf.idle++) {
        assert_float_equal(shown(fwd_show_workers, "busy_percent"), 7.5, 0.001);
        assert_float_equal(shown(fwd_show_workers, "asleep_percent"), 90, 0.001);
        assert_float_equal(shown(fwd_show_workers, "slept_cycles"), 3600, 0.001);
    }
}

// Wake-ups by the longest time of their bucket, for those who want to know them of a while.
static void wakes_are_shown_by_time(void **state)
{
    struct fwd_hist *wakes = &fwd.workers[0]->sleeper.wakes;
    struct fwd_reply r = {0};
    (void)state;
    fwd.conf.idle = FWD_IDLE_ADAPTIVE;
    for (int i = 0; i < 3; i++)
        fwd_hist_add(wakes, 1000);
    fwd_hist_add(wakes, 5);
    assert_int_equal(fwd_show_workers(&fwd, NULL, &r), 0);
    json_t *expected = json_pack("{s:i, s:i}", "5", 1, "1023", 3);
    json_t *shown = json_object_get(json_array_get(r.result, 0), "wakes_by_ns");
    assert_true(json_equal(shown, expected));
    json_decref(expected);
    json_decref(r.result);
}

// What fwd_status_tick() prints at these seconds.
static const char *status_line(uint64_t now_s)
{
    static char text[256];
    FILE *f = tmpfile();
    assert_non_null(f);
    fflush(stdout);
    int out = dup(STDOUT_FILENO);
    dup2(fileno(f), STDOUT_FILENO);
    fwd_status_tick(&fwd, now_s);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void the_log_tells_of_sleep_too(void **state)
{
    struct fwd_worker *w = fwd.workers[0];
    (void)state;
    fwd.conf.stats_period_s = 5;
    assert_string_equal(status_line(10), "");
    assert_string_equal(status_line(14), "");
    w->busy += 100;
    w->idle += 100;
    w->sleeper.slept += 800;
    assert_string_equal(status_line(15), "rx 0 tx 0 dropped 0 in 5 s, busy 10 %, asleep 80 %\n");
    w->busy -= 100;
    w->idle -= 100;
    w->sleeper.slept -= 800;
}

static void metrics_have(const char *line)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    fwd_metrics_write(&fwd, out);
    fclose(out);
    if (!strstr(text, line))
        fail_msg("no %s in:\n%s", line, text);
    free(text);
}

static void single_copies_are_shown(void **state)
{
    (void)state;
    assert_float_equal(shown(fwd_show_ports, "single_copy"), 20, 0.001);
    metrics_have("\ntern_fwd_port_single_copy_packets_total{port=\"a\"} 20\n");
}

static void metrics_tell_of_sleep(void **state)
{
    (void)state;
    metrics_have("\ntern_fwd_worker_slept_cycles_total{lcore=\"7\"} 3600\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleep_is_part_of_a_workers_time),
        cmocka_unit_test(wakes_are_shown_by_time),
        cmocka_unit_test(the_log_tells_of_sleep_too),
        cmocka_unit_test(single_copies_are_shown),
        cmocka_unit_test(metrics_tell_of_sleep),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
