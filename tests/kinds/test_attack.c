/* Every attack of the list under the same laws, and the vectors that the papers' formulas give. */
#include "trust/adversaries/attack.h"
#include "core/vector.h"
#include "sim/experiment/experiment.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_attack.members; *at_; at_++)                        \
        for (const co_attack *member = co_attack_find((*at_)->name); member; member = NULL)

/* The attack's self, for close_attack. */
static void *open_attack(const co_attack *attack, const char *yaml)
{
    co_node *root;
    void *self = NULL;
    const co_config opt = test_options(yaml, "devices", &attack->params, 1, &root);
    if (attack->create) cr_assert_eq(attack->create(&opt, &self), CO_OK);
    co_node_destroy(root);
    return self;
}

static void close_attack(const co_attack *attack, void *self)
{
    if (attack->destroy) attack->destroy(self);
}

static void expect_vector(const char *name, const char *yaml, double a, double b, double c)
{
    static const float x[3][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
    const float *row[3] = {x[0], x[1], x[2]};
    const co_updates honest = {.n_rows = 3, .n = 3, .row = row};
    const co_attack *attack = co_attack_find(name);
    const double want[3] = {a, b, c};
    float out[3];
    void *self = open_attack(attack, yaml);
    attack->collude(self, &honest, 2, out);
    for (int j = 0; j < 3; j++)
        cr_expect_float_eq((double)out[j], want[j], 1e-6, "%s %s", name, yaml);
    close_attack(attack, self);
}

Test(attack, three_rows_give_the_known_vectors)
{
    expect_vector("alie", "{z: -1.5}", 8.5, 9.5, 10.5);
    expect_vector("alie", "{z: 0}", 4, 5, 6);
    expect_vector("ipm", "{epsilon: 2}", -8, -10, -12);
    expect_vector("ipm", "{epsilon: 0.1}", -0.4, -0.5, -0.6);
}

/* 25 devices of which 5 lie: 0.253, as Karimireddy et al. use it. Half of the devices: nothing is
 * needed. */
Test(attack, alie_goes_as_far_as_the_numbers_allow)
{
    static float x[20][1];
    const float *row[20];
    const co_attack *alie = co_attack_find("alie");
    float out;
    void *self = open_attack(alie, "{}");
    double square = 0.0;
    for (int i = 0; i < 20; i++) {
        x[i][0] = (float)i - 9.5f;
        row[i] = x[i];
        square += (double)x[i][0] * (double)x[i][0];
    }
    alie->collude(self, &(co_updates){.n_rows = 20, .n = 1, .row = row}, 5, &out);
    cr_expect_float_eq(-(double)out / sqrt(square / 19.0), 0.2533471, 1e-5);
    alie->collude(self, &(co_updates){.n_rows = 1, .n = 1, .row = row}, 1, &out);
    cr_expect_float_eq((double)out, (double)x[0][0], 1e-6);
    close_attack(alie, self);
}

Test(attack, alone_an_attacker_depends_on_its_own_key_and_update)
{
    enum { N = 5000 };
    EACH_MEMBER(member)
    {
        static float u[3][N];
        if (!member->tamper) continue;
        void *self = open_attack(member, "{}");
        const co_stream own = co_stream_open(1, CO_DRAW_ATTACK, 4, 7, 0),
                        other = co_stream_open(1, CO_DRAW_ATTACK, 4, 8, 0);
        for (int k = 0; k < 3; k++) {
            test_fill(600, N, 1.0f, u[k]);
            const size_t cut = k == 1 ? 1234 : 0; /* whatever the cut into pieces */
            member->tamper(self, k == 2 ? &other : &own, 0, u[k], cut);
            member->tamper(self, k == 2 ? &other : &own, cut, u[k] + cut, N - cut);
        }
        cr_expect_arr_eq(u[0], u[1], sizeof u[0], "%s", member->name);
        const bool drawn = strcmp(member->name, "gaussian") == 0;
        cr_expect_eq(memcmp(u[0], u[2], sizeof u[0]) != 0, drawn, "%s", member->name);
        if (drawn) cr_expect_float_eq(co_vector_norm(u[0], N) / sqrt(N), 200.0, 10.0);
        test_fill(600, N, 1.0f, u[1]);
        if (!drawn)
            cr_expect_float_eq(co_vector_dot(u[0], u[1], N) /
                                   (co_vector_norm(u[0], N) * co_vector_norm(u[1], N)),
                               -1.0, 1e-6, "%s", member->name);
        close_attack(member, self);
    }
}

Test(attack, options_have_texts_and_keep_clear_of_the_section)
{
    const co_section *section = co_experiment_sections;
    while (strcmp(section->name, "devices") != 0) section++;
    EACH_MEMBER(member) test_option_texts((const co_plugin *)member, section->params);
}
