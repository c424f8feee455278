// SPDX-License-Identifier: BSD-3-Clause
// What is the matter with a queue, in plain words.
#ifndef FWD_VERDICT_H
#define FWD_VERDICT_H

#include <jansson.h>
#include <stdint.h>

// Puts into `row`, which has its "direction", what the queue's driver tells of it (/tern/queue,
// /tern_user/queue; NULL: nothing), as far as it means what is said below.
void fwd_verdict_told(const json_t *told, json_t *row);

// One direction of a queue as `show queues` tells it: "direction" (rx, tx), "link" (up, down),
// "packets", and where the driver tells them "state", "broken", "size", "waiting" (buffers of the
// driver's in the ring), "kicks", "unkicked" (sleeps of the worker that packets came in without a
// kick), "calls", "calls_suppressed", "no_room" (packets that found no buffer). `before` is the
// same queue at an earlier look, or NULL. Returns "broken: REASON" in `buf`, or one of the texts
// below.
//
//     not connected        nobody is at the other end
//     stopped              the driver has stopped the queue
//     not polled           no worker polls it
//     kick lost            rx: packets came while the worker slept, or wait, and no kick has come
//     driver starved       rx: the ring is full of packets: the driver waits for the worker
//     no receive buffers   tx: packets found no buffer since that look, or there is none now
//     suppressed           tx: packets were sent, and the driver wanted no call for any of them
//     idle, ok             none came or went, some did
const char *fwd_verdict(const json_t *before, const json_t *now, char buf[96]);

// The look at the queue `key` that one at `now_ms` is compared with: the last one that is at least
// FWD_LOOK_MS old, or else the first, however often and by however many clients the queue is looked
// at. Remembers `row` in `history` where it will be needed. Returns a new reference, NULL where
// there is none.
#define FWD_LOOK_MS 250
json_t *fwd_verdict_before(json_t *history, const char *key, json_t *row, uint64_t now_ms);

#endif
