// SPDX-License-Identifier: BSD-3-Clause
#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIX_FORM "send one object a line: {\"command\": \"help\"}"

int fwd_fail(struct fwd_reply *r, int err, const char *fix, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(r->error, sizeof(r->error), format, ap);
    va_end(ap);
    snprintf(r->fix, sizeof(r->fix), "%s", fix ? fix : "");
    return -err;
}

// ---- arguments ----

const char *fwd_arg_text(const json_t *args, const char *name, char buf[24])
{
    const json_t *v = json_object_get(args, name);
    if (!v)
        return NULL;
    if (json_is_string(v))
        return json_string_value(v);
    snprintf(buf, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return buf;
}

int fwd_arg_uint(const json_t *args, const char *name, uint64_t max, uint64_t *out,
                 struct fwd_reply *r)
{
    char buf[24], *end;
    const char *text = fwd_arg_text(args, name, buf);
    if (!text)
        return 0;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value > max)
        return fwd_fail(r, EINVAL, "give a whole number in decimal digits",
                        "%s=%.40s is no number from 0 to %llu", name, text,
                        (unsigned long long)max);
    *out = value;
    return 0;
}

static int check_arg(const struct fwd_command *c, const char *name, const json_t *value,
                     struct fwd_reply *r)
{
    if (!fwd_command_arg_find(c, name))
        return fwd_fail(r, EINVAL, "the command help lists the arguments of each command",
                        "\"%s\" has no argument %.40s", c->name, name);
    if (!json_is_string(value) && !json_is_integer(value))
        return fwd_fail(r, EINVAL, "give text or a whole number",
                        "%s of \"%s\" is neither text nor a whole number", name, c->name);
    return 0;
}

static int check_args(const struct fwd_command *c, json_t *args, struct fwd_reply *r)
{
    const char *name;
    json_t *value;
    size_t n = fwd_command_nargs(c);
    json_object_foreach(args, name, value)
    {
        int rc = check_arg(c, name, value, r);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < n; i++)
        if (c->args[i].needed && !json_object_get(args, c->args[i].name))
            return fwd_fail(r, EINVAL, "the command help lists the arguments of each command",
                            "\"%s\" needs %s=: %s", c->name, c->args[i].name, c->args[i].help);
    return 0;
}

// ---- a request ----

struct request {
    const struct fwd_command *command;
    json_t *args; // a reference of its own, always an object
};

static int read_members(json_t *root, struct request *q, struct fwd_reply *r)
{
    const char *name;
    json_t *value, *command = json_object_get(root, "command"),
                   *args = json_object_get(root, "args");
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "command") && strcmp(name, "args") && strcmp(name, "id"))
            return fwd_fail(r, EINVAL, FIX_FORM, "a request has no member \"%.40s\"", name);
    }
    if (!json_is_string(command))
        return fwd_fail(r, EINVAL, FIX_FORM, "the request names no command");
    if (args && !json_is_object(args))
        return fwd_fail(r, EINVAL, FIX_FORM, "\"args\" is no object");
    q->command = fwd_command_find(json_string_value(command));
    if (!q->command)
        return fwd_fail(r, ENOENT, "the command help lists all commands",
                        "there is no command \"%.60s\"", json_string_value(command));
    q->args = args ? json_incref(args) : json_object();
    return q->args ? check_args(q->command, q->args, r) : -ENOMEM;
}

static int run(const struct fwd_runner *runner, json_t *root, struct fwd_reply *r)
{
    struct request q = {0};
    int rc = read_members(root, &q, r);
    if (!rc)
        rc = runner->run[q.command - fwd_commands](runner->ctx, q.args, r);
    json_decref(q.args);
    return rc;
}

// ---- its answer ----

static char *line_of(json_t *answer)
{
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (!text)
        return NULL;
    size_t n = strlen(text);
    char *line = realloc(text, n + 2);
    if (!line) {
        free(text);
        return NULL;
    }
    memcpy(line + n, "\n", 2);
    return line;
}

// What a peer wrote may have been cut in the middle of a character, which JSON would not take.
static json_t *text_of(const char *text)
{
    json_t *s = json_string(text);
    if (s)
        return s;
    char ascii[256];
    size_t i;
    for (i = 0; text[i] && i < sizeof(ascii) - 1; i++)
        ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    ascii[i] = '\0';
    return json_string(ascii);
}

static json_t *failure(const struct fwd_reply *r, int rc)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "ok", json_false());
    json_object_set_new(answer, "error", text_of(r->error[0] ? r->error : strerror(-rc)));
    if (r->fix[0])
        json_object_set_new(answer, "fix", text_of(r->fix));
    if (r->result) // what was done nevertheless
        json_object_set(answer, "result", r->result);
    return answer;
}

char *fwd_request_refusal(const char *error, const char *fix)
{
    struct fwd_reply r = {0};
    fwd_fail(&r, EINVAL, fix, "%s", error);
    return line_of(failure(&r, -EINVAL));
}

char *fwd_request_answer(const struct fwd_runner *runner, const char *line, size_t bytes)
{
    struct fwd_reply r = {0};
    json_error_t where;
    json_t *id, *answer, *root = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &where);
    int rc;
    if (!root)
        rc = fwd_fail(&r, EINVAL, FIX_FORM, "the line is no JSON object: %s", where.text);
    else if (!json_is_object(root))
        rc = fwd_fail(&r, EINVAL, FIX_FORM, "the line is JSON, but no object");
    else
        rc = run(runner, root, &r);
    if (rc) {
        answer = failure(&r, rc);
        json_decref(r.result);
    } else {
        answer = json_object();
        json_object_set_new(answer, "ok", json_true());
        json_object_set_new(answer, "result", r.result ? r.result : json_null());
    }
    id = json_object_get(root, "id");
    if (json_is_string(id) || json_is_integer(id))
        json_object_set(answer, "id", id);
    json_decref(root);
    return line_of(answer);
}

// ---- help ----

static json_t *help_args(const struct fwd_command *c)
{
    json_t *list = json_array();
    size_t n = fwd_command_nargs(c);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", c->args[i].name, "needed",
                                              (int)c->args[i].needed, "help", c->args[i].help));
    return list;
}

json_t *fwd_request_help(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FWD_CMD_COUNT; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:s}", "command", fwd_commands[i].name, "args",
                                        help_args(&fwd_commands[i]), "help", fwd_commands[i].help));
    return list;
}
