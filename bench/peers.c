// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad.h"
#include "child.h"
#include "out.h"
#include "pairs.h"
#include "peers.h"

#define PATH_BYTES 4096
#define WORD_BYTES 200
#define WORDS 24
#define SKIPPED 77
#define SKIP "SKIP peers: "

void bench_peers_defaults(struct bench_peers *p)
{
    *p = (struct bench_peers){
        .rounds = 3,
        .windows = 10,
        .sizes = {{64}, 1},
        .rings = "split,packed",
        .pairs = "tern-tern,tern-stock,stock-tern,stock-stock",
        .cpu = {-1, -1},
    };
}

// ---- the script's command line ----

struct words {
    char text[WORDS][WORD_BYTES];
    char *argv[WORDS + 1];
    int n;
};

__attribute__((format(printf, 2, 3))) static void word(struct words *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->text[w->n], WORD_BYTES, format, args);
    va_end(args);
    w->argv[w->n] = w->text[w->n];
    w->argv[++w->n] = NULL;
}

static void option(struct words *w, const char *name, unsigned value)
{
    if (value == 0)
        return;
    word(w, "%s", name);
    word(w, "%u", value);
}

static void make_words(const struct bench_peers *p, struct words *w)
{
    char sizes[WORD_BYTES] = "";
    for (unsigned i = 0, at = 0; i < p->sizes.n && at < sizeof(sizes); i++)
        at += (unsigned)snprintf(sizes + at, sizeof(sizes) - at, "%s%.0f", i ? "," : "",
                                 p->sizes.value[i]);
    w->n = 0;
    word(w, "%s", BENCH_PEERS_SCRIPT);
    word(w, "--build");
    word(w, "%s", BENCH_BUILD);
    option(w, "--rounds", p->rounds);
    option(w, "--windows", p->windows);
    option(w, "--window-ms", p->ms);
    option(w, "--seconds", p->seconds);
    word(w, "--sizes");
    word(w, "%s", sizes);
    word(w, "--rings");
    word(w, "%s", p->rings);
    word(w, "--pairs");
    word(w, "%s", p->pairs);
    if (p->cpu[0] >= 0) {
        word(w, "--cpus");
        word(w, "%d,%d", p->cpu[0], p->cpu[1]);
    }
}

// ---- the script ----

// Its output comes through *out; it ends when this process does.
static pid_t start(struct words *w, FILE **out)
{
    int end[2];
    if (pipe2(end, O_CLOEXEC))
        return -1;
    fflush(stdout);
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        bench_end_with(self);
        dup2(end[1], STDOUT_FILENO);
        execv(w->argv[0], w->argv);
        _exit(127);
    }
    close(end[1]);
    *out = child < 0 ? NULL : fdopen(end[0], "r");
    if (!*out)
        close(end[0]);
    return child;
}

// Windows become rows; a reason to skip is kept; all else is for the user.
static int follow(FILE *out, FILE *rows, char *why, size_t bytes)
{
    char line[PATH_BYTES];
    struct bench_row row;
    int rc = 0;
    while (fgets(line, sizeof(line), out)) {
        if (bench_pairs_row(line, &row)) {
            rc = rc ? rc : bench_rows_put(rows, &row);
            continue;
        }
        if (strncmp(line, SKIP, strlen(SKIP)) == 0)
            snprintf(why, bytes, "%.*s", (int)strcspn(line + strlen(SKIP), "\n"),
                     line + strlen(SKIP));
        fputs(line, stdout);
        fflush(stdout);
    }
    return rc;
}

static int no_script(char *why, size_t bytes)
{
    snprintf(why, bytes, "there is no scripts/peers where this program was built");
    printf(SKIP "%s\nfix: run tern-bench from the build folder of a source tree\n", why);
    return 1;
}

int bench_peers_measure(const struct bench_peers *p, FILE *rows, char *why, size_t bytes)
{
    struct words w;
    FILE *out = NULL;
    int status = 0;
    snprintf(why, bytes, "scripts/peers did not say why");
    if (access(BENCH_PEERS_SCRIPT, X_OK))
        return no_script(why, bytes);
    make_words(p, &w);
    pid_t child = start(&w, &out);
    if (child < 0)
        return bench_bad(strerror(errno), "free some memory");
    int rc = out ? follow(out, rows, why, bytes) : -errno;
    if (out)
        fclose(out);
    waitpid(child, &status, 0);
    if (rc)
        return bench_bad(strerror(-rc), "make room for the results");
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        return 1;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return bench_bad("the pairs did not run to the end", "look at the messages above");
    return 0;
}

// ---- results ----

static FILE *open_csv(const char *dir)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/peers.csv", dir);
    return fopen(path, "we");
}

int bench_peers_tell(const char *path, const char *dir)
{
    struct bench_table t;
    if (bench_table_read(&t, path))
        return 2;
    FILE *csv = dir ? open_csv(dir) : NULL;
    int rc = dir && !csv ? -errno : bench_pairs_ratios(&t, csv);
    if (csv && fclose(csv))
        rc = -errno;
    bench_table_free(&t);
    return rc ? bench_no(strerror(-rc), "make room for --out") : 0;
}

// The table to which rows go: that of the folder, without pairs that it has from before.
static FILE *open_rows(const char *path, bool is_new)
{
    struct bench_row *row = NULL;
    size_t n = 0;
    char why[PATH_BYTES + 200];
    if (!is_new && access(path, F_OK) == 0 && bench_rows_read(path, &row, &n, why, sizeof(why)))
        n = 0; // nothing in it that could be read
    FILE *f = fopen(path, "we");
    int rc = f ? bench_rows_head(f) : -1;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (strncmp(row[i].name, BENCH_PAIRS_PREFIX, strlen(BENCH_PAIRS_PREFIX)))
            rc = bench_rows_put(f, &row[i]);
    free(row);
    return f;
}

static int run(const struct bench_peers *p, const char *dir)
{
    char path[PATH_BYTES], why[WORD_BYTES];
    int fd = dir ? 0 : memfd_create("repetitions", MFD_CLOEXEC);
    if (dir && bench_out_make(dir))
        return 2;
    if (dir)
        snprintf(path, sizeof(path), "%s/repetitions.csv", dir);
    else
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    FILE *rows = open_rows(path, !dir);
    if (!rows)
        return bench_out_no(dir ? dir : "memory");
    int rc = bench_peers_measure(p, rows, why, sizeof(why));
    if (fclose(rows))
        rc = -1;
    if (rc)
        return rc < 0 ? 1 : 0;
    return bench_peers_tell(path, dir);
}

// ---- the command line ----

// Is each word of a list one of these?
static int check(const char *flag, const char *list, const char *const *words)
{
    for (const char *at = list, *end; at; at = *end ? end + 1 : NULL) {
        size_t i = 0, n = strcspn(at, ",");
        end = at + n;
        while (words[i] && (strlen(words[i]) != n || memcmp(words[i], at, n)))
            i++;
        if (words[i])
            continue;
        fprintf(stderr, "tern-bench: --%s: '%.*s' is no value\nfix: one or more of:", flag, (int)n,
                at);
        for (i = 0; words[i]; i++)
            fprintf(stderr, "%s %s", i ? "," : "", words[i]);
        fputc('\n', stderr);
        return -1;
    }
    return 0;
}

int bench_peers_command(int argc, char **argv)
{
    static const char *const rings[] = {"split", "packed", NULL};
    static const char *const pairs[] = {"tern-tern", "tern-stock", "stock-tern", "stock-stock",
                                        NULL};
    const char *dir = NULL;
    struct bench_peers p;
    const struct bench_flag flags[] = {
        {"rounds", BENCH_FLAG_NUMBER, &p.rounds, 1, 250, "all pairs started anew in each (3)"},
        {"windows", BENCH_FLAG_NUMBER, &p.windows, 1, 1000, "of each pair and round (10)"},
        {"window-ms", BENCH_FLAG_NUMBER, &p.ms, 10, 10000, "length of a window (100)"},
        {"seconds", BENCH_FLAG_NUMBER, &p.seconds, 1, 3600, "most for a set of pairs (20)"},
        {"size", BENCH_FLAG_LIST, &p.sizes, 64, 1518, "bytes of a frame (64)"},
        {"rings", BENCH_FLAG_TEXT, &p.rings, 0, 0, "split, packed (both)"},
        {"pairs", BENCH_FLAG_TEXT, &p.pairs, 0, 0, "DEVICE-DRIVER, each tern or stock (all four)"},
        {"cpus", BENCH_FLAG_CPUS, p.cpu, 0, 0, "of the driver's and of the device's side"},
        {"out", BENCH_FLAG_TEXT, &dir, 0, 0, "folder for repetitions.csv and peers.csv"},
        {NULL, 0, NULL, 0, 0, NULL},
    };
    bench_peers_defaults(&p);
    int rc = bench_flags_parse(flags,
                               "usage: tern-bench peers [OPTION…]\n\n"
                               "Two stock testpmds forward frames to each other, with Tern's "
                               "drivers and with DPDK's own, pair\nbeside pair. Takes root, "
                               "hugepages and dpdk-testpmd.\n",
                               argc, argv);
    if (rc || check("rings", p.rings, rings) || check("pairs", p.pairs, pairs))
        return rc > 0 ? 0 : 2;
    return run(&p, dir);
}
