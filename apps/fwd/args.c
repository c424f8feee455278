// SPDX-License-Identifier: BSD-3-Clause
#include "args.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "forward.h"
#include "keys.h"

static const char usage[] =
    "usage: tern-fwd [EAL options] -- [options]\n"
    "       tern-fwd --check FILE [EAL options]\n"
    "                          is the configuration right, and the machine ready for it?\n"
    "       tern-fwd --help | --version\n"
    "  --file FILE             the configuration, see tern-fwd(1); options behind it win,\n"
    "                          but --config and --pairs add to it\n"
    "  --control PATH          socket for ternctl\n"
    "  --metrics ADDRESS       OpenMetrics at 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or\n"
    "                          unix:/PATH\n"
    "  --commands FILE         ternctl's commands to run at the start, one a line\n"
    "  --mode io|mac|l2|l3     what to do with packets (default io)\n"
    "  --config '(PORT,QUEUE,LCORE),…'\n"
    "                          which worker polls which receive queue (default auto: the one with "
    "the\n"
    "                          fewest queues, on the port's NUMA node first)\n"
    "  --pairs '(PORT,PORT),…' which ports send to each other (default (0,1),(2,3),…)\n"
    "  --rxq N, --txq N        receive, transmit queues a port (default 1; one a worker where "
    "the\n"
    "                          device has them, but 1 to a guest)\n"
    "  --ndesc N               descriptors a ring (default: the device's)\n"
    "  --rebalance             move queues from busy workers to idle ones while they forward\n"
    "  --idle spin|pause|adaptive\n"
    "                          what a worker does that found nothing (default spin); adaptive: it "
    "sleeps\n"
    "  --max-wake-us N         adaptive: how late a packet may be noticed, 99th percentile "
    "(default 100)\n"
    "  --two-copies            between guests too, by packet buffers (default: a single copy)\n"
    "  --burst N               packets a poll, 1 to 64 (default 32)\n"
    "  --mbufs N               packet buffers a NUMA node (default 16384)\n"
    "  --drain-ms N            how long a stop waits for packets on their way (default 1000)\n"
    "  --help, --version\n";

static bool bad(const char *option, const char *value, const char *fix)
{
    fwd_error("--%s %s is not understood\nfix: %s", option, value, fix);
    return false;
}

// ---- values ----

static int word(const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

// Reads "(a,b,…)" of n numbers and the comma behind it. NULL: it is none.
static const char *tuple(const char *s, unsigned n, uint16_t *values)
{
    if (*s++ != '(')
        return NULL;
    for (unsigned i = 0; i < n; i++) {
        char *end;
        if (*s < '0' || *s > '9')
            return NULL;
        unsigned long v = strtoul(s, &end, 10);
        if (v > UINT16_MAX || *end != (i + 1 < n ? ',' : ')'))
            return NULL;
        values[i] = (uint16_t)v;
        s = end + 1;
    }
    if (*s == ',' && s[1])
        return s + 1;
    return *s ? NULL : s;
}

static bool add_assign(struct fwd_conf *conf, const uint16_t *v)
{
    for (uint16_t i = 0; i < conf->nassign; i++)
        if (conf->assign[i].port == v[0] && conf->assign[i].queue == v[1])
            return false;
    if (conf->nassign == FWD_CONF_ASSIGN)
        return false;
    conf->assign[conf->nassign++] = (struct fwd_conf_assign){v[0], v[1], v[2]};
    return true;
}

static bool parse_config(struct fwd_conf *conf, const char *text)
{
    uint16_t v[3];
    if (strcmp(text, "auto") == 0)
        return true;
    for (const char *s = text; s && (*s || s == text);) {
        s = tuple(s, 3, v);
        if (!s || !add_assign(conf, v))
            return bad("config", text,
                       "write '(port,queue,lcore),(port,queue,lcore)', each queue once; or auto");
    }
    return true;
}

static bool parse_pairs(struct fwd_conf *conf, const char *text)
{
    uint16_t v[2];
    for (const char *s = text; s && (*s || s == text);) {
        s = tuple(s, 2, v);
        if (!s || conf->npairs == FWD_CONF_PORTS)
            return bad("pairs", text, "write '(port,port),(port,port)'");
        conf->pairs[conf->npairs++] = (struct fwd_conf_pair){v[0], v[1]};
    }
    return true;
}

// ---- options ----

enum {
    MODE,
    CONFIG,
    PAIRS,
    RXQ,
    TXQ,
    NDESC,
    IDLE,
    BURST,
    MBUFS,
    DRAIN_MS,
    MAX_WAKE_US,
    REBALANCE,
    TWO_COPIES,
    HELP,
    VERSION,
    FILE_,
    CONTROL,
    COMMANDS,
    METRICS,
};
static const struct option options[] = {
    {"mode", required_argument, NULL, MODE},
    {"config", required_argument, NULL, CONFIG},
    {"pairs", required_argument, NULL, PAIRS},
    {"rxq", required_argument, NULL, RXQ},
    {"txq", required_argument, NULL, TXQ},
    {"ndesc", required_argument, NULL, NDESC},
    {"idle", required_argument, NULL, IDLE},
    {"burst", required_argument, NULL, BURST},
    {"mbufs", required_argument, NULL, MBUFS},
    {"drain-ms", required_argument, NULL, DRAIN_MS},
    {"max-wake-us", required_argument, NULL, MAX_WAKE_US},
    {"rebalance", no_argument, NULL, REBALANCE},
    {"two-copies", no_argument, NULL, TWO_COPIES},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {"file", required_argument, NULL, FILE_},
    {"control", required_argument, NULL, CONTROL},
    {"commands", required_argument, NULL, COMMANDS},
    {"metrics", required_argument, NULL, METRICS},
    {NULL, 0, NULL, 0},
};

static bool parse_word(struct fwd_conf *conf, int option, const char *text)
{
    static const char *const modes[] = {"io", "mac", "l2", "l3", NULL};
    static const char *const idles[] = {"spin", "pause", "adaptive", NULL};
    int i = word(text, option == MODE ? modes : idles);
    if (i < 0)
        return bad(options[option].name, text, "see tern-fwd -- --help for the words it takes");
    if (option == MODE)
        conf->mode = (enum fwd_mode_id)i;
    else
        conf->idle = (enum fwd_idle)i;
    return true;
}

// Numbers are those of the file's keys, with the same bounds.
static bool parse_number(struct fwd_conf *conf, int option, const char *text)
{
    static const char *const keys[] = {
        [RXQ] = "rxq",     [TXQ] = "txq",        [NDESC] = "ndesc",          [BURST] = "burst",
        [MBUFS] = "mbufs", [DRAIN_MS] = "drain", [MAX_WAKE_US] = "max-wake",
    };
    bool of_ports = option == RXQ || option == TXQ || option == NDESC;
    const struct fwd_key *key =
        fwd_key_find(of_ports ? &fwd_keys_port : &fwd_keys_fwd, keys[option]);
    char fix[64];
    if (key->set(key, of_ports ? (void *)&conf->all_ports : conf, text))
        return true;
    snprintf(fix, sizeof(fix), "give a number from %" PRIu64 " to %" PRIu64, key->min, key->max);
    return bad(options[option].name, text, fix);
}

void fwd_args_error(void *arg, const char *what, const char *fix)
{
    (void)arg;
    fwd_error("%s\nfix: %s", what, fix);
}

static bool parse_text(char *to, size_t room, int option, const char *text)
{
    if (!*text || strlen(text) >= room)
        return bad(options[option].name, text, "give a path of 1 to 255 bytes");
    strcpy(to, text);
    return true;
}

static bool parse_option(struct fwd_conf *conf, int option, const char *text)
{
    switch (option) {
    case MODE:
    case IDLE:
        return parse_word(conf, option, text);
    case CONFIG:
        return parse_config(conf, text);
    case REBALANCE:
        conf->rebalance = true;
        return true;
    case TWO_COPIES:
        conf->two_copies = true;
        return true;
    case PAIRS:
        return parse_pairs(conf, text);
    case FILE_:
        return parse_text(conf->file, sizeof(conf->file), option, text);
    case CONTROL:
        return parse_text(conf->ctl_path, sizeof(conf->ctl_path), option, text);
    case METRICS:
        if (!fwd_text_loopback(text))
            return bad("metrics", text,
                       "give 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:/PATH");
        return parse_text(conf->metrics_addr, sizeof(conf->metrics_addr), option, text);
    case COMMANDS:
        return parse_text(conf->cmd_file, sizeof(conf->cmd_file), option, text);
    default:
        return parse_number(conf, option, text);
    }
}

bool fwd_args_about(const char *option)
{
    if (strcmp(option, "--help") == 0)
        fputs(usage, stdout);
    else if (strcmp(option, "--version") == 0)
        puts("tern-fwd " TERN_VERSION);
    else
        return false;
    return true;
}

enum fwd_args_end fwd_args_parse(int argc, char **argv, struct fwd_conf *conf, fwd_tell tell,
                                 void *arg)
{
    int option;
    optind = 0; // EAL has used getopt too
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == HELP || option == VERSION) {
            fwd_args_about(option == HELP ? "--help" : "--version");
            return FWD_ARGS_DONE;
        }
        if (option == '?') {
            fputs("fix: see tern-fwd -- --help\n", stderr);
            return FWD_ARGS_BAD;
        }
        if (!parse_option(conf, option, optarg) ||
            (option == FILE_ && fwd_config_read(conf, conf->file, tell, arg)))
            return FWD_ARGS_BAD;
    }
    if (optind == argc)
        return FWD_ARGS_RUN;
    fwd_error("%s is no option\nfix: see tern-fwd -- --help", argv[optind]);
    return FWD_ARGS_BAD;
}
