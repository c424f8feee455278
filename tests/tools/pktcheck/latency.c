// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_telemetry.h>

#include "hist.h"
#include "latency.h"

#define PATIENCE_US 1000000u // an answer comes as soon as frames are polled for
#define LOOK_US 50u

enum { IDLE, ASKED, ANSWERED };

static struct bench_hist hist;
static double ns_per_cycle;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
static int state; // who may touch `answer`: the asking thread unless ASKED
static struct latency answer;

void latency_add(uint64_t cycles)
{
    bench_hist_add(&hist, (uint64_t)((double)cycles * ns_per_cycle));
}

struct latency latency_take(void)
{
    const struct latency l = {hist.total, bench_hist_percentile(&hist, 50),
                              bench_hist_percentile(&hist, 99)};

    memset(&hist, 0, sizeof(hist));
    return l;
}

void latency_serve(void)
{
    if (likely(__atomic_load_n(&state, __ATOMIC_ACQUIRE) != ASKED))
        return;
    answer = latency_take();
    __atomic_store_n(&state, ANSWERED, __ATOMIC_RELEASE);
}

// False when nobody polls.
static int ask(struct latency *l)
{
    int expected = ASKED;

    __atomic_store_n(&state, ASKED, __ATOMIC_RELEASE);
    for (unsigned int us = 0; us < PATIENCE_US; us += LOOK_US) {
        if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == ANSWERED) {
            *l = answer;
            return 1;
        }
        rte_delay_us_sleep(LOOK_US);
    }
    // Taken back, unless the answer came just now.
    if (__atomic_compare_exchange_n(&state, &expected, IDLE, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        return 0;
    *l = answer;
    return 1;
}

static int handle(const char *cmd, const char *params, struct rte_tel_data *d)
{
    struct latency l;
    int answered;

    (void)cmd;
    (void)params;
    pthread_mutex_lock(&asking);
    answered = ask(&l);
    pthread_mutex_unlock(&asking);
    if (!answered)
        return -EAGAIN;
    rte_tel_data_start_dict(d);
    rte_tel_data_add_dict_int(d, "round_trips", (int)l.n);
    rte_tel_data_add_dict_int(d, "p50_ns", (int)l.p50_ns);
    return rte_tel_data_add_dict_int(d, "p99_ns", (int)l.p99_ns);
}

int latency_init(void)
{
    ns_per_cycle = 1e9 / (double)rte_get_tsc_hz();
    if (rte_telemetry_register_cmd("/pktcheck/latency", handle,
                                   "Round trips since the last question. No parameters") == 0)
        return 0;
    fputs("pktcheck: no telemetry command for --latency\nfix: another DPDK\n", stderr);
    return -1;
}
