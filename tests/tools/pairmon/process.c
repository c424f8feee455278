// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "process.h"

#define ANSWER_BYTES 32768
#define ANSWER_SECONDS 10
#define CONTROL_PRIORITY 20 // below the placement probe

static int fail(const char *what, const char *path)
{
    fprintf(stderr,
            "pairmon: %s %s: %s\nfix: is the DPDK process running, as this user, with telemetry?\n",
            what, path, strerror(errno));
    return -1;
}

// Polling threads are called …-worker-N; the first thread polls only where the application uses it
// as a worker.
static int is_worker(pid_t pid, const char *tid)
{
    char path[64], name[32] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", pid, tid);
    f = fopen(path, "r");
    if (!f)
        return 1;
    if (!fgets(name, sizeof(name), f))
        name[0] = '\0';
    fclose(f);
    return strstr(name, "worker") != NULL;
}

static void prioritise_control_threads(pid_t pid)
{
    const struct sched_param priority = {.sched_priority = CONTROL_PRIORITY};
    char path[64];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        const int tid = atoi(entry->d_name);

        // Without the right to do so the answers only come later.
        if (tid > 0 && tid != pid && !is_worker(pid, entry->d_name))
            sched_setscheduler(tid, SCHED_FIFO, &priority);
    }
    closedir(dir);
}

int process_open(struct process *p, pid_t pid, const char *socket_path)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char greeting[ANSWER_BYTES];

    p->pid = pid;
    process_resume(p);
    p->telemetry = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (p->telemetry < 0)
        return fail("no socket for", socket_path);
    if (strlen(socket_path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return fail("cannot connect to", socket_path);
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    setsockopt(p->telemetry, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(p->telemetry, (const struct sockaddr *)&address, sizeof(address)))
        return fail("cannot connect to", socket_path);
    if (read(p->telemetry, greeting, sizeof(greeting)) <= 0)
        return fail("no greeting from", socket_path);
    prioritise_control_threads(pid);
    return 0;
}

static uint64_t field(const char *answer, const char *quoted_name)
{
    const char *at = strstr(answer, quoted_name);

    at = at ? strchr(at, ':') : NULL;
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

// The question in `text` becomes the answer.
static int ask(const struct process *p, char *text)
{
    const ssize_t bytes = (ssize_t)strlen(text);

    if (write(p->telemetry, text, (size_t)bytes) != bytes)
        return -1;
    const ssize_t n = read(p->telemetry, text, ANSWER_BYTES - 1);

    if (n <= 0)
        return -1;
    text[n] = '\0';
    return 0;
}

static int add_port(const struct process *p, unsigned int port, struct counters *c)
{
    char text[ANSWER_BYTES];

    snprintf(text, sizeof(text), "/ethdev/stats,%u", port);
    if (ask(p, text))
        return -1;
    c->received += field(text, "\"ipackets\"");
    c->sent += field(text, "\"opackets\"");
    c->dropped += field(text, "\"imissed\"") + field(text, "\"oerrors\"");
    return 0;
}

int process_counters(const struct process *p, unsigned int num_ports, struct counters *c)
{
    const int64_t start = clock_ns();

    *c = (struct counters){0};
    for (unsigned int port = 0; port < num_ports; port++)
        if (add_port(p, port, c))
            return -1;
    c->at_ns = start + (clock_ns() - start) / 2;
    return 0;
}

int process_round_trips(const struct process *p, struct round_trips *t)
{
    char text[ANSWER_BYTES] = "/pktcheck/latency";

    if (ask(p, text))
        return -1;
    t->p50_ns = (double)field(text, "\"p50_ns\"");
    t->p99_ns = (double)field(text, "\"p99_ns\"");
    return 0;
}

int64_t process_cpu_ns(const struct process *p)
{
    struct timespec t = {0};
    clockid_t cpu_clock;

    if (clock_getcpuclockid(p->pid, &cpu_clock) || clock_gettime(cpu_clock, &t))
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void process_pause(const struct process *p)
{
    kill(p->pid, SIGSTOP);
}

void process_resume(const struct process *p)
{
    kill(p->pid, SIGCONT);
}
