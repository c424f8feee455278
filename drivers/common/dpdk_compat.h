// SPDX-License-Identifier: BSD-3-Clause
// One source for DPDK 22.11 to today: whatever differs between versions stands here and nowhere else.
// Driver code includes this first and names no RTE_VERSION itself.
#ifndef TERN_DPDK_COMPAT_H
#define TERN_DPDK_COMPAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <rte_version.h>

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "Tern needs DPDK 22.11 or newer"
#endif

/*
 * Is the DPDK named by `runtime`, in the form of rte_version() ("DPDK 22.11.11", "DPDK 25.11.0-rc2"), one that
 * a plug-in built for `built` (a value of RTE_VERSION) may run in? What drivers see of DPDK's inside changes
 * from one year.month to the next even where the public ABI stays, and never in the updates of one; a release
 * candidate is like itself only. False for a string that is no version.
 */
bool tern_dpdk_version_matches(const char *runtime, uint32_t built);

/*
 * 0 if this process runs the DPDK that the plug-in was built for; otherwise -ENOTSUP, and the first call has
 * logged why and what to do. Called when the plug-in is loaded and again by each probe, which must then fail.
 */
int tern_dpdk_version_check(void);

/* The virtual device under an Ethernet device. Newest DPDK has dropped RTE_ETH_DEV_TO_VDEV. */
static inline struct rte_vdev_device *
tern_vdev_of(const struct rte_eth_dev *dev)
{
    return container_of(dev->device, struct rte_vdev_device, device);
}

/*
 * Define the static function `op` for eth_dev_ops.dev_supported_ptypes_get. `table` is an array of uint32_t
 * whose last element is RTE_PTYPE_UNKNOWN; since 24.03 its length is returned too, without that element.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define TERN_PTYPES_OP(op, table)                                                                  \
    static const uint32_t *op(struct rte_eth_dev *dev, size_t *count)                              \
    {                                                                                              \
        RTE_SET_USED(dev);                                                                         \
        *count = RTE_DIM(table) - 1;                                                               \
        return table;                                                                              \
    }
#else
#define TERN_PTYPES_OP(op, table)                                                                  \
    static const uint32_t *op(struct rte_eth_dev *dev)                                             \
    {                                                                                              \
        RTE_SET_USED(dev);                                                                         \
        return table;                                                                              \
    }
#endif

/*
 * Statistics of single queues: part of rte_eth_stats before 25.11, a structure of their own since. Define the
 * static function `op` for eth_dev_ops.stats_get over
 *     int fill(struct rte_eth_dev *dev, struct rte_eth_stats *stats, tern_queue_stats *queues)
 * where `queues` (NULL if the caller does not want them) has q_ipackets, q_opackets, q_ibytes, q_obytes, q_errors.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef struct eth_queue_stats tern_queue_stats;
#define TERN_STATS_GET_OP(op, fill)                                                                \
    static int op(struct rte_eth_dev *dev, struct rte_eth_stats *stats,                            \
                  struct eth_queue_stats *queues)                                                  \
    {                                                                                              \
        return fill(dev, stats, queues);                                                           \
    }
#else
typedef struct rte_eth_stats tern_queue_stats;
#define TERN_STATS_GET_OP(op, fill)                                                                \
    static int op(struct rte_eth_dev *dev, struct rte_eth_stats *stats)                            \
    {                                                                                              \
        return fill(dev, stats, stats);                                                            \
    }
#endif

/* What eth_dev.rx_queue_count returns. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef int tern_rx_count;
#else
typedef uint32_t tern_rx_count;
#endif

/* Since 24.11 a driver can also say how many transmit descriptors are in use. */
#define TERN_HAVE_TX_QUEUE_COUNT (RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0))

/* Unsigned numbers in telemetry: renamed in 23.03. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define tern_tel_dict_uint(dict, name, value) rte_tel_data_add_dict_uint(dict, name, value)
#define tern_tel_array_uint(array, value) rte_tel_data_add_array_uint(array, value)
#define TERN_TEL_UINT_VAL RTE_TEL_UINT_VAL
#else
#define tern_tel_dict_uint(dict, name, value) rte_tel_data_add_dict_u64(dict, name, value)
#define tern_tel_array_uint(array, value) rte_tel_data_add_array_u64(array, value)
#define TERN_TEL_UINT_VAL RTE_TEL_U64_VAL
#endif

/*
 * Run fn(arg) on a control thread of EAL and wait for it. Threads that it starts inherit its CPUs: those that
 * no lcore has. 0 or -errno.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef uint32_t tern_ctrl_ret;
#else
typedef void *tern_ctrl_ret;
#endif
static inline int
tern_ctrl_run(const char *name, tern_ctrl_ret (*fn)(void *), void *arg)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
    rte_thread_t thread;
    const int rc = rte_thread_create_control(&thread, name, fn, arg);

    if (rc == 0)
        rte_thread_join(thread, NULL);
    return -abs(rc);
#else
    pthread_t thread;
    const int rc = rte_ctrl_thread_create(&thread, name, NULL, fn, arg);

    if (rc == 0)
        pthread_join(thread, NULL);
    return -abs(rc);
#endif
}

#endif
