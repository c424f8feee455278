// SPDX-License-Identifier: BSD-3-Clause
#include "table.h"

#include <stdbool.h>
#include <string.h>

#define COLUMNS 32
#define CELL 160

void table_text(const json_t *value, char *buf, size_t size)
{
    if (json_is_string(value))
        snprintf(buf, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(buf, size, "%.2f", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(buf, size, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(buf, size, "-");
    // What came from elsewhere must not steer the terminal.
    for (char *c = buf; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
}

// A list inside a cell: its members with commas, an object's as KEY= or, where it is needed, KEY=….
static void cell_text(const json_t *value, char *buf, size_t size)
{
    const json_t *item;
    size_t i;
    if (!json_is_array(value)) {
        table_text(value, buf, size);
        return;
    }
    buf[0] = '\0';
    json_array_foreach(value, i, item)
    {
        char one[CELL];
        const json_t *name = json_object_get(item, "name");
        table_text(name ? name : item, one, sizeof(one));
        size_t used = strlen(buf);
        snprintf(buf + used, size - used, "%s%s%s", i ? " " : "", one, name ? "=" : "");
    }
}

struct columns {
    const char *name[COLUMNS];
    int width[COLUMNS]; // in characters, not bytes
    bool number[COLUMNS];
    int n;
};

static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static int column_of(struct columns *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->name[i], name))
            return i;
    if (c->n == COLUMNS)
        return -1;
    c->name[c->n] = name;
    c->width[c->n] = characters(name);
    c->number[c->n] = true;
    return c->n++;
}

static void measure(const json_t *rows, struct columns *c)
{
    const json_t *row, *value;
    const char *name;
    size_t i;
    char text[CELL];
    json_array_foreach(rows, i, row)
    {
        json_object_foreach((json_t *)row, name, value)
        {
            int at = json_is_object(value) ? -1 : column_of(c, name); // a table has no room for one
            if (at < 0)
                continue;
            cell_text(value, text, sizeof(text));
            if (characters(text) > c->width[at])
                c->width[at] = characters(text);
            if (!json_is_number(value) && !json_is_null(value))
                c->number[at] = false;
        }
    }
}

static void print_cell(const struct columns *c, int at, const char *text, FILE *out)
{
    int pad = c->width[at] - characters(text);
    const char *gap = at ? "  " : "";
    if (c->number[at])
        fprintf(out, "%s%*s%s", gap, pad, "", text);
    else
        fprintf(out, "%s%s%*s", gap, text, at + 1 < c->n ? pad : 0, "");
}

static void print_rows(const json_t *rows, FILE *out)
{
    struct columns c = {.n = 0};
    const json_t *row;
    size_t i;
    char text[CELL];
    measure(rows, &c);
    for (int at = 0; at < c.n; at++)
        print_cell(&c, at, c.name[at], out);
    if (c.n)
        fputc('\n', out);
    json_array_foreach(rows, i, row)
    {
        for (int at = 0; at < c.n; at++) {
            cell_text(json_object_get(row, c.name[at]), text, sizeof(text));
            print_cell(&c, at, text, out);
        }
        fputc('\n', out);
    }
}

void table_print(const json_t *result, FILE *out)
{
    const json_t *value;
    const char *name;
    char text[CELL];
    if (json_is_array(result) && !json_array_size(result)) {
        fputs("none\n", out);
    } else if (json_is_array(result)) {
        print_rows(result, out);
    } else if (json_is_object(result)) {
        json_object_foreach((json_t *)result, name, value)
        {
            cell_text(value, text, sizeof(text));
            fprintf(out, "%-12s %s\n", name, text);
        }
    } else if (!json_is_null(result)) {
        table_text(result, text, sizeof(text));
        fprintf(out, "%s\n", text);
    }
}
