/* sim/stages/messages.c - counts of messages and what they come to.
 *
 * epsilon is that of the device with most messages: their sum at delta 0; else what the accountant
 * pld says of noise that it knows, and the exact composition of epsilon-private messages for the
 * rest (privacy/accountants/pure.h). Above 32 messages it is told of a number rounded up to 5
 * significant bits, so that a run asks 16 times each doubling. */
#include "sim/stages/messages.h"
#include "core/memory.h"
#include "privacy/accountants/pure.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

co_status co_messages_init(co_messages *m, const co_experiment *e, const co_chain *chain,
                           const co_plan *plan, int64_t population)
{
    *m = (co_messages){.told = -1};
    if (!e->private_stage) return CO_OK;
    m->stage = e->private_stage;
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage == m->stage) m->stage->guarantee(chain->link[k].self, &m->once);
    m->accountant = m->once.accountant = co_accountant_find("pld");
    m->n_devices = population;
    m->reports = plan->per_round;
    m->source = (co_noise_source){.is_secret = m->once.is_secure, .seed = (uint64_t)e->seed};
    if (m->once.delta * (double)population > 1.0 + 1e-9)
        return CO_FAIL(CO_EUSAGE,
                       "transforms: %s: delta %g is above 1 / population = %g: set it below",
                       m->stage->name, m->once.delta, 1.0 / (double)population);
    m->sent = co_calloc((size_t)population, sizeof *m->sent);
    return m->sent ? CO_OK : CO_FAIL(CO_ENOMEM, "messages of each device");
}

void co_messages_fini(co_messages *m)
{
    co_free(m->sent);
    *m = (co_messages){0};
}

void co_messages_start(co_messages *m, const co_comm *comm)
{
    if (!m->source.is_secret) return;
    co_noise_source_draw(&m->source);
    MPI_Bcast(m->source.key, sizeof m->source.key, MPI_UNSIGNED_CHAR, 0, comm->world);
    memcpy(m->key, m->source.key, sizeof m->key);
}

void co_messages_keeps(co_messages *m, co_keeps *keeps)
{
    if (!m->stage) return;
    co_keep_ints(keeps, "privacy/messages", m->sent, NULL, m->n_devices);
    co_keep_within(keeps, 0.0, 1e9); /* the most rounds that there can be */
    if (m->source.is_secret)
        co_keep_ints(keeps, "privacy/messages_key", m->key, NULL, CO_NOISE_KEY_BYTES / 8);
}

void co_messages_wake(co_messages *m)
{
    if (m->source.is_secret) memcpy(m->source.key, m->key, sizeof m->key);
}

void co_messages_count(co_messages *m, const co_plan *plan)
{
    for (size_t i = 0; m->stage && i < plan->n; i++)
        if (co_row_works(&plan->row[i])) m->sent[plan->row[i].device]++;
    for (size_t i = 0; m->stage && i < plan->n_lost; i++)
        if (co_row_sends_late(plan, &plan->lost[i])) m->sent[plan->lost[i].device]++;
}

co_status co_messages_epsilon(const co_messages *m, int64_t n, double *epsilon)
{
    const co_release *r = &m->once;
    const co_event event = {.noise = r->mechanism->noise,
                            .rate = 1.0,
                            .noise_multiplier = r->multiplier / 2.0}; /* any two inputs */
    co_ledger ledger = {0};
    co_guarantee g;
    if (r->mechanism->noise == CO_N_NOISES || r->delta == 0.0) {
        *epsilon = co_pure_epsilon(r->epsilon, n, r->delta);
        return CO_OK;
    }
    co_status st = co_ledger_add(&ledger, &event, n);
    if (st == CO_OK)
        st = co_account_epsilon(m->accountant, &ledger, &(co_accounting){0}, r->delta, &g);
    co_ledger_fini(&ledger);
    if (st == CO_OK) *epsilon = g.epsilon;
    return st;
}

static int64_t rounded_up(int64_t n)
{
    int64_t unit = 1;
    while (n > 32 * unit) unit *= 2;
    return (n + unit - 1) / unit * unit;
}

static void shuffle(co_release *r, double reports)
{
    r->reports = reports;
    r->epsilon_shuffled = NAN;
    r->delta_shuffled = r->delta > 0.0 ? r->delta : 1e-6;
    if (r->mechanism->noise == CO_NOISE_GAUSSIAN || reports < 2.0 || reports > 1e7) return;
    const double epsilon = co_shuffled_epsilon(r->epsilon, floor(reports), r->delta_shuffled);
    if (epsilon < 0.99 * r->epsilon) r->epsilon_shuffled = epsilon;
}

co_status co_messages_release(co_messages *m, co_release *release)
{
    int64_t most = 0;
    for (int64_t k = 0; k < m->n_devices; k++)
        if (m->sent[k] > most) most = m->sent[k];
    if (m->told < 0) shuffle(&m->once, m->reports);
    if (rounded_up(most) != m->told) {
        m->told = rounded_up(most);
        CO_TRY(co_messages_epsilon(m, m->told, &m->epsilon));
    }
    *release = m->once;
    release->n_releases = m->told;
    release->epsilon_all = m->epsilon;
    return CO_OK;
}

co_status co_messages_print(const co_messages *m, int64_t most)
{
    double epsilon;
    char delta[32] = "";
    if (!m->stage) return CO_OK;
    CO_TRY(co_messages_epsilon(m, most, &epsilon));
    if (m->once.delta > 0.0) snprintf(delta, sizeof delta, " at delta %g", m->once.delta);
    printf("messages     %s, clip %g: epsilon %.4g%s of one, whoever reads it; %.4g%s of the %lld "
           "that a device sends at most\n",
           m->stage->name, m->once.clip, m->once.epsilon,
           m->once.mechanism->noise == CO_NOISE_GAUSSIAN ? delta : "", epsilon, delta,
           (long long)most);
    return CO_OK;
}
