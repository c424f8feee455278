// SPDX-License-Identifier: BSD-3-Clause
// Names of virtio features, and parts of answers to telemetry.
#ifndef TERN_FEATURE_NAMES_H
#define TERN_FEATURE_NAMES_H

#include "dpdk_compat.h"

// Legacy drivers: buffers may be laid out anyhow (virtio 1.3 §6.3).
#define VQ_F_ANY_LAYOUT (1ULL << 27)

// Calls fn with the name of each feature in `mask`.
void tern_features_each(uint64_t mask, void (*fn)(const char *name, void *arg), void *arg);

// Adds them as a list of names.
void tern_tel_features(struct rte_tel_data *out, const char *key, uint64_t mask);

// The numbers of "3" or "3,1": exactly `n` of them up to 65535, and nothing else. -EINVAL.
int tern_tel_numbers(const char *text, unsigned long *value, int n);

#endif
