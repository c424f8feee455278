// SPDX-License-Identifier: BSD-3-Clause
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "capture.h"
#include "ctl.h"
#include "metrics.h"
#include "reload.h"
#include "show.h"
#include "tel.h"
#include "watch.h"
#include "words.h"

static struct fwd_ctl *ctl;

static int help(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    r->result = fwd_request_help();
    return 0;
}

const fwd_run_fn fwd_control_run[FWD_CMD_COUNT] = {
    [FWD_CMD_HELP] = help,
    [FWD_CMD_SHOW_STATUS] = fwd_show_status,
    [FWD_CMD_SHOW_PORTS] = fwd_show_ports,
    [FWD_CMD_SHOW_WORKERS] = fwd_show_workers,
    [FWD_CMD_SHOW_QUEUES] = fwd_show_queues,
    [FWD_CMD_SHOW_FDB] = fwd_show_fdb,
    [FWD_CMD_SHOW_ROUTES] = fwd_show_routes,
    [FWD_CMD_SHOW_NEIGHBOURS] = fwd_show_neighbours,
    [FWD_CMD_SHOW_HISTOGRAMS] = fwd_show_histograms,
    [FWD_CMD_SHOW_DROPS] = fwd_show_drops,
    [FWD_CMD_SHOW_CONSERVATION] = fwd_show_conservation,
    [FWD_CMD_PORT_ADD] = fwd_act_port_add,
    [FWD_CMD_PORT_REMOVE] = fwd_act_port_remove,
    [FWD_CMD_QUEUE_PIN] = fwd_act_queue_pin,
    [FWD_CMD_FDB_ADD] = fwd_act_fdb_add,
    [FWD_CMD_FDB_REMOVE] = fwd_act_fdb_remove,
    [FWD_CMD_FDB_FLUSH] = fwd_act_fdb_flush,
    [FWD_CMD_CAPTURE_START] = fwd_capture_start,
    [FWD_CMD_CAPTURE_STOP] = fwd_capture_stop,
    [FWD_CMD_SHOW_CAPTURES] = fwd_capture_show,
    [FWD_CMD_ROUTE_ADD] = fwd_act_route_add,
    [FWD_CMD_ROUTE_REMOVE] = fwd_act_route_remove,
    [FWD_CMD_RELOAD] = fwd_reload,
    [FWD_CMD_STOP] = fwd_act_stop,
};

// ---- the command file ----

// Runs a request as if it had come over the socket. Returns false with the reason in `why`.
static bool run_request(const struct fwd_runner *runner, json_t *request, char why[600])
{
    char *line = json_dumps(request, JSON_COMPACT);
    char *text = line ? fwd_request_answer(runner, line, strlen(line)) : NULL;
    json_t *answer = text ? json_loads(text, 0, NULL) : NULL;
    const char *fix = json_string_value(json_object_get(answer, "fix"));
    bool good = json_is_true(json_object_get(answer, "ok"));
    if (!good)
        snprintf(why, 600, "%s%s%s",
                 answer ? json_string_value(json_object_get(answer, "error")) : "no memory",
                 fix ? "\nfix: " : "", fix ? fix : "");
    json_decref(answer);
    free(text);
    free(line);
    return good;
}

static bool run_line(const struct fwd_runner *runner, char *line, char why[600])
{
    char *words[FWD_WORDS_MAX];
    int n = fwd_words_split(line, words);
    if (n == 0)
        return true;
    json_t *request = n > 0 ? fwd_words_request(words, n, why) : NULL;
    if (n < 0)
        snprintf(why, 600, "the line has an open quotation or too many words");
    bool good = request && run_request(runner, request, why);
    json_decref(request);
    return good;
}

static int run_file(const struct fwd_runner *runner, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL, why[600];
    size_t room = 0;
    int rc = 0;
    if (!f) {
        fwd_error("command file %s: %s\nfix: give a file that can be read", path, strerror(errno));
        return -errno;
    }
    for (unsigned number = 1; !rc && getline(&line, &room, f) >= 0; number++) {
        if (run_line(runner, line, why))
            continue;
        fwd_error("%s:%u: %s", path, number, why);
        rc = -EINVAL;
    }
    free(line);
    fclose(f);
    return rc;
}

// ---- the socket ----

static void on_ctl(int fd, void *arg)
{
    (void)fd;
    (void)arg;
    fwd_ctl_poll(ctl, 0);
}

static int open_socket(const struct fwd_runner *runner, const char *path)
{
    struct fwd_reply r = {0};
    int rc = fwd_ctl_open(&ctl, path, runner, NULL, &r);
    if (rc)
        fwd_error("%s\nfix: %s", r.error, r.fix);
    else
        rc = fwd_watch_add(fwd_ctl_fd(ctl), on_ctl, NULL);
    return rc;
}

int fwd_control_start(struct fwd *fwd)
{
    const struct fwd_runner runner = {.run = fwd_control_run, .ctx = fwd};
    int rc = fwd->conf.cmd_file[0] ? run_file(&runner, fwd->conf.cmd_file) : 0;
    if (!rc && fwd->conf.ctl_path[0])
        rc = open_socket(&runner, fwd->conf.ctl_path);
    return rc ? rc : fwd_metrics_start(fwd);
}

void fwd_control_tick(void)
{
    if (ctl)
        fwd_ctl_poll(ctl, 0);
    fwd_metrics_tick();
}

void fwd_control_stop(void)
{
    if (ctl)
        fwd_watch_remove(fwd_ctl_fd(ctl));
    fwd_ctl_close(ctl);
    ctl = NULL;
    fwd_metrics_stop();
    fwd_capture_end(NULL);
    fwd_tel_close();
    fwd_queues_forget();
}
