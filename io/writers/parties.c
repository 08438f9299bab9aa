/* io/writers/parties.c - shares out features. Cost: O(features + parties). */
#include "io/writers/parties.h"
#include "core/memory.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

enum { DRAW_ORDER = 256 }; /* of CO_DRAW_SPLIT's rounds, which are splits below 256 elsewhere */

typedef struct {
    const co_config *opt;
    size_t n_features;
    uint8_t *is_kept; /* [n_features] shared or dropped: 1 */
    int64_t *order;   /* [n_order] the others, as they are shared out */
    size_t n_order;
    int64_t *shared; /* [n_shared] */
    size_t n_shared;
} sharing;

void co_parties_fini(co_parties *parties)
{
    for (size_t i = 0; parties->party && i < parties->n; i++) co_free(parties->party[i].feature);
    co_free(parties->party);
    *parties = (co_parties){0};
}

/* Takes the features of a list out of those that are shared out. */
static co_status set_apart(sharing *s, const char *key, bool shared)
{
    const co_node *list = co_config_node(s->opt, key);
    for (const co_node *item = list ? list->first : NULL; item; item = item->next) {
        int64_t j = 0;
        if (!co_node_int(item, &j) || (uint64_t)j >= s->n_features)
            return co_config_fail(s->opt, list, "%s is no feature; they are 0 to %zu", item->text,
                                  s->n_features - 1);
        if (s->is_kept[j])
            return co_config_fail(s->opt, list, "feature %lld is named twice in shared and drop",
                                  (long long)j);
        s->is_kept[j] = 1;
        if (shared) s->shared[s->n_shared++] = j;
    }
    return CO_OK;
}

static co_status find_order(sharing *s)
{
    s->is_kept = co_calloc(s->n_features, sizeof *s->is_kept);
    s->order = co_malloc(s->n_features, sizeof *s->order);
    s->shared = co_malloc(s->n_features, sizeof *s->shared);
    if (!s->is_kept || !s->order || !s->shared)
        return CO_FAIL(CO_ENOMEM, "order of %zu features", s->n_features);
    CO_TRY(set_apart(s, "shared", true));
    CO_TRY(set_apart(s, "drop", false));
    for (size_t j = 0; j < s->n_features; j++)
        if (!s->is_kept[j]) s->order[s->n_order++] = (int64_t)j;
    co_stream stream =
        co_stream_open((uint64_t)co_config_int(s->opt, "seed"), CO_DRAW_SPLIT, DRAW_ORDER, 0, 0);
    if (co_config_bool(s->opt, "shuffle")) co_draw_shuffle(&stream, s->order, s->n_order);
    return CO_OK;
}

static co_status make_parties(co_parties *p, size_t n)
{
    p->party = co_calloc(n, sizeof *p->party);
    p->n = p->party ? n : 0;
    return p->party ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu parties", n);
}

/* The next n of the order, and the shared ones. */
static co_status give(const sharing *s, size_t first, size_t n, co_party *party)
{
    party->n = n + s->n_shared;
    party->feature = co_malloc(party->n, sizeof *party->feature);
    if (!party->feature) return CO_FAIL(CO_ENOMEM, "%zu features of a party", party->n);
    memcpy(party->feature, s->order + first, n * sizeof *s->order);
    memcpy(party->feature + n, s->shared, s->n_shared * sizeof *s->shared);
    return CO_OK;
}

static co_status share_evenly(const sharing *s, co_parties *p)
{
    const int64_t n = co_config_int(s->opt, "parties");
    if ((uint64_t)n > s->n_order)
        return co_config_fail(s->opt, co_config_node(s->opt, "parties"),
                              "%lld parties, but only %zu features to share out", (long long)n,
                              s->n_order);
    CO_TRY(make_parties(p, (size_t)n));
    for (size_t i = 0, at = 0; i < p->n; i++) {
        const size_t own = s->n_order / p->n + (i < s->n_order % p->n);
        CO_TRY(give(s, at, own, &p->party[i]));
        at += own;
    }
    return CO_OK;
}

static co_status share_by_sizes(const sharing *s, co_parties *p)
{
    const co_node *list = co_config_node(s->opt, "sizes");
    double sum = 0.0, size = 0.0;
    bool whole = true;
    if (co_node_count(list) == 0)
        return co_config_fail(s->opt, list, "has no size; one for each party is wanted");
    for (const co_node *item = list->first; item; item = item->next) {
        co_node_real(item, &size);
        sum += size;
        whole = whole && size == floor(size);
    }
    const bool parts = fabs(sum - 1.0) < 1e-9 && !(whole && s->n_order == 1);
    if (!parts && !(whole && sum == (double)s->n_order))
        return co_config_fail(s->opt, list,
                              "the sum is %.10g; it should be 1, or %zu as there are features to "
                              "share out",
                              sum, s->n_order);
    CO_TRY(make_parties(p, co_node_count(list)));
    size_t at = 0, i = 0;
    for (const co_node *item = list->first; item; item = item->next, i++) {
        co_node_real(item, &size);
        size_t own = parts ? (size_t)floor(size * (double)s->n_order) : (size_t)size;
        if (i == p->n - 1) own = s->n_order - at;
        CO_TRY(give(s, at, own, &p->party[i]));
        at += own;
    }
    return CO_OK;
}

static co_status take_list(const sharing *s, const co_node *list, co_party *party)
{
    if (list->kind != CO_NODE_LIST)
        return co_config_fail(s->opt, co_config_node(s->opt, "columns"),
                              "a list of lists of features is wanted: [[0, 1], [2, 3, 4]]");
    party->feature = co_malloc(co_node_count(list), sizeof *party->feature);
    if (!party->feature) return CO_FAIL(CO_ENOMEM, "features of a party");
    for (const co_node *item = list->first; item; item = item->next) {
        int64_t j = 0;
        if (item->kind != CO_NODE_SCALAR || !co_node_int(item, &j) || j < 0 ||
            (uint64_t)j >= s->n_features)
            return co_config_fail(s->opt, co_config_node(s->opt, "columns"),
                                  "'%s' is no feature; they are 0 to %zu",
                                  item->text ? item->text : "", s->n_features - 1);
        for (size_t i = 0; i < party->n; i++)
            if (party->feature[i] == j)
                return co_config_fail(s->opt, co_config_node(s->opt, "columns"),
                                      "feature %lld stands twice in one list", (long long)j);
        party->feature[party->n++] = j;
    }
    return CO_OK;
}

static co_status share_by_lists(const sharing *s, co_parties *p)
{
    const co_node *lists = co_config_node(s->opt, "columns");
    const size_t n = lists->kind == CO_NODE_LIST ? co_node_count(lists) : 0;
    if (s->n_order < s->n_features)
        return co_config_fail(s->opt, lists,
                              "names all features of a party; leave shared and drop "
                              "out");
    if (n == 0)
        return co_config_fail(s->opt, lists,
                              "a list of lists of features is wanted: [[0, 1], [2, 3, 4]]");
    CO_TRY(make_parties(p, n));
    size_t i = 0;
    for (const co_node *list = lists->first; list; list = list->next)
        CO_TRY(take_list(s, list, &p->party[i++]));
    return CO_OK;
}

/* One party more, without features, that has the labels. */
static co_status add_own(co_parties *p, size_t at)
{
    co_party *more = co_calloc(p->n + 1, sizeof *more);
    if (!more) return CO_FAIL(CO_ENOMEM, "%zu parties", p->n + 1);
    memcpy(more, p->party, at * sizeof *more);
    memcpy(more + at + 1, p->party + at, (p->n - at) * sizeof *more);
    more[at].active = true;
    co_free(p->party);
    p->party = more;
    p->n++;
    return CO_OK;
}

static co_status choose_active(const co_config *opt, co_parties *p)
{
    const char *word = co_config_string(opt, "active");
    const co_node *node = co_config_node(opt, "active");
    int64_t number = -1;
    if (strcmp(word, "own_first") == 0) return add_own(p, 0);
    if (strcmp(word, "own_last") == 0) return add_own(p, p->n);
    if (strcmp(word, "first") == 0) number = 0;
    if (strcmp(word, "last") == 0) number = (int64_t)p->n - 1;
    if (strcmp(word, "all") == 0) {
        for (size_t i = 0; i < p->n; i++) p->party[i].active = true;
        return CO_OK;
    }
    if (number < 0 && (!co_node_int(node, &number) || number < 0 || (uint64_t)number >= p->n))
        return co_config_fail(opt, node,
                              "%s is none of first, last, all, own_first, own_last, or 0 to %zu",
                              word, p->n - 1);
    p->party[number].active = true;
    return CO_OK;
}

co_status co_parties_make(const co_config *opt, size_t n_features, co_parties *parties)
{
    sharing s = {.opt = opt, .n_features = n_features};
    const bool even = co_config_has(opt, "parties"), sizes = co_config_has(opt, "sizes"),
               lists = co_config_has(opt, "columns");
    *parties = (co_parties){0};
    if (even + sizes + lists != 1)
        return co_config_fail(opt, NULL,
                              "one of parties, sizes and columns is wanted, %d are given",
                              even + sizes + lists);
    co_status st = find_order(&s);
    if (st == CO_OK)
        st = even    ? share_evenly(&s, parties)
             : sizes ? share_by_sizes(&s, parties)
                     : share_by_lists(&s, parties);
    if (st == CO_OK) st = choose_active(opt, parties);
    co_free(s.is_kept);
    co_free(s.order);
    co_free(s.shared);
    return st;
}
