// SPDX-License-Identifier: BSD-3-Clause
#ifndef PAIRMON_SERIES_H
#define PAIRMON_SERIES_H

#define MAX_WINDOWS 4096

// Rates of the windows of one class.
struct series {
    unsigned int n;
    double mpps[MAX_WINDOWS];
};

void series_add(struct series *s, double mpps);

// The value below which `percent` of the windows lie (50: the median); 0 of an empty series. Sorts
// it.
double series_percentile(struct series *s, unsigned int percent);

#endif
