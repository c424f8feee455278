// SPDX-License-Identifier: BSD-3-Clause
// An INI file read by rte_cfgfile, which passes over lines that it does not understand, cuts names
// and values that are too long, and takes the first of two entries of one name. So the file is
// looked at first, line by line, and each error is told with its line.
#ifndef FWD_INI_H
#define FWD_INI_H

#include <stddef.h>

#include <rte_cfgfile.h>

#define FWD_INI_LINES 8192u

struct fwd_ini_line {
    unsigned number;
    char section[CFG_NAME_LEN];
    char key[CFG_NAME_LEN]; // "" for the section's own line
};

struct fwd_ini {
    const char *path; // borrowed
    struct rte_cfgfile *file;
    struct fwd_ini_line *lines; // sections and keys, in the file's order
    size_t nlines;
};

// Takes each error: `what` names file, line, section and key; `fix` says what to do.
typedef void (*fwd_tell)(void *arg, const char *what, const char *fix);

// Reads the file. Returns how many errors were told; with any, nothing has to be closed.
unsigned fwd_ini_open(struct fwd_ini *ini, const char *path, fwd_tell tell, void *arg);
void fwd_ini_close(struct fwd_ini *ini);

// The line of a key ("" for the section itself); 0 if it is not in the file.
unsigned fwd_ini_line_of(const struct fwd_ini *ini, const char *section, const char *key);

#endif
