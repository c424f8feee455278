// SPDX-License-Identifier: BSD-3-Clause
// A line of the control socket and its answer. Nothing here knows sockets or packets.
//   {"command": "show ports", "args": {"port": "lan"}, "id": 7}
//   {"ok": true, "id": 7, "result": …}     {"ok": false, "id": 7, "error": "…", "fix": "…"}
#ifndef FWD_REQUEST_H
#define FWD_REQUEST_H

#include <jansson.h>
#include <stdint.h>

#include "commands.h"

#define FWD_REQUEST_MAX (64u * 1024u) // bytes of a line at most, its end counted

// What a command says. A command that fails fills `error`, and `fix` where it knows one; one that
// has done a part of it tells that by its result.
struct fwd_reply {
    json_t *result; // owned by the reply; NULL is answered as null, and not with an error
    char error[256];
    char fix[256];
};

// Runs a command whose arguments have been checked against its table: only known ones, each of
// them text or a whole number, none that is needed missing. Control thread. Returns 0 or -errno.
typedef int (*fwd_run_fn)(void *ctx, const json_t *args, struct fwd_reply *r);

struct fwd_runner {
    const fwd_run_fn *run; // FWD_CMD_COUNT of them, by enum fwd_command_id
    void *ctx;
};

// Answers a line of `bytes` bytes (any bytes at all). Returns the answer, one line with its line
// end, which the caller frees with free(); NULL only without memory.
char *fwd_request_answer(const struct fwd_runner *runner, const char *line, size_t bytes);

// An answer that says only that something is wrong. To be freed with free().
char *fwd_request_refusal(const char *error, const char *fix);

// Fills in error and fix; returns -err, so that a command can end with it.
__attribute__((format(printf, 4, 5))) int fwd_fail(struct fwd_reply *r, int err, const char *fix,
                                                   const char *format, ...);

// The argument as text, or NULL when it is not given. `buf` holds the digits of a number.
const char *fwd_arg_text(const json_t *args, const char *name, char buf[24]);

// Reads a whole number from 0 to `max` into *out, which stays as it is when the argument is not
// given. Returns 0 or fails with -EINVAL, saying what is wrong.
int fwd_arg_uint(const json_t *args, const char *name, uint64_t max, uint64_t *out,
                 struct fwd_reply *r);

// The table of commands as JSON: what `help` answers. A new reference.
json_t *fwd_request_help(void);

#endif
