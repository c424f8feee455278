// SPDX-License-Identifier: BSD-3-Clause
#ifndef PAIRMON_SERIES_H
#define PAIRMON_SERIES_H

#define MAX_WINDOWS 4096

// Values of one kind, such as the rates of the windows of a class.
struct series {
    unsigned int n;
    double value[MAX_WINDOWS];
};

// What does not fit is left out.
void series_add(struct series *s, double value);

// The value below which `percent` of the values lie (50: the median); 0 of an empty series. Sorts
// it.
double series_percentile(struct series *s, unsigned int percent);

#endif
