// SPDX-License-Identifier: BSD-3-Clause
// The effects of factors, on figures that are made up and whose effects are therefore known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "effects.h"

#define REST "size:256"

// What is put in, as ratios.
struct world {
    double layout, order, publish, complete; // from the lowest level to the highest
    double layout_publish;                   // interaction
    double launch;                           // what a launch multiplies all its cases by
    double noise;                            // of a repetition
    unsigned launches, repetitions;
    const char *without;          // a ring that is not there
    enum bench_class other_class; // of one cell; BENCH_CLASSES: none
};

static const struct world quiet = {.layout = 0.8,
                                   .order = 0.9,
                                   .publish = 0.5,
                                   .complete = 0.7,
                                   .layout_publish = 1,
                                   .launch = 1,
                                   .launches = 5,
                                   .repetitions = 10,
                                   .other_class = BENCH_CLASSES};

static const uint32_t publish[] = {1, 8, 32}, complete[] = {1, 32};
static const char *const rings[] = {"split", "split-inorder", "packed", "packed-inorder"};

// Between -1 and 1, the same each time.
static double wobble(void)
{
    static uint64_t state = 88172645463325252ull;
    return (double)bench_draw(&state, 2001) / 1000 - 1;
}

static void put_cell(FILE *f, const struct world *w, unsigned ring, unsigned p, unsigned c)
{
    struct bench_row row = {.class_ = BENCH_FAR};
    double at = (double)p / 2, y = 200 * pow(w->publish, at);
    y *= (ring / 2 ? w->layout * pow(w->layout_publish, at) : 1) * (ring % 2 ? w->order : 1);
    y *= c ? w->complete : 1;
    snprintf(row.name, sizeof(row.name), "%s/" REST "/publish:%u/complete:%u", rings[ring],
             publish[p], complete[c]);
    if (w->other_class != BENCH_CLASSES && ring == 3 && p == 1 && c == 1)
        row.class_ = w->other_class;
    for (unsigned l = 1; l <= w->launches; l++) {
        for (unsigned r = 0; r < w->repetitions; r++) {
            row.launch = l;
            row.ns = y * pow(w->launch, l) * (1 + w->noise * wobble());
            bench_rows_put(f, &row);
        }
    }
}

static int effects(const struct world *w, struct bench_effects *e)
{
    char path[] = "/tmp/tern-effects-XXXXXX";
    struct bench_table t;
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    for (unsigned i = 0; i < 4 * 3 * 2; i++)
        if (!w->without || strcmp(w->without, rings[i / 6]))
            put_cell(f, w, i / 6, i % 6 / 2, i % 2);
    // What is no part of it.
    struct bench_row row = {.name = "floor/" REST "/publish:4/complete:1", .ns = 1, .launch = 1};
    row.class_ = BENCH_FAR;
    bench_rows_put(f, &row);
    strcpy(row.name, "split/size:64/publish:2/complete:1");
    bench_rows_put(f, &row);
    strcpy(row.name, "split/" REST "/publish:1/complete:1/again");
    bench_rows_put(f, &row);
    fclose(f);
    assert_int_equal(bench_table_read(&t, path), 0);
    unlink(path);
    int rc = bench_effects_of(&t, REST, BENCH_FAR, e);
    bench_table_free(&t);
    return rc;
}

static const struct bench_interval *of(const struct bench_effects *e, int a, int b)
{
    for (unsigned i = 0; i < e->effects; i++)
        if (e->effect[i].a == a && e->effect[i].b == b)
            return &e->effect[i].ratio;
    fail_msg("no effect %d %d", a, b);
    return NULL;
}

static void near(double got, double wanted, double by)
{
    if (fabs(got - wanted) > by)
        fail_msg("%f instead of %f", got, wanted);
}

static void without_noise(void **state)
{
    struct bench_effects e;
    (void)state;
    assert_int_equal(effects(&quiet, &e), 0);
    assert_int_equal(e.factors, 4);
    assert_int_equal(e.effects, 10);
    assert_int_equal(e.cells, 24);
    assert_int_equal(e.launches, 5);
    assert_int_equal(e.repetitions, 24 * 50);
    assert_string_equal(e.factor[0].name, "layout");
    assert_string_equal(e.factor[2].low, "publish 1");
    assert_string_equal(e.factor[2].high, "publish 32");
    const double main[] = {0.8, 0.9, 0.5, 0.7};
    double product = 1;
    for (int k = 0; k < 4; k++) {
        near(of(&e, k, -1)->middle, main[k], 1e-4);
        near(e.part[k].middle, main[k], 1e-4);
        near(e.share[k].middle, 100 * log(main[k]) / log(0.8 * 0.9 * 0.5 * 0.7), 0.01);
        product *= e.part[k].middle;
        for (int b = k + 1; b < 4; b++)
            near(of(&e, k, b)->middle, 1, 1e-4);
    }
    near(e.total.middle, 0.8 * 0.9 * 0.5 * 0.7, 1e-4);
    near(product, e.total.middle, 1e-6);
}

// Packed gains more where batches are published: the effects say so, and the parts share it.
static void interactions(void **state)
{
    struct world w = quiet;
    struct bench_effects e;
    (void)state;
    w.layout_publish = 0.64;
    assert_int_equal(effects(&w, &e), 0);
    near(of(&e, 0, 2)->middle, 0.64, 1e-4);
    near(of(&e, 0, 1)->middle, 1, 1e-4);
    near(of(&e, 1, 3)->middle, 1, 1e-4);
    // At half way of publishing it has half of the effect: that is the average of three levels.
    near(of(&e, 0, -1)->middle, 0.8 * 0.8, 1e-4);
    near(e.total.middle, 0.8 * 0.9 * 0.5 * 0.7 * 0.64, 1e-4);
    near(e.part[0].middle, 0.8 * 0.8, 1e-4);
    near(e.part[2].middle, 0.5 * 0.8, 1e-4);
    near(e.part[1].middle, 0.9, 1e-4);
}

// The true effects lie in their intervals, and what is not there cannot be told.
static void with_noise(void **state)
{
    struct world w = quiet;
    struct bench_effects e;
    char text[3000];
    (void)state;
    w.noise = 0.1;
    w.order = 1;
    assert_int_equal(effects(&w, &e), 0);
    const double main[] = {0.8, 1, 0.5, 0.7};
    for (int k = 0; k < 4; k++) {
        const struct bench_interval *r = of(&e, k, -1);
        assert_true(r->low < r->middle && r->middle < r->high);
        assert_true(r->low - 0.01 < main[k] && main[k] < r->high + 0.01);
        assert_true(r->high - r->low < 0.1);
    }
    assert_true(e.part[1].low < 1 && e.part[1].high > 1);
    bench_effects_say(&e, text, sizeof(text));
    assert_non_null(strstr(text, "From split, any order, publish 1, complete 1 to packed, in "
                                 "order, publish 32, complete 32 the time"));
    assert_non_null(strstr(text, " becomes × 0.28"));
    assert_non_null(strstr(text, "Of this gain: the packed layout 1"));
    assert_non_null(strstr(text, "keeping the order: nothing that can be told (× "));
    assert_non_null(strstr(text, "publishing in batches 5"));
}

// A launch's luck is common to all of its cases, so it takes nothing from what is told of them.
static void launches_differ(void **state)
{
    struct world w = quiet;
    struct bench_effects e;
    (void)state;
    w.launch = 1.3;
    w.noise = 0.01;
    assert_int_equal(effects(&w, &e), 0);
    near(of(&e, 0, -1)->low, 0.8, 0.04);
    near(of(&e, 0, -1)->high, 0.8, 0.04);
    near(of(&e, 2, -1)->high, 0.5, 0.04);
}

static void few_launches(void **state)
{
    struct world w = quiet;
    struct bench_effects e;
    char text[1000];
    (void)state;
    w.launches = 2;
    assert_int_equal(effects(&w, &e), 0);
    bench_effects_say(&e, text, sizeof(text));
    assert_non_null(strstr(text, "No effect can be told from 2 launches"));
    assert_null(strstr(text, "×"));
}

static void no_factorial(void **state)
{
    struct world w = quiet;
    struct bench_effects e;
    (void)state;
    w.without = "packed-inorder";
    assert_int_equal(effects(&w, &e), 1);
    assert_int_equal(e.missing, 6);
    w.without = NULL;
    w.other_class = BENCH_NEAR; // one cell never ran in this placement
    assert_int_equal(effects(&w, &e), 1);
    assert_int_equal(e.missing, 1);
}

// A text that is too long is cut, and ends.
static void short_of_room(void **state)
{
    struct bench_effects e;
    char text[20];
    (void)state;
    assert_int_equal(effects(&quiet, &e), 0);
    memset(text, 'x', sizeof(text));
    bench_effects_say(&e, text, sizeof(text));
    assert_int_equal(strlen(text), sizeof(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_noise), cmocka_unit_test(interactions),
        cmocka_unit_test(with_noise),    cmocka_unit_test(launches_differ),
        cmocka_unit_test(few_launches),  cmocka_unit_test(no_factorial),
        cmocka_unit_test(short_of_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
