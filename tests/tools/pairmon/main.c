// SPDX-License-Identifier: BSD-3-Clause
// pairmon: the rate of one or several pairs of DPDK processes, in interleaved windows whose CPU
// placement is known.
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "probe.h"
#include "process.h"
#include "series.h"

#define MAX_PAIRS 32
#define CPU_SHARE_MIN 0.9 // of a polling process: with less, another one was measured too

static const char usage_text[] =
    "usage: %s --pair LABEL,PID,SOCKET,PID,SOCKET [--pair …] [options]\n"
    "       %s --probe [--cpus A,B]\n"
    "Each pair is two DPDK processes that exchange packets: first the one whose received packets\n"
    "are counted, each with its telemetry socket. Of several pairs one runs at a time, the others\n"
    "are stopped (SIGSTOP); the windows alternate, so that whatever the machine does meets all\n"
    "pairs alike. The first pair is the base.\n"
    "\n"
    "  --windows N       windows wanted for each pair in one placement class (default 20)\n"
    "  --window-ms N     length of a window (default 100)\n"
    "  --settle-ms N     time for a pair to come up to speed before its window (default 20)\n"
    "  --max-seconds N   give up after so long (default 30)\n"
    "  --cpus A,B        the CPUs that poll, whose distance is probed (default 0,1; A,A: none)\n"
    "  --ports N         ports whose counters are summed (default 1)\n"
    "  --latency         the counted process is pktcheck --latency: its round trips are kept too\n"
    "  --csv FILE        every window: pair, class, round trips before and after, Mpps, drops,\n"
    "                    with --latency p50 and p99 of the frames' round trips in ns (else\n"
    "                    0), and of each CPU how long additions take, see below\n"
    "  --probe           no pairs: prints once what is probed around a window, for a script that\n"
    "                    takes its own: class= round_trip_ns= core_a= core_b= (additions ÷\n"
    "                    multiplications, see below; near twice the least: a busy neighbour)\n"
    "  --help            this text\n"
    "\n"
    "Prints for each pair and class: pair= class= windows= mpps= p10= p90=, and for each further\n"
    "pair one line ratio= with the class that has most windows of both. Between them, for each\n"
    "CPU how long independent additions took, measured by a chain of multiplications, as\n"
    "multiples of the least seen: cpu= additions_p10= p50= p90=. All near 1: it had its core for\n"
    "itself; up to 2: whoever has the core's other hardware thread was busy, and all rates are\n"
    "lower for it.\n";

struct pair {
    char label[64];
    struct process counted, other;
    struct series classes[PLACE_CLASSES];
};

static struct {
    struct pair pairs[MAX_PAIRS];
    unsigned int num_pairs;
    unsigned int windows;
    unsigned int ports;
    int cpus[2];
    long window_ms, settle_ms, max_seconds;
    bool latency;
    bool probe;
    FILE *csv;
    struct series core[2]; // of all windows
} run = {.windows = 20,
         .ports = 1,
         .cpus = {0, 1},
         .window_ms = 100,
         .settle_ms = 20,
         .max_seconds = 30};

static int bad_option(const char *option, const char *value)
{
    fprintf(stderr, "pairmon: bad option --%s %s\nfix: see --help\n", option, value);
    return -1;
}

static int add_pair(const char *spec)
{
    struct pair *p = &run.pairs[run.num_pairs];
    char socket_a[256], socket_b[256];
    int pid_a, pid_b;

    if (run.num_pairs == MAX_PAIRS || sscanf(spec, "%63[^,],%d,%255[^,],%d,%255[^,]", p->label,
                                             &pid_a, socket_a, &pid_b, socket_b) != 5)
        return bad_option("pair", spec);
    if (process_open(&p->counted, pid_a, socket_a) || process_open(&p->other, pid_b, socket_b))
        return -1;
    run.num_pairs++;
    return 0;
}

static int set_number(const char *option, const char *text, long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    return errno || *end || end == text || *out < 0 || *out > 1000000 ? bad_option(option, text)
                                                                      : 0;
}

static int set_count(const char *option, const char *text, unsigned int *out)
{
    long n = 0;
    int err = set_number(option, text, &n);

    *out = (unsigned int)n;
    return err;
}

static int open_csv(const char *path)
{
    run.csv = fopen(path, "w");
    if (!run.csv)
        return bad_option("csv", path);
    fputs("pair,class,before_ns,after_ns,mpps,dropped,p50_ns,p99_ns,core_a,core_b\n", run.csv);
    return 0;
}

enum {
    O_PAIR = 1,
    O_WINDOWS,
    O_WINDOW_MS,
    O_SETTLE_MS,
    O_MAX_SECONDS,
    O_CPUS,
    O_PORTS,
    O_LATENCY,
    O_CSV,
    O_PROBE,
    O_HELP
};

static const struct option long_options[] = {
    {"pair", required_argument, NULL, O_PAIR},
    {"windows", required_argument, NULL, O_WINDOWS},
    {"window-ms", required_argument, NULL, O_WINDOW_MS},
    {"settle-ms", required_argument, NULL, O_SETTLE_MS},
    {"max-seconds", required_argument, NULL, O_MAX_SECONDS},
    {"cpus", required_argument, NULL, O_CPUS},
    {"ports", required_argument, NULL, O_PORTS},
    {"latency", no_argument, NULL, O_LATENCY},
    {"csv", required_argument, NULL, O_CSV},
    {"probe", no_argument, NULL, O_PROBE},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

static int apply(int opt, const char *arg)
{
    switch (opt) {
    case O_PAIR:
        return add_pair(arg);
    case O_WINDOWS:
        return set_count("windows", arg, &run.windows);
    case O_WINDOW_MS:
        return set_number("window-ms", arg, &run.window_ms);
    case O_SETTLE_MS:
        return set_number("settle-ms", arg, &run.settle_ms);
    case O_MAX_SECONDS:
        return set_number("max-seconds", arg, &run.max_seconds);
    case O_CPUS:
        return sscanf(arg, "%d,%d", &run.cpus[0], &run.cpus[1]) == 2 ? 0 : bad_option("cpus", arg);
    case O_PORTS:
        return set_count("ports", arg, &run.ports);
    case O_LATENCY:
        run.latency = true;
        return 0;
    case O_CSV:
        return open_csv(arg);
    case O_PROBE:
        run.probe = true;
        return 0;
    default:
        return -1;
    }
}

static int parse(int argc, char **argv)
{
    int opt;

    while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (opt == O_HELP) {
            printf(usage_text, argv[0], argv[0]);
            exit(0);
        }
        if (opt == '?' || apply(opt, optarg))
            return -1;
    }
    return run.num_pairs || run.probe ? 0 : bad_option("pair", "is missing");
}

static void set_running(const struct pair *p, bool on)
{
    void (*const act)(const struct process *) = on ? process_resume : process_pause;

    act(&p->counted);
    act(&p->other);
}

struct sample {
    struct counters counters;
    struct round_trips trips; // of the window that ends here
    struct probe probe;
    int64_t cpu_ns[2];
};

static int take_sample(const struct pair *p, struct sample *s)
{
    s->cpu_ns[0] = process_cpu_ns(&p->counted);
    s->cpu_ns[1] = process_cpu_ns(&p->other);
    s->trips = (struct round_trips){0};
    if (run.latency && process_round_trips(&p->counted, &s->trips))
        return -1;
    return process_counters(&p->counted, run.ports, &s->counters);
}

// Two polling processes that share one CPU have half of it each.
static enum placement classify(const struct sample *from, const struct sample *to)
{
    const double window_ns = (double)(to->counters.at_ns - from->counters.at_ns);
    const double least = run.cpus[0] == run.cpus[1] ? 0 : CPU_SHARE_MIN * window_ns;

    for (int i = 0; i < 2; i++)
        if ((double)(to->cpu_ns[i] - from->cpu_ns[i]) < least)
            return PLACE_DISTURBED;
    return probe_classify(&from->probe, &to->probe);
}

static void record(struct pair *p, const struct sample *from, const struct sample *to)
{
    const int64_t window_ns = to->counters.at_ns - from->counters.at_ns;
    const uint64_t packets = to->counters.received - from->counters.received;
    const bool silent = run.latency && to->trips.p50_ns <= 0;
    const enum placement class = silent ? PLACE_DISTURBED : classify(from, to);
    const double mpps = (double)packets * 1e3 / (double)window_ns;
    double core[2];

    series_add(&p->classes[class], mpps);
    for (int i = 0; i < 2; i++) {
        core[i] = (from->probe.core[i] + to->probe.core[i]) / 2;
        if (core[i] > 0)
            series_add(&run.core[i], core[i]);
    }
    if (run.csv)
        fprintf(run.csv, "%s,%s,%.0f,%.0f,%.4f,%llu,%.0f,%.0f,%.3f,%.3f\n", p->label,
                placement_names[class], from->probe.round_trip_ns, to->probe.round_trip_ns, mpps,
                (unsigned long long)(to->counters.dropped - from->counters.dropped),
                to->trips.p50_ns, to->trips.p99_ns, core[0], core[1]);
}

// One window of one pair, which runs alone meanwhile. Returns -1 when a process no longer answers.
static int take_window(struct pair *p)
{
    struct sample from, to;

    sleep_ms(run.settle_ms);
    probe_take(&from.probe);
    if (take_sample(p, &from))
        return -1;
    sleep_ms(run.window_ms);
    if (take_sample(p, &to))
        return -1;
    probe_take(&to.probe);
    record(p, &from, &to);
    return 0;
}

static int round_of_windows(void)
{
    int err = 0;

    for (unsigned int i = 0; i < run.num_pairs && !err; i++) {
        set_running(&run.pairs[i], true);
        err = take_window(&run.pairs[i]);
        if (run.num_pairs > 1)
            set_running(&run.pairs[i], false);
    }
    return err;
}

static unsigned int windows_of_all(enum placement class)
{
    unsigned int least = MAX_WINDOWS;

    for (unsigned int i = 0; i < run.num_pairs; i++)
        if (run.pairs[i].classes[class].n < least)
            least = run.pairs[i].classes[class].n;
    return least;
}

// The sound class with most windows of all pairs.
static enum placement fullest_class(void)
{
    enum placement best = PLACE_NEAR;

    for (enum placement c = PLACE_NEAR; c < PLACE_SOUND; c++)
        if (windows_of_all(c) > windows_of_all(best))
            best = c;
    return best;
}

static int measure(void)
{
    const int64_t end = clock_ns() + run.max_seconds * INT64_C(1000000000);
    int err = 0;

    for (unsigned int i = 0; i < run.num_pairs && run.num_pairs > 1; i++)
        set_running(&run.pairs[i], false);
    while (!err && windows_of_all(fullest_class()) < run.windows && clock_ns() < end)
        err = round_of_windows();
    for (unsigned int i = 0; i < run.num_pairs; i++)
        set_running(&run.pairs[i], true);
    if (err)
        fputs("pairmon: a process does not answer any more\nfix: look at its log\n", stderr);
    return err;
}

static void report_pair(struct pair *p)
{
    for (enum placement c = PLACE_NEAR; c < PLACE_CLASSES; c++) {
        struct series *s = &p->classes[c];

        if (s->n > 0)
            printf("pair=%s class=%s windows=%u mpps=%.3f p10=%.3f p90=%.3f\n", p->label,
                   placement_names[c], s->n, series_percentile(s, 50), series_percentile(s, 10),
                   series_percentile(s, 90));
    }
}

static void report_cores(void)
{
    double least = series_percentile(&run.core[0], 0);

    if (series_percentile(&run.core[1], 0) < least)
        least = series_percentile(&run.core[1], 0);
    for (int i = 0; i < 2 && least > 0; i++) {
        struct series *s = &run.core[i];

        if (s->n > 0)
            printf("cpu=%d additions_p10=%.2f p50=%.2f p90=%.2f\n", run.cpus[i],
                   series_percentile(s, 10) / least, series_percentile(s, 50) / least,
                   series_percentile(s, 90) / least);
    }
}

static int report(void)
{
    const enum placement sound = fullest_class();
    const enum placement c = windows_of_all(sound) ? sound : PLACE_DISTURBED;
    const double base = series_percentile(&run.pairs[0].classes[c], 50);

    for (unsigned int i = 0; i < run.num_pairs; i++)
        report_pair(&run.pairs[i]);
    report_cores();
    if (windows_of_all(c) == 0 || base <= 0) {
        fputs("pairmon: no window in which all pairs moved packets under one placement\n"
              "fix: more --max-seconds, and look at the processes' logs\n",
              stderr);
        return -1;
    }
    for (unsigned int i = 1; i < run.num_pairs; i++) {
        const double mpps = series_percentile(&run.pairs[i].classes[c], 50);

        printf("ratio=%.3f pair=%s mpps=%.3f base=%s base_mpps=%.3f class=%s windows=%u\n",
               mpps / base, run.pairs[i].label, mpps, run.pairs[0].label, base, placement_names[c],
               windows_of_all(c));
    }
    return 0;
}

// The first probe of a process finds its code and its thread's stack cold: the second one counts.
static int probe_once(void)
{
    struct probe p;

    probe_take(&p);
    probe_take(&p);
    printf("class=%s round_trip_ns=%.0f core_a=%.3f core_b=%.3f\n",
           placement_names[probe_classify(&p, &p)], p.round_trip_ns, p.core[0], p.core[1]);
    return 0;
}

int main(int argc, char **argv)
{
    if (parse(argc, argv))
        return 2;
    if (probe_start(run.cpus[0], run.cpus[1]))
        fputs("pairmon: the CPUs' distance is not probed (one CPU, or no real-time priority)\n",
              stderr);
    if (run.probe)
        return probe_once();
    if (measure())
        return 1;
    return report() ? 1 : 0;
}
