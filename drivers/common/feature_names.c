// SPDX-License-Identifier: BSD-3-Clause
#include "feature_names.h"

#include <errno.h>
#include <stdlib.h>

#include "vnet.h"

static const struct {
    uint64_t mask;
    const char *name;
} feature_names[] = {
    {VNET_F_CSUM, "CSUM"},
    {VNET_F_GUEST_CSUM, "GUEST_CSUM"},
    {VNET_F_MTU, "MTU"},
    {VNET_F_MAC, "MAC"},
    {VNET_F_GUEST_TSO4, "GUEST_TSO4"},
    {VNET_F_GUEST_TSO6, "GUEST_TSO6"},
    {VNET_F_GUEST_ECN, "GUEST_ECN"},
    {VNET_F_HOST_TSO4, "HOST_TSO4"},
    {VNET_F_HOST_TSO6, "HOST_TSO6"},
    {VNET_F_HOST_ECN, "HOST_ECN"},
    {VNET_F_MRG_RXBUF, "MRG_RXBUF"},
    {VNET_F_STATUS, "STATUS"},
    {VNET_F_CTRL_VQ, "CTRL_VQ"},
    {VNET_F_CTRL_RX, "CTRL_RX"},
    {VNET_F_CTRL_VLAN, "CTRL_VLAN"},
    {VNET_F_CTRL_RX_EXTRA, "CTRL_RX_EXTRA"},
    {VNET_F_GUEST_ANNOUNCE, "GUEST_ANNOUNCE"},
    {VNET_F_MQ, "MQ"},
    {VNET_F_CTRL_MAC_ADDR, "CTRL_MAC_ADDR"},
    {VQ_F_ANY_LAYOUT, "ANY_LAYOUT"},
    {VQ_F_RING_INDIRECT_DESC, "RING_INDIRECT_DESC"},
    {VQ_F_RING_EVENT_IDX, "RING_EVENT_IDX"},
    {1ULL << 30, "PROTOCOL_FEATURES"}, // of vhost-user
    {VQ_F_VERSION_1, "VERSION_1"},
    {VQ_F_RING_PACKED, "RING_PACKED"},
    {VQ_F_IN_ORDER, "IN_ORDER"},
    {VQ_F_NOTIFICATION_DATA, "NOTIFICATION_DATA"},
    {VQ_F_RING_RESET, "RING_RESET"},
    {VNET_F_SPEED_DUPLEX, "SPEED_DUPLEX"},
};

void tern_features_each(uint64_t mask, void (*fn)(const char *name, void *arg), void *arg)
{
    for (size_t i = 0; i < RTE_DIM(feature_names); i++)
        if (mask & feature_names[i].mask)
            fn(feature_names[i].name, arg);
}

static void add_name(const char *name, void *list)
{
    rte_tel_data_add_array_string(list, name);
}

void tern_tel_features(struct rte_tel_data *out, const char *key, uint64_t mask)
{
    struct rte_tel_data *list = rte_tel_data_alloc();
    if (!list)
        return;
    rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
    tern_features_each(mask, add_name, list);
    if (rte_tel_data_add_dict_container(out, key, list, 0))
        rte_tel_data_free(list);
}

int tern_tel_numbers(const char *text, unsigned long *value, int n)
{
    for (int i = 0; i < n; i++) {
        char *end;
        if (!text || *text < '0' || *text > '9')
            return -EINVAL;
        value[i] = strtoul(text, &end, 10);
        if (value[i] > UINT16_MAX || *end != (i + 1 < n ? ',' : '\0'))
            return -EINVAL;
        text = end + 1;
    }
    return 0;
}
