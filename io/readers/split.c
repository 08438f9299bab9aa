/* io/readers/split.c - test and validation parts that the publisher did not cut.
 *
 * floor(fraction n0) of the n0 examples of split 0 go, a keyed subset without replacement: the test
 * part first, then the validation part out of the rest (both fractions are of n0). Windows of a
 * question go together: there questions are drawn. Streams (seed, CO_DRAW_SPLIT, split). */
#include "core/memory.h"
#include "core/random.h"
#include "io/readers/reader.h"

/* Moves n of the n_left ids to the split and closes the list up. */
static co_status move(co_dataset *data, int64_t *left, int64_t *n_left, int64_t n, uint8_t split,
                      uint64_t seed)
{
    if (n == 0) return CO_OK;
    co_stream stream = co_stream_open(seed, CO_DRAW_SPLIT, split, 0, 0);
    int64_t *chosen = co_malloc((size_t)n, sizeof *chosen);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)n), sizeof *scratch);
    if (!chosen || !scratch) {
        co_free(chosen);
        co_free(scratch);
        return CO_FAIL(CO_ENOMEM, "out of memory for drawing %zu examples", (size_t)n);
    }
    co_draw_subset(&stream, *n_left, (size_t)n, chosen, scratch);
    int64_t kept = 0, next = 0;
    for (int64_t i = 0; i < *n_left; i++) {
        if (next < n && chosen[next] == i) {
            data->split[left[i]] = split;
            next++;
        } else {
            left[kept++] = left[i];
        }
    }
    *n_left = kept;
    co_free(chosen);
    co_free(scratch);
    return CO_OK;
}

/* Whether it is a further window of the question before. */
static bool goes_on(const co_dataset *data, int64_t i)
{
    return data->question && i > 0 && data->question[i] == data->question[i - 1];
}

static int64_t part(double fraction, int64_t n)
{
    return (int64_t)(fraction * (double)n + 1e-9); /* 0.29 * 100 is 28.99.. in binary */
}

co_status co_reader_split(co_dataset *data, double test_fraction, double validation_fraction,
                          uint64_t seed)
{
    if (!(test_fraction >= 0.0 && validation_fraction >= 0.0 &&
          test_fraction + validation_fraction < 1.0))
        return CO_FAIL(
            CO_EUSAGE,
            "test_fraction=%g and validation_fraction=%g: each at least 0, their sum below 1",
            test_fraction, validation_fraction);
    if (test_fraction == 0.0 && validation_fraction == 0.0) return CO_OK;
    int64_t *left = co_malloc((size_t)data->n, sizeof *left), n = 0;
    if (!left)
        return CO_FAIL(CO_ENOMEM, "out of memory for drawing the split of %zu examples",
                       (size_t)data->n);
    for (int64_t i = 0; i < data->n; i++)
        if (data->split[i] == 0 && !goes_on(data, i)) left[n++] = i;
    const int64_t n_test = part(test_fraction, n), n_validation = part(validation_fraction, n);
    co_status st = move(data, left, &n, n_test, 1, seed);
    if (st == CO_OK) st = move(data, left, &n, n_validation, 2, seed);
    for (int64_t i = 0; i < data->n; i++)
        if (goes_on(data, i)) data->split[i] = data->split[i - 1];
    co_free(left);
    return st;
}

co_status co_reader_split_by(const co_config *opt, co_dataset *data)
{
    return co_reader_split(data, co_config_real(opt, "test_fraction"),
                           co_config_real(opt, "validation_fraction"),
                           (uint64_t)co_config_int(opt, "seed"));
}
