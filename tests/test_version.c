// SPDX-License-Identifier: BSD-3-Clause
// The check that a plug-in runs in the DPDK that it was built for.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dpdk_compat.h"

#define FINAL(year, month, minor) RTE_VERSION_NUM(year, month, minor, 99)

static void
same_version_matches(void **state)
{
    (void)state;
    assert_true(tern_dpdk_version_matches("DPDK 22.11.11", FINAL(22, 11, 11)));
    assert_true(tern_dpdk_version_matches("DPDK 24.03.0", FINAL(24, 3, 0)));
}

static void
updates_of_one_release_match(void **state)
{
    (void)state;
    assert_true(tern_dpdk_version_matches("DPDK 22.11.2", FINAL(22, 11, 11)));
    assert_true(tern_dpdk_version_matches("DPDK 22.11.12", FINAL(22, 11, 0)));
}

static void
other_month_or_year_is_refused(void **state)
{
    (void)state;
    assert_false(tern_dpdk_version_matches("DPDK 22.07.11", FINAL(22, 11, 11)));
    assert_false(tern_dpdk_version_matches("DPDK 23.11.11", FINAL(22, 11, 11)));
    /* 23.11 and 24.03 share their public ABI (24) and differ for drivers. */
    assert_false(tern_dpdk_version_matches("DPDK 24.03.0", FINAL(23, 11, 0)));
    assert_false(tern_dpdk_version_matches("DPDK 22.1.0", FINAL(22, 11, 0)));
}

static void
candidate_matches_only_itself(void **state)
{
    (void)state;
    assert_true(tern_dpdk_version_matches("DPDK 25.11.0-rc2", RTE_VERSION_NUM(25, 11, 0, 2)));
    assert_false(tern_dpdk_version_matches("DPDK 25.11.0-rc1", RTE_VERSION_NUM(25, 11, 0, 2)));
    assert_false(tern_dpdk_version_matches("DPDK 25.11.1-rc2", RTE_VERSION_NUM(25, 11, 0, 2)));
    assert_false(tern_dpdk_version_matches("DPDK 25.11.0", RTE_VERSION_NUM(25, 11, 0, 2)));
    assert_false(tern_dpdk_version_matches("DPDK 25.11.0-rc2", FINAL(25, 11, 0)));
}

static void
no_version_is_refused(void **state)
{
    static const char *const junk[] = {
        "", "DPDK", "DPDK 22", "DPDK 22.11", "DPDK 22.11.", "DPDK .22.11", "DPDK 22.11.11111", "DPDK 22.11.0-rc",
    };
    size_t i;

    (void)state;
    for (i = 0; i < RTE_DIM(junk); i++)
        assert_false(tern_dpdk_version_matches(junk[i], FINAL(22, 11, 11)));
}

static void
suffix_of_a_distribution_is_ignored(void **state)
{
    (void)state;
    assert_true(tern_dpdk_version_matches("DPDK 22.11.11 (distribution)", FINAL(22, 11, 11)));
    assert_true(tern_dpdk_version_matches("Vendor DPDK 22.11.11", FINAL(22, 11, 11)));
}

static void
this_process_matches(void **state)
{
    (void)state;
    assert_true(tern_dpdk_version_matches(rte_version(), RTE_VERSION));
    assert_int_equal(tern_dpdk_version_check(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_version_matches),
        cmocka_unit_test(updates_of_one_release_match),
        cmocka_unit_test(other_month_or_year_is_refused),
        cmocka_unit_test(candidate_matches_only_itself),
        cmocka_unit_test(no_version_is_refused),
        cmocka_unit_test(suffix_of_a_distribution_is_ignored),
        cmocka_unit_test(this_process_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
