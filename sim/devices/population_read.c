/* sim/devices/population_read.c - examples read into batches, from the data set or from the device
 * that was drawn. */
#include "core/memory.h"
#include "sim/devices/population_private.h"
#include <string.h>

co_status co_population_open(co_population *p, int64_t device)
{
    return p->has_data ? CO_OK : co_population_draw(p, device);
}

void co_examples_fini(co_examples *e)
{
    co_free(e->x);
    co_free(e->offsets);
    co_free(e->tokens);
    co_free(e->char_offsets);
    co_free(e->chars);
    co_free(e->y);
    co_free(e->targets);
    co_free(e->ids);
    co_free(e->target_offsets);
    co_free(e->target_tokens);
    *e = (co_examples){0};
}

/* A block of at least n elements in place of a smaller one, whose content is lost. */
static bool renew(void **block, size_t n, size_t element)
{
    co_free(*block);
    *block = co_malloc(n, element);
    return *block != NULL;
}

/* Whether the tokens have letters. */
static bool has_letters(const co_population *p)
{
    return p->shape.tokens && p->shape.dim[1] > 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static co_status reserve(const co_population *p, co_examples *e, size_t n, size_t rows,
                         size_t target_rows)
{
    const bool text = p->shape.tokens, targets = co_dataset_has_targets(&p->data),
               pairs = p->data.task == CO_DATA_SEQ2SEQ, span = p->data.task == CO_DATA_SPAN;
    bool good = true;
    if (n > e->n_room || rows > e->rows_room || target_rows > e->target_rows_room) {
        const size_t n_room = larger(n, e->n_room), rows_room = larger(rows, e->rows_room),
                     target_room = larger(target_rows, e->target_rows_room);
        e->n_room = e->rows_room = e->target_rows_room = 0;
        if (targets)
            good = renew((void **)&e->targets, n_room * p->data.n_classes, sizeof *e->targets);
        const size_t n_y = span ? 2 * n_room
                           : p->data.task == CO_DATA_JOINT
                               ? 2 * rows_room
                               : larger(larger(n_room, rows_room), target_room);
        if (!targets) good = renew((void **)&e->y, n_y, sizeof *e->y);
        if (span) good = good && renew((void **)&e->ids, n_room, sizeof *e->ids);
        if (!text) good = good && renew((void **)&e->x, n_room * p->x_size, sizeof *e->x);
        if (text) good = good && renew((void **)&e->offsets, n_room + 1, sizeof *e->offsets);
        if (text) good = good && renew((void **)&e->tokens, rows_room, sizeof *e->tokens);
        if (pairs)
            good =
                good && renew((void **)&e->target_offsets, n_room + 1, sizeof *e->target_offsets);
        if (pairs)
            good = good && renew((void **)&e->target_tokens, target_room, sizeof *e->target_tokens);
        if (has_letters(p))
            good = good && renew((void **)&e->char_offsets, rows_room + 1, sizeof *e->char_offsets);
        if (!good)
            return CO_FAIL(CO_ENOMEM, "no memory for a batch of %zu examples (%zu rows)", n,
                           rows + target_rows);
        e->n_room = n_room;
        e->rows_room = rows_room;
        e->target_rows_room = target_room;
    }
    e->batch = (co_batch){.n = n,
                          .rows = rows,
                          .offsets = text ? e->offsets : NULL,
                          .x = text ? NULL : e->x,
                          .tokens = text ? e->tokens : NULL,
                          .target_rows = target_rows,
                          .target_offsets = pairs ? e->target_offsets : NULL,
                          .target_tokens = pairs ? e->target_tokens : NULL,
                          .y = targets ? (const void *)e->targets : e->y};
    return CO_OK;
}

static size_t rows_of(const co_population *p, int64_t id)
{
    return p->shape.tokens ? co_dataset_rows(&p->data, id) : 1;
}

/* What a decoder reads. */
static size_t target_rows_of(const co_population *p, int64_t id)
{
    return p->data.task == CO_DATA_SEQ2SEQ ? co_dataset_target_rows(&p->data, id) : 0;
}

/* Over the device's training examples. */
static int64_t sum_over(const co_population *p, int64_t device,
                        size_t (*of)(const co_dataset *data, int64_t id))
{
    if (!p->shape.tokens) return co_population_examples(p, device);
    int64_t sum = 0, n;
    const int64_t *held = co_population_held(p, device, &n);
    for (int64_t i = 0; i < n; i++) sum += (int64_t)of(&p->data, held[i]);
    return sum;
}

int64_t co_population_rows(const co_population *p, int64_t device)
{
    int64_t sum = sum_over(p, device, co_dataset_rows);
    if (p->data.task == CO_DATA_SEQ2SEQ) sum += sum_over(p, device, co_dataset_target_rows);
    return sum;
}

int64_t co_population_scored(const co_population *p, int64_t device)
{
    return sum_over(p, device, co_dataset_scored);
}

/* Ids of this many examples are looked up at a time. */
enum { CHUNK = 256 };

/* Texts ids[n] as the task wants them, each by draws of its own. */
static void prepare(const co_population *p, const int64_t *ids, size_t n, const int64_t *offsets,
                    co_examples *e)
{
    for (size_t i = 0; p->preparing && i < n; i++) {
        co_stream draws =
            co_stream_open(p->seed, CO_DRAW_MASK, e->round, e->device, (uint64_t)ids[i]);
        p->preparing->prepare(&p->labels, &draws, (size_t)(offsets[i + 1] - offsets[i]),
                              e->tokens + offsets[i], e->y + offsets[i]);
    }
}

/* Where the labels of example `at`, whose rows begin at `row`, stand in y. */
static int32_t *labels_at(const co_population *p, const co_examples *e, size_t at, size_t row)
{
    if (!e->y) return NULL;
    switch (p->data.task) {
    case CO_DATA_CLASSIFICATION: return e->y + at;
    case CO_DATA_SPAN: return e->y + 2 * at;
    case CO_DATA_JOINT: return e->y + 2 * row;
    default: return e->y + row;
    }
}

static co_status reserve_letters(co_examples *e, size_t n)
{
    if (n > e->letters_room || !e->chars) {
        e->letters_room = 0;
        if (!renew((void **)&e->chars, n, sizeof *e->chars))
            return CO_FAIL(CO_ENOMEM, "no memory for the letters of a batch (%zu)", n);
        e->letters_room = n;
    }
    e->batch.chars = e->chars;
    e->batch.char_offsets = e->char_offsets;
    return CO_OK;
}

/* Letters of ids[n], whose first token is row `row` of the batch; *letter: how many there are. */
static void read_letters(const co_population *p, const int64_t *ids, size_t n, size_t row,
                         size_t end, size_t *letter, co_examples *e)
{
    if (!has_letters(p)) return;
    co_dataset_gather_letters(&p->data, ids, n, e->char_offsets + row, e->chars + *letter);
    for (size_t r = row; r <= end; r++) e->char_offsets[r] += (int64_t)*letter;
    *letter = (size_t)e->char_offsets[end];
}

/* Examples ids(0) .. ids(n - 1) of a list, or of own[index[..]] when index is given. */
static co_status read_ids(const co_population *p, const int64_t *own, const int64_t *index,
                          size_t n, co_examples *e)
{
    int64_t ids[CHUNK];
    size_t rows = 0, row = 0, target_rows = 0, target_row = 0, letters = 0, letter = 0;
    for (size_t i = 0; i < n; i++) {
        const int64_t id = own[index ? index[i] : (int64_t)i];
        rows += rows_of(p, id);
        target_rows += target_rows_of(p, id);
        letters += has_letters(p) ? co_dataset_letters(&p->data, id) : 0;
    }
    CO_TRY(reserve(p, e, n, rows, target_rows));
    if (has_letters(p)) CO_TRY(reserve_letters(e, letters));
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < m; i++) ids[i] = own[index ? index[at + i] : (int64_t)(at + i)];
        if (p->shape.tokens) {
            co_dataset_gather_tokens(&p->data, ids, m, e->offsets + at, e->tokens + row,
                                     labels_at(p, e, at, row));
            if (e->ids) memcpy(e->ids + at, ids, m * sizeof *ids);
            for (size_t i = 0; i <= m; i++) e->offsets[at + i] += (int64_t)row;
            prepare(p, ids, m, e->offsets + at, e);
            read_letters(p, ids, m, row, (size_t)e->offsets[at + m], &letter, e);
            row = (size_t)e->offsets[at + m];
        } else {
            co_dataset_gather(&p->data, ids, m, e->x + at * p->x_size);
            for (size_t i = 0; p->data.y && i < m; i++) e->y[at + i] = p->data.y[ids[i]];
        }
        if (p->data.task == CO_DATA_SEQ2SEQ) {
            co_dataset_gather_targets_text(&p->data, ids, m, e->target_offsets + at,
                                           e->target_tokens + target_row, e->y + target_row);
            for (size_t i = 0; i <= m; i++) e->target_offsets[at + i] += (int64_t)target_row;
            target_row = (size_t)e->target_offsets[at + m];
        }
        if (co_dataset_has_targets(&p->data))
            co_dataset_gather_targets(&p->data, ids, m, e->targets + at * p->data.n_classes);
    }
    return CO_OK;
}

size_t co_population_fitting(const co_population *p, const int64_t *ids, size_t n)
{
    size_t rows = 0, i = 0;
    for (; i < n; i++) {
        rows += rows_of(p, ids[i]) + target_rows_of(p, ids[i]);
        if (i > 0 && rows > CO_EVAL_ROWS) break;
    }
    return i;
}

co_status co_population_read_ids(const co_population *p, const int64_t *ids, size_t n,
                                 co_examples *e)
{
    return read_ids(p, ids, NULL, co_population_fitting(p, ids, n), e);
}

int64_t co_population_id(const co_population *p, int64_t device, int64_t index)
{
    int64_t n;
    return p->has_data ? co_population_held(p, device, &n)[index] : index;
}

co_status co_population_read(co_population *p, int64_t device, const int64_t *index, size_t n,
                             co_examples *e)
{
    int64_t held;
    if (p->has_data) return read_ids(p, co_population_held(p, device, &held), index, n, e);
    CO_TRY(reserve(p, e, n, n, 0));
    for (size_t i = 0; i < n; i++) {
        memcpy(e->x + i * p->x_size, p->drawn_x + (size_t)index[i] * p->x_size,
               p->x_size * sizeof *e->x);
        e->y[i] = p->drawn_y[index[i]];
    }
    return CO_OK;
}

co_status co_population_read_tests(co_population *p, int64_t device, int64_t first, size_t n,
                                   co_examples *e)
{
    if (p->has_data) {
        const int64_t *ids = p->own_tests + p->own_test_offsets[device] + first;
        return co_population_read_ids(p, ids, n, e);
    }
    const int64_t place = co_population_examples(p, device) + first;
    CO_TRY(reserve(p, e, n, n, 0));
    memcpy(e->x, p->drawn_x + (size_t)place * p->x_size, n * p->x_size * sizeof *e->x);
    memcpy(e->y, p->drawn_y + place, n * sizeof *e->y);
    return CO_OK;
}

co_status co_population_read_split(co_population *p, int split, int64_t first, size_t n,
                                   co_examples *e)
{
    if (p->has_data) return co_population_read_ids(p, p->split_ids[split] + first, n, e);
    CO_TRY(reserve(p, e, n, n, 0));
    for (size_t done = 0, m = 0; done < n; done += m)
        CO_TRY(co_population_copy_drawn(p, first + (int64_t)done, n - done, e, done, &m));
    return CO_OK;
}

co_status co_population_read_places(co_population *p, int split, const int64_t *place, size_t n,
                                    co_examples *e)
{
    int64_t ids[CHUNK];
    size_t m;
    CO_ASSERT(n <= CHUNK);
    if (p->has_data) {
        for (size_t i = 0; i < n; i++) ids[i] = p->split_ids[split][place[i]];
        return co_population_read_ids(p, ids, n, e);
    }
    CO_TRY(reserve(p, e, n, n, 0));
    for (size_t i = 0; i < n; i++) CO_TRY(co_population_copy_drawn(p, place[i], 1, e, i, &m));
    return CO_OK;
}
