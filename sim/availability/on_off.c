/* sim/availability/on_off.c - the course of a two-state chain, found by halving intervals.
 *
 * Leaving rates a (on) and b (off), l = a + b, over a time h: P(on -> off) = a / l (1 - e^(-l h)),
 * and the other way round. The states at the multiples of 2^root ns are drawn by themselves: so far
 * apart (l h >= 45) they are independent to the last bit. Between two known states the one in the
 * middle has an exact law, too (the bridge); each interval carries, beside the states s and r at
 * its ends, whether nothing happens in it:
 *   s -> r:       the middle is s with (s quiet | s busy) on the left, or r so on the right;
 *   s -> s busy:  the other state in the middle, or s with busy on the left, the right, or both,
 * with the weights below. A quiet interval needs no further draw, so a question costs one draw a
 * halving down to the length of a stay, about ten. Times are whole nanoseconds: what comes and goes
 * within one is not seen. The draw of a time is keyed by it: no state is kept, and every order of
 * questions sees the same course. Transition: Ross, Introduction to Probability Models, 6.4. */
#include "sim/availability/on_off.h"
#include "core/elementary.h"
#include "core/random.h"

/* 1 - e^-x for x >= 0. */
static double one_minus_exp(double x)
{
    if (x > 1e-3) return 1.0 - co_plain_exp(-x);
    return x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0))));
}

/* P(at least two changes, and back) over h, of the state left with rate r, the other with rate o:
 * P(s -> s) - e^(-r h), without loss of digits. */
static double away_and_back(double r, double o, double h)
{
    const double l = r + o, x = l * h, u = one_minus_exp(r * h), v = one_minus_exp(o * h);
    if (x < 1e-3)
        return 0.5 * r * o * h * h *
               (1.0 - (l + r) * h / 3.0 + (l * l + l * r + r * r) * h * h / 12.0);
    return (o * u - r * (1.0 - u) * v) / l;
}

void co_on_off_init(co_on_off *c, uint64_t seed, uint64_t what, double on_s, double off_s)
{
    const double rate[2] = {1e-9 / off_s, 1e-9 / on_s}, both = rate[0] + rate[1];
    const double longest = on_s > off_s ? on_s : off_s;
    *c = (co_on_off){.seed = seed, .what = what, .share = on_s / (on_s + off_s)};
    for (int k = 0; k < CO_ON_OFF_LEVELS; k++) {
        const double h = (double)(INT64_C(1) << k);
        for (int s = 0; s < 2; s++) {
            c->level[k].quiet[s] = co_plain_exp(-rate[s] * h);
            c->level[k].busy[s] = away_and_back(rate[s], rate[!s], h);
            c->level[k].change[s] = rate[s] / both * one_minus_exp(both * h);
        }
        if (c->root == 0 && (both * h >= 45.0 && h >= 1e9 * longest)) c->root = k;
    }
    if (c->root == 0) c->root = CO_ON_OFF_LEVELS - 1;
}

/* An interval of 2^level nanoseconds. */
typedef struct {
    int64_t begin;
    int level;
    bool left, right, is_quiet; /* states at its ends */
} interval;

static co_stream draws_of(const co_on_off *c, int64_t key, int64_t time)
{
    return co_stream_open(c->seed, CO_DRAW_PRESENCE, (uint64_t)time, (uint64_t)key, c->what);
}

/* Both halves of an interval that is not quiet. */
static void halve(const co_on_off *c, int64_t key, const interval *whole, interval *a, interval *b)
{
    const int k = whole->level - 1;
    const co_on_off_level *p = &c->level[k];
    const bool s = whole->left, r = whole->right;
    const int64_t middle = whole->begin + (INT64_C(1) << k);
    const double stay = p->quiet[s], back = p->busy[s];
    const double weight[4] = {s == r ? p->change[s] * p->change[!s] : p->quiet[s],
                              s == r ? stay * back : p->busy[s], s == r ? back * stay : p->quiet[r],
                              s == r ? back * back : p->busy[r]};
    co_stream draws = draws_of(c, key, middle);
    double u = co_draw_uniform(&draws) * (weight[0] + weight[1] + weight[2] + weight[3]);
    int which = 0;
    while (which < 3 && u >= weight[which]) u -= weight[which++];
    const bool at = s == r ? (which == 0 ? !s : s) : (which < 2 ? s : r);
    *a = (interval){whole->begin, k, s, at, false};
    *b = (interval){middle, k, at, r, false};
    if (s == r) {
        a->is_quiet = which == 1;
        b->is_quiet = which == 2;
    } else {
        a->is_quiet = which == 0;
        b->is_quiet = which == 2;
    }
}

static int64_t search(const co_on_off *c, int64_t key, const interval *in, bool on, int64_t from,
                      int64_t until)
{
    interval a, b;
    if (in->begin + (INT64_C(1) << in->level) <= from || in->begin >= until) return until;
    if (in->begin >= from && in->left == on) return in->begin;
    if (in->is_quiet) return in->left == on ? from : until;
    if (in->level == 0) return until;
    halve(c, key, in, &a, &b);
    const int64_t at = search(c, key, &a, on, from, until);
    return at < until ? at : search(c, key, &b, on, from, until);
}

/* Number n of the intervals whose ends are drawn by themselves. */
static interval root_of(const co_on_off *c, int64_t key, int64_t n)
{
    const bool is_only = c->root == CO_ON_OFF_LEVELS - 1; /* too short for independent ends */
    const co_on_off_level *p = &c->level[c->root];
    co_stream left = draws_of(c, key, n << c->root),
              right = draws_of(c, key, is_only ? -1 : (n + 1) << c->root);
    interval in = {.begin = n << c->root, .level = c->root};
    in.left = co_draw_uniform(&left) < c->share;
    const double share = !is_only ? c->share : in.left ? 1.0 - p->change[1] : p->change[0];
    in.right = co_draw_uniform(&right) < share;
    const double quiet = p->quiet[in.left], busy = p->busy[in.left];
    in.is_quiet = in.left == in.right && co_draw_uniform(&left) * (quiet + busy) < quiet;
    return in;
}

int64_t co_on_off_first(const co_on_off *c, int64_t key, bool on, int64_t from, int64_t until)
{
    for (int64_t n = from >> c->root; n << c->root < until; n++) {
        const interval root = root_of(c, key, n);
        const int64_t at = search(c, key, &root, on, from, until);
        if (at < until || c->root == CO_ON_OFF_LEVELS - 1) return at;
    }
    return until;
}
