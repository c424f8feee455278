// SPDX-License-Identifier: BSD-3-Clause
#include "ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    struct fwd_ini *ini;
    fwd_tell tell;
    void *arg;
    unsigned number, errors;
    char section[CFG_NAME_LEN];
    bool in_section;
};

__attribute__((format(printf, 3, 4))) static void tell(struct scan *s, const char *fix,
                                                       const char *format, ...)
{
    char what[512];
    va_list ap;
    int n = s->number ? snprintf(what, sizeof(what), "%s:%u: ", s->ini->path, s->number)
                      : snprintf(what, sizeof(what), "%s: ", s->ini->path);
    va_start(ap, format);
    if (n > 0 && (size_t)n < sizeof(what))
        vsnprintf(what + n, sizeof(what) - (size_t)n, format, ap);
    va_end(ap);
    s->errors++;
    s->tell(s->arg, what, fix);
}

unsigned fwd_ini_line_of(const struct fwd_ini *ini, const char *section, const char *key)
{
    for (size_t i = 0; i < ini->nlines; i++)
        if (!strcmp(ini->lines[i].section, section) && !strcmp(ini->lines[i].key, key))
            return ini->lines[i].number;
    return 0;
}

static void note(struct scan *s, const char *key)
{
    struct fwd_ini *ini = s->ini;
    if (!(ini->nlines & (ini->nlines - 1))) { // full at each power of two
        size_t room = ini->nlines ? 2 * ini->nlines : 1;
        struct fwd_ini_line *more = realloc(ini->lines, room * sizeof(*more));
        if (!more) {
            tell(s, "free some memory", "no memory for the file");
            return;
        }
        ini->lines = more;
    }
    struct fwd_ini_line *l = &ini->lines[ini->nlines++];
    l->number = s->number;
    snprintf(l->section, sizeof(l->section), "%s", s->section);
    snprintf(l->key, sizeof(l->key), "%s", key);
}

// Takes blanks off both ends.
static char *strip(char *text)
{
    text += strspn(text, " \t\r\v\f");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\v\f", text[n - 1]))
        text[--n] = '\0';
    return text;
}

static void scan_section(struct scan *s, char *text)
{
    char *end = strchr(text, ']');
    if (!end || end[1]) {
        tell(s, "write [NAME], and nothing behind it", "the section's name does not end with ]");
        return;
    }
    *end = '\0';
    text = strip(text + 1);
    if (!*text || strlen(text) >= sizeof(s->section)) {
        tell(s, "give it a name of 1 to 63 bytes", "the section's name has %zu bytes",
             strlen(text));
        return;
    }
    strcpy(s->section, text);
    s->in_section = true;
    unsigned before = fwd_ini_line_of(s->ini, text, "");
    if (before)
        tell(s, "put the keys of both into one", "[%s] stands in line %u already", text, before);
    else
        note(s, "");
}

static void scan_entry(struct scan *s, char *key, char *value)
{
    if (!s->in_section) {
        tell(s, "write [fwd] above it", "%.40s stands before the first section", key);
        return;
    }
    if (!*key || strlen(key) >= CFG_NAME_LEN) {
        tell(s, "write KEY = VALUE", "[%s]: the key has %zu bytes, 1 to 63 are right", s->section,
             strlen(key));
        return;
    }
    unsigned before = fwd_ini_line_of(s->ini, s->section, key);
    if (before)
        tell(s, "remove one of the two", "[%s] %s: stands in line %u already", s->section, key,
             before);
    else if (!*value)
        tell(s, "give a value, or remove the line", "[%s] %s: has no value", s->section, key);
    else if (strlen(value) >= CFG_VALUE_LEN)
        tell(s, "make it shorter", "[%s] %s: the value has %zu bytes, 255 are the most", s->section,
             key, strlen(value));
    else
        note(s, key);
}

static void scan_line(struct scan *s, char *line, size_t bytes)
{
    if (memchr(line, '\0', bytes)) {
        tell(s, "save it as plain text", "the line has a NUL byte");
        return;
    }
    char *comment = strchr(line, CFG_DEFAULT_COMMENT_CHARACTER);
    if (comment)
        *comment = '\0';
    char *text = strip(line), *equals = strchr(text, '=');
    if (!*text)
        return;
    if (*text == '[') {
        scan_section(s, text);
    } else if (!equals) {
        tell(s, "write KEY = VALUE, [SECTION], or ; before a comment", "\"%.40s\" is no entry",
             text);
    } else {
        *equals = '\0';
        scan_entry(s, strip(text), strip(equals + 1));
    }
}

static void scan_file(struct scan *s, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while (s->number < FWD_INI_LINES && (n = getline(&line, &room, f)) >= 0) {
        s->number++;
        bool whole = n && line[n - 1] == '\n';
        if (whole)
            line[--n] = '\0';
        if (n >= CFG_NAME_LEN + CFG_VALUE_LEN)
            tell(s, "make it shorter", "the line has %zd bytes, %d are the most", n,
                 CFG_NAME_LEN + CFG_VALUE_LEN - 1);
        else
            scan_line(s, line, (size_t)n);
    }
    if (s->number == FWD_INI_LINES)
        tell(s, "split it", "the file has more than %u lines", FWD_INI_LINES - 1);
    free(line);
    s->number = 0;
    if (ferror(f))
        tell(s, "give a file that can be read", "%s", strerror(errno));
}

unsigned fwd_ini_open(struct fwd_ini *ini, const char *path, fwd_tell told, void *arg)
{
    struct scan s = {.ini = ini, .tell = told, .arg = arg};
    *ini = (struct fwd_ini){.path = path};
    FILE *f = fopen(path, "re");
    if (!f) {
        tell(&s, "give a file that can be read", "%s", strerror(errno));
        return s.errors;
    }
    scan_file(&s, f);
    fclose(f);
    if (!s.errors && !(ini->file = rte_cfgfile_load(path, 0)))
        tell(&s, "write [SECTION] and KEY = VALUE lines", "rte_cfgfile does not understand it");
    if (s.errors)
        fwd_ini_close(ini);
    return s.errors;
}

void fwd_ini_close(struct fwd_ini *ini)
{
    if (ini->file)
        rte_cfgfile_close(ini->file);
    free(ini->lines);
    *ini = (struct fwd_ini){0};
}
