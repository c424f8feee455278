// SPDX-License-Identifier: BSD-3-Clause
// System and library calls that fail when a test says so. The linker puts these in the place of the
// real ones, in the libraries too (see meson.build); only calls of the thread that asked can fail.
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>
#include <stddef.h>

// The `nth` call (1: the next) fails as it does when a system has nothing left; and the `nth` call
// of this name fails with `error`. Each replaces the one before.
void fail_any(unsigned nth);
void fail_call(const char *name, unsigned nth, int error);

// From here on the sockets take at most `bytes` of a message at a time. The call with the number
// `full` (1: the next; 0: none) and each second one after it finds no room (EAGAIN), and comes back
// after so many milliseconds.
void fail_in_parts(size_t bytes, unsigned full, unsigned after_ms);

// No call fails any more, and messages go whole. The errno that one failed with; 0: none has.
int fail_end(void);

// Whether the last one that failed was this.
bool fail_was(const char *name);

#endif
