/* Published values: a handful that stand here, and every row of scope core of dp_reference.csv
 * where that file is. */
#include "tests/harness.h"
#include "privacy/accountants/rdp_event.h"
#include "tests/privacy/account_support.h"
#include <stdlib.h>

enum { N_COLUMNS = 14, LINE = 4096 };
enum {
    MECHANISM,
    RATE,
    SIGMA,
    ROUNDS,
    DELTA,
    EPSILON,
    ACCOUNTANT,
    QUANTITY,
    CHECKS,
    TOLERANCE,
    SLACK,
    SCOPE
};

/* Cuts a line of comma-separated fields, quoted or not, in place. */
static int split(char *line, char *field[N_COLUMNS])
{
    int n = 0;
    for (char *c = line; n < N_COLUMNS;) {
        const bool quoted = *c == '"';
        field[n++] = quoted ? ++c : c;
        c += strcspn(c, quoted ? "\"\n" : ",\n");
        if (quoted && *c == '"') *c++ = '\0';
        if (*c != ',') break;
        *c++ = '\0';
    }
    return n;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static co_event event_of(char *const *f)
{
    const double rate = atof(f[RATE]), z = atof(f[SIGMA]);
    if (starts(f[MECHANISM], "gaussian_wor")) return fixed(rate, z);
    co_event e = poisson(rate, z);
    if (strstr(f[MECHANISM], "laplace")) e.noise = CO_NOISE_LAPLACE;
    if (starts(f[MECHANISM], "discrete_gaussian")) e.noise = CO_NOISE_DISCRETE_GAUSSIAN;
    if (rate == 1.0) e.sampling = CO_SAMPLING_NONE;
    return e;
}

/* The sensitivity that a calibration row names: its sigma is noise / 1. */
static double sensitivity(const char *mechanism)
{
    const char *at = strstr(mechanism, "(sens ");
    if (at) return atof(at + 6);
    return strstr(mechanism, "(l0=2,linf=3)") ? 3.0 * sqrt(2.0) : 1.0;
}

static double renyi(char *const *f)
{
    co_rdp_event e;
    const co_event event = event_of(f);
    const double order = atof(strstr(f[MECHANISM], "order=") + 6);
    cr_assert_eq(co_rdp_event_init(&e, &event), CO_OK);
    const double moment = co_rdp_event_moment(&e, order - 1.0);
    co_rdp_event_fini(&e);
    return atof(f[ROUNDS]) * moment / (order - 1.0);
}

static double split_noise(const char *mechanism)
{
    double z = 0.0, count_std = 0.0;
    cr_assert_eq(sscanf(mechanism, "adaptive_clip_split(z=%lf,sigma_b=%lf)", &z, &count_std), 2);
    return co_adaptive_clip_noise(z, count_std);
}

/* sqrt(2 ln(1.25 / delta)) / claimed epsilon: the row prints 9 digits of it, fewer than its
 * tolerance needs. */
static double classic_sigma(char *const *f)
{
    const double sigma =
        sqrt(2.0 * log(1.25 / atof(f[DELTA]))) / atof(strstr(f[MECHANISM], "eps=") + 4);
    cr_expect_float_eq(sigma, atof(f[SIGMA]), 1e-9);
    return sigma;
}

static double epsilon_answer(char *const *f)
{
    const double rate = atof(f[RATE]), z = atof(f[SIGMA]), delta = atof(f[DELTA]);
    const int64_t rounds = atoll(f[ROUNDS]);
    const co_event e = event_of(f);
    if (starts(f[MECHANISM], "gaussian_classic_formula"))
        return co_gaussian_epsilon(1.0 / classic_sigma(f), delta);
    if (starts(f[ACCOUNTANT], "GDP"))
        return co_gaussian_epsilon(co_gdp_mu(rate, z, (double)rounds), delta);
    if (starts(f[ACCOUNTANT], "zCDP") || starts(f[MECHANISM], "zcdp"))
        return co_zcdp_epsilon(0.5 / (z * z), delta);
    if (starts(f[ACCOUNTANT], "RDP-classic"))
        return ask_event("rdp", (co_accounting){.classic = true}, e, rounds, delta).epsilon;
    return starts(f[ACCOUNTANT], "RDP") ? rdp(e, rounds, delta) : pld(e, rounds, delta);
}

static double sigma_answer(char *const *f)
{
    const double epsilon = atof(f[EPSILON]), delta = atof(f[DELTA]),
                 scale = sensitivity(f[MECHANISM]);
    if (starts(f[MECHANISM], "adaptive_clip_split")) return split_noise(f[MECHANISM]);
    if (starts(f[MECHANISM], "gaussian_analytic")) return scale * co_gaussian_sigma(epsilon, delta);
    if (starts(f[MECHANISM], "zcdp")) return sqrt(0.5 / co_zcdp_rho(epsilon, delta));
    return scale * noise_for(starts(f[ACCOUNTANT], "RDP") ? "rdp" : "pld", event_of(f),
                             atoll(f[ROUNDS]), epsilon, delta);
}

static double delta_answer(char *const *f)
{
    const double epsilon = atof(f[EPSILON]), z = atof(f[SIGMA]);
    if (starts(f[MECHANISM], "zcdp")) return co_zcdp_delta(0.5 / (z * z), epsilon);
    return delta_at("pld", event_of(f), atoll(f[ROUNDS]), epsilon);
}

static bool holds(char *const *f, double answer, double value)
{
    const double tol = atof(f[TOLERANCE]);
    if (starts(f[CHECKS], "abs")) return fabs(answer - value) <= tol;
    if (starts(f[CHECKS], "rel")) return fabs(answer - value) <= tol * fabs(value);
    const double slack = strstr(f[SLACK], "rel") ? atof(f[SLACK]) * value : atof(f[SLACK]);
    return answer <= value + tol && answer >= value - slack;
}

static void check_row(char *const *f)
{
    double answer, value;
    if (starts(f[ACCOUNTANT],
               "GDP-calibration")) { /* the approximation's epsilon at that sigma is in (7.99, 8] */
        const double at = epsilon_answer(f);
        cr_expect(at > 7.99 && at <= 8.0, "GDP epsilon %.9g at %s", at, f[SIGMA]);
        return;
    }
    if (starts(f[QUANTITY], "rdp"))
        answer = renyi(f), value = atof(f[EPSILON]);
    else if (starts(f[QUANTITY], "sigma"))
        answer = sigma_answer(f), value = atof(f[SIGMA]);
    else if (starts(f[QUANTITY], "delta"))
        answer = delta_answer(f), value = atof(f[DELTA]);
    else
        answer = epsilon_answer(f), value = atof(f[EPSILON]);
    cr_expect(holds(f, answer, value),
              "%s q %s sigma %s T %s delta %s, %s: %s %.12g, published %.12g (%s %s %s)",
              f[MECHANISM], f[RATE], f[SIGMA], f[ROUNDS], f[DELTA], f[ACCOUNTANT], f[QUANTITY],
              answer, value, f[CHECKS], f[TOLERANCE], f[SLACK]);
}

/* Poisson-sampled Gaussian noise: dp_accounting's tests (pld), Opacus' and TensorFlow Privacy's
 * (rdp). */
Test(reference, published_epsilons_hold)
{
    static const struct {
        double rate, z;
        int64_t rounds;
        double delta, epsilon, tolerance;
    } tight[] = {{0.001, 0.8, 100, 1e-6, 0.260337, 2e-5},
                 {0.05, 1.5, 1000, 1e-6, 6.199692, 2e-5},
                 {0.2, 0.8, 100, 1e-6, 24.32262, 1e-4},
                 {0.05, 1.5, 50000, 1e-6, 73.178496, 1e-4},
                 {0.01, 0.35, 120, 1e-5, 18.6977407, 1e-4}};
    for (size_t i = 0; i < sizeof tight / sizeof *tight; i++) {
        const double got = pld(poisson(tight[i].rate, tight[i].z), tight[i].rounds, tight[i].delta);
        cr_expect_float_eq(got, tight[i].epsilon, tight[i].tolerance,
                           "row %zu: %.9g, published %.9g", i, got, tight[i].epsilon);
    }
    const double opacus = rdp(poisson(0.04, 1.5), 2250, 1e-5);
    cr_expect(opacus <= 7.32911117143 + 1e-6 && opacus > 0.99 * 7.32911117143, "%.12g", opacus);
    const double older =
        ask_event("rdp", (co_accounting){.classic = true}, poisson(0.0025, 1.3), 6000, 1e-5)
            .epsilon;
    cr_expect_float_eq(older, 0.941870567, 1e-8, "%.12g", older);
    cr_expect_float_eq(noise_for("pld", poisson(0.001, 1.0), 25, 1.0, 1e-5), 0.53492750433, 1e-6);
}

Test(reference, gaussian_zcdp_and_laplace_equal_their_published_values)
{
    cr_expect_float_eq(co_gaussian_sigma(1.0, 1e-6), 4.224678889,
                       1e-8); /* Balle and Wang, as dp_accounting has it */
    cr_expect_float_eq(co_gaussian_sigma(0.01, 1e-9), 458.508497477, 1e-6);
    cr_expect_float_eq(pld(plain(CO_NOISE_GAUSSIAN, 0.7), 2, 1e-5), 10.1224946, 1e-6);
    cr_expect_float_eq(sqrt(0.5 / co_zcdp_rho(1.0, 1e-6)), 4.530877117036444,
                       1e-9); /* Canonne, Kamath and Steinke */
    cr_expect_float_eq(noise_for("pld", plain(CO_NOISE_LAPLACE, 1.0), 20, 1.0, 1e-4), 13.6, 0.1);
    cr_expect_float_eq(delta_at("pld", plain(CO_NOISE_DISCRETE_GAUSSIAN, 1.0), 1, 1.0), 0.14135,
                       1e-5);
    cr_expect_float_eq(co_gaussian_delta(1.0, 1.0), 0.12694, 1e-5);
    cr_expect(isnan(co_adaptive_clip_noise(3.0, 1.0)), "the count alone costs more than the whole");
}

Test(reference, every_core_row_holds)
{
    char line[LINE], *field[N_COLUMNS];
    int n_rows = 0;
    const char *path = shared_file("reference/dp_reference.csv");
    if (!path) return;
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL);
    cr_assert(fgets(line, sizeof line, file) != NULL);
    while (fgets(line, sizeof line, file)) {
        if (split(line, field) <= SCOPE || strcmp(field[SCOPE], "core") != 0) continue;
        check_row(field);
        n_rows++;
    }
    fclose(file);
    cr_expect(n_rows >= 90, "%d rows of scope core", n_rows);
    cr_expect_eq(co_memory_blocks(), 0);
}
