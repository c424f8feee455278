// SPDX-License-Identifier: BSD-3-Clause
#include "words.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int fwd_words_split(char *line, char *words[FWD_WORDS_MAX])
{
    int n = 0;
    for (char *in = line; *in && *in != '#';) {
        if (blank(*in)) {
            in++;
            continue;
        }
        if (n == FWD_WORDS_MAX)
            return -1;
        bool quoted = false;
        char *out = words[n++] = in;
        for (; *in && (quoted || !blank(*in)); in++) {
            if (*in == '"')
                quoted = !quoted;
            else
                *out++ = *in;
        }
        if (quoted)
            return -1;
        in += *in != '\0';
        *out = '\0';
    }
    return n;
}

static json_t *arguments(char *const *words, int n, char why[256])
{
    json_t *args = json_object();
    for (int i = 0; i < n; i++) {
        char name[64];
        size_t bytes = strcspn(words[i], "=");
        const char *fault = NULL;
        if (!words[i][bytes] || !bytes || bytes >= sizeof(name)) {
            fault = "is not KEY=VALUE";
        } else {
            memcpy(name, words[i], bytes);
            name[bytes] = '\0';
            if (json_object_get(args, name))
                fault = "is given twice";
            else if (json_object_set_new(args, name, json_string(words[i] + bytes + 1)))
                fault = "is no text";
        }
        if (fault) {
            snprintf(why, 256, "%.100s %s", words[i], fault);
            json_decref(args);
            return NULL;
        }
    }
    return args;
}

json_t *fwd_words_request(char *const *words, int n, char why[256])
{
    char name[128] = "";
    int used = 0;
    while (used < n && !strchr(words[used], '=') &&
           strlen(name) + strlen(words[used]) + 2 < sizeof(name)) {
        if (used)
            strcat(name, " ");
        strcat(name, words[used++]);
    }
    const struct fwd_command *c = fwd_command_find(name);
    if (!c) {
        snprintf(why, 256, "there is no command \"%.120s\"", name);
        return NULL;
    }
    json_t *args = arguments(words + used, n - used, why);
    return args ? json_pack("{s:s, s:o}", "command", c->name, "args", args) : NULL;
}
