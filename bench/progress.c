// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define TERMINAL_NS 200000000ull
#define FILE_NS 10000000000ull

void bench_progress_time(double seconds, char *text, size_t bytes)
{
    if (seconds < 99.5)
        snprintf(text, bytes, "%.0f s", seconds);
    else if (seconds < 99.5 * 60)
        snprintf(text, bytes, "%.0f min", seconds / 60);
    else
        snprintf(text, bytes, "%.1f h", seconds / 3600);
}

void bench_progress_text(const struct bench_progress *p, uint64_t ns, char *text, size_t bytes)
{
    char left[32] = "?";
    uint64_t here = p->done - p->begun_at;
    if (here)
        bench_progress_time((double)ns * 1e-9 / (double)here * (double)(p->total - p->done), left,
                            sizeof(left));
    snprintf(text, bytes, "%llu/%llu repetitions, %.0f %%, %s left", (unsigned long long)p->done,
             (unsigned long long)p->total,
             p->total ? 100 * (double)p->done / (double)p->total : 100, left);
}

void bench_progress_start(struct bench_progress *p, uint64_t done, uint64_t total)
{
    *p = (struct bench_progress){.done = done, .total = total, .begun_at = done};
    p->start_ns = p->shown_ns = bench_now_ns();
    p->terminal = isatty(STDERR_FILENO);
}

void bench_progress_step(struct bench_progress *p)
{
    char text[120];
    uint64_t now = bench_now_ns();
    p->done++;
    if (now - p->shown_ns < (p->terminal ? TERMINAL_NS : FILE_NS))
        return;
    p->shown_ns = now;
    bench_progress_text(p, now - p->start_ns, text, sizeof(text));
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s", text);
    else
        fprintf(stderr, "%s\n", text);
}

void bench_progress_end(struct bench_progress *p)
{
    if (p->terminal)
        fprintf(stderr, "\r\033[K");
}
