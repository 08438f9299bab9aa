/* models/decoding/decode.c - lanes of texts: each has a text at hand and room for its beams. */
#include "models/decoding/decode.h"
#include "core/memory.h"
#include "models/decoding/beam.h"
#include <string.h>

enum { SLOTS = 64 }; /* rows of a step that are aimed at: fewer leave a product's tiles idle */

typedef struct {
    double score;
    size_t length, place; /* tokens; which row of `ended` has them */
} ended_text;

/* One text on its way. Its running texts have `length` tokens each, `fed` of which the model has
 * seen. */
typedef struct {
    bool busy;
    int turn; /* which of the two sets of rows holds the running texts */
    size_t text, prompt, length, fed, n_running, n_ended;
    size_t source;     /* rows */
    double *score;     /* [beams] of the running texts */
    ended_text *ended; /* [beams] best first */
} lane;

struct co_decoder {
    co_decoding how;
    size_t n_lanes, n_outputs;
    bool has_source;
    co_steps_size size;
    co_steps *steps;
    const co_kernels *fast;
    lane *lane;
    double *score;
    ended_text *ended;
    int32_t *tokens[2], *past[2]; /* [n_slots][max_length] of running texts, by lane and beam */
    int32_t *ended_tokens;        /* [n_slots][max_length] */
    co_candidate *best;           /* [2 beams] */
    int32_t *at, *slot, *token;   /* [n_slots] of the step */
    const int32_t **row;
    int64_t *source;
    size_t *written_length; /* [written_capacity] of the texts of a call */
    int32_t *written;       /* [..][max_length] */
    size_t length_capacity, written_capacity;
};

static size_t lanes_of(const co_decoding *how)
{
    return how->beams < SLOTS ? SLOTS / how->beams : 1;
}

static co_steps_size size_of(const co_model *model, const co_decoding *how, size_t most_source)
{
    const size_t n = lanes_of(how);
    return (co_steps_size){.n_slots = n * how->beams,
                           .most = how->max_length - 1,
                           .n_sources = co_steps_has_source(model) ? n : 0,
                           .most_source = co_steps_has_source(model) ? most_source : 0};
}

static co_status check(const co_model *model, const co_decoding *how)
{
    const size_t n = co_model_task(model)->outputs(co_model_n_classes(model));
    if (how->beams == 0 || how->beams > 1024)
        return CO_FAIL(CO_EUSAGE, "beams %zu: give a number from 1 to 1024", how->beams);
    if (how->max_length < 2 || how->max_length > 1 << 24)
        return CO_FAIL(CO_EUSAGE,
                       "max_length %zu: a text has at least 2 tokens, its first among "
                       "them, and at most 2^24",
                       how->max_length);
    if (2 * how->beams > n)
        return CO_FAIL(CO_EUSAGE,
                       "%zu beams need twice as many tokens to choose from, there are %zu",
                       how->beams, n);
    if ((how->first >= 0 && (size_t)how->first >= n) || (how->last >= 0 && (size_t)how->last >= n))
        return CO_FAIL(CO_EUSAGE, "token %d cannot be forced: there are %zu, from 0",
                       (int)(how->first > how->last ? how->first : how->last), n);
    const size_t longest = co_model_longest(model, co_steps_has_source(model));
    if (longest > 0 && how->max_length - 1 > longest)
        return CO_FAIL(CO_EUSAGE,
                       "max_length %zu: the model has positions for %zu tokens, of which the last "
                       "that it writes needs none; give at most %zu",
                       how->max_length, longest, longest + 1);
    return co_steps_check(model);
}

static bool allocate(co_decoder *d)
{
    const size_t n = d->size.n_slots, most = d->how.max_length;
    d->lane = co_calloc(d->n_lanes, sizeof *d->lane);
    d->score = co_calloc(n, sizeof *d->score);
    d->ended = co_calloc(n, sizeof *d->ended);
    d->tokens[0] = co_malloc(5 * n * most, sizeof *d->tokens[0]);
    d->best = co_malloc(2 * d->how.beams, sizeof *d->best);
    d->at = co_malloc(3 * n, sizeof *d->at);
    d->row = co_malloc(n, sizeof *d->row);
    d->source = co_malloc(2 * n, sizeof *d->source);
    if (!d->lane || !d->score || !d->ended || !d->tokens[0] || !d->best || !d->at || !d->row ||
        !d->source)
        return false;
    d->tokens[1] = d->tokens[0] + n * most;
    d->past[0] = d->tokens[1] + n * most;
    d->past[1] = d->past[0] + n * most;
    d->ended_tokens = d->past[1] + n * most;
    d->slot = d->at + n;
    d->token = d->slot + n;
    for (size_t i = 0; i < d->n_lanes; i++) {
        d->lane[i].score = d->score + i * d->how.beams;
        d->lane[i].ended = d->ended + i * d->how.beams;
    }
    return true;
}

co_status co_decoder_create(const co_model *model, const co_decoding *how, size_t most_source,
                            co_decoder **decoder)
{
    *decoder = NULL;
    CO_TRY(check(model, how));
    co_decoder *d = co_calloc(1, sizeof *d);
    if (!d) return CO_FAIL(CO_ENOMEM, "decoding");
    *d = (co_decoder){.how = *how,
                      .n_lanes = lanes_of(how),
                      .n_outputs = co_model_task(model)->outputs(co_model_n_classes(model)),
                      .has_source = co_steps_has_source(model),
                      .size = size_of(model, how, most_source),
                      .fast = co_kernels_in_use()};
    co_status st = co_steps_create(model, &d->size, &d->steps);
    if (st == CO_OK && !allocate(d))
        st = CO_FAIL(CO_ENOMEM, "decoding of %zu texts of %zu tokens", d->size.n_slots,
                     how->max_length);
    if (st == CO_OK)
        *decoder = d;
    else
        co_decoder_destroy(d);
    return st;
}

void co_decoder_destroy(co_decoder *d)
{
    if (!d) return;
    co_steps_destroy(d->steps);
    co_free(d->lane);
    co_free(d->score);
    co_free(d->ended);
    co_free(d->tokens[0]);
    co_free(d->best);
    co_free(d->at);
    co_free(d->row);
    co_free(d->source);
    co_free(d->written_length);
    co_free(d->written);
    co_free(d);
}

size_t co_decoder_bytes(const co_model *model, const co_decoding *how, size_t most_source)
{
    const co_steps_size size = size_of(model, how, most_source);
    return co_steps_bytes(model, &size) +
           size.n_slots * (5 * how->max_length * sizeof(int32_t) + sizeof(lane));
}

void co_decoder_lay(co_decoder *d, const float *params)
{
    co_steps_lay(d->steps, params);
}

void co_written_fini(co_written *written)
{
    co_free(written->offsets);
    co_free(written->tokens);
    *written = (co_written){0};
}

/* ---- one text ---- */

/* The row of a running text of lane i in one of the blocks [n_slots][max_length]. */
static int32_t *row_of(const co_decoder *d, int32_t *block, size_t i, size_t beam)
{
    return block + (i * d->how.beams + beam) * d->how.max_length;
}

/* Text number `text` into a lane that is free. False when its prompt leaves no room: it is done. */
static bool open_lane(co_decoder *d, const co_prompts *in, size_t i, size_t text)
{
    lane *l = &d->lane[i];
    const size_t n = (size_t)(in->offsets[text + 1] - in->offsets[text]);
    CO_ASSERT(n > 0);
    d->written_length[text] = 0;
    if (n >= d->how.max_length) return false;
    *l = (lane){.busy = true,
                .text = text,
                .prompt = n,
                .length = n,
                .n_running = 1,
                .score = l->score,
                .ended = l->ended};
    l->score[0] = 0.0;
    memcpy(row_of(d, d->tokens[0], i, 0), in->tokens + in->offsets[text], n * sizeof *in->tokens);
    if (!d->has_source) return true;
    const int64_t offsets[] = {0, in->source_offsets[text + 1] - in->source_offsets[text]};
    l->source = (size_t)offsets[1];
    co_steps_read(d->steps, i,
                  &(co_batch){.n = 1,
                              .rows = l->source,
                              .offsets = offsets,
                              .tokens = in->sources + in->source_offsets[text]});
    return true;
}

static void close_lane(co_decoder *d, size_t i, const int32_t *tokens, size_t length)
{
    lane *l = &d->lane[i];
    d->written_length[l->text] = length - l->prompt;
    memcpy(d->written + l->text * d->how.max_length, tokens + l->prompt,
           (length - l->prompt) * sizeof *tokens);
    l->busy = false;
}

/* The token that must come next; -1: any may. */
static int32_t forced(const co_decoder *d, const lane *l)
{
    if (l->length == 1 && d->how.first >= 0) return d->how.first;
    return l->length + 1 == d->how.max_length ? d->how.last : -1;
}

/* A text with this as its next token has ended. */
static bool ends(const co_decoder *d, const lane *l, int32_t token)
{
    return token == d->how.end || l->length + 1 >= d->how.max_length;
}

static void choose_greedy(co_decoder *d, size_t i, const float *out)
{
    lane *l = &d->lane[i];
    int32_t *tokens = row_of(d, d->tokens[l->turn], i, 0);
    const int32_t must = forced(d, l), token = must >= 0 ? must : co_best_token(d->n_outputs, out);
    const bool end = ends(d, l, token);
    tokens[l->length++] = token;
    if (end) close_lane(d, i, tokens, l->length);
}

/* The candidate's text is ended: kept among the best. */
static void add_ended(co_decoder *d, size_t i, const co_candidate *c)
{
    lane *l = &d->lane[i];
    const size_t most = d->how.beams, length = l->length + 1;
    const double score = co_length_score(c->score, length - l->prompt, d->how.length_penalty);
    size_t at = l->n_ended < most ? l->n_ended : most - 1;
    if (l->n_ended == most && !(score > l->ended[at].score)) return;
    const size_t place = l->n_ended < most ? l->n_ended++ : l->ended[at].place;
    for (; at > 0 && score > l->ended[at - 1].score; at--) l->ended[at] = l->ended[at - 1];
    l->ended[at] = (ended_text){.score = score, .length = length, .place = place};
    int32_t *to = row_of(d, d->ended_tokens, i, place);
    memcpy(to, row_of(d, d->tokens[l->turn], i, c->beam), l->length * sizeof *to);
    to[l->length] = c->token;
}

/* The candidates that go on become the running texts. */
static void run_on(co_decoder *d, size_t i, size_t n_best)
{
    lane *l = &d->lane[i];
    const int from = l->turn, to = 1 - from;
    size_t n = 0;
    for (size_t k = 0; k < n_best && n < d->how.beams; k++) {
        const co_candidate *c = &d->best[k];
        if (ends(d, l, c->token)) continue;
        int32_t *tokens = row_of(d, d->tokens[to], i, n);
        memcpy(tokens, row_of(d, d->tokens[from], i, c->beam), l->length * sizeof *tokens);
        memcpy(row_of(d, d->past[to], i, n), row_of(d, d->past[from], i, c->beam),
               l->fed * sizeof *tokens);
        tokens[l->length] = c->token;
        l->score[n++] = c->score;
    }
    l->turn = to;
    l->n_running = n;
    l->length++;
}

/* No text that runs can come in front of the worst ended one, as early_stopping estimates it. */
static bool is_over(const co_decoder *d, const lane *l)
{
    const co_decoding *how = &d->how;
    const bool full = l->n_ended == how->beams;
    const size_t whole = how->early_stopping == CO_EARLY_NEVER && how->length_penalty > 0.0
                             ? how->max_length
                             : l->length;
    if (l->n_running == 0 || (full && how->early_stopping == CO_EARLY_TRUE)) return true;
    const double best = co_length_score(l->score[0], whole - l->prompt, how->length_penalty);
    return full && !(best > l->ended[l->n_ended - 1].score);
}

static void choose_beams(co_decoder *d, size_t i, const float *out)
{
    lane *l = &d->lane[i];
    const size_t beams = d->how.beams;
    size_t n_best = 0;
    for (size_t b = 0; b < l->n_running; b++)
        n_best = co_candidates_of(d->fast, d->n_outputs, out + b * d->n_outputs, forced(d, l),
                                  l->score[b], (uint32_t)b, d->best, n_best, 2 * beams);
    for (size_t k = 0; k < n_best && k < beams; k++)
        if (ends(d, l, d->best[k].token)) add_ended(d, i, &d->best[k]);
    run_on(d, i, n_best);
    if (!is_over(d, l)) return;
    const ended_text *first = &l->ended[0];
    close_lane(d, i, row_of(d, d->ended_tokens, i, first->place), first->length);
}

/* ---- all texts ---- */

/* The next row of every running text of lane i, from row n of the step on. */
static size_t feed(co_decoder *d, size_t i, size_t n)
{
    lane *l = &d->lane[i];
    for (size_t b = 0; b < l->n_running; b++, n++) {
        int32_t *past = row_of(d, d->past[l->turn], i, b);
        d->slot[n] = past[l->fed] = (int32_t)(i * d->how.beams + b);
        d->at[n] = (int32_t)l->fed;
        d->token[n] = row_of(d, d->tokens[l->turn], i, b)[l->fed];
        d->row[n] = past;
        d->source[2 * n] = (int64_t)(i * d->size.most_source);
        d->source[2 * n + 1] = d->source[2 * n] + (int64_t)l->source;
    }
    l->fed++;
    return n;
}

/* One row more for all texts at hand; false: there are none. */
static bool advance(co_decoder *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_lanes; i++)
        if (d->lane[i].busy) n = feed(d, i, n);
    if (n == 0) return false;
    const float *out =
        co_steps_next(d->steps, &(co_step){.n = n,
                                           .size = &d->size,
                                           .at = d->at,
                                           .slot = d->slot,
                                           .past = d->row,
                                           .token = d->token,
                                           .source = d->has_source ? d->source : NULL});
    for (size_t i = 0; i < d->n_lanes; i++) {
        const lane *l = &d->lane[i];
        if (!l->busy) continue;
        const float *own = out;
        out += l->n_running * d->n_outputs;
        if (l->fed < l->length) continue; /* of the prompt */
        if (d->how.beams == 1)
            choose_greedy(d, i, own);
        else
            choose_beams(d, i, own);
    }
    return true;
}

/* What was written, one text behind the other. */
static co_status hand_out(const co_decoder *d, size_t n, co_written *w)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += d->written_length[i];
    if (co_reserve((void **)&w->offsets, &w->offsets_capacity, n + 1, sizeof *w->offsets) ||
        co_reserve((void **)&w->tokens, &w->tokens_capacity, sum, sizeof *w->tokens))
        return CO_FAIL(CO_ENOMEM, "%zu texts that were written", n);
    w->n = n;
    w->offsets[0] = 0;
    for (size_t i = 0; i < n; i++) {
        w->offsets[i + 1] = w->offsets[i] + (int64_t)d->written_length[i];
        memcpy(w->tokens + w->offsets[i], d->written + i * d->how.max_length,
               d->written_length[i] * sizeof *w->tokens);
    }
    return CO_OK;
}

co_status co_decode(co_decoder *d, const co_prompts *in, co_written *written)
{
    size_t next = 0;
    if (co_reserve((void **)&d->written_length, &d->length_capacity, in->n,
                   sizeof *d->written_length) ||
        co_reserve((void **)&d->written, &d->written_capacity, in->n * d->how.max_length,
                   sizeof *d->written))
        return CO_FAIL(CO_ENOMEM, "%zu texts of %zu tokens", in->n, d->how.max_length);
    do {
        for (size_t i = 0; i < d->n_lanes; i++)
            while (!d->lane[i].busy && next < in->n) open_lane(d, in, i, next++);
    } while (advance(d));
    return hand_out(d, in->n, written);
}
