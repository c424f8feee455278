// SPDX-License-Identifier: BSD-3-Clause
// One side of one ring format; FUZZ_DEVICE and FUZZ_PACKED say which. The first byte of the input
// chooses between the two tests that the input then drives in place of chance: the property test,
// whose peer is honest and whose model knows every answer, and the mutator, whose peer lies.
#include "fuzz.h"
#include "mutator.h"
#include "prop.h"

// Ring sizes for the mutator, whose arena holds 32 entries.
static uint32_t size_of(uint8_t pick)
{
    return FUZZ_PACKED ? 1 + pick % 32u : 1u << pick % 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    ring_tape = (struct ring_tape){data + 2, data + n};
    if (data[0] & 1) {
        (void)prop_run(1, FUZZ_DEVICE, FUZZ_PACKED, n / sizeof(uint32_t) + 1);
    } else {
        uint64_t f = VQ_F_VERSION_1 | (FUZZ_PACKED ? VQ_F_RING_PACKED : 0);
        f |= data[0] & 2 ? VQ_F_IN_ORDER : 0;
        f |= data[0] & 4 ? VQ_F_RING_EVENT_IDX : 0;
        f |= data[0] & 8 ? VQ_F_RING_INDIRECT_DESC : 0;
        mutator_tape(f, size_of(data[1]), FUZZ_DEVICE);
    }
    ring_tape = (struct ring_tape){NULL, NULL};
    return 0;
}
