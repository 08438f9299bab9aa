/* Stages as a chain: order, whom they bind, what they count, where an update ends, and the way
 * back. Every transform of the list takes part; two stages of the test's own say what they saw. */
#include "core/vector.h"
#include "sim/stages/chain.h"
#include "tests/aggregators/stages.h"
#include "tests/harness.h"
#include <math.h>

enum { N = 300, MOST_CALLS = 64 };

/* Stages in the order in which they were called, and with which key. */
static struct {
    char who[MOST_CALLS + 1];
    co_stage_key key;
    size_t n;
} calls;

static void called(char who, const co_stage_key *key)
{
    cr_assert(calls.n < MOST_CALLS);
    calls.who[calls.n++] = who;
    calls.who[calls.n] = 0;
    if (key) calls.key = *key;
}

static void forget_calls(void)
{
    memset(&calls, 0, sizeof calls);
}

/* Adds 1 to all, counts its passes and, second, the device; keeps in its slot what came in. */
typedef struct {
    char who;
    float spoil; /* added to coordinate 0 */
    int64_t n_ended[2], n_reported;
    co_status end;
} probe;

static void plus_one(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    probe *p = self;
    called(p->who, key);
    cr_expect(c->counts[0] == 0 && c->counts[1] == 0, "counts begin at zero");
    if (state) memcpy(state[0], c->update, c->n * sizeof *c->update);
    for (size_t j = 0; j < c->n; j++) c->update[j] += 1.0f;
    c->update[0] += p->spoil;
    c->norm = NAN;
    c->counts[0]++;
    c->counts[1] += key->device;
}

static void look_at_rows(void *self, const co_stage_rows *rows)
{
    called(((probe *)self)->who, NULL);
    for (size_t i = 0; i < rows->n_rows; i++) rows->row[i][0] += 1.0f;
}

static void double_and_add(void *self, const co_stage_key *key, co_round_sum *sum)
{
    called(((probe *)self)->who, key);
    for (size_t j = 0; j < sum->n; j++)
        sum->sum[j] = 2 * sum->sum[j] + (((probe *)self)->who - 'a');
}

static co_status end_step(void *self, const co_stage_key *key, const co_stage_end *end)
{
    probe *p = self;
    called(p->who, key);
    memcpy(p->n_ended, end->counts, sizeof p->n_ended);
    p->n_reported = end->n_reported;
    return p->end == CO_OK ? CO_OK : CO_FAIL(p->end, "stage %c", p->who);
}

static void halve(const void *self, co_message *m)
{
    if (((const probe *)self)->who == 'a')
        m->bits /= 2.0;
    else
        m->beside += 3;
}

static void destroy_probe(void *self)
{
    called(((probe *)self)->who, NULL);
}

static const char *const slot_names[] = {"came_in", NULL};
#define PROBE                                                                                      \
    .forward = plus_one, .rows = look_at_rows, .backward = double_and_add, .end = end_step,        \
    .destroy = destroy_probe, .slots = slot_names, .n_counts = 2
static const co_stage offered = {.name = "plus_one", .summary = "test", PROBE};
static const co_stage enforced = {
    .name = "plus_one_too", .summary = "test", PROBE, .enforced = true};
static const co_stage server_only = {
    .name = "server", .summary = "test", .backward = double_and_add};

static bool forward(co_chain *chain, int64_t device, bool attacker, float *update,
                    float *const *state, co_contribution *c)
{
    *c = (co_contribution){.n = N,
                           .factor = 1.0,
                           .update = update,
                           .norm = co_vector_norm(update, N),
                           .weight = 1.0,
                           .coefficient = 0.5,
                           .attacker = attacker};
    return co_chain_forward(chain, 7, device, c, state);
}

/* offered, a stage without a half on the device, enforced. */
static void make(co_chain *chain, probe p[3])
{
    *chain = (co_chain){.seed = 11};
    p[0] = (probe){.who = 'a'}, p[1] = (probe){.who = 'b'}, p[2] = (probe){.who = 'c'};
    co_chain_add(chain, &offered, &p[0]);
    co_chain_add(chain, &server_only, &p[1]);
    co_chain_add(chain, &enforced, &p[2]);
    cr_assert_eq(co_chain_ready(chain, &(co_stage_site){.cohort = 20}), CO_OK);
    forget_calls();
}

static void end(co_chain *chain)
{
    co_chain_destroy(chain);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(chain, an_update_goes_through_the_stages_in_their_order_and_is_counted)
{
    co_chain chain;
    probe p[3];
    co_contribution c;
    static float u[N], memory[2][N], *const state[] = {memory[0], memory[1]};
    make(&chain, p);
    test_fill(700, N, 1.0f, u);
    const float first = u[5];
    cr_expect(forward(&chain, 13, false, u, state, &c));
    cr_expect_str_eq(calls.who, "ac");
    cr_expect(calls.key.seed == 11 && calls.key.step == 7 && calls.key.device == 13 &&
              calls.key.cohort == 20);
    cr_expect(memory[0][5] == first && memory[1][5] == first + 1.0f && u[5] == first + 1.0f + 1.0f);
    cr_expect_eq(c.norm, co_vector_norm(u, N), "the norm is that of what leaves");
    const int64_t counts[] = {1, 13, 1, 13};
    cr_expect_eq(chain.n_counts, 4);
    cr_expect_arr_eq(chain.counts, counts, sizeof counts);
    cr_expect(forward(&chain, 2, false, u, NULL, &c)); /* counts are of one device */
    cr_expect(chain.counts[0] == 1 && chain.counts[1] == 2 && chain.counts[2] == 1 &&
              chain.counts[3] == 2);
    end(&chain);
}

Test(chain, attackers_go_through_what_is_enforced_alone)
{
    co_chain chain;
    probe p[3];
    co_contribution c;
    static float u[N], memory[2][N], *const state[] = {memory[0], memory[1]};
    make(&chain, p);
    cr_expect(co_chain_touches(&chain, true) && co_chain_touches(&chain, false));
    cr_expect(forward(&chain, 4, true, u, state, &c));
    cr_expect_str_eq(calls.who, "c");
    cr_expect(u[0] == 1.0f && memory[0][0] == 0.0f);
    const int64_t counts[] = {0, 0, 1, 4};
    cr_expect_arr_eq(chain.counts, counts, sizeof counts);
    end(&chain);
    chain = (co_chain){0};
    co_chain_add(&chain, &offered, &p[0]);
    cr_assert_eq(co_chain_ready(&chain, &(co_stage_site){.cohort = 1}), CO_OK);
    cr_expect(!co_chain_touches(&chain, true) && co_chain_touches(&chain, false));
    end(&chain);
}

Test(chain, an_update_that_is_not_finite_goes_no_further)
{
    static const float spoils[] = {INFINITY, -INFINITY, NAN, 3e38f};
    for (int k = 0; k < 4; k++) {
        co_chain chain;
        probe p[3];
        co_contribution c;
        static float u[N];
        memset(u, 0, sizeof u);
        make(&chain, p);
        p[0].spoil = spoils[k];
        cr_expect_eq(forward(&chain, 1, false, u, NULL, &c), k == 3, "%g", (double)spoils[k]);
        cr_expect_str_eq(calls.who, k == 3 ? "ac" : "a");
        p[0].spoil = 0.0f; /* and the next device is none the worse */
        memset(u, 0, sizeof u);
        cr_expect(forward(&chain, 2, false, u, NULL, &c) && u[0] == 2.0f && chain.counts[3] == 2);
        p[2].spoil = spoils[k]; /* the last stage's too */
        cr_expect_eq(forward(&chain, 3, false, u, NULL, &c), k == 3, "%g", (double)spoils[k]);
        end(&chain);
    }
}

/* The sum 5 through c, b, a: 2 x 5 + 2, then 2 x 12 + 1, then 2 x 25 + 0. */
Test(chain, the_sum_goes_back_last_stage_first)
{
    co_chain chain;
    probe p[3];
    int64_t sum[2] = {5, -5};
    co_round_sum in = {.n = 2, .sum = sum};
    make(&chain, p);
    co_chain_backward(&chain, 7, NULL, &in);
    cr_expect_str_eq(calls.who, "cba");
    cr_expect(sum[0] == 50 && sum[1] == -30, "%lld %lld", (long long)sum[0], (long long)sum[1]);
    cr_expect(calls.key.device == -1 && calls.key.step == 7);
    end(&chain);
}

Test(chain, rows_slots_and_counts_reach_their_own_stage)
{
    co_chain chain;
    probe p[3];
    const char *name[4] = {0};
    float one[2] = {1.0f, 2.0f}, *row[1] = {one};
    const co_stage_rows rows = {.n_rows = 1, .n = 2, .row = row};
    const int64_t counts[] = {10, 20, 30, 40};
    make(&chain, p);
    cr_expect_eq(co_chain_slots(&chain, name, 4), 2);
    cr_expect(name[0] == slot_names[0] && name[1] == slot_names[0] && !name[2]);
    cr_expect(co_chain_needs_rows(&chain) && !co_chain_releases(&chain));
    co_chain_rows(&chain, &rows);
    cr_expect(strcmp(calls.who, "ac") == 0 && one[0] == 3.0f && one[1] == 2.0f);
    cr_expect_eq(co_chain_end(&chain, 7, &(co_stage_end){counts, 6, false}), CO_OK);
    cr_expect(p[0].n_ended[0] == 10 && p[0].n_ended[1] == 20 && p[2].n_ended[0] == 30 &&
              p[2].n_ended[1] == 40);
    cr_expect(p[0].n_reported == 6 && p[2].n_reported == 6);
    forget_calls();
    p[0].end = CO_EDATA;
    cr_expect_eq(co_chain_end(&chain, 7, &(co_stage_end){counts, 6, false}), CO_EDATA,
                 "the first error");
    cr_expect_str_eq(calls.who, "a");
    forget_calls();
    end(&chain);
    cr_expect_str_eq(calls.who, "ac", "each is destroyed once");
}

/* In the order of the stages; attackers pay for what binds them alone. */
Test(chain, bytes_are_what_the_stages_say)
{
    const co_stage half = {.name = "half", .forward = plus_one, .message = halve};
    const co_stage more = {.name = "more", .forward = plus_one, .message = halve, .enforced = true};
    co_chain chain = {0};
    probe p[3] = {{.who = 'a'}, {.who = 'b'}, {.who = 'c'}};
    cr_expect_eq(co_chain_bytes(&chain, false, 25), 100);
    co_chain_add(&chain, &half, &p[0]);
    co_chain_add(&chain, &more, &p[1]);
    co_chain_add(&chain, &enforced, &p[2]);
    cr_assert_eq(co_chain_ready(&chain, &(co_stage_site){.cohort = 1}), CO_OK);
    cr_expect_eq(co_chain_bytes(&chain, false, 25), 53);
    cr_expect_eq(co_chain_bytes(&chain, true, 25), 103);
    end(&chain);
}

/* Whatever a stage does to them, and whatever norm the next one reads. */
Test(chain, what_does_not_travel_counts_as_zero)
{
    static co_part whole = {0, 0, N}, shared = {0, 0, 100}, frozen = {100, 100, 150},
                   personal = {250, 250, N - 250};
    const co_layout layout = {.whole = N,
                              .n = N,
                              .n_parts = 1,
                              .part = &whole,
                              .span = {&shared, &personal, &frozen},
                              .n_spans = {1, 1, 1},
                              .n_shared = 100};
    co_chain chain = {.seed = 11};
    probe a = {.who = 'a'}, b = {.who = 'b'};
    static float u[N], memory[2][N], *const state[] = {memory[0], memory[1]};
    co_contribution c;
    co_chain_add(&chain, &offered, &a);
    co_chain_add(&chain, &enforced, &b);
    cr_assert_eq(co_chain_ready(&chain, &(co_stage_site){.cohort = 20, .layout = &layout}), CO_OK);
    cr_assert(forward(&chain, 3, false, u, state, &c));
    for (size_t j = 0; j < N; j++) {
        cr_expect_eq(memory[1][j], j < 100 ? 1.0f : 0.0f, "the second stage at %zu", j);
        cr_expect_eq(u[j], j < 100 ? 2.0f : 0.0f, "the wire at %zu", j);
    }
    cr_expect_float_eq(c.norm, 20.0, 1e-12);
    end(&chain);
}

static void give_back(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    called((char)(((probe *)self)->who - 'a' + 'A'), key);
    cr_expect_eq(state[0][0] + 2.0f, c->update[0], "it sees what the last transform left");
}

/* Two transforms that close, then what is no transform. */
Test(chain, what_closes_sees_the_update_behind_the_last_transform)
{
    const co_stage closes = {.name = "closes", .summary = "test", PROBE, .close = give_back},
                   few = {.name = "few", .summary = "test", PROBE, .message = halve};
    co_chain chain = {.seed = 11};
    probe p[3] = {{.who = 'a'}, {.who = 'b'}, {.who = 'c'}};
    static float u[N], memory[3][N], *const state[] = {memory[0], memory[1], memory[2]};
    co_contribution c;
    co_chain_add(&chain, &closes, &p[0]);
    co_chain_add(&chain, &few, &p[1]);
    chain.close_at = 2;
    co_chain_add(&chain, &enforced, &p[2]);
    cr_assert_eq(co_chain_ready(&chain, &(co_stage_site){.cohort = 1}), CO_OK);
    cr_expect(forward(&chain, 1, false, u, state, &c));
    cr_expect_str_eq(calls.who, "abAc");
    forget_calls();
    cr_expect(forward(&chain, 1, true, u, state, &c));
    cr_expect_str_eq(calls.who, "c", "attackers keep nothing");
    end(&chain);
}

static void fail_step(void *self, const co_stage_key *key, co_round_sum *sum)
{
    called(((probe *)self)->who, key);
    sum->failed = true;
}

Test(chain, a_stage_can_say_that_a_step_has_no_result)
{
    const co_stage fails = {.name = "fails", .summary = "test", .backward = fail_step};
    co_chain chain = {.seed = 11};
    probe p[2] = {{.who = 'a'}, {.who = 'b'}};
    int64_t sum[2] = {5, -5};
    co_round_sum in = {.n = 2, .sum = sum};
    co_chain_add(&chain, &server_only, &p[0]);
    co_chain_add(&chain, &fails, &p[1]);
    cr_assert_eq(co_chain_ready(&chain, &(co_stage_site){.cohort = 1}), CO_OK);
    co_chain_backward(&chain, 7, NULL, &in);
    cr_expect(in.failed && sum[0] == 5 && strcmp(calls.who, "b") == 0, "nothing goes further");
    end(&chain);
}

/* Each transform between the two probes: it sees what the first left, the second what it leaves,
 * and its state is its own. */
Test(chain, every_transform_takes_its_place)
{
    static open_site site;
    for (const co_plugin *const *at = co_kind_stage.members; *at; at++) {
        const co_stage *member = co_stage_find((*at)->name);
        co_chain chain = {.seed = 11};
        probe a = {.who = 'a'}, c = {.who = 'c'};
        if (member->gives == CO_INTEGERS) continue; /* no stage of floats stands behind */
        co_contribution sent;
        const char *name[8];
        static float u[N], alone[N], memory[8][N], own[8][N], *state[8], *own_state[8];
        void *self[2] = {NULL, NULL};
        co_node *root;
        const char *yaml = member->sample ? member->sample : "{}";
        const co_config opt = test_options(yaml, "transforms", &member->params, 1, &root);
        for (int k = 0; k < 2; k++)
            if (member->create) cr_assert_eq(member->create(&opt, &self[k]), CO_OK);
        co_node_destroy(root);
        co_chain_add(&chain, &offered, &a);
        co_chain_add(&chain, member, self[0]);
        co_chain_add(&chain, &enforced, &c);
        make_site(&site, N);
        site.tensor[0] = (co_tensor){.ndim = 2, .dim = {10, 20}, .size = 200};
        co_stage_site at_site = site_of(&site);
        at_site.cohort = 20;
        cr_assert_eq(co_chain_ready(&chain, &at_site), CO_OK, "%s", co_status_message());
        if (member->ready) cr_assert_eq(member->ready(self[1], &at_site), CO_OK);
        const size_t n_slots = co_chain_slots(&chain, name, 8);
        memset(memory, 0, sizeof memory);
        memset(own, 0, sizeof own);
        for (int k = 0; k < 8; k++) state[k] = memory[k], own_state[k] = own[k];
        test_fill(701, N, 2.0f, u);
        for (size_t j = 0; j < N; j++) alone[j] = u[j] + 1.0f;
        if (member->forward) {
            int64_t counts[16] = {0};
            const co_stage_key key = {.seed = 11, .step = 7, .device = 3, .cohort = 20};
            co_contribution by_itself = {.n = N,
                                         .part = site.layout.part,
                                         .n_parts = 1,
                                         .n_values = N,
                                         .coded_bits = NAN,
                                         .factor = 1.0,
                                         .update = alone,
                                         .norm = co_vector_norm(alone, N),
                                         .weight = 1.0,
                                         .coefficient = 0.5,
                                         .counts = counts};
            member->forward(self[1], &key, &by_itself, own_state);
        }
        cr_expect(forward(&chain, 3, false, u, state, &sent), "%s", member->name);
        cr_expect_arr_eq(memory[n_slots - 1], alone, sizeof alone, "%s: what the next stage got",
                         member->name);
        cr_expect(n_slots < 3 || memcmp(memory[1], own, (n_slots - 2) * sizeof own[0]) == 0,
                  "%s: state", member->name);
        for (size_t j = 0; j < N; j++) cr_expect_eq(u[j], alone[j] + 1.0f);
        if (member->destroy) member->destroy(self[1]);
        end(&chain);
    }
}
