// SPDX-License-Identifier: BSD-3-Clause
// How a study is made: the order of repetitions, the names of cases, what is left out, how far it
// has come, and how far a case differs from itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv.h"
#include "name.h"
#include "order.h"
#include "possible.h"
#include "progress.h"
#include "share.h"
#include "skips.h"
#include "table.h"

#define CASES 50u
#define TURNS 4u

static void each_turn_has_every_case_once(void **state)
{
    uint32_t order[CASES * TURNS];
    (void)state;
    for (unsigned launch = 1; launch < 20; launch++) {
        bench_order(order, CASES, TURNS, 1234, launch);
        for (unsigned turn = 0; turn < TURNS; turn++) {
            unsigned seen[CASES] = {0};
            for (unsigned i = 0; i < CASES; i++) {
                assert_in_range(order[turn * CASES + i], 0, CASES - 1);
                assert_int_equal(seen[order[turn * CASES + i]]++, 0);
            }
        }
        // Each turn is shuffled by itself.
        assert_memory_not_equal(order, order + CASES, CASES * sizeof(order[0]));
    }
}

static void the_seed_decides(void **state)
{
    uint32_t a[CASES * TURNS], b[CASES * TURNS];
    (void)state;
    bench_order(a, CASES, TURNS, 1, 1);
    bench_order(b, CASES, TURNS, 1, 1);
    assert_memory_equal(a, b, sizeof(a));
    bench_order(b, CASES, TURNS, 2, 1);
    assert_memory_not_equal(a, b, sizeof(a));
    bench_order(b, CASES, TURNS, 1, 2);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(bench_order_seed() != 0);
}

// Every case is first about as often as any other.
static void no_case_is_favoured(void **state)
{
    uint32_t order[8];
    unsigned first[8] = {0};
    (void)state;
    for (unsigned seed = 1; seed <= 8000; seed++) {
        bench_order(order, 8, 1, seed, 1);
        first[order[0]]++;
    }
    for (unsigned i = 0; i < 8; i++)
        assert_in_range(first[i], 850, 1150); // 1000, give or take five deviations
}

static void names(void **state)
{
    static const char *const batches[] = {"publish", "complete", NULL};
    const char *name = "packed-inorder/size:256/publish:8/complete:1/work:copy";
    char text[100];
    (void)state;
    assert_true(bench_name_get(name, "ring", text, sizeof(text)));
    assert_string_equal(text, "packed-inorder");
    assert_true(bench_name_get(name, "publish", text, sizeof(text)));
    assert_string_equal(text, "8");
    assert_true(bench_name_get(name, "work", text, sizeof(text)));
    assert_string_equal(text, "copy");
    assert_false(bench_name_get(name, "lish", text, sizeof(text)));
    assert_false(bench_name_get(name, "place", text, sizeof(text)));
    assert_string_equal(text, "");
    bench_name_rest(name, batches, text, sizeof(text));
    assert_string_equal(text, "size:256/work:copy");
    char cut[12];
    bench_name_rest(name, batches, cut, sizeof(cut));
    assert_string_equal(cut, "size:256/wo");

    bench_name_again(name, text, sizeof(text));
    assert_true(bench_name_is_again(text));
    assert_false(bench_name_is_again(name));
    char back[100];
    bench_name_first(text, back, sizeof(back));
    assert_string_equal(back, name);
    bench_name_rest(text, batches, back, sizeof(back));
    assert_string_equal(back, "size:256/work:copy/again");
    assert_true(bench_name_compare("a/size:64", "a/size:256") < 0);
    assert_int_equal(bench_name_payload("split/size:64/work:copy"), 64);
    assert_int_equal(bench_name_payload("split/size:128/payload:1518/work:copy"), 1518);
}

static void skips_are_kept_once(void **state)
{
    struct bench_skips s = {NULL, 0};
    char dir[] = "/tmp/tern-skips-XXXXXX", path[100], text[300] = "";
    (void)state;
    bench_skips_add(&s, "numa", "1 node\nfix: none", true);
    bench_skips_add(&s, "numa", "1 node", true);
    bench_skips_add(&s, "a \"b\", c", "none", false);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.skip[0].cases, 2);
    assert_string_equal(s.skip[0].why, "1 node");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(bench_skips_write(&s, dir), 0);
    snprintf(path, sizeof(path), "%s/skipped.csv", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    assert_string_equal(text, "what,reason,cases\n\"numa\",\"1 node\",2\n"
                              "\"a \"\"b\"\", c\",\"none\",1\n");
    unlink(path);
    rmdir(dir);
    bench_skips_free(&s);
    assert_int_equal(bench_skips_write(&s, "/nowhere/at/all"), -2);
}

static void what_is_lacking(void **state)
{
    char what[100], why[100];
    struct bench_case c = {.ring = bench_rings[0],
                           .size = 64,
                           .depth = 64,
                           .payload = 64,
                           .segs = 1,
                           .place = BENCH_SAME,
                           .cpu = {-1, -1}};
    (void)state;
    assert_int_equal(bench_possible(&c, what, why, sizeof(why)), 0);
    c.cpu[0] = 1023;
    assert_int_equal(bench_possible(&c, what, why, sizeof(why)), -1);
    assert_string_equal(what, "same");
    assert_string_equal(why, "CPU 1023 is not there");
    c.cpu[0] = -1;
    c.work = BENCH_COPY;
    c.depth = UINT32_MAX;
    c.payload = BENCH_PAYLOAD; // 256 TiB
    assert_int_equal(bench_possible(&c, what, why, sizeof(why)), -1);
    assert_string_equal(what, "4294967295 buffers of 65536 bytes");
    assert_non_null(strstr(why, " MiB free"));
    c.huge = true;
    assert_int_equal(bench_possible(&c, what, why, sizeof(why)), -1);
    assert_string_equal(what, "2 MiB pages");
}

static void progress(void **state)
{
    struct bench_progress p = {.done = 30, .total = 120, .begun_at = 10};
    char text[100];
    (void)state;
    bench_progress_text(&p, 40 * 1000000000ull, text, sizeof(text)); // 2 s each, 90 to go
    assert_string_equal(text, "30/120 repetitions, 25 %, 3 min left");
    p.done = p.total;
    bench_progress_text(&p, 1, text, sizeof(text));
    assert_string_equal(text, "120/120 repetitions, 100 %, 0 s left");
    p = (struct bench_progress){.total = 5};
    bench_progress_text(&p, 1, text, sizeof(text));
    assert_string_equal(text, "0/5 repetitions, 0 %, ? left");
    bench_progress_time(12 * 3600, text, sizeof(text));
    assert_string_equal(text, "12.0 h");
}

// Cells in quotes, with quotes and commas in them, empty ones, and ends of lines of any kind.
static void cells(void **state)
{
    char *cell[BENCH_CSV_CELLS], many[400] = "";
    char plain[] = "a,,c\n", quotes[] = "\"x, \"\"y\"\"\",2,\"\"\r\n",
         open[] = "1,\"never closed\n";
    double v;
    (void)state;
    assert_int_equal(bench_csv_split(plain, cell), 3);
    assert_string_equal(cell[0], "a");
    assert_string_equal(cell[1], "");
    assert_string_equal(cell[2], "c");
    assert_int_equal(bench_csv_split(quotes, cell), 3);
    assert_string_equal(cell[0], "x, \"y\"");
    assert_string_equal(cell[1], "2");
    assert_string_equal(cell[2], "");
    assert_int_equal(bench_csv_split(open, cell), 2);
    assert_string_equal(cell[1], "never closed");
    memset(many, ',', sizeof(many) - 1);
    assert_int_equal(bench_csv_split(many, cell), BENCH_CSV_CELLS);
    assert_true(bench_csv_number("-1.5e3", &v) && v == -1500);
    assert_false(bench_csv_number("", &v));
    assert_false(bench_csv_number("3 ns", &v));
    assert_int_equal(bench_csv_each("/nowhere/at/all", NULL, NULL), -2);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

// Lines of the model and limits of the machine come together by the cases' names.
static void shares(void **state)
{
    char dir[] = "/tmp/tern-share-XXXXXX", path[100];
    struct bench_share s;
    (void)state;
    assert_non_null(mkdtemp(dir));
    bench_share_load(&s, dir);
    assert_true(bench_share_lines(&s, "split/size:64") == 0);
    assert_true(bench_share_limit_ns(&s, "split/size:64", BENCH_FAR) == 0);
    bench_share_free(&s);

    write_file(dir, "lines.csv",
               "case,area,buffers,total,moved\n"
               "split/size:64/schedule:lockstep,payload,10,9,9\n"
               "split/size:64/schedule:lockstep,all,10,7,3\n"
               "split/size:64/schedule:half,all,10,7,2\n"
               "split/size:64/schedule:half/polls:on,all,10,7,1\n"
               "split/size:64/schedule:half/hints:off,all,10,7,1\n"
               "split/size:64/work:copy/schedule:half,all,10,7,4\n");
    write_file(dir, "roofline.csv",
               "class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns\n"
               "far,one-way,1,0,32,256,9,10,10,10\n"
               "far,one-way,4,0,32,256,9,40,40,40\n"
               "far,from-other,0,64,0,0,9,70,70,70\n");
    bench_share_load(&s, dir);
    assert_true(bench_share_lines(&s, "split/size:64") == 2); // of the better schedule
    assert_true(bench_share_lines(&s, "split/size:64/again") == 2);
    assert_true(bench_share_lines(&s, "split/size:64/place:processes/pages:2m") == 2);
    assert_true(bench_share_lines(&s, "split/size:128") == 0);
    assert_true(bench_share_limit_ns(&s, "split/size:64", BENCH_FAR) == 20);
    assert_true(bench_share_limit_ns(&s, "split/size:64", BENCH_NEAR) == 0);
    assert_true(bench_share_limit_ns(&s, "split/size:64/work:copy", BENCH_FAR) == 70);
    bench_share_free(&s);
    snprintf(path, sizeof(path), "%s/lines.csv", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/roofline.csv", dir);
    unlink(path);
    rmdir(dir);
}

// A table of two cases, of which one ran twice.
static void noise(void **state)
{
    char path[] = "/tmp/tern-noise-XXXXXX";
    struct bench_row row = {.class_ = BENCH_FAR};
    struct bench_table t;
    (void)state;
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    for (unsigned i = 0; i < 30; i++) {
        row.launch = i % 3 + 1;
        row.ns = 100 + (double)(i % 5) / 10;
        strcpy(row.name, "split/size:64");
        bench_rows_put(f, &row);
        strcpy(row.name, "split/size:64/again");
        row.ns /= 1.25;
        bench_rows_put(f, &row);
        strcpy(row.name, "packed/size:256");
        row.ns *= 10;
        bench_rows_put(f, &row);
        row.class_ = BENCH_MIXED;
        bench_rows_put(f, &row);
        row.class_ = BENCH_FAR;
    }
    fclose(f);
    assert_int_equal(bench_table_read(&t, path), 0);
    unlink(path);
    assert_int_equal(t.n, 120);
    assert_int_equal(t.keys, 3); // mixed ones are none
    assert_string_equal(t.key[0].name, "packed/size:256");
    double n = bench_table_noise(&t, BENCH_FAR);
    assert_true(n > 1.249 && n < 1.26);
    assert_true(bench_table_noise(&t, BENCH_NEAR) == 0);
    size_t count = 0;
    struct bench_interval m = bench_table_interval(&t, "split/size:64", BENCH_FAR,
                                                   offsetof(struct bench_row, ns), &count);
    assert_int_equal(count, 30);
    assert_true(m.middle > 100 && m.middle < 100.5 && m.low <= m.middle && m.middle <= m.high);
    bench_table_free(&t);
}

// A case of which one repetition failed has no figure at all, whatever the others say.
static void failed_cases(void **state)
{
    char path[] = "/tmp/tern-failed-XXXXXX";
    static const char *const name[] = {"split/size:64", "packed/size:64", "packed/size:64/again"};
    struct bench_table t;
    (void)state;
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    for (unsigned i = 0; i < 9; i++) {
        struct bench_row row = {.class_ = i == 4 ? BENCH_FAILED : BENCH_NEAR, .ns = 10};
        strcpy(row.name, name[i % 3]);
        bench_rows_put(f, &row);
    }
    fclose(f);
    assert_int_equal(bench_table_read(&t, path), 0);
    unlink(path);
    assert_int_equal(t.n, 9);
    assert_int_equal(t.keys, 1);
    assert_string_equal(t.key[0].name, "split/size:64");
    assert_true(
        bench_table_median(&t, "packed/size:64", BENCH_NEAR, offsetof(struct bench_row, ns)) == 0);
    assert_int_equal(t.failures, 1);
    assert_string_equal(t.failed[0], "packed/size:64");
    bench_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_has_every_case_once),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(no_case_is_favoured),
        cmocka_unit_test(names),
        cmocka_unit_test(skips_are_kept_once),
        cmocka_unit_test(what_is_lacking),
        cmocka_unit_test(progress),
        cmocka_unit_test(cells),
        cmocka_unit_test(shares),
        cmocka_unit_test(noise),
        cmocka_unit_test(failed_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
