// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"

#include <string.h>

#define PORT "name of a port"

const struct fwd_command fwd_commands[FWD_CMD_COUNT] = {
    [FWD_CMD_HELP] = {"help", "all commands and their arguments", {{0}}},
    [FWD_CMD_SHOW_STATUS] = {"show status",
                             "version, mode, idle strategy, time since start",
                             {{0}}},
    [FWD_CMD_SHOW_PORTS] = {"show ports",
                            "ports, links, queues and counters",
                            {{"port", PORT, false}}},
    [FWD_CMD_SHOW_WORKERS] = {"show workers",
                              "threads: busy share, cycles a packet, wake-ups",
                              {{0}}},
    [FWD_CMD_SHOW_QUEUES] = {"show queues",
                             "who polls each queue, and a verdict",
                             {{"port", PORT, false}}},
    [FWD_CMD_SHOW_FDB] = {"show fdb",
                          "l2: stations, their VLANs, ports and ages",
                          {{"port", PORT, false}}},
    [FWD_CMD_SHOW_ROUTES] = {"show routes", "l3: prefixes and where they lead", {{0}}},
    [FWD_CMD_SHOW_NEIGHBOURS] = {"show neighbours",
                                 "l3: hosts on the links, their MAC addresses and states",
                                 {{0}}},
    [FWD_CMD_SHOW_HISTOGRAMS] = {"show histograms",
                                 "how many bursts had 1, 2-3, … 64 packets",
                                 {{"port", PORT, false}}},
    [FWD_CMD_SHOW_DROPS] = {"show drops", "dropped packets by port and cause", {{0}}},
    [FWD_CMD_SHOW_CONSERVATION] = {"show conservation",
                                   "received + made = sent + dropped + in flight, in one moment",
                                   {{0}}},
    [FWD_CMD_PORT_ADD] = {"port add",
                          "opens a port and polls it",
                          {{"name", "DPDK's name of it", true},
                           {"devargs", "creates it, as after --vdev NAME,", false},
                           {"rxq", "receive queues", false},
                           {"txq", "transmit queues", false},
                           {"ndesc", "descriptors a ring", false},
                           {"mtu", "bytes", false},
                           {"mac", "its MAC address", false},
                           {"vlan", "l2: VLAN without a tag", false},
                           {"trunk", "l2: VLANs with their tags, as 10,20-23", false},
                           {"mac-limit", "l2: addresses that may be learned", false},
                           {"address", "l3: addresses, as 10.0.0.1/24,fd00::1/64", false}}},
    [FWD_CMD_PORT_REMOVE] = {"port remove",
                             "takes a port out; what was on its way is sent or counted",
                             {{"port", PORT, true}}},
    [FWD_CMD_QUEUE_PIN] = {"queue pin",
                           "lets another worker poll a receive queue, without loss or reordering",
                           {{"port", PORT, true},
                            {"queue", "number of the receive queue", true},
                            {"lcore", "the worker's lcore", true}}},
    [FWD_CMD_FDB_ADD] = {"fdb add",
                         "l2: a station that neither ages nor moves",
                         {{"mac", "its address", true},
                          {"port", PORT, true},
                          {"vlan", "1 to 4094; 0 where no tag is looked at (default)", false}}},
    [FWD_CMD_FDB_REMOVE] = {"fdb remove",
                            "l2: forgets a station",
                            {{"mac", "its address", true}, {"vlan", "as for fdb add", false}}},
    [FWD_CMD_FDB_FLUSH] = {"fdb flush",
                           "l2: forgets all that was learned",
                           {{"port", "only from this port", false}}},
    [FWD_CMD_CAPTURE_START] = {"capture start",
                               "writes a port's packets, both ways, to a pcapng file",
                               {{"port", PORT, true},
                                {"file", "absolute path of a file that is not there yet", true},
                                {"filter", "as of tcpdump, see pcap-filter(7)", false},
                                {"packets", "ends after so many", false},
                                {"snap", "bytes of a packet at most (2048; up to 16384)", false}}},
    [FWD_CMD_CAPTURE_STOP] = {"capture stop", "ends a port's capture", {{"port", PORT, true}}},
    [FWD_CMD_SHOW_CAPTURES] = {"show captures", "ports that are being captured", {{0}}},
    [FWD_CMD_ROUTE_ADD] = {"route add",
                           "l3: a route, by a next hop or straight onto a link",
                           {{"prefix", "as 10.1.0.0/16", true},
                            {"via", "the next hop", false},
                            {"port", PORT, false}}},
    [FWD_CMD_ROUTE_REMOVE] = {"route remove",
                              "l3: takes a route out",
                              {{"prefix", "as it was added", true}}},
    [FWD_CMD_RELOAD] = {"reload", "reads the configuration file again, as SIGHUP does", {{0}}},
    [FWD_CMD_STOP] = {"stop", "drains and ends the program, as SIGTERM does", {{0}}},
};

const struct fwd_command *fwd_command_find(const char *name)
{
    for (size_t i = 0; i < FWD_CMD_COUNT; i++)
        if (!strcmp(fwd_commands[i].name, name))
            return &fwd_commands[i];
    return NULL;
}

size_t fwd_command_nargs(const struct fwd_command *c)
{
    size_t n = 0;
    while (n < FWD_COMMAND_ARGS && c->args[n].name)
        n++;
    return n;
}

const struct fwd_command_arg *fwd_command_arg_find(const struct fwd_command *c, const char *name)
{
    size_t n = fwd_command_nargs(c);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(c->args[i].name, name))
            return &c->args[i];
    return NULL;
}
