// SPDX-License-Identifier: BSD-3-Clause
// What programs that were killed could not clean up.
#ifndef TERN_TEST_LEFTOVERS_H
#define TERN_TEST_LEFTOVERS_H

// Removes the entries of a folder that are named `prefix`PID or `prefix`PID-anything, with all that
// is in them, where no process has that PID any more.
void leftovers_remove(const char *folder, const char *prefix);

// Removes a file, or a folder with all that is in it; that there is none is no error.
void leftovers_remove_tree(const char *path);

#endif
