// SPDX-License-Identifier: BSD-3-Clause
#include "top.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

static struct termios cooked;
static bool full_screen;
static volatile sig_atomic_t ended;

// ---- the screen ----

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static void screen_begin(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct termios raw;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    full_screen =
        isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &cooked);
    if (!full_screen)
        return;
    raw = cooked;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l", stdout);
}

static void screen_end(void)
{
    if (!full_screen)
        return;
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

// Writes as many lines as the screen has, each cut at its width.
static void screen_put(const char *text)
{
    struct winsize size = {0};
    if (!full_screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row) {
        fputs(text, stdout);
        fputc('\n', stdout);
        fflush(stdout);
        return;
    }
    fputs("\033[H", stdout);
    for (int row = 0; *text && row < size.ws_row - 1; row++) {
        size_t n = strcspn(text, "\n");
        fwrite(text, 1, n < size.ws_col ? n : size.ws_col, stdout);
        fputs("\033[K\n", stdout);
        text += n + (text[n] == '\n');
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

// Waits; true when the user wants to end.
static bool wait_or_end(double seconds)
{
    struct pollfd in = {.fd = full_screen ? STDIN_FILENO : -1, .events = POLLIN};
    char key = 0;
    if (poll(&in, 1, (int)(seconds * 1000)) > 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q'))
        return true;
    return ended;
}

// ---- looks ----

static void forget(struct top_look *l)
{
    json_decref(l->status);
    json_decref(l->workers);
    json_decref(l->ports);
    json_decref(l->queues);
    json_decref(l->drops);
    *l = (struct top_look){0};
}

static bool look(struct client *c, struct top_look *l, char why[CLIENT_WHY])
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *l = (struct top_look){.at_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9};
    return (l->status = client_show(c, "show status", why)) &&
           (l->workers = client_show(c, "show workers", why)) &&
           (l->ports = client_show(c, "show ports", why)) &&
           (l->queues = client_show(c, "show queues", why)) &&
           (l->drops = client_show(c, "show drops", why));
}

static void put(const struct top_look *before, const struct top_look *now)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return;
    top_print(before, now, out);
    fclose(out);
    screen_put(text);
    free(text);
}

static bool turns(struct client *c, double delay_s, unsigned long times, char why[CLIENT_WHY])
{
    struct top_look before, now = {0};
    bool good = look(c, &before, why);
    while (good && !wait_or_end(delay_s)) {
        good = look(c, &now, why);
        if (good) {
            put(&before, &now);
            forget(&before);
            before = now;
            now = (struct top_look){0};
        }
        if (times && !--times)
            break;
    }
    forget(&before);
    forget(&now);
    return good;
}

// ---- the command ----

static int misused(void)
{
    fputs("ternctl: top is not understood\nfix: ternctl top [-d SECONDS] [-n TIMES]\n", stderr);
    return 2;
}

int top_main(const char *socket, int argc, char **argv)
{
    double delay_s = 1;
    unsigned long times = 0;
    char why[CLIENT_WHY], *end;
    struct client client;
    int option;
    optind = 0;
    while ((option = getopt(argc, argv, "d:n:")) >= 0) {
        if (option == 'd')
            delay_s = strtod(optarg, &end);
        else if (option == 'n')
            times = strtoul(optarg, &end, 10);
        else
            return misused();
        if (*end || end == optarg || !(delay_s >= 0.05 && delay_s <= 3600))
            return misused();
    }
    if (optind != argc)
        return misused();
    if (!client_open(&client, socket, why)) {
        fprintf(stderr,
                "ternctl: %s\nfix: start tern-fwd with --control, or name its socket with -s\n",
                why);
        return 3;
    }
    screen_begin();
    bool good = turns(&client, delay_s, times, why);
    screen_end();
    client_close(&client);
    if (!good && !ended)
        fprintf(stderr, "ternctl: %s\nfix: see whether tern-fwd still runs, and its log\n", why);
    return good || ended ? 0 : 3;
}
