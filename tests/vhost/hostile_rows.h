// SPDX-License-Identifier: BSD-3-Clause
// Hostile messages, one row each: what is sent, and what has to come of it. The number in a name is
// that of the class of bad input.
#ifndef HOSTILE_ROWS_H
#define HOSTILE_ROWS_H

#include "frontend.h"

#define ROWS_FEATURES (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES) // those that the rows start from
#define ROWS_SIZE_MAX 1024 // the largest ring that the device must take

enum row_outcome {
    DROP,      // the connection is closed
    NACK,      // answered with non-zero, the connection lives
    NACK_DROP, // NACK when an answer is asked for, else DROP
    IGNORE,    // NACK when an answer is asked for, else nothing
};

// The ring format that a row is about.
enum row_format { ANY_FORMAT, SPLIT_ONLY, PACKED_ONLY };

// What comes as descriptor.
enum fd_kind { NO_FD, MEM, SMALL, READ_ONLY, PIPE, EVENT, DIRECTORY, TIMER, EPOLL, FD_KINDS };

struct hostile_row {
    const char *name;
    const char *why; // part of last_error
    uint32_t request;
    uint32_t size; // of the payload sent
    enum row_outcome outcome;
    unsigned nfd;
    enum fd_kind kind;
    uint32_t flags; // beside the version, or ~0: a bad version
    enum row_format format;
    const char *net_why; // the same for the net device, where it differs
    union {
        uint64_t u64[33];
        uint32_t u32[66];
    } p;
};

extern const struct hostile_row hostile_rows[];
extern const unsigned hostile_nrows;

// What the rows send as descriptors.
void rows_open(void);
void rows_close(void);

// Sends the row as it stands, lies included. False: the connection is gone.
bool rows_send(struct fe *f, const struct hostile_row *r, bool ask);

#endif
