// SPDX-License-Identifier: BSD-3-Clause
// A fuzz target: one function that takes any input and ends the process when something is wrong.
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
