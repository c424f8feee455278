// SPDX-License-Identifier: BSD-3-Clause
// How the tables were made that workers look into. For tests that are linked with
// -Wl,--wrap=rte_hash_create.
#ifndef FWD_TEST_HASH_H
#define FWD_TEST_HASH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_hash.h>

static uint32_t hash_flags; // of the last one
static unsigned hash_made;

struct rte_hash *__real_rte_hash_create(const struct rte_hash_parameters *p);
struct rte_hash *__wrap_rte_hash_create(const struct rte_hash_parameters *p);

struct rte_hash *__wrap_rte_hash_create(const struct rte_hash_parameters *p)
{
    hash_flags = p->extra_flag;
    hash_made++;
    return __real_rte_hash_create(p);
}

// Whoever looks up takes no lock, although another thread adds and deletes. (DPDK takes one where
// it is asked for concurrency in any other way.)
static void hash_is_read_without_a_lock(void **state)
{
    (void)state;
    assert_int_equal(hash_made, 1);
    assert_true(hash_flags & RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF);
    assert_false(hash_flags &
                 (RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY | RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD |
                  RTE_HASH_EXTRA_FLAGS_TRANS_MEM_SUPPORT));
}

#endif
