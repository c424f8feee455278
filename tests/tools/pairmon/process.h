// SPDX-License-Identifier: BSD-3-Clause
// A DPDK process seen from outside: its telemetry socket and its threads.
#ifndef PAIRMON_PROCESS_H
#define PAIRMON_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int telemetry; // connected socket
};

struct counters {
    int64_t at_ns;
    uint64_t received;
    uint64_t sent;
    uint64_t dropped; // missed by the receiver or refused by the port
};

// Connect to `socket_path` and let the process's control threads answer ahead of its polling
// threads. Returns 0, or -1 after a message with a fix line.
int process_open(struct process *p, pid_t pid, const char *socket_path);

// Sum the counters of ports 0 … num_ports - 1. Returns 0, or -1 when the process does not answer.
int process_counters(const struct process *p, unsigned int num_ports, struct counters *c);

// What pktcheck --latency says of the time since it was asked last.
struct round_trips {
    double p50_ns, p99_ns; // 0: no frame came back
};

// Returns 0, or -1 when the process does not answer.
int process_round_trips(const struct process *p, struct round_trips *t);

// CPU time that all threads of the process used so far; 0 when it is gone.
int64_t process_cpu_ns(const struct process *p);

void process_pause(const struct process *p);
void process_resume(const struct process *p);

#endif
