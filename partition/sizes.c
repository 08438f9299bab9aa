/* partition/sizes.c - laws of device sizes: weights in logs, cut by co_proportions_cut. Cost: O(K).
 */
#include "partition/sizes.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "io/readers/raw.h"
#include "partition/proportions.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* weight[i] of the devices of this rank: -exponent log(rank + 1), the ranks in keyed order. */
static co_status draw_zipf(const co_partition_input *in, uint64_t draw_id, double exponent,
                           double *weight)
{
    const size_t k = (size_t)in->n_devices;
    int64_t *rank = co_malloc(k, sizeof *rank);
    if (!rank) return CO_FAIL(CO_ENOMEM, "ranks of %zu devices", k);
    for (size_t i = 0; i < k; i++) rank[i] = (int64_t)i + 1;
    co_stream stream = co_partition_stream(in, draw_id + 1, 0, 0);
    co_draw_shuffle(&stream, rank, k);
    for (int64_t i = in->first; i < in->last; i++)
        weight[i - in->first] = -exponent * co_plain_log((double)rank[i]);
    co_free(rank);
    return CO_OK;
}

static co_status draw(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                      double parameter, double *weight)
{
    const int64_t m = in->last - in->first;
    if (law == CO_SIZES_ZIPF) return draw_zipf(in, draw_id, parameter, weight);
    if (law == CO_SIZES_DIRICHLET)
        co_proportions_draw(in, draw_id, 0, parameter, in->first, m, weight);
    else if (law == CO_SIZES_POWER)
        for (int64_t i = 0; i < m; i++)
            weight[i] = parameter * co_plain_log((double)(in->first + i + 1));
    else if (law == CO_SIZES_EXPONENTIAL)
        for (int64_t i = 0; i < m; i++) weight[i] = parameter * (double)(in->first + i);
    else
        for (int64_t i = 0; i < m; i++) {
            co_stream own = co_partition_stream(in, draw_id + 1, (uint64_t)(in->first + i), 0);
            weight[i] = parameter * co_draw_normal(&own);
        }
    return CO_OK;
}

co_status co_sizes(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                   double parameter, int64_t n, int32_t *count, size_t stride)
{
    const int64_t k = in->n_devices, m = in->last - in->first;
    if (law == CO_SIZES_EQUAL) {
        for (int64_t i = 0; i < m; i++)
            count[(size_t)i * stride] += (int32_t)(co_partition_span(n, in->first + i + 1, k) -
                                                   co_partition_span(n, in->first + i, k));
        return CO_OK;
    }
    double *weight = co_malloc((size_t)m, sizeof *weight);
    co_status st = weight ? draw(in, draw_id, law, parameter, weight)
                          : CO_FAIL(CO_ENOMEM, "weights of %lld devices", (long long)m);
    st = co_partition_agree(in, st);
    if (st == CO_OK) co_proportions_cut(in, draw_id, 0, weight, n, count, stride);
    co_free(weight);
    return st;
}

/* ---- by options ---- */

typedef struct {
    int64_t *size;
    size_t n, room;
} given;

static bool is_law(const co_config *opt, const char *word)
{
    return strcmp(co_config_string(opt, "sizes"), word) == 0;
}

static const struct {
    const char *word, *key; /* key: of its parameter, which else is fixed */
    co_size_law law;
    double fixed;
} laws[] = {{"equal", NULL, CO_SIZES_EQUAL, 0.0},
            {"lognormal", "sigma", CO_SIZES_LOGNORMAL, 0.0},
            {"zipf", "exponent", CO_SIZES_ZIPF, 0.0},
            {"dirichlet", "beta", CO_SIZES_DIRICHLET, 0.0},
            {"linear", NULL, CO_SIZES_POWER, 1.0},
            {"square", NULL, CO_SIZES_POWER, 2.0},
            {"exponential", NULL, CO_SIZES_EXPONENTIAL, 1.0}};
enum { N_LAWS = sizeof laws / sizeof *laws };

static size_t find_law(const co_config *opt)
{
    size_t k = 0;
    while (k < N_LAWS && !is_law(opt, laws[k].word)) k++;
    return k;
}

bool co_sizes_are_given(const co_config *opt)
{
    return find_law(opt) == N_LAWS;
}

bool co_sizes_are_equal(const co_config *opt)
{
    return is_law(opt, "equal");
}

static co_status read_line(const char *path, int64_t line, const char *text, given *g)
{
    char *end = NULL;
    const long long size = strtoll(text, &end, 10);
    end += strspn(end, " \t\r");
    if (end == text || *end || size < 0 || size > INT32_MAX)
        return CO_FAIL(CO_EDATA, "%s: line %lld: '%.20s' is no number of examples, 0 to 2147483647",
                       path, (long long)line, text);
    if (co_reserve((void **)&g->size, &g->room, g->n + 1, sizeof *g->size))
        return CO_FAIL(CO_ENOMEM, "%s: %zu sizes", path, g->n + 1);
    g->size[g->n++] = size;
    return CO_OK;
}

static co_status read_file(const co_config *opt, given *g)
{
    const char *path = co_config_string(opt, "sizes");
    FILE *file = fopen(path, "r");
    co_raw raw;
    if (!file)
        return co_config_fail(opt, co_config_node(opt, "sizes"),
                              "'%s' is no file that can be read, and no law: equal, lognormal, "
                              "zipf, dirichlet, linear, square, exponential, given",
                              path);
    fclose(file);
    CO_TRY(co_raw_text(path, &raw));
    co_status st = CO_OK;
    int64_t line = 1;
    for (char *at = raw.bytes, *next; st == CO_OK && at && *at; at = next, line++) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        at += strspn(at, " \t\r");
        if (*at || next) st = read_line(path, line, at, g);
    }
    co_raw_fini(&raw);
    return st;
}

static co_status read_list(const co_config *opt, given *g)
{
    const co_node *list = co_config_node(opt, "given");
    const size_t n = list ? co_node_count(list) : 0;
    g->size = co_malloc(n, sizeof *g->size);
    if (!g->size) return CO_FAIL(CO_ENOMEM, "%zu sizes", n);
    for (const co_node *item = n ? list->first : NULL; item; item = item->next)
        co_node_int(item, &g->size[g->n++]);
    return CO_OK;
}

static co_status read_given(const co_config *opt, given *g)
{
    return is_law(opt, "given") ? read_list(opt, g) : read_file(opt, g);
}

/* A list of sizes that nothing would look at. The laws' parameters have defaults, which a resolved
 * experiment writes out whatever the law. */
static co_status check_list(const co_config *opt)
{
    const co_node *list = co_config_node(opt, "given");
    if (!list || is_law(opt, "given")) return CO_OK;
    return co_config_fail(opt, list, "goes with sizes=given; sizes is %s here",
                          co_config_string(opt, "sizes"));
}

co_status co_sizes_devices(const co_config *opt, int64_t *n_devices)
{
    given g = {0};
    *n_devices = 0;
    CO_TRY(check_list(opt));
    if (!co_sizes_are_given(opt)) return CO_OK;
    co_status st = read_given(opt, &g);
    if (st == CO_OK && g.n == 0) {
        const co_node *node = is_law(opt, "given") ? co_config_node(opt, "given") : NULL;
        st = co_config_fail(opt, node ? node : co_config_node(opt, "sizes"),
                            node || !is_law(opt, "given")
                                ? "has no size; one for each device is wanted"
                                : "needs the list `given`: a size for each of the devices");
    }
    *n_devices = (int64_t)g.n;
    co_free(g.size);
    return st;
}

static co_status take_given(const co_config *opt, const co_partition_input *in, const given *g,
                            int32_t *count)
{
    const bool list = is_law(opt, "given");
    const co_node *node = co_config_node(opt, list ? "given" : "sizes"),
                  *item = list && node ? node->first : NULL;
    int64_t total = 0;
    if ((int64_t)g->n != in->n_devices)
        return co_config_fail(opt, node, "has %zu sizes for %lld devices; one each is wanted", g->n,
                              (long long)in->n_devices);
    for (int64_t k = 0; k < in->n_devices; k++) {
        total += g->size[k];
        if (total > in->n_examples && item)
            return co_config_fail(opt, item,
                                  "the sizes up to here need %lld examples, there are %lld",
                                  (long long)total, (long long)in->n_examples);
        if (total > in->n_examples)
            return co_config_fail(opt, node,
                                  "%s: line %lld: with its %lld the sizes need %lld examples, "
                                  "there are %lld",
                                  node->text, (long long)k + 1, (long long)g->size[k],
                                  (long long)total, (long long)in->n_examples);
        if (k >= in->first && k < in->last) count[k - in->first] += (int32_t)g->size[k];
        if (item) item = item->next;
    }
    return CO_OK;
}

co_status co_sizes_by_option(const co_config *opt, const co_partition_input *in, uint64_t draw_id,
                             int32_t *count)
{
    const size_t k = find_law(opt);
    given g = {0};
    CO_TRY(check_list(opt));
    if (k < N_LAWS) {
        const double value = laws[k].key ? co_config_real(opt, laws[k].key) : laws[k].fixed;
        return co_sizes(in, draw_id, laws[k].law, value, in->n_examples, count, 1);
    }
    co_status st = read_given(opt, &g);
    if (st == CO_OK) st = take_given(opt, in, &g, count);
    co_free(g.size);
    return co_partition_agree(in, st);
}

co_status co_sizes_of_all(const co_config *opt, const co_partition_input *in, uint64_t draw_id,
                          int64_t **size)
{
    enum { ROWS = 4096 };
    const size_t m = (size_t)(in->last - in->first);
    int32_t *own = co_calloc(m, sizeof *own);
    *size = co_malloc((size_t)in->n_devices, sizeof **size);
    co_status st = co_partition_agree(
        in, own && *size ? CO_OK
                         : CO_FAIL(CO_ENOMEM, "sizes of %lld devices", (long long)in->n_devices));
    if (st == CO_OK) st = co_sizes_by_option(opt, in, draw_id, own);
    for (size_t i = 0; st == CO_OK && i < m; i++) (*size)[(size_t)in->first + i] = own[i];
    for (int r = 0; st == CO_OK && in->size > 1 && r < in->size; r++) {
        const int64_t end = co_partition_span(in->n_devices, r + 1, in->size);
        for (int64_t at = co_partition_span(in->n_devices, r, in->size); at < end; at += ROWS)
            MPI_Bcast(*size + at, (int)(end - at < ROWS ? end - at : ROWS), MPI_INT64_T, r,
                      in->ranks);
    }
    co_free(own);
    if (st != CO_OK) {
        co_free(*size);
        *size = NULL;
    }
    return st;
}
