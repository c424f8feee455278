// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plot.h"

// Colour says the layout, dashes that the order is kept.
static const struct {
    const char *ring, *colour;
    int dash, mark;
} looks[] = {
    {"split", "#d9591c", 1, 7},
    {"split-inorder", "#d9591c", 2, 6},
    {"packed", "#2a78d6", 1, 7},
    {"packed-inorder", "#2a78d6", 2, 6},
    {"split-inorder-generic", "#c98b6b", 3, 4},
    {"packed-inorder-generic", "#7fa6cf", 3, 4},
    {"rte_ring", "#8a63d2", 1, 5},
    {"lamport", "#1a9a6c", 1, 9},
    {"fastforward", "#c04a86", 1, 11},
    {"floor", "#808a96", 4, 13},
    {"limit of the machine", "#808a96", 1, 0},
};
#define LOOKS (sizeof(looks) / sizeof(looks[0]))

// ---- running it ----

// Runs gnuplot with these for input and output. Its exit status, 127: it is not there.
static int run(const char *const *words, int in, int out)
{
    pid_t child = fork();
    if (child == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(in >= 0 ? in : nothing, STDIN_FILENO);
        dup2(out >= 0 ? out : nothing, STDOUT_FILENO);
        execvp(words[0], (char *const *)words);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        return 127;
    return WEXITSTATUS(status);
}

bool bench_plot_possible(void)
{
    static const char *const words[] = {"gnuplot", "--version", NULL};
    return run(words, -1, -1) == 0;
}

// ---- the script ----

// In single quotes, where only these mean something.
static void quoted(FILE *s, const char *text)
{
    fputc('\'', s);
    for (; *text; text++)
        fputc(*text == '\'' || *text == '\n' || *text == '\\' ? ' ' : *text, s);
    fputc('\'', s);
}

static void axes(FILE *s, const struct bench_plot *p)
{
    fprintf(s,
            "set term svg noenhanced dynamic size 680,420 font 'sans-serif,13' name '%s'\n"
            "set encoding utf8\nset grid\nset border 3\nset tics nomirror\n"
            "set key outside above center horizontal samplen 2 width 0 maxrows 4 font ',11'\n"
            "set format y '%%g'\nset xlabel ",
            p->name);
    quoted(s, p->xlabel);
    fprintf(s, "\nset ylabel ");
    quoted(s, p->ylabel);
    fprintf(s, "\n%s%s%s", p->log_x ? "set logscale x\n" : "", p->log_y ? "set logscale y\n" : "",
            p->from_zero ? "set yrange [0:*]\n" : "");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// All values of x, sorted; the caller frees them.
static double *all_x(const struct bench_plot *p, size_t *n)
{
    size_t all = 0;
    *n = 0;
    for (size_t i = 0; i < p->n; i++)
        all += p->series[i].n;
    double *x = calloc(all + 1, sizeof(*x));
    for (size_t i = 0; x && i < p->n; i++)
        for (size_t k = 0; k < p->series[i].n; k++)
            x[(*n)++] = p->series[i].point[k].x;
    if (*n)
        qsort(x, *n, sizeof(*x), compare);
    return x;
}

// The range of the x axis, with some room, and its tics: one for each x unless there is a list.
static void x_axis(FILE *s, const struct bench_plot *p)
{
    size_t n;
    double *x = all_x(p, &n);
    if (n && p->log_x)
        fprintf(s, "set xrange [%.9g:%.9g]\n", x[0] / 1.2, x[n - 1] * 1.2);
    fprintf(s, "set xtics (%s", p->xtics ? p->xtics : "");
    for (size_t i = 0; i < n && !p->xtics; i++)
        if (i == 0 || x[i] != x[i - 1])
            fprintf(s, "%s'%g' %g", i ? ", " : "", x[i], x[i]);
    fprintf(s, ")\n");
    free(x);
}

static void data(FILE *s, const struct bench_plot *p)
{
    for (size_t i = 0; i < p->n; i++) {
        fprintf(s, "$d%zu << END\n", i);
        for (size_t k = 0; k < p->series[i].n; k++) {
            const struct bench_point *at = &p->series[i].point[k];
            fprintf(s, "%.9g %.9g %.9g %.9g\n", at->x, at->y, at->low, at->high);
        }
        fprintf(s, "END\n");
    }
}

static void curve(FILE *s, const struct bench_series *c, size_t at)
{
    size_t look = 0;
    while (look < LOOKS && strcmp(looks[look].ring, c->title))
        look++;
    bool known = look < LOOKS;
    const char *colour = looks[known ? look : at % LOOKS].colour;
    int dash = known ? looks[look].dash : (int)(at / LOOKS % 4) + 1;
    int mark = known ? looks[look].mark : (int)(at % 10) + 4;
    fprintf(s, "%s$d%zu using 1:2", at ? ", \\\n" : "plot ", at);
    if (!c->bare)
        fprintf(s, ":3:4 with %s pt %d ps 0.6", c->loose ? "yerrorbars" : "yerrorlines", mark);
    else
        fprintf(s, " with lines");
    fprintf(s, " lw 1.8 lc rgb '%s' dt %d title ", colour, dash);
    quoted(s, c->title);
}

static int write_script(int fd, const struct bench_plot *p)
{
    int copy = dup(fd);
    FILE *s = copy < 0 ? NULL : fdopen(copy, "w");
    if (!s)
        return -1;
    axes(s, p);
    x_axis(s, p);
    data(s, p);
    for (size_t i = 0; i < p->n; i++)
        curve(s, &p->series[i], i);
    fputc('\n', s);
    return fclose(s) || lseek(fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

// ---- what it wrote ----

// Names in a page must be unique, and gnuplot gives all its figures the same ones.
static void rename_ids(FILE *f, const char *svg, const char *name)
{
    static const char *const before[] = {"id='", "id=\"", "href='#", "url(#"};
    while (*svg) {
        size_t n = 0;
        for (size_t i = 0; i < 4 && n == 0; i++)
            if (strncmp(svg, before[i], strlen(before[i])) == 0)
                n = strlen(before[i]);
        fwrite(svg, 1, n ? n : 1, f);
        if (n)
            fprintf(f, "%s-", name);
        svg += n ? n : 1;
    }
}

static int copy_svg(FILE *f, int fd, const char *name)
{
    off_t bytes = lseek(fd, 0, SEEK_END);
    char *all = bytes > 0 ? calloc(1, (size_t)bytes + 1) : NULL;
    const char *svg = NULL;
    if (all && pread(fd, all, (size_t)bytes, 0) == bytes)
        svg = strstr(all, "<svg"); // not the head of a file of its own
    if (svg)
        rename_ids(f, svg, name);
    free(all);
    return svg ? 0 : -1;
}

int bench_plot(FILE *f, const struct bench_plot *p)
{
    static const char *const words[] = {"gnuplot", "-", NULL};
    int script = memfd_create("script", MFD_CLOEXEC), svg = memfd_create("svg", MFD_CLOEXEC);
    int rc = script < 0 || svg < 0 || write_script(script, p) || run(words, script, svg) ||
                     copy_svg(f, svg, p->name)
                 ? -1
                 : 0;
    close(script);
    close(svg);
    return rc;
}
