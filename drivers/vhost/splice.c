// SPDX-License-Identifier: BSD-3-Clause
// What applications see of single copy.
#include "cpu.h"
#include "pmd.h"
#include "splice_burst.h"

#include <errno.h>

#include <rte_errno.h>

// ---- queues ----

static struct tern_splice_queue *find(uint16_t port, uint16_t queue, bool is_rx)
{
    const struct rte_eth_dev *dev = &rte_eth_devices[port < RTE_MAX_ETHPORTS ? port : 0];
    rte_errno = ENODEV;
    if (!rte_eth_dev_is_valid_port(port) || dev->dev_ops != &tern_ops)
        return NULL;
    rte_errno = EINVAL;
    if (queue >= (is_rx ? dev->data->nb_rx_queues : dev->data->nb_tx_queues))
        return NULL;
    return is_rx ? dev->data->rx_queues[queue] : dev->data->tx_queues[queue];
}

static struct tern_splice_queue *rx_queue(uint16_t port, uint16_t queue)
{
    return find(port, queue, true);
}

static struct tern_splice_queue *tx_queue(uint16_t port, uint16_t queue)
{
    return find(port, queue, false);
}

__attribute__((visibility("default"))) const struct tern_splice *tern_vhost_splice(uint32_t version)
{
    static const struct tern_splice functions = {
        .rx_queue = rx_queue, .tx_queue = tx_queue, .burst = splice_burst};
    if (version != TERN_SPLICE_VERSION)
        return NULL;
#ifdef TERN_HAVE_AVX512
    static const struct tern_splice avx512 = {
        .rx_queue = rx_queue, .tx_queue = tx_queue, .burst = tern_splice_burst_avx512};
    if (tern_cpu_avx512())
        return &avx512;
#endif
    return &functions;
}
