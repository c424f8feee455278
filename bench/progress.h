// SPDX-License-Identifier: BSD-3-Clause
// How far a run has come, and how long it will go on.
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_progress {
    uint64_t done, total; // repetitions of all launches
    uint64_t begun_at;    // `done` at the start
    uint64_t start_ns, shown_ns;
    bool terminal;
};

// On a terminal (standard error) one line is written over and over, else a line every ten seconds.
void bench_progress_start(struct bench_progress *p, uint64_t done, uint64_t total);
// One more is done.
void bench_progress_step(struct bench_progress *p);
// Takes the line away.
void bench_progress_end(struct bench_progress *p);

// The line's text, after `ns` nanoseconds.
void bench_progress_text(const struct bench_progress *p, uint64_t ns, char *text, size_t bytes);

// So many seconds, in words.
void bench_progress_time(double seconds, char *text, size_t bytes);

#endif
