/* Every speed law of the list under the same laws; new members join by themselves. Quantiles are
 * SciPy's (tests/reference/laws.py). */
#include "sim/laws/law.h"
#include "tests/kinds/options.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 100000 };

/* A key `speed` of section clock. The root must be destroyed. */
static co_status read_law(const char *yaml, bool needs_median, co_law_use *use, co_node **root)
{
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", root), CO_OK, "%s", co_status_message());
    const co_config clock = {.file = "test.yaml", .section = "clock", .map = *root};
    return co_law_read(&clock, "speed", needs_median, use);
}

static co_law_use law_of(const char *yaml)
{
    co_node *root;
    co_law_use use;
    cr_assert_eq(read_law(yaml, false, &use, &root), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
    return use;
}

#define EACH_DRAWN(use)                                                                            \
    for (const co_plugin *const *at_ = co_kind_speed_law.members; *at_; at_++)                     \
        for (co_law_use use = {.law = (const co_law *)*at_}; use.law; use.law = NULL)              \
            if (!use.law->is_traced)

static void take_defaults(co_law_use *use)
{
    size_t n = 0;
    for (const co_param *p = use->law->params; p && p->key; p++) use->option[n++] = p->def;
}

Test(speed_law, factors_are_positive_with_median_one_and_a_function_of_the_key)
{
    EACH_DRAWN(use)
    {
        take_defaults(&use);
        int64_t below = 0, same_seed = 0, same_which = 0;
        double *all = co_malloc(DEVICES, sizeof *all);
        cr_assert(all);
        for (int64_t k = 0; k < DEVICES; k++) {
            all[k] = co_law_factor(&use, 3, k, 0);
            cr_assert(all[k] > 0.0 && isfinite(all[k]), "%s: %g", use.law->name, all[k]);
            below += all[k] < 1.0;
            same_seed += all[k] == co_law_factor(&use, 4, k, 0);
            same_which += all[k] == co_law_factor(&use, 3, k, 1);
        }
        for (int64_t k = DEVICES; k-- > 0;) /* in any other order */
            cr_assert(all[k] == co_law_factor(&use, 3, k, 0), "%s", use.law->name);
        if (strcmp(use.law->name, "constant") == 0) {
            cr_expect(below == 0 && all[5] == 1.0);
        } else {
            const double share = (double)below / DEVICES;
            cr_expect(fabs(share - 0.5) < 5.0 * 0.5 / sqrt(DEVICES), "%s: %g", use.law->name,
                      share);
            cr_expect(same_seed < 10 && same_which < 10, "%s", use.law->name);
        }
        co_free(all);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The share of devices below each quantile is what it has to be. */
Test(speed_law, quantiles_are_those_of_scipy)
{
    char path[1000], word[32], name[32], yaml[128];
    const char *root = getenv("SOURCE");
    double option, p, quantile;
    int n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/laws.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    char line[1000];
    double *all = co_malloc(DEVICES, sizeof *all);
    while (fgets(line, sizeof line, file)) {
        int at, used;
        if (sscanf(line, "%31s %31s %lf%n", word, name, &option, &at) != 3 ||
            strcmp(word, "law") != 0)
            continue;
        const bool is_normal = strcmp(name, "lognormal") == 0;
        snprintf(yaml, sizeof yaml, "{speed: {name: %s, %s: %g}}", name,
                 is_normal ? "sigma" : "alpha", option);
        const co_law_use use = law_of(yaml);
        for (int64_t k = 0; k < DEVICES; k++) all[k] = co_law_factor(&use, 11, k, 0);
        for (; sscanf(line + at, "%lf %lf%n", &p, &quantile, &used) == 2; at += used) {
            int64_t below = 0;
            for (int64_t k = 0; k < DEVICES; k++) below += all[k] <= quantile * (1.0 + 1e-12);
            const double share = (double)below / DEVICES,
                         want = is_normal && option == 0.0 ? 1.0 : p;
            cr_expect(fabs(share - want) <= 5.0 * sqrt(p * (1.0 - p) / DEVICES),
                      "%s %g: %g of the devices are below the quantile of %g", name, option, share,
                      p);
            n_cases++;
        }
    }
    fclose(file);
    co_free(all);
    cr_expect_eq(n_cases, 81);
}

/* Mean exp(sigma^2 / 2) of lognormal; alpha / (alpha - 1) m of pareto, m = 2^(-1 / alpha). */
Test(speed_law, means_are_those_of_the_formulas)
{
    const co_law_use normal = law_of("{speed: {name: lognormal, sigma: 0.7}}"),
                     pareto = law_of("{speed: {name: pareto, alpha: 4}}");
    double sum[2] = {0};
    for (int64_t k = 0; k < DEVICES; k++) {
        sum[0] += co_law_factor(&normal, 5, k, 0);
        sum[1] += co_law_factor(&pareto, 5, k, 0);
    }
    cr_expect_float_eq(sum[0] / DEVICES, exp(0.245), 0.015, "%g", sum[0] / DEVICES);
    cr_expect_float_eq(sum[1] / DEVICES, 4.0 / 3.0 * pow(2.0, -0.25), 0.007, "%g",
                       sum[1] / DEVICES);
}

Test(speed_law, a_key_is_a_number_a_name_or_a_map)
{
    cr_expect(law_of("{up: 3}").law == NULL);
    const co_law_use number = law_of("{speed: 2.5}"), name = law_of("{speed: lognormal}"),
                     map = law_of("{speed: {name: pareto, median: 3, alpha: 1.5}}"),
                     traced = law_of("{speed: file}");
    cr_expect(strcmp(number.law->name, "constant") == 0 && number.median == 2.5);
    cr_expect(strcmp(name.law->name, "lognormal") == 0 && name.median == 1.0 &&
              name.option[0] == 0.5);
    cr_expect(strcmp(map.law->name, "pareto") == 0 && map.median == 3.0 && map.option[0] == 1.5);
    cr_expect(traced.law->is_traced);
    static const char *const bad[] = {
        "{speed: 0}",
        "{speed: -1}",
        "{speed: [1]}",
        "{speed: {sigma: 1}}",
        "{speed: normal}",
        "{speed: {name: lognormal, alpha: 1}}",
        "{speed: {name: lognormal, sigma: -1}}",
        "{speed: {name: lognormal, median: 0}}",
        "{speed: {name: file, median: 3}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        co_node *root;
        co_law_use use;
        cr_expect_eq(read_law(bad[i], false, &use, &root), CO_EUSAGE, "%s", bad[i]);
        cr_expect(strstr(co_status_message(), "test.yaml:1:") &&
                      strstr(co_status_message(), "clock.speed"),
                  "%s", co_status_message());
        co_node_destroy(root);
    }
    co_node *root;
    co_law_use use;
    cr_expect_eq(read_law("{speed: lognormal}", true, &use, &root), CO_EUSAGE, "no median");
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(speed_law, options_have_texts)
{
    for (const co_plugin *const *m = co_kind_speed_law.members; *m; m++) {
        test_option_texts(*m, NULL);
        size_t n = 0;
        for (const co_param *p = (*m)->params; p && p->key; p++, n++)
            cr_expect(p->type == CO_REAL && !p->flags, "%s.%s: a number with a default", (*m)->name,
                      p->key);
        cr_expect(n <= CO_LAW_OPTIONS &&
                      !((const co_law *)*m)->factor == ((const co_law *)*m)->is_traced,
                  "%s", (*m)->name);
    }
}
