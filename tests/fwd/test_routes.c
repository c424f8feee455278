// SPDX-License-Identifier: BSD-3-Clause
// The router's tables while workers run: they are made beside, and once for many changes.
#include "bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>

#include "l3.h"
#include "reload.h"

#define ROUTES 500u // of each family

static struct bed bed;
static unsigned made4, made6;
static bool no_memory;

// ---- what makes tables (the linker puts these in the place of DPDK's) ----

struct rte_fib *__real_rte_fib_create(const char *name, int socket, struct rte_fib_conf *conf);
struct rte_fib *__wrap_rte_fib_create(const char *name, int socket, struct rte_fib_conf *conf);
struct rte_fib6 *__real_rte_fib6_create(const char *name, int socket, struct rte_fib6_conf *conf);
struct rte_fib6 *__wrap_rte_fib6_create(const char *name, int socket, struct rte_fib6_conf *conf);

// Nobody is held, and every worker turns.
static void workers_run(void)
{
    uint64_t before[FWD_WORKERS_MAX];
    if (!bed.fwd->running)
        return;
    assert_int_equal(bed.fwd->holds, 0);
    for (unsigned i = 0; i < bed.fwd->nworkers; i++)
        before[i] = __atomic_load_n(&bed.fwd->workers[i]->loops, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < bed.fwd->nworkers; i++)
        if (bed.fwd->workers[i]->nrxq)
            BED_AWAIT(__atomic_load_n(&bed.fwd->workers[i]->loops, __ATOMIC_RELAXED) != before[i]);
}

struct rte_fib *__wrap_rte_fib_create(const char *name, int socket, struct rte_fib_conf *conf)
{
    made4++;
    workers_run();
    rte_errno = ENOMEM;
    return no_memory ? NULL : __real_rte_fib_create(name, socket, conf);
}

struct rte_fib6 *__wrap_rte_fib6_create(const char *name, int socket, struct rte_fib6_conf *conf)
{
    made6++;
    workers_run();
    return __real_rte_fib6_create(name, socket, conf);
}

// ---- a router with two ports ----

static void open_router(void)
{
    bed_make(&bed);
    bed.fwd->conf.mode = FWD_L3;
    bed.fwd->conf.idle = FWD_IDLE_PAUSE;
    for (unsigned i = 0; i < 2; i++) {
        bed_add_port(&bed, 1, 1, 64);
        struct fwd_conf_port *c = &bed.fwd->conf.ports[i];
        snprintf(c->addresses[0], FWD_NAME_MAX, "10.0.%u.1/24", i);
        snprintf(c->addresses[1], FWD_NAME_MAX, "2001:db8:%u::1/64", i);
        c->naddresses = 2;
    }
    bed_start(&bed);
    made4 = made6 = 0;
}

static bool count(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    (void)p;
    *(unsigned *)arg += !hop->own;
    return true;
}

// Those that no address of a port brings along.
static unsigned routes(void)
{
    unsigned n = 0;
    fwd_fib_walk(fwd_l3_fib(bed.fwd), count, &n);
    return n;
}

static uint8_t kind_of(const char *text)
{
    struct fwd_addr a;
    assert_true(fwd_addr_parse(text, &a));
    return fwd_fib_find(fwd_l3_fib(bed.fwd), &a)->kind;
}

static void tables_are_made_while_workers_run(void **state)
{
    (void)state;
    open_router();
    struct fwd_conf_port conf = bed.fwd->conf.ports[1];
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(fwd_port_remove(bed.fwd, bed.port[1].name), 0);
        assert_int_equal(kind_of("10.0.1.1"), FWD_HOP_NONE);
        assert_int_equal(fwd_port_add(bed.fwd, &conf, NULL), 0);
        assert_int_equal(kind_of("10.0.1.1"), FWD_HOP_LOCAL);
        assert_int_equal(kind_of("2001:db8:1::7"), FWD_HOP_LINK);
        assert_int_equal(made4, 2 * i);
        assert_int_equal(made6, 2 * i);
    }
    bed_free(&bed);
}

// One whose queue is to go to an lcore that is no worker is refused after its tables were made.
static void a_port_that_is_refused_leaves_no_route(void **state)
{
    (void)state;
    open_router();
    struct fwd_conf_port conf = bed.fwd->conf.ports[1];
    assert_int_equal(fwd_port_remove(bed.fwd, bed.port[1].name), 0);
    bed.fwd->conf.assign[0] = (struct fwd_conf_assign){1, 0, 0};
    bed.fwd->conf.nassign = 1;
    assert_int_equal(fwd_port_add(bed.fwd, &conf, NULL), -EINVAL);
    assert_int_equal(kind_of("10.0.1.1"), FWD_HOP_NONE);
    bed.fwd->conf.nassign = 0;
    assert_int_equal(fwd_port_add(bed.fwd, &conf, NULL), 0);
    assert_int_equal(kind_of("10.0.1.1"), FWD_HOP_LOCAL);
    bed_free(&bed);
}

// ---- reload ----

static char path[sizeof("/tmp/tern-routes-XXXXXX")];

static void write_file(unsigned n, unsigned host)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("[fwd]\nmode = l3\n", f);
    for (unsigned i = 0; i < 2; i++)
        fprintf(f, "[port %s]\nrxq = 1\ntxq = 1\naddress = 10.0.%u.1/24, 2001:db8:%u::1/64\n",
                bed.port[i].name, i, i);
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, "[route 172.%u.%u.0/24]\nvia = 10.0.1.%u\n", 16 + i / 256, i % 256, host);
        fprintf(f, "[route 2001:db8:%x::/48]\nvia = 2001:db8:1::%u\n", 0x1000 + i, host);
    }
    assert_int_equal(fclose(f), 0);
}

static void reload(void)
{
    struct fwd_reply r = {.result = NULL};
    made4 = made6 = 0;
    assert_int_equal(fwd_reload(bed.fwd, NULL, &r), 0);
    json_decref(r.result);
}

static void open_router_with_file(void)
{
    static char *argv[] = {(char *)"tern-fwd", (char *)"--file", path};
    strcpy(path, "/tmp/tern-routes-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    open_router();
    bed.fwd->argc = RTE_DIM(argv);
    bed.fwd->argv = argv;
    snprintf(bed.fwd->conf.file, sizeof(bed.fwd->conf.file), "%s", path);
}

static unsigned gateway_of(const char *text)
{
    struct fwd_addr a;
    assert_true(fwd_addr_parse(text, &a));
    return fwd_fib_find(fwd_l3_fib(bed.fwd), &a)->gateway.b[15];
}

// All of 1000 routes come, lead elsewhere, go: each time one table a family is made.
static void a_reload_makes_its_tables_once(void **state)
{
    const unsigned steps[][2] = {{ROUTES, 2}, {ROUTES, 4}, {ROUTES / 2, 4}, {0, 2}};
    (void)state;
    open_router_with_file();
    for (unsigned i = 0; i < RTE_DIM(steps); i++) {
        write_file(steps[i][0], steps[i][1]);
        reload();
        assert_int_equal(made4, 1);
        assert_int_equal(made6, 1);
        assert_int_equal(routes(), 2 * steps[i][0]);
    }
    reload(); // of the same file: nobody makes any
    assert_int_equal(made4 + made6, 0);
    bed_free(&bed);
    unlink(path);
}

static void a_reload_without_memory_is_made_up_for(void **state)
{
    struct fwd_reply r = {.result = NULL};
    (void)state;
    open_router_with_file();
    write_file(2, 2);
    reload();
    assert_int_equal(gateway_of("172.16.1.9"), 2);
    write_file(1, 4);
    no_memory = true;
    assert_int_equal(fwd_reload(bed.fwd, NULL, &r), -ENOMEM);
    json_decref(r.result);
    assert_int_equal(gateway_of("172.16.0.9"), 2);
    no_memory = false;
    reload();
    assert_int_equal(gateway_of("172.16.0.9"), 4);
    assert_int_equal(routes(), 2);
    bed_free(&bed);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_made_while_workers_run),
        cmocka_unit_test(a_port_that_is_refused_leaves_no_route),
        cmocka_unit_test(a_reload_makes_its_tables_once),
        cmocka_unit_test(a_reload_without_memory_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
