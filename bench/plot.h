// SPDX-License-Identifier: BSD-3-Clause
// Figures, drawn by gnuplot as SVG that stands in the page: no file beside it, and its ink is that
// of the text, light or dark.
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stdio.h>

struct bench_point {
    double x, y, low, high;
};

struct bench_series {
    char title[200];           // a ring's name gives its colour
    struct bench_point *point; // sorted by x
    size_t n;
    bool loose; // points that no line joins
    bool bare;  // a line without points and bars
};

struct bench_plot {
    const char *name; // unique in the page: letters and digits
    const char *xlabel, *ylabel;
    const char *xtics; // gnuplot's list of labelled tics, or NULL: each x that there is
    bool log_x, log_y; // logarithmic
    bool from_zero;    // the y axis
    struct bench_series *series;
    size_t n;
};

// Is there a gnuplot?
bool bench_plot_possible(void);

// Writes an <svg> element. 0, or -1: gnuplot failed.
int bench_plot(FILE *f, const struct bench_plot *p);

#endif
