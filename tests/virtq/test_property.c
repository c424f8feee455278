// SPDX-License-Identifier: BSD-3-Clause
// virtio 1.3 §2.7 and §2.8 as a whole: random operations against the oracle.
// usage: test_property [--ops N] [--seed S] [--run SEED driver|device split|packed]
#include <stdio.h>

#include "prop.h"

static uint64_t work(void)
{
    const char *full = getenv("TERN_TEST_FULL");
    if (full && *full == '1')
        return 10 * 1000 * 1000;
    return RING_SANITIZED ? 3 * 1000 * 1000 : 10 * 1000 * 1000;
}

int main(int argc, char **argv)
{
    uint64_t ops = work(), seed = 1, done = 0;
    if (argc == 5 && !strcmp(argv[1], "--run")) {
        prop_run(strtoull(argv[2], NULL, 0), !strcmp(argv[3], "device"), !strcmp(argv[4], "packed"),
                 0);
        return 0;
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--ops"))
            ops = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
    }
    for (unsigned kind = 0; kind < 4; kind++) {
        uint64_t runs = 0;
        for (done = 0; done < ops; runs++)
            done += prop_run(ring_random(&seed), kind & 1, kind & 2, 0);
        printf("vq %s, %s: %llu operations in %llu runs\n", kind & 1 ? "device" : "driver",
               kind & 2 ? "packed" : "split", (unsigned long long)done, (unsigned long long)runs);
    }
    return 0;
}
