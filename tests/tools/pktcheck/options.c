// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "options.h"

static const char usage_text[] =
    "usage: %s [EAL options] -- [options]\n"
    "Sends numbered frames through the first port and checks every byte of what comes back.\n"
    "\n"
    "  --packets N         frames a queue (default 100000)\n"
    "  --size BYTES        frame length without FCS (default 64)\n"
    "  --sizes A,B,C       lengths taken in turn\n"
    "  --size-range A-B    lengths spread over a range\n"
    "  --max-len BYTES     largest frame the port must take (default: the largest size)\n"
    "  --queues N          queue pairs; frames are sent on each (default 1)\n"
    "  --burst N           frames a burst, up to 256 (default 32)\n"
    "  --rxd N, --txd N    descriptors a queue (default 256)\n"
    "  --segs K            spread each frame over K segments (default 1)\n"
    "  --window N          frames in flight a queue (default: what rxd surely holds)\n"
    "  --latency           one frame in flight a queue; also tells the time there and back, in "
    "the\n"
    "                      last line and by telemetry (/pktcheck/latency)\n"
    "  --interval US       with --latency: sleep so long before each frame, up to 500000 (default "
    "0)\n"
    "  --mbufs N           size of the packet pool (default 8192)\n"
    "  --mode loop|tx|rx   loop: the peer returns frames; tx, rx: one direction (default loop)\n"
    "  --timeout SECONDS   give up after so long without progress (default 10)\n"
    "  --reconnect-ok      frames lost in flight are reported, but are no failure\n"
    "  --interactive       obey lines on stdin: `run` (a round), `restart` (the port), `quit`\n"
    "  --help              this text\n"
    "\n"
    "A round ends with one line: sent= received= lost= dup= corrupt= reordered= wrong_queue=\n"
    "foreign= mpps= result=ok|FAILED. Exit status: 0 when every round was perfect, 1 when one\n"
    "was not, 2 for a wrong option or a port that could not be set up.\n"
    "\n"
    "example: %s --no-pci --single-file-segments --vdev net_virtio_user0,path=/tmp/vhost.sock \\\n"
    "           -- --packets 1000000 --sizes 64,512,1518\n";

enum {
    O_PACKETS = 1,
    O_SIZE,
    O_SIZES,
    O_RANGE,
    O_MAX_LEN,
    O_QUEUES,
    O_BURST,
    O_RXD,
    O_TXD,
    O_SEGS,
    O_WINDOW,
    O_LATENCY,
    O_INTERVAL,
    O_MBUFS,
    O_MODE,
    O_TIMEOUT,
    O_RECONNECT,
    O_INTERACTIVE,
    O_HELP
};

static const struct option long_options[] = {
    {"packets", required_argument, NULL, O_PACKETS},
    {"size", required_argument, NULL, O_SIZE},
    {"sizes", required_argument, NULL, O_SIZES},
    {"size-range", required_argument, NULL, O_RANGE},
    {"max-len", required_argument, NULL, O_MAX_LEN},
    {"mtu", required_argument, NULL, O_MAX_LEN},
    {"queues", required_argument, NULL, O_QUEUES},
    {"burst", required_argument, NULL, O_BURST},
    {"rxd", required_argument, NULL, O_RXD},
    {"txd", required_argument, NULL, O_TXD},
    {"segs", required_argument, NULL, O_SEGS},
    {"window", required_argument, NULL, O_WINDOW},
    {"latency", no_argument, NULL, O_LATENCY},
    {"interval", required_argument, NULL, O_INTERVAL},
    {"mbufs", required_argument, NULL, O_MBUFS},
    {"mode", required_argument, NULL, O_MODE},
    {"timeout", required_argument, NULL, O_TIMEOUT},
    {"reconnect-ok", no_argument, NULL, O_RECONNECT},
    {"interactive", no_argument, NULL, O_INTERACTIVE},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

void options_usage(const char *program)
{
    printf(usage_text, program, program);
}

// A number in [min, max] that ends at `*end`; -1 otherwise.
static int number(const char *text, uint64_t min, uint64_t max, uint64_t *out, char **end)
{
    errno = 0;
    *out = strtoull(text, end, 10);
    return (errno || *end == text || *text == '-' || *out < min || *out > max) ? -1 : 0;
}

static int set_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;

    return (number(text, min, max, out, &end) || *end) ? -1 : 0;
}

static int set_u16(const char *text, uint64_t min, uint64_t max, uint16_t *out)
{
    uint64_t v = 0;
    int err = set_number(text, min, max, &v);

    *out = (uint16_t)v;
    return err;
}

static int set_u32(const char *text, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t v = 0;
    int err = set_number(text, min, max, &v);

    *out = (uint32_t)v;
    return err;
}

static int set_sizes(struct options *o, const char *text)
{
    uint64_t v;
    char *end;

    o->num_sizes = 0;
    for (; o->num_sizes < MAX_SIZES; text = end + 1) {
        if (number(text, FRAME_MIN_BYTES, FRAME_MAX_BYTES, &v, &end))
            return -1;
        o->sizes[o->num_sizes++] = (uint32_t)v;
        if (*end == '\0')
            return 0;
        if (*end != ',')
            return -1;
    }
    return -1;
}

static int set_range(struct options *o, const char *text)
{
    uint64_t from, to;
    char *end;

    if (number(text, FRAME_MIN_BYTES, FRAME_MAX_BYTES, &from, &end) || *end != '-')
        return -1;
    if (set_number(end + 1, from, FRAME_MAX_BYTES, &to))
        return -1;
    o->num_sizes = 0;
    o->sizes[0] = (uint32_t)from;
    o->sizes[1] = (uint32_t)to;
    return 0;
}

static int set_mode(struct options *o, const char *text)
{
    static const char *const names[] = {[MODE_LOOP] = "loop", [MODE_TX] = "tx", [MODE_RX] = "rx"};

    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            o->mode = (enum mode)i;
            return 0;
        }
    }
    return -1;
}

static int apply(struct options *o, int opt, const char *arg)
{
    switch (opt) {
    case O_PACKETS:
        return set_number(arg, 1, UINT32_MAX, &o->packets);
    case O_SIZE:
    case O_SIZES:
        return set_sizes(o, arg);
    case O_RANGE:
        return set_range(o, arg);
    case O_MAX_LEN:
        return set_u32(arg, FRAME_MIN_BYTES, FRAME_MAX_BYTES, &o->max_bytes);
    case O_QUEUES:
        return set_u16(arg, 1, MAX_QUEUES, &o->queues);
    case O_BURST:
        return set_u16(arg, 1, MAX_BURST, &o->burst);
    case O_RXD:
        return set_u16(arg, 1, 32768, &o->rxd);
    case O_TXD:
        return set_u16(arg, 1, 32768, &o->txd);
    case O_SEGS:
        return set_u16(arg, 1, 32, &o->segs);
    case O_WINDOW:
        return set_u32(arg, 1, UINT32_MAX, &o->window);
    case O_LATENCY:
        o->latency = true;
        o->window = 1;
        return 0;
    case O_INTERVAL:
        return set_u32(arg, 0, 500000, &o->interval_us);
    case O_MBUFS:
        return set_u32(arg, 64, 1u << 24, &o->mbufs);
    case O_MODE:
        return set_mode(o, arg);
    case O_TIMEOUT:
        return set_u32(arg, 1, 86400, &o->timeout_s);
    case O_RECONNECT:
        o->reconnect_ok = true;
        return 0;
    case O_INTERACTIVE:
        o->interactive = true;
        return 0;
    default:
        return -1;
    }
}

static void set_max_bytes(struct options *o)
{
    const uint32_t n = o->num_sizes ? o->num_sizes : 2;

    for (uint32_t i = 0; i < n; i++)
        o->max_bytes = o->sizes[i] > o->max_bytes ? o->sizes[i] : o->max_bytes;
}

int options_parse(struct options *o, int argc, char **argv)
{
    int opt, index = 0;

    *o = (struct options){.packets = 100000,
                          .sizes = {64},
                          .num_sizes = 1,
                          .queues = 1,
                          .burst = 32,
                          .rxd = 256,
                          .txd = 256,
                          .segs = 1,
                          .mbufs = 8192,
                          .timeout_s = 10};
    optind = 1;
    while ((opt = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (opt == O_HELP) {
            options_usage(argv[0]);
            exit(0);
        }
        if (opt == '?' || apply(o, opt, optarg)) {
            fprintf(stderr, "pktcheck: bad option %s %s\nfix: see --help for its range\n",
                    opt == '?' ? argv[optind - 1] : long_options[index].name, optarg ? optarg : "");
            return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "pktcheck: unexpected argument %s\nfix: see --help\n", argv[optind]);
        return -1;
    }
    set_max_bytes(o);
    return 0;
}

uint32_t options_size_of(const struct options *o, uint16_t queue, uint64_t seq)
{
    if (o->num_sizes)
        return o->sizes[o->num_sizes == 1 ? 0 : (seq + queue) % o->num_sizes];
    // 7919 is prime: neighbouring frames differ a lot in length, and the whole range is visited.
    return o->sizes[0] + (uint32_t)((seq + queue) * 7919 % (o->sizes[1] - o->sizes[0] + 1));
}
