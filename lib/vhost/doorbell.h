// SPDX-License-Identifier: BSD-3-Clause
// Eventfds that are shared with a peer: kicks, calls, errors. The peer holds the same open file, so
// it may fill or empty the counter and make it blocking again whenever it likes; none of that may
// stop the thread that signals or looks. Any thread; both ends use it.
#ifndef VHU_DOORBELL_H
#define VHU_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

// Adds 1 to the counter. False: it is full (then the peer has not read earlier signals either), or
// there is no such eventfd.
bool vhu_signal(int fd);

// Takes what the counter holds. False: nothing, or there is no such eventfd.
bool vhu_signal_take(int fd, uint64_t *count);

#endif
