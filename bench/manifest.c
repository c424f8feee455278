// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "manifest.h"

#define LINE_BYTES 256

// The first line of a file that begins with `key`, behind its colon; all of the first line when
// `key` is empty.
static void from_file(FILE *out, const char *label, const char *path, const char *key)
{
    char line[LINE_BYTES];
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, strlen(key)))
            continue;
        const char *colon = *key ? strchr(line, ':') : NULL;
        const char *text = colon ? colon + 1 : line;
        text += strspn(text, " \t");
        fprintf(out, "%s: %.*s\n", label, (int)strcspn(text, "\n"), text);
        fclose(f);
        return;
    }
    if (f)
        fclose(f);
    fprintf(out, "%s: not told\n", label);
}

static void kernel(FILE *out)
{
    struct utsname u;
    if (uname(&u) == 0)
        fprintf(out, "kernel: %s %s\nmachine: %s\n", u.sysname, u.release, u.machine);
}

static void when(FILE *out)
{
    char text[32] = "";
    time_t now = time(NULL);
    struct tm t;
    if (gmtime_r(&now, &t))
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &t);
    fprintf(out, "date: %s UTC\n", text);
}

int bench_manifest_write(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/manifest.txt", dir);
    FILE *out = fopen(path, "we");
    if (!out)
        return -errno;
    when(out);
    fprintf(out, "tern: %s\n", BENCH_VERSION);
    from_file(out, "cpu", "/proc/cpuinfo", "model name");
    from_file(out, "cpu flags", "/proc/cpuinfo", "flags");
    fprintf(out, "cpus: %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    fprintf(out, "time stamp counter: %.4f GHz\n", bench_cycles_per_ns());
    kernel(out);
    from_file(out, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "");
    from_file(out, "transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled", "");
    from_file(out, "2 MiB pages", "/proc/meminfo", "HugePages_Total");
    from_file(out, "memory", "/proc/meminfo", "MemTotal");
    fprintf(out, "compiler: %s\ncompiler flags: %s\n", __VERSION__, BENCH_FLAGS);
    return fclose(out) ? -errno : 0;
}
