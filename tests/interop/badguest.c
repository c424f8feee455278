// SPDX-License-Identifier: BSD-3-Clause
// A guest with a defect, on a real socket: it connects, does one thing wrong, and stays until it is
// ended. usage: badguest SOCKET broken|flood|mute
//   broken  names a descriptor that its ring does not have
//   flood   sends frames without end
//   mute    sends a frame now and then, and never kicks
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend.h"
#include "vnet.h"

#define SIZE 64u
#define TRANSMITQ 1
#define FRAME 64u
#define FLOOD_GAP_US 500
#define GAP_US 7000 // no divisor of how often a worker looks by itself

static struct fe fe;

static void broken(void)
{
    struct fe_queue *q = &fe.q[TRANSMITQ];
    uint64_t one = 1;
    vq_store16(&q->drv.avail->ring[0], SIZE);
    vq_store16_release(0, &q->drv.avail->idx, 1);
    assert_int_equal(write(q->kick, &one, sizeof(one)), sizeof(one));
}

// Puts frames into the ring, at most `n`, and as many as it has room for.
static void put_frames(unsigned n)
{
    struct vq_drv *drv = &fe.q[TRANSMITQ].drv;
    uint32_t bytes = vnet_hdr_bytes(fe.features) + FRAME;
    void *token;
    while (vq_drv_get_used(drv, fe.features, &token, NULL))
        continue;
    while (n-- && fe_put(&fe, TRANSMITQ, FE_BUF_BASE, bytes, 0, &fe))
        continue;
}

static void flood(void)
{
    for (;; usleep(FLOOD_GAP_US)) {
        put_frames(SIZE);
        fe_kick(&fe, TRANSMITQ);
    }
}

static void mute(void)
{
    for (;; usleep(GAP_US)) {
        put_frames(1);
        vq_drv_publish(&fe.q[TRANSMITQ].drv, fe.features);
    }
}

int main(int argc, char **argv)
{
    const char *fault = argc == 3 ? argv[2] : "";
    if (strcmp(fault, "broken") && strcmp(fault, "flood") && strcmp(fault, "mute"))
        return 2;
    fe_init(&fe, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MRG_RXBUF);
    memset(fe.mem + FE_BUF_BASE + vnet_hdr_bytes(fe.features), 2, FRAME);
    fe_connect(&fe, argv[1]);
    fe_start(&fe, 2, SIZE);
    if (!strcmp(fault, "flood"))
        flood();
    if (!strcmp(fault, "mute"))
        mute();
    broken();
    pause();
    return 0;
}
