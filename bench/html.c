// SPDX-License-Identifier: BSD-3-Clause
#include <stdbool.h>
#include <string.h>

#include "csv.h"
#include "html.h"

#define OPEN_ROWS 40u

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2530;--dim:#5c6876;--paper:#fff;--line:#d5dbe3;"
    "--soft:#f3f6f9;--mark:#2a78d6}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--dim:#9aa7b5;--paper:#14181e;"
    "--line:#37414d;--soft:#1d232b;--mark:#6aa8f0}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:68rem;padding:1rem;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}\n"
    "h1{font-size:1.6rem;line-height:1.2}\n"
    "h2{font-size:1.25rem;margin:2.2rem 0 .4rem;padding-top:.6rem;border-top:1px solid "
    "var(--line)}\n"
    "h3{font-size:1rem;margin:1.2rem 0 .3rem}\n"
    "p,ul{margin:.4rem 0;max-width:46rem}\n"
    "a{color:var(--mark)}\n"
    "nav{font-size:.9rem;margin:.6rem 0}nav a{margin-right:.9rem;white-space:nowrap}\n"
    ".read{color:var(--dim);font-size:.92rem}\n"
    ".sum{background:var(--soft);border-left:4px solid var(--mark);padding:.5rem 1rem;"
    "border-radius:4px}\n"
    ".sum ul{padding-left:1.1rem}.sum li{margin:.35rem 0}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.86rem;margin:.5rem 0;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.22rem .5rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top;white-space:nowrap}\n"
    "th{background:var(--soft);white-space:normal;vertical-align:bottom}\n"
    "td.n{text-align:right}td.t{white-space:normal;min-width:14rem;overflow-wrap:anywhere}\n"
    ".q{color:var(--dim)}\n"
    "figure{margin:.8rem 0;overflow-x:auto}\n"
    "figure svg{display:block;width:100%;min-width:28rem;max-width:46rem;height:auto}\n"
    "figcaption{font-size:.88rem;color:var(--dim);max-width:46rem}\n"
    "svg [fill=black]{fill:currentColor}svg [stroke=black]{stroke:currentColor}\n"
    "svg [color=black]{color:inherit}svg [stroke=gray]{stroke:var(--line)}\n"
    "summary{cursor:pointer;margin:.5rem 0}\n";

void html_begin(FILE *f, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          f);
    html_text(f, title);
    fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    html_text(f, title);
    fputs("</h1>\n", f);
}

void html_end(FILE *f)
{
    fputs("</body>\n</html>\n", f);
}

void html_text(FILE *f, const char *text)
{
    static const char times[] = "× ";
    for (; *text; text++) {
        if (strncmp(text, times, strlen(times)) == 0) { // not at the end of a line
            fputs("×&nbsp;", f);
            text += strlen(times) - 1;
        } else if (strncmp(text, " %", 2) == 0)
            fputs("&nbsp;", f);
        else if (*text == '&')
            fputs("&amp;", f);
        else if (*text == '<')
            fputs("&lt;", f);
        else if (*text == '>')
            fputs("&gt;", f);
        else if (*text == '"')
            fputs("&quot;", f);
        else if ((unsigned char)*text >= ' ' || *text == '\n')
            fputc(*text, f);
    }
}

void html_section(FILE *f, const char *id, const char *heading, const char *reading)
{
    fprintf(f, "<section>\n<h2 id=\"%s\">%s</h2>\n", id, heading);
    if (reading)
        fprintf(f, "<p class=\"read\">%s</p>\n", reading);
}

void html_section_end(FILE *f)
{
    fputs("</section>\n", f);
}

void html_paragraph(FILE *f, const char *text)
{
    fputs("<p>", f);
    html_text(f, text);
    fputs("</p>\n", f);
}

void html_interval(FILE *f, const struct bench_interval *r, int digits)
{
    fprintf(f, "<td>%.*f <span class=\"q\">(%.*f … %.*f)</span></td>", digits, r->middle, digits,
            r->low, digits, r->high);
}

void html_fold(FILE *f, size_t rows)
{
    fprintf(f, "<details%s><summary>%zu row%s</summary>\n", rows <= OPEN_ROWS ? " open" : "", rows,
            rows == 1 ? "" : "s");
}

void html_fold_end(FILE *f)
{
    fputs("</details>\n", f);
}

void html_table(FILE *f, const char *const *heads)
{
    fputs("<div class=\"wide\"><table>\n<thead><tr>", f);
    for (; *heads; heads++)
        fprintf(f, "<th scope=\"col\">%s</th>", *heads);
    fputs("</tr></thead>\n<tbody>\n", f);
}

void html_table_end(FILE *f)
{
    fputs("</tbody>\n</table></div>\n", f);
}

// ---- any table ----

struct csv {
    FILE *f; // NULL: only count
    const char *column, *value;
    int at;           // of the column; -1: all lines are wanted
    unsigned columns; // of the head
    int lines;
};

static void csv_cell(FILE *f, const char *text, bool head)
{
    double v;
    if (head)
        fputs("<th scope=\"col\">", f);
    else if (bench_csv_number(text, &v))
        fputs("<td class=\"n\">", f);
    else
        fputs(strlen(text) > 90 ? "<td class=\"t\">" : "<td>", f);
    html_text(f, text);
    fputs(head ? "</th>" : "</td>", f);
}

static void csv_head(struct csv *c, char **cell, unsigned cells)
{
    c->columns = cells;
    c->at = -1;
    for (unsigned i = 0; c->column && i < cells; i++)
        if (strcmp(cell[i], c->column) == 0)
            c->at = (int)i;
}

static void csv_line(void *arg, unsigned line, char **cell, unsigned cells)
{
    struct csv *c = arg;
    if (line == 0)
        csv_head(c, cell, cells);
    else if (c->at >= 0 && ((unsigned)c->at >= cells || strcmp(cell[c->at], c->value)))
        return;
    c->lines += line > 0;
    if (!c->f)
        return;
    fputs(line ? "<tr>" : "<div class=\"wide\"><table>\n<thead><tr>", c->f);
    for (unsigned i = 0; i < c->columns; i++)
        csv_cell(c->f, i < cells ? cell[i] : "", line == 0);
    fputs(line ? "</tr>\n" : "</tr></thead>\n<tbody>\n", c->f);
}

int html_csv(FILE *f, const char *path, const char *column, const char *value)
{
    struct csv counted = {.column = column, .value = value}, c = {f, column, value, -1, 0, 0};
    int rc = bench_csv_each(path, csv_line, &counted);
    if (rc || counted.lines == 0)
        return rc;
    html_fold(f, (size_t)counted.lines);
    rc = bench_csv_each(path, csv_line, &c);
    html_table_end(f);
    html_fold_end(f);
    return rc ? rc : c.lines;
}
