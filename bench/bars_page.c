// SPDX-License-Identifier: BSD-3-Clause
// One page without anything beside it: a line for each row, with its ratio and bar near and far.
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "bars.h"
#include "html.h"

#define PATH_BYTES 4096
#define LABEL 170 // px on the left
#define WIDTH 560 // of the axis
#define LINE 24   // height of a row
#define HEAD 40   // above the first one

static const char *const colour[] = {"#2a78d6", "#d9591c"}; // near, far
static const char *const place[] = {"near", "far"};

// What the axis goes from and to, as powers of two.
struct range {
    double from, to;
};

static void widen(struct range *r, double ratio)
{
    if (ratio <= 0)
        return;
    r->from = fmin(r->from, floor(log2(ratio) * 2 - 0.2) / 2);
    r->to = fmax(r->to, ceil(log2(ratio) * 2 + 0.2) / 2);
}

static struct range range_of(const struct bench_bars *b)
{
    struct range r = {-0.5, 1.5};
    for (size_t i = 0; i < 2 * b->n; i++) {
        const struct bench_held *h = &b->row[i / 2].held[i % 2];
        if (!b->place[i % 2])
            continue;
        widen(&r, b->row[i / 2].bar.bar[i % 2]);
        widen(&r, h->best[0] ? h->ratio.low : 0);
        widen(&r, h->best[0] ? h->ratio.high : 0);
    }
    r.from = fmax(r.from, -4);
    r.to = fmin(r.to, 4);
    return r;
}

static double at(const struct range *r, double ratio)
{
    double x = ratio > 0 ? (log2(ratio) - r->from) / (r->to - r->from) : 0;
    return LABEL + WIDTH * fmin(fmax(x, 0), 1);
}

static void axis(FILE *f, const struct range *r, size_t rows)
{
    double bottom = HEAD + LINE * (double)rows;
    for (double p = r->from; p <= r->to; p += 0.5) {
        double x = at(r, exp2(p));
        fprintf(f,
                "<path d=\"M%.1f %d V%.1f\" stroke=\"gray\" stroke-width=\"%s\"/>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2f</text>\n",
                x, HEAD - 6, bottom, p == 0 ? "1.5" : "0.5", x, HEAD - 12, exp2(p));
    }
    fprintf(f,
            "<text x=\"4\" y=\"14\">◯ <tspan fill=\"%s\">near</tspan> · <tspan fill=\"%s\">far"
            "</tspan></text>\n",
            colour[0], colour[1]);
}

// Filled: the bar is met, or there is none.
static void mark(FILE *f, const struct range *r, const struct bench_bar *b,
                 const struct bench_held *h, int p, double y)
{
    bool is_missed = h->verdict == BENCH_MISSED || h->verdict == BENCH_MISSED_BY_MEDIAN;
    if (b->bar[p] > 0)
        fprintf(f, "<path d=\"M%.1f %.1f v9\" stroke=\"%s\" stroke-width=\"2.5\"/>\n",
                at(r, b->bar[p]), y - 4.5, colour[p]);
    if (h->verdict == BENCH_NOT_MEASURED)
        return;
    fprintf(f, "<g stroke=\"%s\"><title>", colour[p]);
    html_text(f, b->row);
    fprintf(f,
            " %s: %.3f (%.3f … %.3f)</title><path d=\"M%.1f %.1f H%.1f\" stroke-width=\"1.5\"/>"
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.6\" stroke-width=\"1.5\" fill=\"%s\"/></g>\n",
            place[p], h->ratio.middle, h->ratio.low, h->ratio.high, at(r, h->ratio.low), y,
            at(r, h->ratio.high), at(r, h->ratio.middle), y, is_missed ? "none" : colour[p]);
}

static void figure(FILE *f, const struct bench_bars *b)
{
    struct range r = range_of(b);
    fprintf(f,
            "<figure><svg viewBox=\"0 0 %d %zu\" role=\"img\" fill=\"none\" "
            "font-size=\"11\" font-family=\"sans-serif\"><g fill=\"black\">\n",
            LABEL + WIDTH + 20, HEAD + LINE * b->n + 8);
    axis(f, &r, b->n);
    for (size_t i = 0; i < b->n; i++) {
        fprintf(f, "<text x=\"4\" y=\"%zu\">", HEAD + LINE * i + 16);
        html_text(f, b->row[i].bar.row);
        fprintf(f, "%s</text>\n", b->row[i].bar.at_most ? " (≤)" : "");
    }
    fputs("</g>\n", f);
    for (size_t i = 0; i < 2 * b->n; i++)
        if (b->place[i % 2])
            mark(f, &r, &b->row[i / 2].bar, &b->row[i / 2].held[i % 2], (int)(i % 2),
                 (double)(HEAD + LINE * (i / 2) + 7 + 10 * (i % 2)));
    fputs(
        "</svg><figcaption>Ratio to what the row is held against (base in the table): the best "
        "stock pair, or another pair of Tern’s own where the row compares ring formats, orders or "
        "instances. A vertical mark is the bar, a horizontal line the interval of 95 of 100 draws. "
        "Hollow: the bar is missed. (≤): a time, the bar is the most. Without a circle: not "
        "measured.</figcaption></figure>\n",
        f);
}

static void about(FILE *f, const char *dir)
{
    char path[PATH_BYTES], line[500];
    snprintf(path, sizeof(path), "%s/about.txt", dir);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof(line), in))
        html_paragraph(f, line);
    if (in)
        fclose(in);
}

int bench_bars_page(FILE *f, const struct bench_bars *b, const char *dir)
{
    char path[PATH_BYTES];
    html_begin(f, "Tern’s drivers beside DPDK’s");
    about(f, dir);
    html_section(f, "ratios", "Ratios and bars", NULL);
    figure(f, b);
    html_section_end(f);
    html_section(f, "table", "The same in figures",
                 "own and base_own: Mpps, or ns of a round trip. rounds and windows: the least of "
                 "the pair and of all that it is held against. noise: how far a stock pair of the "
                 "same set came out from itself; noise_end: the far end of that interval. A ratio "
                 "that is nearer to 1 or to its bar than the noise tells nothing.");
    snprintf(path, sizeof(path), "%s/bars.csv", dir);
    html_csv(f, path, NULL, NULL);
    html_section_end(f);
    html_section(
        f, "lines", "Lines a packet and the machine’s limit",
        "descriptors, header, payload: cache lines that move between the CPUs for a packet, on "
        "paper, lines their sum; counted: the same sum in the model (tern-bench lines). limit_mpps "
        "and limit_ns: the most packets, and the least time of one, that the machine takes for the "
        "counted lines or the copies (tern-bench roofline); ns: what a packet took; share: of the "
        "limit, in percent.");
    snprintf(path, sizeof(path), "%s/" BENCH_BARS_LINES, dir);
    html_csv(f, path, NULL, NULL);
    html_section_end(f);
    html_end(f);
    return ferror(f) ? -EIO : 0;
}
