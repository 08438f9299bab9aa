/* sim/devices/budget.c - classes of devices, their noise and limits, and counts of events. */
#include "sim/devices/budget.h"
#include "core/log.h"
#include "core/memory.h"
#include "sim/devices/turns.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 64, EXACT_CLASSES = 8, MOST_NAMED = 5 };
static const double left_out = 0.01; /* of the devices, at most, before the end of the run */
#define MOST_EVENTS ((int64_t)1 << 40)

static const co_accounting how = {.quick = true};

/* n without all but its first bits. */
static int64_t cut(int64_t n, int bits)
{
    const int length = 64 - __builtin_clzll((unsigned long long)n);
    const int gone = length > bits ? length - bits : 0;
    return n >> gone << gone;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The different numbers of examples, cut to so many bits, ascending into found; false: more than
 * MOST_CLASSES. */
static bool find_classes(const co_population *p, int bits, int64_t *found, size_t *n)
{
    *n = 0;
    for (int64_t k = 0; k < p->n_devices; k++) {
        const int64_t held = co_population_examples(p, k), of = held > 0 ? cut(held, bits) : 0;
        if (held == 0 || bsearch(&of, found, *n, sizeof of, by_number)) continue;
        if (*n == MOST_CLASSES) return false;
        found[(*n)++] = of;
        qsort(found, *n, sizeof of, by_number);
    }
    return true;
}

static size_t class_index(const co_budget *b, int64_t n)
{
    size_t lo = 0, hi = b->n_classes;
    while (hi - lo > 1) {
        const size_t middle = (lo + hi) / 2;
        if (b->class[middle].schedule.n <= n)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

const co_budget_class *co_budget_class_of(const co_budget *b, int64_t n_examples)
{
    return &b->class[class_index(b, n_examples)];
}

static co_status make_classes(co_budget *b)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    const int64_t batch = b->experiment->local_keys.batch;
    int64_t found[MOST_CLASSES];
    int bits = 63;
    while (!find_classes(b->population, bits, found, &b->n_classes))
        bits = bits == 63 ? 8 : bits - 1;
    b->class = co_calloc(b->n_classes, sizeof *b->class);
    b->events = co_calloc((size_t)b->population->n_devices, sizeof *b->events);
    if (!b->class || !b->events) return CO_FAIL(CO_ENOMEM, "budgets of the devices");
    for (size_t c = 0; c < b->n_classes; c++)
        b->class[c] = (co_budget_class){
            .schedule = {.is_shuffled = keys->is_shuffled,
                         .n = found[c],
                         .batch = batch == 0 || batch > found[c] ? found[c] : batch,
                         .multiplier = keys->multiplier,
                         .decay = keys->decay,
                         .unit = keys->is_shuffled && keys->group == 1 ? 0.5 : 1.0},
            .most = INT64_MAX};
    for (int64_t k = 0; k < b->population->n_devices; k++) {
        const int64_t held = co_population_examples(b->population, k);
        if (held == 0) continue;
        co_budget_class *of = &b->class[class_index(b, held)];
        of->n_devices++;
        if (held > of->largest) of->largest = held;
    }
    return CO_OK;
}

/* The most events of a round of a device of the class. */
static int64_t events_of_round(const co_budget *b, const co_budget_class *of)
{
    int64_t most = 0;
    const int64_t ends[] = {of->schedule.n, of->largest};
    for (int k = 0; k < 2; k++) {
        const int64_t batch = b->experiment->local_keys.batch;
        const co_example_schedule own = {.n = ends[k],
                                         .batch = batch == 0 || batch > ends[k] ? ends[k] : batch,
                                         .is_shuffled = of->schedule.is_shuffled};
        const int64_t n = co_example_events(&own, co_experiment_steps(b->experiment, ends[k]));
        if (n > most) most = n;
    }
    return most;
}

static co_status account_class(const co_budget *b, co_budget_class *of)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    const int64_t planned = b->rounds * of->each;
    co_guarantee g;
    if (keys->multiplier < 0.0)
        CO_TRY(co_example_find_noise(&of->schedule, keys->accountant, &how, keys->epsilon,
                                     keys->delta, planned));
    CO_TRY(co_example_epsilon(&of->schedule, keys->accountant, &how, keys->delta, planned, &g));
    of->planned = g.epsilon;
    if (keys->epsilon > 0.0)
        CO_TRY(co_example_most(&of->schedule, keys->accountant, &how, keys->epsilon, keys->delta,
                               planned, MOST_EVENTS, &of->most));
    return CO_OK;
}

/* Adaptive clip: the count takes a part of the noise, never all of it. */
static co_status check_count(const co_budget *b)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    for (size_t c = 0; keys->quantile >= 0.0 && c < b->n_classes; c++) {
        const co_example_schedule *s = &b->class[c].schedule;
        if (isnan(co_example_split_noise(s, keys->count_noise, 0).gradient))
            return co_config_fail(
                &b->experiment->local_dp,
                co_config_node(&b->experiment->local_dp, "clip_count_noise"),
                "the count with noise %g alone costs a device of %lld examples more than noise "
                "multiplier %g: raise it above %g",
                keys->count_noise, (long long)s->n, s->multiplier, s->multiplier / 2.0);
    }
    return CO_OK;
}

/* Each class by one rank, then known to all: no rank counts otherwise than another. */
static co_status account(co_budget *b, const co_comm *comm)
{
    double shared[MOST_CLASSES][3] = {0};
    co_status st = CO_OK;
    for (size_t c = 0; c < b->n_classes && st == CO_OK; c++) {
        if ((int)(c % (size_t)comm->size) != comm->rank) continue;
        co_budget_class *of = &b->class[c];
        st = account_class(b, of);
        shared[c][0] = of->schedule.multiplier;
        shared[c][1] = of->planned;
        shared[c][2] = of->most == INT64_MAX ? -1.0 : (double)of->most;
    }
    if (st == CO_EUSAGE)
        st = co_config_fail(&b->experiment->local_dp,
                            co_config_node(&b->experiment->local_dp, "epsilon"), "%s",
                            co_status_message());
    CO_TRY(co_agree(st, comm));
    MPI_Allreduce(MPI_IN_PLACE, shared[0], 3 * (int)b->n_classes, MPI_DOUBLE, MPI_SUM, comm->world);
    for (size_t c = 0; c < b->n_classes; c++) {
        b->class[c].schedule.multiplier = shared[c][0];
        b->class[c].planned = shared[c][1];
        b->class[c].most = shared[c][2] < 0.0 ? INT64_MAX : (int64_t)shared[c][2];
    }
    return check_count(b);
}

static co_status check(const co_budget *b)
{
    const co_config *dp = &b->experiment->local_dp;
    const double delta = b->experiment->example_keys.delta,
                 largest = (double)b->class[b->n_classes - 1].largest;
    if (b->population->n_periods)
        return co_config_fail(dp, dp->map,
                              "examples that arrive and leave (partition method temporal) change a "
                              "device's rate: local.dp does not account for that");
    if (delta * largest <= 1.0 + 1e-9) return CO_OK;
    return co_config_fail(dp, co_config_node(dp, "delta"),
                          "%g is above 1 / examples of the largest device = %g: set it below",
                          delta, 1.0 / largest);
}

/* The place of a count of events, or where it would stand. */
static size_t find_spent(const co_budget_class *of, int64_t events)
{
    size_t lo = 0, hi = of->n_spent;
    while (lo < hi) {
        const size_t middle = (lo + hi) / 2;
        if (of->spent[middle].events < events)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static co_status count(co_budget_class *of, int64_t events, int64_t n_devices)
{
    const size_t at = find_spent(of, events);
    if (at == of->n_spent || of->spent[at].events != events) {
        if (co_reserve((void **)&of->spent, &of->capacity, of->n_spent + 1, sizeof *of->spent) != 0)
            return CO_FAIL(CO_ENOMEM, "budgets of the devices");
        memmove(of->spent + at + 1, of->spent + at, (of->n_spent - at) * sizeof *of->spent);
        of->spent[at] = (co_spent){.events = events, .epsilon = NAN};
        of->n_spent++;
    }
    of->spent[at].n_devices += n_devices;
    return CO_OK;
}

/* Rank 0: devices by what they have spent, anew. */
static co_status count_all(co_budget *b)
{
    for (size_t c = 0; c < b->n_classes; c++) b->class[c].n_spent = 0;
    for (int64_t k = 0; b->is_first_rank && k < b->population->n_devices; k++) {
        const int64_t held = co_population_examples(b->population, k);
        if (held > 0) CO_TRY(count(&b->class[class_index(b, held)], b -> events[k], 1));
    }
    return CO_OK;
}

/* Rounds of a device that its noise is found for. A selector of equal chances asks it in a binomial
 * number of rounds; of another's, all rounds are an upper bound. */
static void plan_rounds(co_budget *b)
{
    const co_experiment *e = b->experiment;
    b->rounds = e->example_keys.rounds ? e->example_keys.rounds : e->rounds;
    if (e->example_keys.rounds || e->selector->sampling == CO_SAMPLING_NONE) return;
    const double rate = co_config_real(&e->devices, "per_round") / (double)b->population->n_devices;
    b->rounds = co_turns_quantile(e->rounds, rate, left_out, &b->beyond);
    if (b->rounds < 1) b->rounds = 1;
}

co_status co_budget_init(co_budget *b, const co_experiment *e, const co_population *population,
                         const co_comm *comm)
{
    *b = (co_budget){0};
    if (!e->example_keys.is_on) return CO_OK;
    *b = (co_budget){.experiment = e, .population = population, .is_first_rank = comm->rank == 0};
    plan_rounds(b);
    co_status st = make_classes(b);
    if (st == CO_OK) st = check(b);
    for (size_t c = 0; st == CO_OK && c < b->n_classes; c++)
        b->class[c].each = events_of_round(b, &b->class[c]);
    st = co_agree(st, comm);
    if (st == CO_OK) st = account(b, comm);
    if (st == CO_OK) st = co_agree(count_all(b), comm);
    if (st != CO_OK) co_budget_fini(b);
    return st;
}

void co_budget_fini(co_budget *b)
{
    for (size_t c = 0; b->class && c < b->n_classes; c++) co_free(b->class[c].spent);
    co_free(b->class);
    co_free(b->events);
    *b = (co_budget){0};
}

static bool allows(const co_budget_class *of, int64_t events)
{
    return events <= of->most - of->each;
}

bool co_budget_allows(const co_budget *b, int64_t device)
{
    const int64_t held = co_population_examples(b->population, device);
    return held == 0 || allows(&b->class[class_index(b, held)], b -> events[device]);
}

static co_status pay(co_budget *b, const co_plan_row *row)
{
    const int64_t n = row->n_examples, batch = b->experiment->local_keys.batch;
    const co_example_schedule own = {.n = n,
                                     .batch = batch == 0 || batch > n ? n : batch,
                                     .is_shuffled = b->experiment->example_keys.is_shuffled};
    co_budget_class *of = &b->class[class_index(b, n)];
    if (b->is_first_rank) CO_TRY(count(of, b->events[row->device], -1));
    b->events[row->device] += co_example_events(&own, row->n_steps);
    return b->is_first_rank ? count(of, b->events[row->device], 1) : CO_OK;
}

co_status co_budget_commit(co_budget *b, const co_plan *plan)
{
    for (size_t k = 0; b->experiment && k < plan->n; k++)
        if (co_row_works(&plan->row[k])) CO_TRY(pay(b, &plan->row[k]));
    for (size_t k = 0; b->experiment && k < plan->n_lost; k++)
        if (co_row_sends_late(plan, &plan->lost[k])) CO_TRY(pay(b, &plan->lost[k]));
    return CO_OK;
}

/* Events as a row tells of them: with many classes rounded up to 5 significant bits, but not beyond
 * the budget. */
static int64_t events_told(const co_budget *b, const co_budget_class *of, int64_t n)
{
    int64_t unit = 1;
    while (b->n_classes > EXACT_CLASSES && n > 32 * unit) unit *= 2;
    const int64_t told = (n + unit - 1) / unit * unit;
    return n <= of->most && told > of->most ? of->most : told;
}

/* epsilon of the devices at place `at` of the class; those below are known. */
static co_status ask(const co_budget *b, co_budget_class *of, size_t at)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    const int64_t told = events_told(b, of, of->spent[at].events);
    co_guarantee g;
    if (!isnan(of->spent[at].epsilon)) return CO_OK;
    if (at > 0 && events_told(b, of, of->spent[at - 1].events) == told) {
        of->spent[at].epsilon = of->spent[at - 1].epsilon;
        return CO_OK;
    }
    CO_TRY(co_example_epsilon(&of->schedule, keys->accountant, &how, keys->delta, told, &g));
    of->spent[at].epsilon = g.epsilon;
    return CO_OK;
}

/* Without the counts that no device has any more. */
static void tidy(co_budget_class *of)
{
    size_t n = 0;
    for (size_t i = 0; i < of->n_spent; i++)
        if (of->spent[i].n_devices > 0) of->spent[n++] = of->spent[i];
    of->n_spent = n;
}

static int by_epsilon(const void *a, const void *b)
{
    const double x = ((const co_spent *)a)->epsilon, y = ((const co_spent *)b)->epsilon;
    return (x > y) - (x < y);
}

/* Nearest rank, of all[n] by rising epsilon. */
static double quantile(const co_spent *all, size_t n, double n_devices, double p)
{
    double below = 0.0;
    for (size_t i = 0; i < n; i++) {
        below += (double)all[i].n_devices;
        if (below >= p * n_devices - 1e-9) return all[i].epsilon;
    }
    return n ? all[n - 1].epsilon : 0.0;
}

co_status co_budget_tell(co_budget *b, int64_t round, co_example_row *row)
{
    size_t n = 0;
    double n_devices = 0.0;
    *row = (co_example_row){.round = round, .delta = b->experiment->example_keys.delta};
    for (size_t c = 0; c < b->n_classes; c++) {
        tidy(&b->class[c]);
        n += b->class[c].n_spent;
    }
    co_spent *all = co_malloc(n, sizeof *all);
    co_status st = all ? CO_OK : CO_FAIL(CO_ENOMEM, "budgets of the devices");
    n = 0;
    for (size_t c = 0; c < b->n_classes; c++) {
        co_budget_class *of = &b->class[c];
        for (size_t i = 0; st == CO_OK && i < of->n_spent; i++) {
            st = ask(b, of, i);
            all[n++] = of->spent[i];
            n_devices += (double)of->spent[i].n_devices;
            if (!allows(of, of->spent[i].events)) row->n_exhausted += of->spent[i].n_devices;
        }
    }
    if (st == CO_OK) {
        qsort(all, n, sizeof *all, by_epsilon);
        row->epsilon_max = quantile(all, n, n_devices, 1.0);
        row->epsilon_p10 = quantile(all, n, n_devices, 0.1);
        row->epsilon_p50 = quantile(all, n, n_devices, 0.5);
        row->epsilon_p90 = quantile(all, n, n_devices, 0.9);
    }
    co_free(all);
    return st;
}

bool co_budget_is_exhausted(const co_budget *b)
{
    for (int64_t k = 0; k < b->population->n_devices; k++)
        if (!co_budget_allows(b, k)) return true;
    return false;
}

co_release co_budget_release(const co_budget *b)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    const co_example_schedule *s = &b->class[0].schedule; /* the highest rate */
    const bool is_grouped = keys->group > 1;
    const bool is_adaptive = keys->quantile >= 0.0;
    double least = INFINITY, gradient = INFINITY; /* on both; on the sum */
    int64_t most = 0;
    for (size_t c = 0; c < b->n_classes; c++) {
        const co_budget_class *of = &b->class[c];
        const int64_t events = of->n_spent ? of->spent[of->n_spent - 1].events : 0;
        const int64_t newest = events > 0 ? events - 1 : 0;
        const double last = co_example_noise(&of->schedule, newest);
        least = fmin(least, last);
        gradient = fmin(
            gradient,
            is_adaptive ? co_example_split_noise(&of->schedule, keys->count_noise, newest).gradient
                        : last);
        if (events > most) most = events;
    }
    const double doubled = is_grouped ? 2.0 : 1.0;
    return (co_release){.unit = CO_UNIT_EXAMPLE,
                        .mechanism = co_mechanism_find("gaussian"),
                        .multiplier = doubled * least,
                        .sampling = keys->is_shuffled ? CO_SAMPLING_NONE : CO_SAMPLING_POISSON,
                        .rate = keys->is_shuffled ? 1.0 : (double)s->batch / (double)s->n,
                        .clip = keys->clip,
                        .noise_std = keys->clip * doubled * gradient,
                        .is_adaptive = is_adaptive,
                        .is_grouped = is_grouped,
                        .is_public_clip =
                            b->experiment->local_public.map &&
                            co_config_has(&b->experiment->local_public, "clip_quantile"),
                        .n_releases = most,
                        .accountant = keys->accountant};
}

co_status co_budget_broadcast(co_budget *b, const co_comm *comm)
{
    double shared[MOST_CLASSES][2];
    if (!b->experiment) return CO_OK;
    for (size_t c = 0; c < b->n_classes; c++) {
        shared[c][0] = b->class[c].schedule.multiplier;
        shared[c][1] = b->class[c].most == INT64_MAX ? -1.0 : (double)b->class[c].most;
    }
    MPI_Bcast(shared[0], 2 * (int)b->n_classes, MPI_DOUBLE, 0, comm->world);
    for (size_t c = 0; c < b->n_classes; c++) {
        b->class[c].schedule.multiplier = shared[c][0];
        b->class[c].most = shared[c][1] < 0.0 ? INT64_MAX : (int64_t)shared[c][1];
    }
    for (int64_t at = 0; at < b->population->n_devices; at += INT_MAX) {
        const int64_t left = b->population->n_devices - at;
        MPI_Bcast(b->events + at, (int)(left < INT_MAX ? left : INT_MAX), MPI_INT64_T, 0,
                  comm->world);
    }
    return co_agree(count_all(b), comm);
}

/* Ids of some devices of which `is` holds, and how many there are. */
static void print_devices(const co_budget *b, const char *what,
                          bool (*is)(const co_budget *b, const co_budget_class *of))
{
    int64_t n = 0, named = 0;
    for (size_t c = 0; c < b->n_classes; c++)
        if (is(b, &b->class[c])) n += b->class[c].n_devices;
    if (n == 0) return;
    printf("             %lld device%s %s:", (long long)n, n == 1 ? "" : "s", what);
    for (int64_t k = 0; k < b->population->n_devices && named < MOST_NAMED; k++) {
        const int64_t held = co_population_examples(b->population, k);
        if (held == 0 || !is(b, &b->class[class_index(b, held)])) continue;
        printf("%s %lld (%lld example%s)", named ? "," : "", (long long)k, (long long)held,
               held == 1 ? "" : "s");
        named++;
    }
    puts(n > named ? " .." : "");
}

/* How the noise is shared out where a count moves the clip. */
static void print_count(const co_budget *b)
{
    const co_example_keys *keys = &b->experiment->example_keys;
    double most = 0.0, gradient = 0.0, count = 0.0;
    for (size_t c = 0; c < b->n_classes; c++) {
        const co_example_split s =
            co_example_split_noise(&b->class[c].schedule, keys->count_noise, 0);
        const double z = b->class[c].schedule.multiplier;
        if (z > 0.0) most = fmax(most, s.gradient / z);
        gradient = fmax(gradient, s.gradient), count = fmax(count, s.count);
    }
    printf("             clip from %g on towards quantile %g of a device's norms, paid for: noise "
           "%.4g on the count, %.4g x clip on the sum (at most %.3g x that of a fixed clip)\n",
           keys->clip, keys->quantile, count, gradient, most);
}

/* What the number of rounds is, and who outlasts it. */
static void print_plan(const co_budget *b)
{
    const co_experiment *e = b->experiment;
    const bool has_budget = e->example_keys.epsilon > 0.0;
    printf("             planned for %lld of its rounds: ", (long long)b->rounds);
    if (e->example_keys.rounds)
        puts("local.dp.rounds");
    else if (b->rounds >= e->rounds)
        puts("all of the run");
    else
        printf("all but %.2g %% of devices %s\n", 100.0 * b->beyond,
               has_budget ? "last to the end" : "take part in no more");
}

static bool has_no_round(const co_budget *b, const co_budget_class *of)
{
    (void)b;
    return !allows(of, 0);
}

static bool ends_early(const co_budget *b, const co_budget_class *of)
{
    return allows(of, 0) && of->most < b->rounds * of->each;
}

static bool is_unsampled(const co_budget *b, const co_budget_class *of)
{
    return !of->schedule.is_shuffled && of->schedule.batch == of->schedule.n && allows(of, 0) &&
           !ends_early(b, of);
}

void co_budget_print(const co_budget *b)
{
    if (!b->experiment) return;
    const co_example_keys *keys = &b->experiment->example_keys;
    const co_config *dp = &b->experiment->local_dp;
    double least = INFINITY, most = 0.0, epsilon = 0.0, least_epsilon = INFINITY;
    for (size_t c = 0; c < b->n_classes; c++) {
        const double z = b->class[c].schedule.multiplier;
        least = fmin(least, z), most = fmax(most, z);
        epsilon = fmax(epsilon, b->class[c].planned);
        least_epsilon = fmin(least_epsilon, b->class[c].planned);
    }
    printf("examples     %s batches, clip %g, noise %.4g", co_config_string(dp, "sampling"),
           keys->clip, least);
    if (most > least) printf(" to %.4g", most);
    printf(" x %g; epsilon of a device %.4g", keys->clip * (keys->group > 1 ? 2.0 : 1.0),
           least_epsilon);
    if (epsilon > 1.001 * least_epsilon) printf(" to %.4g", epsilon);
    printf(" at delta %g after %lld of its rounds (%s example, %s)\n", keys->delta,
           (long long)b->rounds, keys->is_shuffled ? "replace one" : "add or remove one",
           keys->accountant->name);
    print_plan(b);
    if (keys->quantile >= 0.0) print_count(b);
    print_devices(b, "with too few examples for one round within epsilon", has_no_round);
    print_devices(b, "with too few examples for all rounds within epsilon", ends_early);
    print_devices(b, "with too few examples to sample from (rate 1)", is_unsampled);
}
