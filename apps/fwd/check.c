// SPDX-License-Identifier: BSD-3-Clause
#include "check.h"

#include <dirent.h>
#include <rte_common.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define MBUF_BYTES 2432u            // a packet buffer of 2 KiB with its head room and structures
#define TABLES_BYTES (176ull << 20) // of l3, on whatever node has room
#define NODES 64

struct check {
    const struct fwd_conf *conf;
    const char *root;
    FILE *out;
    unsigned warnings;
    const char *lcores;       // EAL's, as a list
    unsigned control;         // EAL's main lcore, which is no worker
    bool told;                // the list was given
    bool cpus[RTE_MAX_LCORE]; // those of the workers
    bool nodes[NODES];        // where they are
    bool pools[NODES];        // where packet buffers will be
    unsigned ncpus;
};

__attribute__((format(printf, 3, 4))) static void line(struct check *c, const char *about,
                                                       const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(c->out, "%-11s ", about);
    vfprintf(c->out, format, ap);
    fputc('\n', c->out);
    va_end(ap);
}

__attribute__((format(printf, 3, 4))) static void warn(struct check *c, const char *fix,
                                                       const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(c->out, "warning: ");
    vfprintf(c->out, format, ap);
    fprintf(c->out, "\nfix: %s\n", fix);
    va_end(ap);
    c->warnings++;
}

// ---- files of the kernel ----

// The first line of a file, without its end; false if it cannot be read.
__attribute__((format(printf, 3, 4))) static bool read_line(const struct check *c, char text[256],
                                                            const char *format, ...)
{
    char name[192], path[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(name, sizeof(name), format, ap);
    va_end(ap);
    snprintf(path, sizeof(path), "%s%s", c->root, name);
    FILE *f = fopen(path, "re");
    text[0] = '\0';
    if (!f)
        return false;
    bool good = fgets(text, 256, f) || feof(f); // an empty file is an empty list
    fclose(f);
    text[strcspn(text, "\n")] = '\0';
    return good;
}

// Is `cpu` in a list like "0-3,7"? An empty or strange list holds nothing.
static bool in_list(const char *list, unsigned cpu)
{
    while (*list >= '0' && *list <= '9') {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (cpu >= first && cpu <= last)
            return true;
        list = *end == ',' ? end + 1 : end;
    }
    return false;
}

static int node_of(const struct check *c, unsigned cpu)
{
    char text[256];
    for (int node = 0; node < NODES; node++)
        if (read_line(c, text, "/sys/devices/system/node/node%d/cpulist", node) &&
            in_list(text, cpu))
            return node;
    return -1;
}

// Of a PCI device by this name; -1: there is none, or it is on no node.
static int device_node(const struct check *c, const char *name)
{
    char text[256];
    return read_line(c, text, "/sys/bus/pci/devices/%.32s/numa_node", name) ? atoi(text) : -1;
}

// ---- CPUs ----

// The one that EAL was told, else the first.
static void find_control(struct check *c, const char *told)
{
    char *end;
    unsigned long cpu = told ? strtoul(told, &end, 0) : 0;
    if (told &&
        (*end || end == told || cpu >= RTE_MAX_LCORE || !in_list(c->lcores, (unsigned)cpu))) {
        warn(c, "name one of them", "EAL would not start: --main-lcore %s is none of its lcores %s",
             told, c->lcores);
        told = NULL;
        cpu = 0;
    }
    while (!told && cpu < RTE_MAX_LCORE && !in_list(c->lcores, (unsigned)cpu))
        cpu++;
    c->control = (unsigned)cpu;
}

// Does each port's section say which lcores poll it?
static bool all_assigned(const struct fwd_conf *conf)
{
    for (unsigned i = 0; i < conf->nports; i++) {
        bool has = false;
        for (unsigned k = 0; k < conf->nassign; k++)
            has |= conf->assign[k].port == i;
        if (!has)
            return false;
    }
    return conf->nassign > 0;
}

// The lcores that the file names, which EAL must have. The queues of a port that names none go to
// any of EAL's, if it is told which those are.
static void find_workers(struct check *c)
{
    unsigned n = c->conf->nassign;
    for (unsigned i = 0; i < n; i++) {
        unsigned cpu = c->conf->assign[i].lcore;
        c->cpus[cpu] = true;
        if (c->told && (cpu == c->control || !in_list(c->lcores, cpu)))
            warn(c,
                 "name another in lcores =, or give EAL (-l) this one, and another as the main one",
                 "lcore %u is no worker of EAL's (%s), tern-fwd would not start", cpu, c->lcores);
    }
    bool any = n == 0 || (c->told && !all_assigned(c->conf));
    for (unsigned cpu = 0; any && cpu < RTE_MAX_LCORE; cpu++)
        c->cpus[cpu] |= cpu != c->control && in_list(c->lcores, cpu);
}

static void find_cpus(struct check *c)
{
    char online[256];
    bool known = read_line(c, online, "/sys/devices/system/cpu/online");
    find_workers(c);
    for (unsigned cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
        if (!c->cpus[cpu])
            continue;
        c->ncpus++;
        int node = node_of(c, cpu);
        if (node >= 0)
            c->nodes[node] = true;
        if (known && !in_list(online, cpu))
            warn(c, "name another in lcores = or -l", "lcore %u: there is no such CPU online (%s)",
                 cpu, online);
    }
}

static void check_isolation(struct check *c)
{
    char isolated[256], nohz[256];
    read_line(c, isolated, "/sys/devices/system/cpu/isolated");
    if (!read_line(c, nohz, "/sys/devices/system/cpu/nohz_full") || !strcmp(nohz, "(null)"))
        nohz[0] = '\0';
    line(c, "isolation", "isolcpus=%s nohz_full=%s", *isolated ? isolated : "none",
         *nohz ? nohz : "none");
    for (unsigned cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
        if (!c->cpus[cpu])
            continue;
        if (!in_list(isolated, cpu))
            warn(c, "add isolcpus= with the workers' CPUs to the kernel's command line",
                 "lcore %u: the scheduler may put other threads on it", cpu);
        else if (!in_list(nohz, cpu))
            warn(c, "add nohz_full= with the workers' CPUs to the kernel's command line",
                 "lcore %u: the timer interrupts it", cpu);
    }
}

static void check_siblings(struct check *c)
{
    char list[256];
    for (unsigned cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
        if (!c->cpus[cpu] ||
            !read_line(c, list, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu))
            continue;
        for (unsigned other = cpu + 1; other < RTE_MAX_LCORE; other++)
            if (c->cpus[other] && in_list(list, other))
                warn(c, "give each worker a core of its own",
                     "lcores %u and %u are two threads of one core", cpu, other);
    }
}

static void check_governor(struct check *c)
{
    char text[256], first[256] = "";
    for (unsigned cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
        if (c->ncpus && !c->cpus[cpu])
            continue;
        if (!read_line(c, text, "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu))
            continue;
        if (!*first)
            strcpy(first, text);
        if (c->cpus[cpu] && strcmp(text, "performance"))
            warn(c, "cpupower frequency-set -g performance",
                 "lcore %u: the governor %s changes the clock", cpu, text);
    }
    line(c, "governor", "%s", *first ? first : "none: this kernel does not steer the clock");
}

// ---- memory ----

// Adds a node's pages of all sizes, in bytes.
static void node_pages(const struct check *c, int node, uint64_t *total, uint64_t *unused)
{
    char path[512], text[256];
    snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/hugepages", c->root, node);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        unsigned long kib =
            !strncmp(e->d_name, "hugepages-", 10) ? strtoul(e->d_name + 10, NULL, 10) : 0;
        static const char at[] = "/sys/devices/system/node/node%d/hugepages/hugepages-%lukB/%s";
        if (kib && read_line(c, text, at, node, kib, "nr_hugepages"))
            *total += strtoull(text, NULL, 10) * kib * 1024;
        if (kib && read_line(c, text, at, node, kib, "free_hugepages"))
            *unused += strtoull(text, NULL, 10) * kib * 1024;
    }
    if (dir)
        closedir(dir);
}

static void check_tables(struct check *c, uint64_t unused)
{
    unsigned pools = 0;
    for (int node = 0; node < NODES; node++)
        pools += c->pools[node];
    uint64_t need = (uint64_t)c->conf->mbufs * RTE_MAX(pools, 1u) * MBUF_BYTES + TABLES_BYTES;
    if (c->conf->mode == FWD_L3 && unused < need)
        warn(c, "reserve more hugepages, or lower mbufs =",
             "the router's tables and %u packet buffers need %llu MiB of hugepages, %llu MiB are "
             "free",
             c->conf->mbufs * RTE_MAX(pools, 1u), (unsigned long long)(need >> 20),
             (unsigned long long)(unused >> 20));
}

// A NIC's packet buffers are on its node, a guest's on the control thread's, as are those of the
// packets that a bridge or a router makes itself.
static void find_pools(struct check *c)
{
    int control = node_of(c, c->control);
    unsigned n = c->conf->nports;
    for (unsigned i = 0; i < n; i++) {
        int node = device_node(c, c->conf->ports[i].name);
        node = node < 0 ? control : node;
        if (node >= 0 && node < NODES)
            c->pools[node] = true;
    }
    if ((n == 0 || c->conf->mode >= FWD_L2) && control >= 0 && control < NODES)
        c->pools[control] = true;
}

static void check_node(struct check *c, int node, uint64_t unused)
{
    uint64_t need = (uint64_t)c->conf->mbufs * MBUF_BYTES;
    if (c->pools[node] && unused < need)
        warn(c, "reserve more hugepages on that node, or lower mbufs =",
             "node %d: %u packet buffers need %llu MiB of hugepages, %llu MiB are free", node,
             c->conf->mbufs, (unsigned long long)(need >> 20), (unsigned long long)(unused >> 20));
    else if (c->nodes[node] && unused == 0)
        warn(c, "reserve hugepages on that node, too, or take lcores of another",
             "node %d: its workers need memory there, and no hugepage is free, tern-fwd would not "
             "start",
             node);
}

static void check_hugepages(struct check *c)
{
    uint64_t all = 0, all_unused = 0, unused[NODES] = {0};
    bool there[NODES] = {false};
    char text[256];
    for (int node = 0; node < NODES; node++) {
        uint64_t total = 0;
        there[node] = read_line(c, text, "/sys/devices/system/node/node%d/cpulist", node);
        if (!there[node])
            continue;
        node_pages(c, node, &total, &unused[node]);
        all += total;
        all_unused += unused[node];
        line(c, "hugepages", "node %d: %llu MiB, %llu MiB free", node,
             (unsigned long long)(total >> 20), (unsigned long long)(unused[node] >> 20));
    }
    if (!all) {
        warn(c,
             "echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, or start with "
             "--no-huge before the --",
             "no hugepages are reserved");
        return;
    }
    find_pools(c);
    for (int node = 0; node < NODES; node++)
        if (there[node])
            check_node(c, node, unused[node]);
    check_tables(c, all_unused);
}

static void check_numa(struct check *c)
{
    char text[256];
    unsigned nodes = 0;
    for (int node = 0; node < NODES; node++)
        nodes += read_line(c, text, "/sys/devices/system/node/node%d/cpulist", node);
    line(c, "numa", "%u node%s", nodes, nodes == 1 ? "" : "s");
    for (unsigned i = 0; i < c->conf->nassign; i++) {
        const struct fwd_conf_assign *a = &c->conf->assign[i];
        const char *name = c->conf->ports[a->port].name;
        int device = device_node(c, name), cpu = node_of(c, a->lcore);
        if (device >= 0 && cpu >= 0 && device != cpu)
            warn(c, "name an lcore of the device's node in lcores =",
                 "%s is on node %d, lcore %u, which polls its queue %u, on node %d", name, device,
                 a->lcore, a->queue, cpu);
    }
}

// The CPUs that this process may run on, as a list: EAL takes them all, if it is not told which.
static const char *allowed(char list[2048])
{
    cpu_set_t set;
    size_t at = 0;
    list[0] = '\0';
    if (sched_getaffinity(0, sizeof(set), &set))
        return list;
    for (int cpu = 0; cpu < RTE_MIN(RTE_MAX_LCORE, CPU_SETSIZE) && at < 2000; cpu++)
        if (CPU_ISSET(cpu, &set))
            at += (size_t)sprintf(list + at, "%s%d", at ? "," : "", cpu);
    return list;
}

static void say_workers(struct check *c)
{
    if (c->conf->nassign)
        line(c, "workers", "%u%s", c->ncpus,
             c->told && !all_assigned(c->conf) ? ", of EAL's lcores: not all ports name theirs"
                                               : " named by the file");
    else if (c->told)
        line(c, "workers", "%u, EAL's lcores %s without the main one, %u", c->ncpus, c->lcores,
             c->control);
    else
        line(
            c, "workers",
            "%u, the CPUs %s without the main one, %u, if EAL is not told others: name its options "
            "behind the file",
            c->ncpus, c->lcores, c->control);
}

unsigned fwd_check_machine(const struct fwd_conf *conf, struct fwd_check_eal eal, const char *root,
                           FILE *out)
{
    char list[2048];
    struct check c = {.conf = conf, .root = root, .out = out, .told = eal.lcores};
    if (c.told && eal.lcores[strspn(eal.lcores, "0123456789,-")]) {
        warn(&c, "use a plain list, as -l 0,2-3, or see to these CPUs yourself",
             "EAL's lcores %s are not looked at: other CPUs may be meant", eal.lcores);
        c.told = false;
    }
    c.lcores = c.told ? eal.lcores : allowed(list);
    find_control(&c, c.told || !eal.lcores ? eal.main_lcore : NULL);
    find_cpus(&c);
    say_workers(&c);
    if (c.ncpus == 0)
        warn(&c, "-l 0,1 or more among EAL's options", "EAL's lcores (%s) hold no worker",
             c.lcores);
    check_numa(&c);
    check_hugepages(&c);
    check_isolation(&c);
    check_siblings(&c);
    check_governor(&c);
    return c.warnings;
}

// ---- the file ----

static void tell_error(void *out, const char *what, const char *fix)
{
    fprintf(out, "%s\nfix: %s\n", what, fix);
}

// The value of this option, if options[i] is it: what stands behind it, or is joined to it.
static const char *value_of(const char *name, bool joins, int i, int n, char *const *options)
{
    size_t chars = strlen(name);
    const char *o = options[i];
    if (strncmp(o, name, chars) != 0)
        return NULL;
    if (o[chars] == '\0')
        return i + 1 < n ? options[i + 1] : NULL;
    if (joins)
        return o + chars;
    return o[chars] == '=' ? o + chars + 1 : NULL;
}

struct fwd_check_eal fwd_check_options(int n, char *const *options)
{
    struct fwd_check_eal eal = {0};
    for (int i = 0; i < n; i++) {
        const char *list = value_of("--lcores", false, i, n, options);
        const char *cpu = value_of("--main-lcore", false, i, n, options);
        list = list ? list : value_of("-l", true, i, n, options);
        eal.lcores = list ? list : eal.lcores;
        eal.main_lcore = cpu ? cpu : eal.main_lcore;
    }
    return eal;
}

int fwd_check_file(const char *path, struct fwd_check_eal eal, const char *root, FILE *out)
{
    static const char *const modes[] = {"io", "mac", "l2", "l3"};
    struct fwd_conf *conf = malloc(sizeof(*conf));
    if (!conf)
        return 1;
    fwd_conf_init(conf);
    unsigned errors = fwd_config_read(conf, path, tell_error, out);
    if (errors) {
        fprintf(out, "%s: %u error%s\n", path, errors, errors == 1 ? "" : "s");
    } else {
        fprintf(out, "%-11s %s: right; mode %s, %u ports, %u routes\n", "file", path,
                modes[conf->mode], conf->nports, conf->nroutes);
        unsigned warnings = fwd_check_machine(conf, eal, root, out);
        fprintf(out, "%u warning%s\n", warnings, warnings == 1 ? "" : "s");
    }
    free(conf);
    return errors != 0;
}
