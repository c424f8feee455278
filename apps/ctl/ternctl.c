// SPDX-License-Identifier: BSD-3-Clause
// ternctl: asks a running tern-fwd, or tells it to change something.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "commands.h"
#include "table.h"
#include "top.h"
#include "words.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 3 };

static void usage(FILE *out)
{
    fputs("usage: ternctl [-s SOCKET] [-j] COMMAND [KEY=VALUE…]\n"
          "       ternctl [-s SOCKET] top [-d SECONDS] [-n TIMES]\n\n"
          "  -s, --socket SOCKET  of the running tern-fwd (default: $TERN_FWD_SOCKET or\n"
          "                       " CLIENT_SOCKET ")\n"
          "  -j, --json           the answer as JSON\n"
          "      --commands       the commands and their arguments, a line each, for completion\n"
          "  -h, --help           this text\n"
          "      --version\n\n"
          "exit status: 0 done, 1 refused by tern-fwd, 2 not understood, 3 no tern-fwd answers\n\n"
          "commands:\n"
          "  top                  all at a glance, again and again; q ends it\n",
          out);
    for (size_t i = 0; i < FWD_CMD_COUNT; i++) {
        const struct fwd_command *c = &fwd_commands[i];
        fprintf(out, "  %-20s %s\n", c->name, c->help);
        for (size_t k = 0; k < fwd_command_nargs(c); k++)
            fprintf(out, "      %s=%-*s %s%s\n", c->args[k].name, 15 - (int)strlen(c->args[k].name),
                    "", c->args[k].help, c->args[k].needed ? " (needed)" : "");
    }
}

static void list_commands(void)
{
    puts("top");
    for (size_t i = 0; i < FWD_CMD_COUNT; i++) {
        const struct fwd_command *c = &fwd_commands[i];
        fputs(c->name, stdout);
        for (size_t k = 0; k < fwd_command_nargs(c); k++)
            printf("%c%s=", k ? ' ' : '\t', c->args[k].name);
        putchar('\n');
    }
}

static int fail(int status, const char *what, const char *fix)
{
    fprintf(stderr, "ternctl: %s\n", what);
    if (fix && *fix)
        fprintf(stderr, "fix: %s\n", fix);
    return status;
}

static int show(const json_t *answer, bool json)
{
    json_t *result = json_object_get(answer, "result");
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const char *error = json_string_value(json_object_get(answer, "error"));
        if (json)
            json_dumpf(answer, stdout, JSON_INDENT(2)), putchar('\n');
        else if (result) // what was done nevertheless
            table_print(result, stdout);
        return fail(EXIT_REFUSED, error ? error : "the answer is not understood",
                    json_string_value(json_object_get(answer, "fix")));
    }
    if (json)
        json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY), putchar('\n');
    else
        table_print(result, stdout);
    return 0;
}

static int run(const char *socket, bool json, char **words, int n)
{
    char why[256];
    json_t *request = fwd_words_request(words, n, why);
    if (!request)
        return fail(EXIT_USAGE, why, "ternctl --help lists the commands");
    struct client client;
    int status = EXIT_NO_SERVER;
    if (client_open(&client, socket, why)) {
        json_t *answer = client_ask(&client, request, why);
        status = answer ? show(answer, json) : fail(EXIT_NO_SERVER, why, "");
        json_decref(answer);
        client_close(&client);
    } else {
        fail(status, why, "start tern-fwd with --control, or name its socket with -s");
    }
    json_decref(request);
    return status;
}

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
    {"commands", no_argument, NULL, 'c'},     {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
    const char *socket = getenv("TERN_FWD_SOCKET");
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "+s:jh", options, NULL)) >= 0) {
        switch (option) {
        case 's':
            socket = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'c':
            list_commands();
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        case 'v':
            puts("ternctl " TERN_VERSION);
            return 0;
        default:
            return fail(EXIT_USAGE, "the options are not understood", "see ternctl --help");
        }
    }
    if (!socket || !*socket)
        socket = CLIENT_SOCKET;
    if (optind == argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    // Options may stand behind the command too.
    if (!strcmp(argv[argc - 1], "--json") || !strcmp(argv[argc - 1], "-j")) {
        json = true;
        argc--;
    }
    if (!strcmp(argv[optind], "top"))
        return top_main(socket, argc - optind, argv + optind);
    return run(socket, json, argv + optind, argc - optind);
}
