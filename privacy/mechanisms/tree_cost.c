/* privacy/mechanisms/tree_cost.c - the exact sensitivity of tree aggregation.
 *
 * A node with c participations of a device changes by c of its bounds at most: the square of the
 * sensitivity is the largest sum of c^2 over all nodes. For a subtree, an entry offset e (leaves at
 * its start that the last participation before it forbids) and q participations in it, what matters
 * is the pair (value, exit offset): those that no other betters in both are kept, and a node's
 * pairs are those of its left child joined with those of its right one, entered at the exit of the
 * left. A subtree of no more leaves than the separation holds one at most, best as early as may be.
 * Pairs of whole subtrees are kept for all later questions.
 * Cost of a question: joins of at most (participations)^2 a tree, of which there are log2 steps.
 * Source: Kairouz et al. 2021, arXiv:2103.00039, Appendix D; the separation: Xu et al. 2023,
 * arXiv:2305.18465, who count the rounds between (one less than the difference here). */
#include "privacy/mechanisms/tree_cost.h"
#include "core/memory.h"
#include <stdbool.h>
#include <string.h>

enum { LEVELS = 62 };
#define MOST_JOINS 1e9

/* q participations end with x leaves of what follows forbidden, and come to `value`. */
typedef struct {
    int64_t q, x, value;
} outcome;

/* By ascending q, then x and value ascending. */
typedef struct {
    outcome *at;
    size_t n, room;
    bool is_known;
} outcomes;

struct co_tree_cost {
    int64_t separation, restart;
    outcomes *whole[LEVELS];     /* [height][separation] by entry; NULL: not asked for yet */
    outcomes *completed;         /* [separation] trees that another follows */
    int64_t steps, most, answer; /* of the last question */
};

/* The best values by (q, x): table[q * separation + x], -1: none. */
typedef struct {
    int64_t *best, n_q, separation;
} table;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static co_status open_table(table *t, int64_t n_q, int64_t separation)
{
    *t = (table){.n_q = n_q, .separation = separation};
    t->best = co_malloc((size_t)n_q * (size_t)separation, sizeof *t->best);
    if (!t->best) return CO_FAIL(CO_ENOMEM, "sensitivity of %lld participations", (long long)n_q);
    for (int64_t i = 0; i < n_q * separation; i++) t->best[i] = -1;
    return CO_OK;
}

static void offer(table *t, int64_t q, int64_t x, int64_t value)
{
    int64_t *best = &t->best[q * t->separation + x];
    if (value > *best) *best = value;
}

/* What no other betters; the table is given back. */
static co_status close_table(table *t, outcomes *out)
{
    co_status st = CO_OK;
    for (int64_t q = 0; q < t->n_q && st == CO_OK; q++) {
        int64_t top = -1;
        for (int64_t x = 0; x < t->separation && st == CO_OK; x++) {
            const int64_t value = t->best[q * t->separation + x];
            if (value <= top) continue;
            top = value;
            if (co_reserve((void **)&out->at, &out->room, out->n + 1, sizeof *out->at) != 0)
                st = CO_FAIL(CO_ENOMEM, "sensitivity of %lld participations", (long long)q);
            else
                out->at[out->n++] = (outcome){q, x, value};
        }
    }
    co_free(t->best);
    out->is_known = st == CO_OK;
    return st;
}

/* Most participations in n leaves. */
static int64_t most_in(const co_tree_cost *c, int64_t n)
{
    return (n + c->separation - 1) / c->separation;
}

/* The offset that is left behind n leaves. */
static int64_t beyond(int64_t offset, int64_t n)
{
    return offset > n ? offset - n : 0;
}

static co_status whole(co_tree_cost *c, int height, int64_t entry, outcomes **out);

/* One participation at most, of `levels` nodes above each leaf. */
static void offer_one(table *t, int64_t entry, int64_t leaves, int64_t value)
{
    offer(t, 0, beyond(entry, leaves), 0);
    if (entry < leaves) offer(t, 1, beyond(entry + t->separation, leaves), value);
}

/* Of a subtree of 2^height leaves, of which only `leaves` are steps, and whose nodes are all there.
 */
static co_status walk(co_tree_cost *c, int height, int64_t leaves, int64_t entry, outcomes *out)
{
    const int64_t half = height > 0 ? INT64_C(1) << (height - 1) : 0, on_left = least(leaves, half);
    outcomes *left = NULL, *right = NULL, part[2] = {{0}, {0}};
    table t;
    CO_TRY(open_table(&t, most_in(c, leaves) + 1, c->separation));
    if (leaves <= c->separation) {
        offer_one(&t, entry, leaves, height + 1);
        return close_table(&t, out);
    }
    co_status st = CO_OK;
    if (on_left == half)
        st = whole(c, height - 1, entry, &left);
    else
        st = walk(c, height - 1, on_left, entry, left = &part[0]);
    for (size_t i = 0; st == CO_OK && i < left->n; i++) {
        const outcome l = left->at[i];
        part[1].n = 0;
        if (leaves == 2 * half)
            st = whole(c, height - 1, l.x, &right);
        else if (leaves > half)
            st = walk(c, height - 1, leaves - half, l.x, right = &part[1]);
        else
            offer(&t, l.q, l.x, l.value + l.q * l.q);
        for (size_t k = 0; leaves > half && st == CO_OK && k < right->n; k++) {
            const outcome r = right->at[k];
            const int64_t q = l.q + r.q;
            offer(&t, q, r.x, l.value + r.value + q * q);
        }
    }
    co_free(part[0].at);
    co_free(part[1].at);
    if (st == CO_OK) return close_table(&t, out);
    co_free(t.best);
    return st;
}

static co_status look_up(const co_tree_cost *c, outcomes **list)
{
    if (!*list) *list = co_calloc((size_t)c->separation, sizeof **list);
    return *list ? CO_OK : CO_FAIL(CO_ENOMEM, "sensitivity of trees");
}

static co_status whole(co_tree_cost *c, int height, int64_t entry, outcomes **out)
{
    CO_TRY(look_up(c, &c->whole[height]));
    *out = &c->whole[height][entry];
    return (*out)->is_known ? CO_OK : walk(c, height, INT64_C(1) << height, entry, *out);
}

/* The least height of a tree of n leaves. */
static int height_of(int64_t n)
{
    int height = 0;
    while (INT64_C(1) << height < n) height++;
    return height;
}

static co_status completed(co_tree_cost *c, int64_t entry, outcomes **out)
{
    CO_TRY(look_up(c, &c->completed));
    *out = &c->completed[entry];
    return (*out)->is_known ? CO_OK : walk(c, height_of(c->restart), c->restart, entry, *out);
}

/* Trees one behind the other, so far. */
typedef struct {
    co_tree_cost *cost;
    int64_t most;
    outcomes now;
} row_of_trees;

/* One more tree: of 2^height steps, or below 0 a completed one. */
static co_status append(row_of_trees *r, int height)
{
    table t;
    outcomes joined = {0}, *right;
    co_status st = open_table(&t, r->most + 1, r->cost->separation);
    for (size_t i = 0; st == CO_OK && i < r->now.n; i++) {
        const outcome l = r->now.at[i];
        st = height < 0 ? completed(r->cost, l.x, &right) : whole(r->cost, height, l.x, &right);
        for (size_t k = 0; st == CO_OK && k < right->n && l.q + right->at[k].q <= r->most; k++)
            offer(&t, l.q + right->at[k].q, right->at[k].x, l.value + right->at[k].value);
    }
    if (st == CO_OK)
        st = close_table(&t, &joined);
    else
        co_free(t.best);
    co_free(r->now.at);
    r->now = joined;
    return st;
}

static co_status search(co_tree_cost *c, int64_t n_steps, int64_t most, int64_t *squared)
{
    row_of_trees r = {.cost = c, .most = least(most, most_in(c, n_steps))};
    co_status st = CO_OK;
    if (co_reserve((void **)&r.now.at, &r.now.room, 1, sizeof *r.now.at) != 0)
        return CO_FAIL(CO_ENOMEM, "sensitivity of trees");
    r.now.at[r.now.n++] = (outcome){0, 0, 0};
    int64_t left = n_steps;
    for (; st == CO_OK && c->restart > 0 && left > c->restart; left -= c->restart)
        st = append(&r, -1);
    for (int height = LEVELS - 1; st == CO_OK && height >= 0; height--)
        if (left >> height & 1) st = append(&r, height);
    *squared = 0;
    for (size_t i = 0; st == CO_OK && i < r.now.n; i++)
        if (r.now.at[i].value > *squared) *squared = r.now.at[i].value;
    co_free(r.now.at);
    return st;
}

/* most x sum over levels of the most in one node. */
static int64_t bound(const co_tree_cost *c, int64_t n_steps, int64_t most)
{
    const int64_t leaves = c->restart > 0 ? least(c->restart, n_steps) : n_steps;
    const int top = height_of(leaves);
    int64_t sum = 0;
    for (int h = 0; h <= top; h++) sum += least(most, most_in(c, INT64_C(1) << h));
    return most * sum;
}

co_status co_tree_cost_squared(co_tree_cost *c, int64_t n_steps, int64_t most, int64_t *squared)
{
    const int64_t q = least(most, most_in(c, n_steps));
    *squared = c->answer;
    if (c->steps == n_steps && c->most == q) return CO_OK;
    const int64_t n_trees = c->restart > 0 ? n_steps / c->restart + 1 : 1;
    const double joins = (double)most_in(c, n_steps); /* of a tree, whatever `most` is */
    if (joins * joins * (double)n_trees + (double)n_steps * (double)c->separation > MOST_JOINS)
        *squared = bound(c, n_steps, q);
    else
        CO_TRY(search(c, n_steps, q, squared));
    c->steps = n_steps, c->most = q, c->answer = *squared;
    return CO_OK;
}

co_tree_cost *co_tree_cost_create(int64_t separation, int64_t restart)
{
    co_tree_cost *c = co_calloc(1, sizeof *c);
    if (c) c->separation = separation, c->restart = restart;
    return c;
}

static void forget(const co_tree_cost *c, outcomes *list)
{
    for (int64_t e = 0; list && e < c->separation; e++) co_free(list[e].at);
    co_free(list);
}

void co_tree_cost_destroy(co_tree_cost *c)
{
    if (!c) return;
    for (int h = 0; h < LEVELS; h++) forget(c, c->whole[h]);
    forget(c, c->completed);
    co_free(c);
}
