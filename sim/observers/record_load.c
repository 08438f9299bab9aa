/* sim/observers/record_load.c - the table load: seconds of each rank, summed over spans of rounds.
 */
#include "sim/observers/record_private.h"
#include <string.h>

/* Adds the rows of the rounds summed so far. */
void co_record_flush_load(co_record *r)
{
    if (r->span_round == 0) return;
    for (int k = 0; k < r->ranks; k++) {
        const co_rank_record *from = &r->span[k];
        const double values[] = {from->cost,     from->train_s, from->wait_s,
                                 from->reduce_s, from->eval_s,  from->write_s};
        CO_ASSERT(co_table_add_row(&r->load) == CO_OK); /* reserved */
        co_table_set_i64(&r->load, L_ROUND, r->span_round);
        co_table_set_i64(&r->load, L_RANK, k);
        co_table_set_i64(&r->load, L_DEVICES, from->n_devices);
        co_table_set_i64(&r->load, L_EXAMPLES, from->n_examples);
        for (size_t c = 0; c < sizeof values / sizeof *values; c++)
            co_table_set_f64(&r->load, L_PREDICTED + c, values[c]);
        r->span[k] = (co_rank_record){0};
    }
    r->span_round = 0;
}

/* Seconds that the plan's cost stands for, as rank 0 has found it. */
static double rate_of(const co_record *r)
{
    return r->spent_cost > 0.0 ? r->spent_s / r->spent_cost : 0.0;
}

/* The pending round, of which now all times are known, into the span. */
static void add_load(co_record *r, int64_t round)
{
    for (int k = 0; k < r->ranks; k++) {
        co_rank_record *sum = &r->span[k];
        const co_rank_record *rank = &r->pending[k];
        sum->n_devices += rank->n_devices;
        sum->n_examples += rank->n_examples;
        sum->cost += rank->cost * rate_of(r); /* predicted seconds from here on */
        sum->train_s += rank->train_s;
        sum->wait_s += rank->wait_s;
        sum->reduce_s += rank->reduce_s;
        sum->eval_s += rank->eval_s;
        sum->write_s += rank->write_s;
    }
    r->span_round = round;
    if (round % r->load_span == 0) co_record_flush_load(r);
}

/* Adds the seconds of a save to the newest rows of load, which were published before it. The last
 * save of a run is in no file. */
static void add_write(co_record *r, const co_rank_record *rank)
{
    const size_t n = (size_t)r->ranks, n_rows = r->load.n_rows;
    double *write_s = r->load.data[L_WRITE];
    for (size_t k = 0; k < n && n_rows >= n; k++) write_s[n_rows - n + k] += rank[k].write_s;
}

void co_record_load(co_record *r, int64_t round, const co_rank_record *rank)
{
    r->spent_s += rank[0].train_s;
    r->spent_cost += rank[0].cost;
    for (int k = 0; k < r->ranks; k++) {
        r->pending[k].reduce_s = rank[k].reduce_s;
        r->pending[k].eval_s = rank[k].eval_s;
        r->pending[k].write_s = rank[k].write_s;
    }
    if (r->has_pending)
        add_load(r, round - 1);
    else
        add_write(r, rank);
    memcpy(r->pending, rank, (size_t)r->ranks * sizeof *rank);
    r->has_pending = true;
}

void co_record_complete(co_record *r, int64_t round, const co_rank_record *rank)
{
    if (!r->has_pending) return;
    memcpy(r->pending, rank, (size_t)r->ranks * sizeof *rank);
    add_load(r, round);
    r->has_pending = false;
}
