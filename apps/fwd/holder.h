// SPDX-License-Identifier: BSD-3-Clause
// How a table asks that nobody reads it for a moment: the control thread holds the workers.
#ifndef FWD_HOLDER_H
#define FWD_HOLDER_H

struct fwd_holder {
    void (*hold)(void *arg); // returns when no worker reads any more; nests
    void (*release)(void *arg);
    void *arg;
};

#endif
