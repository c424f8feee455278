// SPDX-License-Identifier: BSD-3-Clause
// What --check says of machines that are made of files: two nodes, isolated CPUs, governors,
// hugepages.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "check.h"

static char root[64], said[16384];
static struct fwd_conf conf;

// Writes a file of the kernel's, with the folders that lead to it.
__attribute__((format(printf, 2, 3))) static void put(const char *name, const char *format, ...)
{
    char path[256];
    snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    va_list ap;
    va_start(ap, format);
    vfprintf(f, format, ap);
    va_end(ap);
    fclose(f);
}

// Two nodes of two CPUs; all is well.
static int make_machine(void **state)
{
    char name[128];
    (void)state;
    snprintf(root, sizeof(root), "/tmp/fwd-check.XXXXXX");
    if (!mkdtemp(root))
        return -1;
    put("/sys/devices/system/cpu/online", "0-3\n");
    put("/sys/devices/system/cpu/isolated", "1-3\n");
    put("/sys/devices/system/cpu/nohz_full", "1-3\n");
    put("/sys/devices/system/node/node0/cpulist", "0-1\n");
    put("/sys/devices/system/node/node1/cpulist", "2,3\n");
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", i);
        put(name, "performance\n");
        snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 i);
        put(name, "%d\n", i);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name),
                 "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages", i);
        put(name, "64\n");
        snprintf(name, sizeof(name),
                 "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/free_hugepages", i);
        put(name, "50\n");
    }
    put("/sys/bus/pci/devices/0000:01:00.0/numa_node", "0\n");
    fwd_conf_init(&conf);
    conf.nports = 1;
    strcpy(conf.ports[0].name, "0000:01:00.0");
    conf.nassign = 1;
    conf.assign[0] = (struct fwd_conf_assign){.lcore = 1};
    return 0;
}

static int remove_machine(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static const char *main_lcore; // as EAL was told

static unsigned look_with(const char *lcores)
{
    FILE *out = fmemopen(said, sizeof(said), "w");
    unsigned warnings =
        fwd_check_machine(&conf, (struct fwd_check_eal){lcores, main_lcore}, root, out);
    fclose(out);
    unsigned fixes = 0;
    for (const char *at = said; (at = strstr(at, "\nfix: ")); at++)
        fixes++;
    assert_int_equal(fixes, warnings);
    return warnings;
}

static unsigned look(void)
{
    return look_with("0-3");
}

static void test_good_machine(void **state)
{
    (void)state;
    if (look())
        fail_msg("%s", said);
    assert_non_null(strstr(said, "numa        2 nodes\n"));
    assert_non_null(strstr(said, "hugepages   node 1: 128 MiB, 100 MiB free\n"));
    assert_non_null(strstr(said, "isolation   isolcpus=1-3 nohz_full=1-3\n"));
    assert_non_null(strstr(said, "governor    performance\n"));
}

// One thing is wrong in each; one warning says so.
static const struct {
    const char *name, *content, *says;
} faults[] = {
    {"/sys/devices/system/cpu/online", "0,2-3\n", "lcore 1: there is no such CPU online (0,2-3)"},
    {"/sys/devices/system/cpu/isolated", "\n", "lcore 1: the scheduler may put other threads"},
    {"/sys/devices/system/cpu/isolated", "2-3,10-11\n", "lcore 1: the scheduler may put"},
    {"/sys/devices/system/cpu/isolated", "rubbish 1\n", "lcore 1: the scheduler may put"},
    {"/sys/devices/system/cpu/nohz_full", "  (null)\n", "lcore 1: the timer interrupts it"},
    {"/sys/devices/system/cpu/nohz_full", "(null)\n", "nohz_full=none"},
    {"/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n",
     "lcore 1: the governor powersave changes the clock"},
    {"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "18\n",
     "node 0: 16384 packet buffers need 38 MiB of hugepages, 36 MiB are free"},
    {"/sys/bus/pci/devices/0000:01:00.0/numa_node", "1\n",
     "0000:01:00.0 is on node 1, lcore 1, which polls its queue 0, on node 0"},
};

static void test_faults(void **state)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        remove_machine(state);
        make_machine(state);
        put(faults[i].name, "%s", faults[i].content);
        unsigned warnings = look();
        if (warnings != 1 || !strstr(said, faults[i].says))
            fail_msg("%s: %u warnings:\n%s", faults[i].name, warnings, said);
    }
}

static void test_two_threads_of_a_core(void **state)
{
    (void)state;
    conf.assign[conf.nassign++] = (struct fwd_conf_assign){.lcore = 3};
    put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3\n");
    assert_int_equal(look(), 2); // and the queue's lcore is far from its device
    assert_non_null(strstr(said, "lcores 1 and 3 are two threads of one core"));
}

// 176 MiB of tables and 38 of packet buffers, of 216 that are free.
static void test_tables_of_a_router(void **state)
{
    static const char file[] =
        "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages";
    (void)state;
    conf.mode = FWD_L3;
    put(file, "58\n");
    if (look())
        fail_msg("%s", said);
    put(file, "56\n");
    assert_int_equal(look(), 1);
    assert_non_null(strstr(said, "the router's tables and 16384 packet buffers need 214 MiB of "
                                 "hugepages, 212 MiB are free"));
    conf.mode = FWD_L2;
    assert_int_equal(look(), 0);
}

static void test_no_hugepages(void **state)
{
    (void)state;
    put("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    put("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    assert_int_equal(look(), 1);
    assert_non_null(strstr(said, "no hugepages are reserved"));
}

static const char node0_pages[] =
    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";
static const char node0_free[] =
    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages";
static const char node1_pages[] =
    "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages";
static const char node1_free[] =
    "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages";

// A worker has its own memory on its node.
static void test_no_hugepages_on_a_workers_node(void **state)
{
    (void)state;
    put(node1_pages, "0\n");
    put(node1_free, "0\n");
    assert_int_equal(look(), 0); // no worker is there
    conf.nassign = 0;
    assert_int_equal(look_with("0,1,3"), 1);
    assert_non_null(strstr(said, "node 1: its workers need memory there, and no hugepage is free"));
    put(node1_pages, "1\n");
    put(node1_free, "1\n");
    assert_int_equal(look_with("0,1,3"), 0); // packet buffers are where the port is
}

// The packet buffers of a guest's port are on the control thread's node, whoever polls it.
static void test_packet_buffers_of_a_guest(void **state)
{
    (void)state;
    conf.nassign = 0;
    strcpy(conf.ports[0].name, "net_tern_vhost0");
    put(node0_pages, "1\n");
    put(node0_free, "1\n");
    assert_int_equal(look_with("2,3"), 0);
    assert_int_equal(look_with("1,2,3"), 1);
    assert_non_null(strstr(said, "node 0: 16384 packet buffers need 38 MiB of hugepages, 2 MiB "));
    conf.nports = 0; // all that EAL finds
    assert_int_equal(look_with("1,2,3"), 1);
    conf.mbufs = 512;
    assert_int_equal(look_with("1,2,3"), 0);
}

// A machine that tells nothing, as some containers: nothing but what is not known.
static void test_bare_machine(void **state)
{
    remove_machine(state);
    assert_int_equal(mkdir(root, 0700), 0);
    assert_int_equal(look(), 2);
    assert_non_null(strstr(said, "numa        0 nodes\n"));
    assert_non_null(strstr(said, "governor    none"));
}

// All lcores but the main one are workers then, which is the first if nobody says otherwise.
static void test_automatic_placement(void **state)
{
    (void)state;
    conf.nassign = 0;
    put("/sys/devices/system/cpu/isolated", "0-1\n");
    assert_int_equal(look_with("1,2"), 1);
    assert_non_null(strstr(said, "workers     1, EAL's lcores 1,2 without the main one, 1\n"));
    assert_non_null(strstr(said, "lcore 2: the scheduler may put other threads on it"));
    assert_int_equal(look_with("0-1"), 0);
    assert_int_equal(look_with("3"), 1);
    assert_non_null(strstr(said, "EAL's lcores (3) hold no worker"));
    main_lcore = "2";
    assert_int_equal(look_with("1,2"), 0);
    assert_non_null(strstr(said, "workers     1, EAL's lcores 1,2 without the main one, 2\n"));
    assert_int_equal(look_with("0-1"), 1);
    assert_non_null(strstr(said, "--main-lcore 2 is none of its lcores 0-1\nfix: "));
    main_lcore = "1x";
    assert_int_equal(look_with("0-1"), 1);
    main_lcore = "4294967296";
    assert_int_equal(look_with("0-1"), 1);
    main_lcore = "0x1"; // as EAL reads it
    look_with("0-1");
    assert_non_null(strstr(said, "workers     1, EAL's lcores 0-1 without the main one, 1\n"));
    main_lcore = "8"; // of a list that is not looked at
    look_with("8@0,9@1");
    assert_null(strstr(said, "--main-lcore"));
    main_lcore = NULL;
}

static void test_lcores_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(look_with("0,1"), 0);
    assert_non_null(strstr(said, "workers     1 named by the file\n"));
    assert_int_equal(look_with("0,2-3"), 1);
    assert_non_null(strstr(said, "lcore 1 is no worker of EAL's (0,2-3)"));
    assert_int_equal(look_with("1-3"), 1); // the control thread's
    assert_non_null(strstr(said, "lcore 1 is no worker of EAL's (1-3)"));
    assert_int_equal(look_with("(0-3)@1"), 1);
    assert_non_null(strstr(said, "EAL's lcores (0-3)@1 are not looked at"));
    conf.nports = 2; // nobody says who polls the second one
    put("/sys/devices/system/cpu/isolated", "1\n");
    assert_int_equal(look_with("0-2"), 1);
    assert_non_null(strstr(said, "lcore 2: the scheduler may put other threads on it"));
}

// Without a list: CPUs of this process, of which a test does not know how many there are.
static void test_lcores_of_the_process(void **state)
{
    (void)state;
    conf.nassign = 0;
    look_with(NULL);
    const char *at = strstr(said, "workers ");
    assert_non_null(at);
    assert_non_null(strstr(at, "if EAL is not told others"));
}

static void test_options_of_eal(void **state)
{
    char *const spaced[] = {"--no-pci", "-l", "1,2", "-l", "0-1", "--main-lcore", "1"};
    char *const joined[] = {"-l3,4", "--file-prefix=x"};
    char *const equals[] = {"--lcores=5", "--main-lcore=7"};
    (void)state;
    assert_null(fwd_check_options(1, spaced).lcores);
    assert_null(fwd_check_options(2, spaced).lcores); // a list is missing
    assert_string_equal(fwd_check_options(3, spaced).lcores, "1,2");
    assert_string_equal(fwd_check_options(5, spaced).lcores, "0-1");
    assert_null(fwd_check_options(5, spaced).main_lcore);
    assert_string_equal(fwd_check_options(7, spaced).main_lcore, "1");
    assert_string_equal(fwd_check_options(2, joined).lcores, "3,4");
    assert_string_equal(fwd_check_options(2, equals).lcores, "5");
    assert_string_equal(fwd_check_options(2, equals).main_lcore, "7");
}

static void test_files(void **state)
{
    char path[96];
    (void)state;
    put("/good.ini", "[fwd]\nmode = l2\n[port a]\nlcores = 1\n");
    put("/bad.ini", "[fwd]\nmode = l7\nburst = x\n");
    FILE *out = fmemopen(said, sizeof(said), "w");
    snprintf(path, sizeof(path), "%s/good.ini", root);
    assert_int_equal(fwd_check_file(path, (struct fwd_check_eal){"0-3", NULL}, root, out), 0);
    fclose(out);
    assert_non_null(strstr(said, "right; mode l2, 1 ports"));
    assert_non_null(strstr(said, "\n0 warnings\n"));
    out = fmemopen(said, sizeof(said), "w");
    snprintf(path, sizeof(path), "%s/bad.ini", root);
    assert_int_equal(fwd_check_file(path, (struct fwd_check_eal){"0-3", NULL}, root, out), 1);
    fclose(out);
    assert_non_null(strstr(said, "bad.ini:3: [fwd] burst:"));
    assert_non_null(strstr(said, "bad.ini: 2 errors\n"));
    assert_null(strstr(said, "hugepages"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_machine, remove_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good_machine),
        TEST(test_faults),
        TEST(test_two_threads_of_a_core),
        TEST(test_tables_of_a_router),
        TEST(test_no_hugepages),
        TEST(test_no_hugepages_on_a_workers_node),
        TEST(test_packet_buffers_of_a_guest),
        TEST(test_bare_machine),
        TEST(test_automatic_placement),
        TEST(test_lcores_of_the_file),
        TEST(test_lcores_of_the_process),
        TEST(test_options_of_eal),
        TEST(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
