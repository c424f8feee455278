// SPDX-License-Identifier: BSD-3-Clause
#include "attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT "/tern/port,0"
#define BUFFER(pair, k) (FE_BUF_BASE + (pair)*0x20000u + (k)*0x10000u)

static const char *queue(unsigned vq)
{
    static char command[32];
    snprintf(command, sizeof(command), "/tern/queue,0,%u", vq);
    return command;
}

// ---- an honest front end ----

void honest_start(void)
{
    fe_connect(&fe, paths.socket);
    fe_start(&fe, FE_QUEUES, RING_SIZE);
}

void honest_offer(unsigned pair)
{
    memset(fe.mem + BUFFER(pair, 1), 0xee, 2048);
    assert_true(fe_put(&fe, 2 * pair + RECEIVEQ, BUFFER(pair, 1), 0, 2048, &fe));
    fe_kick(&fe, 2 * pair + RECEIVEQ);
}

static void send_on(unsigned pair)
{
    struct fe_queue *q = &fe.q[2 * pair + TRANSMITQ];
    void *token;
    while (vq_drv_get_used(&q->drv, fe.features, &token, NULL))
        continue;
    uint32_t bytes = frame_at(BUFFER(pair, 0));
    assert_true(fe_put(&fe, 2 * pair + TRANSMITQ, BUFFER(pair, 0), bytes, 0, &fe));
    fe_kick(&fe, 2 * pair + TRANSMITQ);
}

void honest_send(void)
{
    send_on(0);
}

// What comes back is the frame that was sent last, wherever it lay.
void honest_receive(unsigned pair)
{
    struct fe_queue *q = &fe.q[2 * pair + RECEIVEQ];
    uint32_t bytes = 0, hdr = vnet_hdr_bytes(fe.features);
    void *token;
    if (!FE_UNTIL(vq_drv_get_used(&q->drv, fe.features, &token, &bytes)))
        fail_msg("no frame came back on queue pair %u", pair);
    assert_int_equal(bytes, hdr + FRAME);
    const uint8_t *got = (const uint8_t *)fe.mem + BUFFER(pair, 1) + hdr;
    assert_int_equal(got[12] << 8 | got[13], 0x88b5);
    for (unsigned i = 15; i < FRAME; i++)
        assert_int_equal(got[i], got[14]);
}

void honest_echo(unsigned pair)
{
    honest_offer(pair);
    send_on(pair);
    honest_receive(pair);
    assert_int_equal((uint8_t)fe.mem[BUFFER(pair, 0) + vnet_hdr_bytes(fe.features) + 14],
                     (uint8_t)fe.mem[BUFFER(pair, 1) + vnet_hdr_bytes(fe.features) + 14]);
}

// ---- what has to come of it ----

static int64_t refused, broken, drops[FE_QUEUES];
static const char *const causes[] = {"no_mbuf", "runt", "too_long", "no_room", "scattered"};

static int64_t drops_of(unsigned vq)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        int64_t n = tel_number(queue(vq), causes[i]);
        sum += n > 0 ? n : 0;
    }
    return sum;
}

void counters_mark(void)
{
    refused = tel_number(PORT, "messages_refused");
    broken = tel_number(PORT, "queues_broken");
    for (unsigned i = 0; i < FE_QUEUES; i++)
        drops[i] = drops_of(i);
}

static void expect_said(const char *why)
{
    if (!FE_UNTIL(tel_says(PORT, "last_error", why)))
        fail_msg("telemetry does not say \"%s\"", why);
    if (!watch_logged(why))
        fail_msg("the log does not say \"%s\"", why);
}

void expect_refused(const char *why)
{
    expect_said(why);
    assert_true(tel_number(PORT, "messages_refused") > refused);
}

void expect_dropped(const char *why)
{
    assert_true(fe_hung_up(&fe));
    fe_close(&fe);
    assert_true(FE_UNTIL(tel_says(PORT, "connection", "none")));
    expect_refused(why);
}

void expect_broken(unsigned vq, const char *why)
{
    uint64_t n;
    char line[200];
    if (!FE_UNTIL(tel_says(queue(vq), "broken", why)))
        fail_msg("virtqueue %u is not broken: \"%s\"", vq, why);
    assert_true(tel_says(queue(vq), "state", "broken"));
    if (!FE_UNTIL(read(fe.q[vq].err, &n, sizeof(n)) == sizeof(n)))
        fail_msg("the error descriptor of virtqueue %u is silent", vq);
    snprintf(line, sizeof(line), "%s queue %u is broken: %s", vq % 2 ? "rx" : "tx", vq / 2, why);
    assert_true(watch_logged(line));
    expect_said(why);
    if (tel_number(PORT, "queues_broken") != broken + 1)
        fail_msg("queues_broken is %d, was %d", (int)tel_number(PORT, "queues_broken"),
                 (int)broken);
    honest_echo(1);
}

void expect_live(unsigned vq)
{
    assert_true(tel_says(queue(vq), "state", "live"));
    assert_true(tel_says(PORT, "connection", "connected"));
}

void expect_drops(unsigned vq, const char *cause)
{
    if (!FE_UNTIL(drops_of(vq) > drops[vq]))
        fail_msg("nothing was dropped on virtqueue %u", vq);
    assert_true(tel_number(queue(vq), cause) > 0);
    expect_live(vq);
    honest_echo(1);
}
