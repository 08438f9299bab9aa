/* sim/observers/record_secagg.c - secure aggregation in the run file: columns of rounds for its
 * stages, and a statement of who learns what. */
#include "core/memory.h"
#include "sim/observers/record_private.h"
#include "sim/planners/secure.h"
#include <stdio.h>
#include <string.h>

static const co_column of_step[N_SECAGG_HEAD] = {
    {"secagg_neighbours", CO_I64}, {"secagg_threshold", CO_I64}, {"secagg_failed", CO_U8}};
static const co_column of_stage[N_SECAGG_OF_STAGE] = {
    {"answered", CO_I64}, {"bytes", CO_I64, .unit = "B"}, {"s", CO_F64, .unit = "s"}};

/* How a step was made and ended; of each stage how many answered, all bytes of it both ways, its
 * virtual seconds. */
void co_record_secagg_columns(co_record *r, co_column *column, char name[N_SECAGG][32])
{
    char *words = r->secagg_words;
    const size_t size = sizeof r->secagg_words;
    memcpy(column, of_step, sizeof of_step);
    column[S_FAILED].words = words;
    snprintf(words, size, "no");
    for (int stage = 0; stage < CO_SECAGG_STAGES; stage++) {
        snprintf(words + strlen(words), size - strlen(words), ",%s", co_secure_stage_names[stage]);
        for (int k = 0; k < N_SECAGG_OF_STAGE; k++) {
            const int at = N_SECAGG_HEAD + N_SECAGG_OF_STAGE * stage + k;
            snprintf(name[at], sizeof name[at], "secagg_%s_%s", of_stage[k].name,
                     co_secure_stage_names[stage]);
            column[at] = of_stage[k];
            column[at].name = name[at];
        }
    }
}

void co_record_secagg(co_table *t, const co_plan *plan)
{
    const size_t after = t->n_columns - N_SECAGG;
    const co_secure *s = plan->secure;
    co_table_set_i64(t, after + S_NEIGHBOURS, (int64_t)s->round.shape.k);
    co_table_set_i64(t, after + S_THRESHOLD, (int64_t)s->round.shape.threshold);
    co_table_set_i64(t, after + S_FAILED, s->failed < CO_SECAGG_STAGES ? s->failed + 1 : 0);
    for (int k = 0; k < CO_SECAGG_STAGES; k++) {
        const co_secure_stage of = co_secure_stage_of(plan, (co_secagg_stage)k);
        const size_t at = after + N_SECAGG_HEAD + (size_t)(N_SECAGG_OF_STAGE * k);
        co_table_set_i64(t, at + S_ANSWERED, of.n_answered);
        co_table_set_i64(t, at + S_BYTES, of.bytes);
        co_table_set_f64(t, at + S_SECONDS, of.seconds);
    }
}

/* Who may be corrupt, as the neighbours were found. */
static void say_assumptions(const co_secagg_keys *k, co_json *json)
{
    char corrupt[240] = "of the devices that hold shares of a device fewer than secagg_threshold "
                        "are corrupt";
    if (k->has_risk && k->is_plus)
        snprintf(corrupt, sizeof corrupt,
                 "up to %g of the devices are corrupt and an update comes out with probability "
                 "2^-%g; a round fails with 2^-%g though no more than %g are lost",
                 k->risk.corrupt, k->risk.security, k->risk.correctness, k->risk.dropout);
    else if (k->has_risk)
        snprintf(corrupt, sizeof corrupt,
                 "up to %g of the devices are corrupt, and no round fails while %g are lost",
                 k->risk.corrupt, k->risk.dropout);
    char *text = co_format("a server that keeps to the protocol%s and that corrupt devices tell "
                           "all they know; %s; the keys of a step are those of its devices",
                           k->risk.lies ? ", but for who is left," : "", corrupt);
    if (text) co_json_text(json, "assumes", text);
    co_free(text);
}

void co_record_secagg_say(const co_record *r, co_json *json)
{
    const co_secagg_keys *k = r->secagg;
    co_json_open(json, NULL, '{');
    co_json_text(json, "statement", "secure aggregation");
    co_json_text(json, "server learns",
                 "the sum of the updates of a round, who was asked and who answered which stage; "
                 "of a round that failed no sum");
    co_json_text(json, "protocol",
                 k->is_plus ? "secagg_plus (Bell et al. 2020): shares with secagg_neighbours others"
                            : "secagg (Bonawitz et al. 2017): shares with all others");
    say_assumptions(k, json);
    co_json_text(json, "simulation",
                 !k->is_played  ? "plain integers were added, in place of masked ones with the "
                                  "same sum"
                 : k->is_secure ? "every mask was made, from keys of the system's generator"
                                : "every mask was made, from keys that the seed tells");
    co_json_text(json, "covered", "updates; devices/loss and devices/update_norm are left out");
    co_json_text(json, "not covered",
                 "training loss and metrics, the sum of the weights, and how many numbers integers "
                 "could not hold: sums over the devices of a round, added in the clear; numbers of "
                 "examples in devices/; evaluations on "
                 "devices");
    co_json_close(json, '}');
}
