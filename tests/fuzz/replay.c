// SPDX-License-Identifier: BSD-3-Clause
// Runs a fuzz target over files, without a fuzzer: for the corpus in every test run, and for an
// input that a fuzzer found. usage: replay_TARGET FILE...
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    if (!f || !data) {
        fprintf(stderr, "%s: cannot be read\nfix: name files of a corpus\n", path);
        exit(1);
    }
    size_t n = fread(data, 1, INPUT_MAX, f);
    fclose(f);
    printf("%s: %zu bytes\n", path, n);
    fflush(stdout);
    int rc = LLVMFuzzerTestOneInput(data, n);
    free(data);
    return rc;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]) != 0;
    return failed;
}
