// SPDX-License-Identifier: BSD-3-Clause
// The traffic tool that runs inside a test guest: every byte it moves is checked against the
// pattern that was sent.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TCP_PORT 5001
#define ECHO_PORT 5002
#define STREAM_PORT 5003
#define UDP_MAX 65507u
#define CHUNK_BYTES 65536u

struct totals {
    uint64_t bytes;
    uint64_t sum;
};

struct stream_head {
    uint64_t run; // names one sender: what is left over of an earlier one is not disorder
    uint64_t seq;
};

static int fail(const char *what)
{
    fprintf(stderr, "guestnet: %s: %s\n", what, strerror(errno));
    return 1;
}

// How long a packet may take, in ms: generous, unless a test that awaits none says otherwise.
static int patience(void)
{
    const char *seconds = getenv("REPLY_SECONDS");

    return 1000 * (seconds ? atoi(seconds) : 20);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// Pseudo-random bytes that depend on the seed and on the position, so that a moved or stale block
// shows.
static uint64_t fill(uint8_t *buf, size_t bytes, uint64_t state)
{
    state = state * 2 + 1;
    for (size_t at = 0; at < bytes; at += sizeof(state)) {
        size_t part = bytes - at < sizeof(state) ? bytes - at : sizeof(state);

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(buf + at, &state, part);
    }
    return state;
}

static uint64_t checksum(uint64_t sum, const uint8_t *buf, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += sizeof(sum)) {
        uint64_t word = 0;

        memcpy(&word, buf + at, bytes - at < sizeof(word) ? bytes - at : sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}

static int address(struct sockaddr_in *to, const char *ip, uint16_t port)
{
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, ip, &to->sin_addr) == 1)
        return 0;
    fprintf(stderr, "guestnet: %s is not an IPv4 address\n", ip);
    return -1;
}

static int bound_socket(int type, uint16_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const uint8_t *buf, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = send(fd, buf, bytes, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        buf += n;
        bytes -= (size_t)n;
    }
    return true;
}

// One sender: read to the end of its data, then answer with what arrived.
static void tcp_drain(int fd)
{
    static uint8_t buf[CHUNK_BYTES];
    struct totals got = {0};
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), MSG_WAITALL)) > 0) {
        got.sum = checksum(got.sum, buf, (size_t)n);
        got.bytes += (uint64_t)n;
    }
    if (n == 0)
        send_all(fd, (const uint8_t *)&got, sizeof(got));
}

static int tcp_serve(char **argv)
{
    int fd = bound_socket(SOCK_STREAM, TCP_PORT);

    (void)argv;
    if (fd < 0 || listen(fd, 4) < 0)
        return fail("tcp-serve");
    for (;;) {
        int peer = accept(fd, NULL, NULL);

        if (peer < 0)
            continue;
        tcp_drain(peer);
        close(peer);
    }
}

static int tcp_compare(const struct totals *sent, const struct totals *got, int64_t ms)
{
    bool same = sent->bytes == got->bytes && sent->sum == got->sum;

    printf("tcp sent %" PRIu64 " sum %016" PRIx64 ", arrived %" PRIu64 " sum %016" PRIx64
           ", %" PRId64 " ms: %s\n",
           sent->bytes, sent->sum, got->bytes, got->sum, ms, same ? "equal" : "DIFFERENT");
    return same ? 0 : 1;
}

// tcp-send IP BYTES
static int tcp_send(char **argv)
{
    static uint8_t buf[CHUNK_BYTES];
    uint64_t bytes = strtoull(argv[1], NULL, 0), state = (uint64_t)now_ms();
    struct totals sent = {0}, got = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int64_t start = now_ms();
    struct sockaddr_in to;

    if (address(&to, argv[0], TCP_PORT) < 0)
        return 2;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return fail("tcp-send: connect");
    while (sent.bytes < bytes) {
        size_t part = bytes - sent.bytes < sizeof(buf) ? (size_t)(bytes - sent.bytes) : sizeof(buf);

        state = fill(buf, part, state);
        sent.sum = checksum(sent.sum, buf, part);
        if (!send_all(fd, buf, part))
            return fail("tcp-send: send");
        sent.bytes += part;
    }
    shutdown(fd, SHUT_WR);
    if (recv(fd, &got, sizeof(got), MSG_WAITALL) != (ssize_t)sizeof(got))
        return fail("tcp-send: the receiver's totals");
    return tcp_compare(&sent, &got, now_ms() - start);
}

static int udp_serve(char **argv)
{
    static uint8_t buf[UDP_MAX];
    int fd = bound_socket(SOCK_DGRAM, ECHO_PORT);

    (void)argv;
    if (fd < 0)
        return fail("udp-serve");
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

        if (n >= 0)
            sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

// One datagram there and back, compared byte by byte.
static int udp_round(int fd, size_t bytes, uint64_t seed)
{
    static uint8_t out[UDP_MAX], in[UDP_MAX];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t n;

    fill(out, bytes, seed);
    if (send(fd, out, bytes, 0) < 0)
        return fail("udp-echo: send");
    if (poll(&wait, 1, patience()) != 1) {
        fprintf(stderr, "guestnet: udp-echo: no reply to %zu bytes\n", bytes);
        return 1;
    }
    n = recv(fd, in, sizeof(in), 0);
    if (n == (ssize_t)bytes && memcmp(in, out, bytes) == 0)
        return 0;
    fprintf(stderr,
            "guestnet: udp-echo: %zu bytes went out, %zd came back, or their content differs\n",
            bytes, n);
    return 1;
}

// udp-echo IP COUNT SIZE...
static int udp_echo(char **argv)
{
    unsigned long count = strtoul(argv[1], NULL, 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to;

    if (address(&to, argv[0], ECHO_PORT) < 0)
        return 2;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return fail("udp-echo: connect");
    for (char **size = argv + 2; *size; size++) {
        size_t bytes = strtoul(*size, NULL, 0);

        if (bytes > UDP_MAX) {
            fprintf(stderr, "guestnet: a datagram holds %u bytes at most\n", UDP_MAX);
            return 2;
        }
        for (unsigned long i = 0; i < count; i++)
            if (udp_round(fd, bytes, i + bytes))
                return 1;
        printf("udp %zu bytes: %lu echoed\n", bytes, count);
    }
    return 0;
}

// stream-send IP SIZE PACKETS_PER_SECOND [corrupt|repeat]: until it is killed; a receiver that is
// away is no error. To prove that a receiver sees it, the last argument makes a fault: each eighth
// packet corrupt, or one for ever repeated.
static int stream_send(char **argv)
{
    static uint8_t buf[UDP_MAX];
    size_t bytes = strtoul(argv[1], NULL, 0);
    long rate = strtol(argv[2], NULL, 0);
    const char *fault = argv[3] ? argv[3] : "";
    int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct stream_head head = {.run = (uint64_t)now_ms()};
    struct sockaddr_in to;

    if (address(&to, argv[0], STREAM_PORT) < 0 || bytes < sizeof(head) || bytes > UDP_MAX ||
        rate < 1)
        return 2;
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    for (;; head.seq++) {
        memcpy(buf, &head, sizeof(head));
        fill(buf + sizeof(head), bytes - sizeof(head), head.seq);
        if (strcmp(fault, "corrupt") == 0 && head.seq % 8 == 7)
            buf[bytes - 1] ^= 1;
        sendto(fd, buf, bytes, 0, (struct sockaddr *)&to, sizeof(to));
        if (strcmp(fault, "repeat") == 0 && head.seq % 8 == 7)
            head.seq--;
        usleep((useconds_t)(1000000 / rate));
    }
}

static const char *stream_fault(const uint8_t *buf, ssize_t n, size_t bytes, bool first,
                                struct stream_head *last)
{
    static uint8_t want[UDP_MAX];
    struct stream_head head;

    if (n != (ssize_t)bytes)
        return "wrong length";
    memcpy(&head, buf, sizeof(head));
    fill(want, bytes - sizeof(head), head.seq);
    if (memcmp(buf + sizeof(head), want, bytes - sizeof(head)))
        return "corrupt payload";
    if (!first && head.run == last->run && head.seq <= last->seq)
        return head.seq == last->seq ? "duplicate" : "out of order";
    *last = head;
    return NULL;
}

// stream-recv SIZE COUNT: done after COUNT good packets; loss is counted, any other fault ends it
// with 1.
static int stream_recv(char **argv)
{
    static uint8_t buf[UDP_MAX];
    size_t bytes = strtoul(argv[0], NULL, 0);
    uint64_t count = strtoull(argv[1], NULL, 0), first = 0;
    struct stream_head last = {0};
    int fd = bound_socket(SOCK_DGRAM, STREAM_PORT);
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (fd < 0)
        return fail("stream-recv");
    if (bytes < sizeof(last) || bytes > UDP_MAX || count < 1)
        return 2;
    for (uint64_t got = 0; got < count; got++) {
        const char *fault = "no packet";

        if (poll(&wait, 1, patience()) == 1)
            fault = stream_fault(buf, recv(fd, buf, sizeof(buf), 0), bytes, got == 0, &last);
        if (fault) {
            printf("stream: %s after %" PRIu64 " packets, last %" PRIu64 "\n", fault, got,
                   last.seq);
            return 1;
        }
        first = got == 0 ? last.seq : first;
    }
    printf("stream: first %" PRIu64 " last %" PRIu64 " good %" PRIu64 " lost %" PRIu64 "\n", first,
           last.seq, count, last.seq - first + 1 - count);
    return 0;
}

static const char *const feature_names[] = {
    [0] = "csum",
    [1] = "guest_csum",
    [3] = "mtu",
    [5] = "mac",
    [7] = "guest_tso4",
    [8] = "guest_tso6",
    [9] = "guest_ecn",
    [10] = "guest_ufo",
    [11] = "host_tso4",
    [12] = "host_tso6",
    [13] = "host_ecn",
    [14] = "host_ufo",
    [15] = "mrg_rxbuf",
    [16] = "status",
    [17] = "ctrl_vq",
    [21] = "announce",
    [22] = "mq",
    [28] = "indirect_desc",
    [29] = "event_idx",
    [32] = "version_1",
    [33] = "access_platform",
    [34] = "packed",
    [35] = "in_order",
    [40] = "ring_reset",
};

// features DEVICE: the names of what the driver negotiated, one line.
static int features(char **argv)
{
    char path[128], bits[80] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/sys/class/net/%s/device/features", argv[0]);
    f = fopen(path, "r");
    if (!f || !fgets(bits, sizeof(bits), f))
        return fail(path);
    fclose(f);
    for (size_t i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++)
        if (feature_names[i] && i < strlen(bits) && bits[i] == '1')
            printf("%s ", feature_names[i]);
    printf("\n");
    return 0;
}

static int ethtool(int fd, const char *device, void *request)
{
    struct ifreq ifr = {.ifr_data = request};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    return ioctl(fd, SIOCETHTOOL, &ifr);
}

static bool is_queue_packets(const char *name)
{
    return strstr(name, "_queue_") && strstr(name, "_packets") && !strstr(name, "xdp");
}

// queues DEVICE: the queue pairs in use, then the packets each queue has seen.
static int queues(char **argv)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ethtool_gstrings *names;
    struct ethtool_stats *stats;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (ethtool(fd, argv[0], &channels) < 0 || ethtool(fd, argv[0], &info) < 0)
        return fail("queues");
    printf("pairs %u\n", channels.combined_count);
    names = calloc(1, sizeof(*names) + (size_t)info.n_stats * ETH_GSTRING_LEN);
    stats = calloc(1, sizeof(*stats) + (size_t)info.n_stats * sizeof(uint64_t));
    if (!names || !stats)
        return fail("queues");
    *names = (struct ethtool_gstrings){
        .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = info.n_stats};
    *stats = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = info.n_stats};
    if (ethtool(fd, argv[0], names) < 0 || ethtool(fd, argv[0], stats) < 0)
        return fail("queues");
    for (uint32_t i = 0; i < info.n_stats; i++) {
        const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

        if (is_queue_packets(name))
            printf("%s %llu\n", name, (unsigned long long)stats->data[i]);
    }
    free(names);
    free(stats);
    close(fd);
    return 0;
}

// on CPU COMMAND...: the guest kernel picks the transmit queue by the CPU.
static int pin(const char *cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(strtoul(cpu, NULL, 0), &set);
    return sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args; // at least
        int (*run)(char **argv);
    } commands[] = {
        {"tcp-serve", 0, tcp_serve},     {"tcp-send", 2, tcp_send},
        {"udp-serve", 0, udp_serve},     {"udp-echo", 3, udp_echo},
        {"stream-send", 3, stream_send}, {"stream-recv", 2, stream_recv},
        {"features", 1, features},       {"queues", 1, queues},
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 3 && strcmp(argv[1], "on") == 0) {
        if (pin(argv[2]) < 0)
            return fail("on");
        argc -= 2;
        argv += 2;
    }
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].args)
            return commands[i].run(argv + 2);
    fprintf(stderr, "usage: guestnet [on CPU] COMMAND ARGS, where COMMAND is one of:");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
    return 2;
}
