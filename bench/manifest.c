// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "commit.h"
#include "manifest.h"
#include "nodes.h"

#define LINE_BYTES 4096
#define PATH_BYTES 4096

// Takes one fact.
typedef void emit_fn(FILE *out, const char *key, const char *value);

static void emit_line(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s: %s\n", key, value);
}

void bench_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static void emit_json(FILE *out, const char *key, const char *value)
{
    if (strcmp(key, "cpu flags") == 0)
        return;
    fputs(",\"", out);
    for (; *key; key++)
        fputc(*key == ' ' ? '_' : *key, out);
    fputs("\":", out);
    bench_json_text(out, value);
}

// The first line of a file that begins with `word`, behind its colon; all of the first line when
// the word is empty.
static void from_file(FILE *out, emit_fn *emit, const char *key, const char *path, const char *word)
{
    char line[LINE_BYTES];
    const char *text = "not told";
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, word, strlen(word)))
            continue;
        const char *colon = *word ? strchr(line, ':') : NULL;
        line[strcspn(line, "\n")] = 0;
        text = colon ? colon + 1 : line;
        text += strspn(text, " \t");
        break;
    }
    if (f)
        fclose(f);
    emit(out, key, text);
}

static void when(FILE *out, emit_fn *emit)
{
    char text[40] = "";
    time_t now = time(NULL);
    struct tm t;
    if (gmtime_r(&now, &t))
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &t);
    emit(out, "date", text);
}

static void machine(FILE *out, emit_fn *emit)
{
    char text[200];
    struct utsname u;
    from_file(out, emit, "cpu", "/proc/cpuinfo", "model name");
    from_file(out, emit, "cpu flags", "/proc/cpuinfo", "flags");
    snprintf(text, sizeof(text), "%ld, on %d node%s", sysconf(_SC_NPROCESSORS_ONLN), bench_nodes(),
             bench_nodes() == 1 ? "" : "s");
    emit(out, "cpus", text);
    snprintf(text, sizeof(text), "%.4f GHz", bench_cycles_per_ns());
    emit(out, "time stamp counter", text);
    if (uname(&u) == 0) {
        snprintf(text, sizeof(text), "%.60s %.60s %.60s", u.sysname, u.release, u.machine);
        emit(out, "kernel", text);
    }
}

static void facts(FILE *out, emit_fn *emit)
{
    when(out, emit);
    emit(out, "tern", BENCH_VERSION);
    emit(out, "commit", BENCH_COMMIT);
    machine(out, emit);
    from_file(out, emit, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "");
    from_file(out, emit, "transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled",
              "");
    from_file(out, emit, "2 MiB pages", "/proc/meminfo", "HugePages_Total");
    from_file(out, emit, "2 MiB pages free", "/proc/meminfo", "HugePages_Free");
    from_file(out, emit, "memory", "/proc/meminfo", "MemTotal");
    emit(out, "compiler", __VERSION__);
    emit(out, "compiler flags", BENCH_FLAGS);
}

static FILE *open_in(const char *dir, const char *mode)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/manifest.txt", dir);
    return fopen(path, mode);
}

int bench_manifest_write(const char *dir)
{
    FILE *out = open_in(dir, "we");
    if (!out)
        return -errno;
    facts(out, emit_line);
    return fclose(out) ? -errno : 0;
}

int bench_manifest_add(const char *dir, const char *key, const char *format, ...)
{
    va_list args;
    FILE *out = open_in(dir, "ae");
    if (!out)
        return -errno;
    fprintf(out, "%s: ", key);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
    return fclose(out) ? -errno : 0;
}

void bench_manifest_json(FILE *out)
{
    facts(out, emit_json);
}
