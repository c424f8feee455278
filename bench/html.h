// SPDX-License-Identifier: BSD-3-Clause
// The parts that a report is made of.
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include <stdio.h>

#include "stats.h"

// Head with the style, up to the first heading; and the end.
void html_begin(FILE *f, const char *title);
void html_end(FILE *f);

// Text that comes from elsewhere: what means something in HTML is escaped.
void html_text(FILE *f, const char *text);

// A section with a heading, which `id` names, and how it is to be read; both are HTML of the
// caller.
void html_section(FILE *f, const char *id, const char *heading, const char *reading);
void html_section_end(FILE *f);

// A paragraph of text that comes from elsewhere.
void html_paragraph(FILE *f, const char *text);

// "middle (low … high)" in a cell of a table.
void html_interval(FILE *f, const struct bench_interval *r, int digits);

// A table that may be wider than the screen, with these column heads (NULL at the end); then rows
// of the caller; and its end.
void html_table(FILE *f, const char *const *heads);
void html_table_end(FILE *f);

// Around a table that a reader may not want to scroll over: closed when it has many rows.
void html_fold(FILE *f, size_t rows);
void html_fold_end(FILE *f);

// A file of comma-separated values as a table: of its lines those that have `value` in this column,
// or all (column NULL). Folded where it is long. Returns the number of lines, or -errno.
int html_csv(FILE *f, const char *path, const char *column, const char *value);

#endif
