// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <dirent.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bad.h"
#include "figures.h"
#include "html.h"
#include "plot.h"
#include "report.h"

#define PATH_BYTES 4096

// Tables that other commands leave in the folder.
static const struct {
    const char *file, *id, *heading, *reading;
    const char *column, *value; // only these lines; NULL: all
} extras[] = {
    {"roofline.csv", "roofline", "What the machine can do at most",
     "Cache lines handed over and buffers copied without any ring, in nanoseconds a packet "
     "(tern-bench "
     "roofline). In the figures the line is the most that the machine does with so many lines a "
     "buffer, "
     "and a point is a case: how far it lies below the line is what the ring’s work, and the "
     "ends’, cost "
     "beyond moving lines.",
     NULL, NULL},
    {"lines.csv", "lines", "Cache-line transfers",
     "How many cache lines each buffer moves between the two CPUs, counted in a model of two "
     "caches "
     "that the same code runs in (tern-bench lines): no machine’s noise is in them. Here the sums "
     "over "
     "all of a ring; the file has its parts. Far, time is mostly this.",
     "area", "all"},
    {"instructions.csv", "instructions", "Instructions",
     "What each end executes for a buffer, counted by callgrind: the same on every run. Near, this "
     "is "
     "most of the time; far, the transfers are.",
     NULL, NULL},
    {"peers.csv", "peers", "Whole drivers",
     "The same rings under stock testpmd, as pairs of device side and driver side, packets and "
     "all.",
     NULL, NULL},
    {"ringtest.csv", "ringtest", "As the kernel’s ringtest",
     "With the options of Linux’ tools/virtio/ringtest (tern-bench ringtest), so that figures that "
     "were "
     "published can be set beside these.",
     NULL, NULL},
};
#define EXTRAS (sizeof(extras) / sizeof(extras[0]))

struct report {
    const char *dir;
    FILE *f;
    struct bench_table t;
    struct bench_share share;
};

static void in_dir(const struct report *r, const char *file, char *path)
{
    snprintf(path, PATH_BYTES, "%s/%s", r->dir, file);
}

static bool there(const struct report *r, const char *file)
{
    char path[PATH_BYTES];
    in_dir(r, file, path);
    return access(path, R_OK) == 0;
}

// ---- the parts ----

static void contents(const struct report *r)
{
    fputs("<nav><a href=\"#publish\">batches</a><a href=\"#size\">ring sizes</a>"
          "<a href=\"#payload\">payload</a>"
          "<a href=\"#effects\">effects</a><a href=\"#latency\">latency</a>",
          r->f);
    for (size_t i = 0; i < EXTRAS; i++)
        if (there(r, extras[i].file))
            fprintf(r->f, "<a href=\"#%s\">%s</a>", extras[i].id, extras[i].id);
    fputs("<a href=\"#results\">all results</a><a href=\"#noise\">noise</a>"
          "<a href=\"#skipped\">not measurable here</a><a href=\"#threats\">threats</a>"
          "<a href=\"#environment\">environment</a></nav>\n",
          r->f);
}

// Figures of the throughput by one key of the cases' names, and what to do for one.
static const struct {
    const char *key, *heading, *reading, *label, *only;
} swept[] = {
    {"publish", "Throughput by publish batch",
     "How many buffers a second go there and back, by the number that the driver makes visible at "
     "a time. Up is better. A point is the median of all repetitions, its bar the interval in "
     "which 95 of 100 draws lie: where two bars overlap, neither ring is faster as far as one can "
     "tell. Colour is the layout, dashes mean that buffers stay in order.",
     "buffers published at a time", "Only one batch was measured: run with --publish 1,8,32."},
    {"size", "Throughput by ring size",
     "The same by the number of entries of the ring. A curve that falls to the right has left a "
     "cache; one that falls to the left waits for room.",
     "entries of the ring", "Only one size was measured: run with --size 16,256,4096."},
    {"payload", "Throughput by payload",
     "The same by the bytes of a buffer that the ends touch or copy. The longer a buffer, the less "
     "its ring matters.",
     "bytes of a buffer", "Only one payload was measured: run with --payload 64,1518 --work copy."},
};
#define SWEPT (sizeof(swept) / sizeof(swept[0]))

static int throughput(const struct report *r)
{
    int n = 0;
    for (size_t i = 0; i < SWEPT && n >= 0; i++) {
        html_section(r->f, swept[i].key, swept[i].heading, swept[i].reading);
        n = figures_throughput(r->f, &r->t, swept[i].key, swept[i].label);
        if (n == 0)
            html_paragraph(r->f, swept[i].only);
        html_section_end(r->f);
    }
    return n < 0 ? -1 : 0;
}

static int latency(const struct report *r)
{
    html_section(
        r->f, "latency", "Latency",
        "How long a buffer is on its way, there and back. Down is better; to the right are the "
        "slower and slower few. With a rate, time runs from when the buffer was due, whether or "
        "not the ring had room for it, so nothing is left out.");
    int n = figures_latency(r->f, &r->t);
    if (n == 0)
        html_paragraph(r->f, "No times were taken: run with --latency, or better with --rate.");
    html_section_end(r->f);
    return n < 0 ? -1 : 0;
}

static void effects(const struct report *r)
{
    html_section(
        r->f, "effects", "How much is layout, how much batching, how much order?",
        "A ratio below 1 is less time. A main effect is the ratio from a factor’s lowest level to "
        "its "
        "highest, averaged over all others; an interaction says how much larger that ratio is at "
        "the "
        "other’s highest level than at its lowest, 1 being not at all. The part is the factor’s "
        "contribution to the whole way from all lowest to all highest levels, averaged over every "
        "order of switching them one by one (Shapley); parts multiply to the whole. What has 1 in "
        "its "
        "interval cannot be told.");
    report_effects(r->f, &r->t);
    html_section_end(r->f);
}

// Figures need both the limits and the lines.
static int roofline(const struct report *r)
{
    int n = figures_roofline(r->f, &r->t, &r->share);
    if (n == 0)
        html_paragraph(
            r->f, "For the figure, and the share of the limit that each case reaches, the lines "
                  "must be counted too: tern-bench lines, with the options of the run, into "
                  "the same folder.");
    return n;
}

static int extra_tables(const struct report *r)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < EXTRAS; i++) {
        if (!there(r, extras[i].file))
            continue;
        html_section(r->f, extras[i].id, extras[i].heading, extras[i].reading);
        if (strcmp(extras[i].id, "roofline") == 0 && roofline(r) < 0)
            return -1;
        in_dir(r, extras[i].file, path);
        if (html_csv(r->f, path, extras[i].column, extras[i].value) <= 0)
            html_paragraph(r->f, "There is nothing in the file.");
        html_section_end(r->f);
    }
    return 0;
}

static void results(const struct report *r)
{
    html_section(
        r->f, "results", "All results",
        "Medians, and the interval of the time in which 95 of 100 draws lie (whole launches "
        "drawn first, then repetitions of them). batch: buffers that the device found at a "
        "time. kicks and calls: notifications a buffer. lines moved: from lines.csv. share of the "
        "limit: the least time of so many lines, from roofline.csv, in percent of the time that "
        "was measured.");
    report_results(r->f, &r->t, &r->share);
    html_section_end(r->f);
    html_section(
        r->f, "noise", "Noise: A against A",
        "The same case under two names in the same run. In a perfect world all ratios are 1; "
        "what they are is what this machine cannot tell apart.");
    report_noise(r->f, &r->t);
    html_section_end(r->f);
}

static void limits(const struct report *r)
{
    char path[PATH_BYTES];
    in_dir(r, "skipped.csv", path);
    html_section(
        r->f, "skipped", "Not measurable here",
        "What this run was to measure and could not: because this machine lacks it, or because "
        "there is no such case.");
    int n = there(r, "skipped.csv") ? html_csv(r->f, path, NULL, NULL) : -1;
    if (n <= 0)
        html_paragraph(r->f,
                       n < 0 ? "The run left no list." : "Nothing: all that was asked for ran.");
    html_section_end(r->f);
    html_section(r->f, "threats", "What speaks against these figures", NULL);
    report_threats(r->f, &r->t);
    html_section_end(r->f);
}

static void fact(FILE *f, char *line)
{
    char *colon = strstr(line, ": ");
    line[strcspn(line, "\n")] = 0;
    if (!colon)
        return;
    *colon = 0;
    fputs("<tr><td>", f);
    html_text(f, line);
    fputs("</td><td class=\"t\">", f);
    html_text(f, colon + 2);
    fputs("</td></tr>\n", f);
}

static void environment(const struct report *r)
{
    static const char *const heads[] = {"what", "on this machine", NULL};
    char path[PATH_BYTES], *line = NULL;
    size_t room = 0;
    in_dir(r, "manifest.txt", path);
    FILE *in = fopen(path, "re");
    html_section(r->f, "environment", "Environment", NULL);
    if (!in)
        html_paragraph(r->f, "The run left no manifest.");
    else
        html_table(r->f, heads);
    while (in && getline(&line, &room, in) > 0)
        fact(r->f, line);
    if (in) {
        html_table_end(r->f);
        fclose(in);
    }
    html_section_end(r->f);
    free(line);
}

// ---- the whole ----

// How many repetitions the run was to make; 0 if it does not say.
static size_t planned(const struct report *r)
{
    char path[PATH_BYTES], line[PATH_BYTES];
    size_t n = 0;
    in_dir(r, "manifest.txt", path);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof(line), in))
        sscanf(line, "repetitions in all: %zu", &n);
    if (in)
        fclose(in);
    return n;
}

static int write_all(const struct report *r)
{
    html_begin(r->f, "tern-bench: what a ring costs");
    report_summary(r->f, &r->t, planned(r));
    contents(r);
    if (throughput(r))
        return -1;
    effects(r);
    if (latency(r) || extra_tables(r))
        return -1;
    results(r);
    limits(r);
    environment(r);
    html_end(r->f);
    return 0;
}

static int write_report(struct report *r)
{
    char path[PATH_BYTES];
    in_dir(r, "report.html", path);
    r->f = fopen(path, "we");
    if (!r->f)
        return bench_no(strerror(errno), "give a folder that can be written");
    int rc = write_all(r) ? bench_no("gnuplot failed", "look at its message above") : 0;
    if (fclose(r->f) && rc == 0)
        rc = bench_no(strerror(errno), "make room for the report");
    if (rc)
        unlink(path);
    else
        printf("%s\n", path);
    return rc;
}

int bench_report_command(int argc, char **argv)
{
    if (argc != 2)
        return bench_no("report takes one folder", "tern-bench report DIR, which --out wrote");
    if (!bench_plot_possible())
        return bench_no("gnuplot was not found", "apt-get install gnuplot-nox");
    struct report r = {.dir = argv[1]};
    if (bench_table_load(&r.t, r.dir))
        return 2;
    bench_share_load(&r.share, r.dir);
    int rc = write_report(&r);
    bench_share_free(&r.share);
    bench_table_free(&r.t);
    return rc;
}
