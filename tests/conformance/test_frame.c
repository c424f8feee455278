// SPDX-License-Identifier: BSD-3-Clause
// The frame of the conformance tests: a test that fails half way leaves nothing open for the next.
#include <stdbool.h>

#include "clause.h"

static bool is_open;
static unsigned cleaned;

CLAUSE(fails_half_way, "0-1", DEVICE, BOTH, "This one is to fail.")
{
    is_open = true;
    fail();
}

CLAUSE(finds_a_clean_place, "0-2", DEVICE, BOTH, "This one is not.")
{
    assert_false(is_open);
}

static int clean_up(void **state)
{
    (void)state;
    is_open = false;
    cleaned++;
    return 0;
}

int main(int argc, char **argv)
{
    int failed = clause_main(argc, argv, (struct clause_fixtures){.after = clean_up});
    return failed == 1 && cleaned == 2 ? 0 : 1;
}
