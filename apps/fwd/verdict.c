// SPDX-License-Identifier: BSD-3-Clause
#include "verdict.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is(const json_t *o, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(o, name));
    return value && !strcmp(value, text);
}

static json_int_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

void fwd_verdict_told(const json_t *told, json_t *row)
{
    static const char *const take[] = {"size",  "waiting",          "state", "broken",
                                       "calls", "calls_suppressed", "kicks"};
    // One that tells of no calls is at the other end of its rings: its kicks are those that it
    // sends, and what waits in a transmit ring are sent packets that come back.
    bool other_end = !json_object_get(told, "calls"), tx = is(row, "direction", "tx");
    for (size_t i = 0; i < sizeof(take) / sizeof(take[0]); i++) {
        json_t *value = json_object_get(told, take[i]);
        bool means_else =
            other_end && (!strcmp(take[i], "kicks") || (tx && !strcmp(take[i], "waiting")));
        if (value && !means_else)
            json_object_set(row, take[i], value);
    }
}

// How much a counter has grown; nothing without an earlier look, or when it was restarted.
static json_int_t grown(const json_t *before, const json_t *now, const char *name)
{
    json_int_t was = number(before, name), is_now = number(now, name);
    return before && is_now > was ? is_now - was : 0;
}

static const char *verdict_rx(const json_t *before, const json_t *now)
{
    json_int_t size = number(now, "size"), waiting = number(now, "waiting");
    bool moves = grown(before, now, "packets") > 0;
    bool stays = before && !moves && waiting > 0 && number(before, "waiting") > 0;
    if (!json_object_get(now, "lcore"))
        return "not polled";
    // Only where kicks are told is it known that none has come.
    if ((stays || grown(before, now, "unkicked")) && json_object_get(now, "kicks") &&
        !grown(before, now, "kicks"))
        return "kick lost";
    if (size && waiting >= size - size / 8)
        return "driver starved";
    return moves ? "ok" : "idle";
}

static const char *verdict_tx(const json_t *before, const json_t *now)
{
    json_t *waiting = json_object_get(now, "waiting");
    bool moves = grown(before, now, "packets") > 0;
    if (grown(before, now, "no_room") || (waiting && !json_integer_value(waiting)))
        return "no receive buffers";
    if (moves && grown(before, now, "calls_suppressed") && !grown(before, now, "calls"))
        return "suppressed";
    return moves ? "ok" : "idle";
}

const char *fwd_verdict(const json_t *before, const json_t *now, char buf[96])
{
    const char *broken = json_string_value(json_object_get(now, "broken"));
    if (broken && *broken) {
        snprintf(buf, 96, "broken: %s", broken);
        return buf;
    }
    if (!is(now, "link", "up"))
        return "not connected";
    if (is(now, "state", "stopped"))
        return "stopped";
    return is(now, "direction", "rx") ? verdict_rx(before, now) : verdict_tx(before, now);
}

// Two looks a queue are kept, at least FWD_LOOK_MS apart: while the newer one is too young to be
// compared with, the older one is not.
json_t *fwd_verdict_before(json_t *history, const char *key, json_t *row, uint64_t now_ms)
{
    json_t *kept = json_object_get(history, key), *newer = json_object_get(kept, "newer");
    json_t *older = json_object_get(kept, "older");
    bool ripe = now_ms - (uint64_t)number(kept, "at_ms") >= FWD_LOOK_MS;
    json_t *before = json_incref(ripe || !older ? newer : older);
    if (ripe || !newer)
        json_object_set_new(history, key,
                            json_pack("{s:O*, s:O, s:I}", "older", newer, "newer", row, "at_ms",
                                      (json_int_t)now_ms));
    return before;
}
