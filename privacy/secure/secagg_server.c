/* privacy/secure/secagg_server.c - relays, counts, opens secrets.
 *
 * What neighbours seal for a device, tag for it and give away of its secrets stands in one block a
 * served device, by slot. Cost of a secret: t^2 products for weights (the same weights serve all
 * secrets of a complete graph), t x 32 bytes for the sum. */
#include "privacy/secure/secagg_server.h"
#include "core/memory.h"
#include "privacy/secure/secagg_pair.h"
#include "privacy/secure/shamir.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    unsigned char keys[CO_SECAGG_KEYS_BYTES], commitment[CO_KEY_BYTES];
} advertised;

struct co_secagg_server {
    const co_secagg_round *round;
    co_secagg_stage stage; /* the open one */
    bool failed;
    unsigned char *sent;      /* [n] stages that a device has answered */
    advertised *advertised;   /* [n] */
    unsigned char **received; /* [n] sealed[k], then shares[k + 1]; NULL: not served here */
    unsigned char **tags;     /* [n] tag[k] */
    uint16_t *x, *weight;     /* [t] the last ones */
    bool has_weights;
};

static co_status out_of_memory(const co_secagg_round *round)
{
    return CO_FAIL(CO_ENOMEM, "secure aggregation: a server of %zu devices with %zu neighbours",
                   round->shape.n, round->shape.k);
}

co_status co_secagg_server_create(const co_secagg_round *round, const unsigned char *serves,
                                  co_secagg_server **server)
{
    const size_t n = round->shape.n, k = round->shape.k, t = round->shape.threshold;
    co_secagg_server *s = co_calloc(1, sizeof *s);
    *server = NULL;
    if (!s) return out_of_memory(round);
    s->round = round;
    s->sent = co_calloc(n, sizeof *s->sent);
    s->advertised = co_calloc(n, sizeof *s->advertised);
    s->received = co_calloc(n, sizeof *s->received);
    s->tags = co_calloc(n, sizeof *s->tags);
    s->x = co_calloc(t, sizeof *s->x);
    s->weight = co_calloc(t, sizeof *s->weight);
    bool whole = s->sent && s->advertised && s->received && s->tags && s->x && s->weight;
    for (size_t u = 0; whole && u < n; u++) {
        if (serves && !serves[u]) continue;
        s->received[u] = co_calloc(k, CO_SECAGG_SEALED_BYTES);
        s->tags[u] = co_calloc(k, CO_TAG_BYTES);
        whole = s->received[u] && s->tags[u];
    }
    if (!whole) {
        co_secagg_server_destroy(s);
        return out_of_memory(round);
    }
    *server = s;
    return CO_OK;
}

void co_secagg_server_destroy(co_secagg_server *s)
{
    if (!s) return;
    for (size_t u = 0; u < s->round->shape.n; u++) {
        if (s->received && s->received[u])
            co_wipe(s->received[u], s->round->shape.k * CO_SECAGG_SEALED_BYTES);
        if (s->received) co_free(s->received[u]);
        if (s->tags) co_free(s->tags[u]);
    }
    co_free(s->sent);
    co_free(s->advertised);
    co_free(s->received);
    co_free(s->tags);
    co_free(s->x);
    co_free(s->weight);
    co_free(s);
}

co_secagg_stage co_secagg_server_stage(const co_secagg_server *s)
{
    return s->stage;
}

bool co_secagg_server_present(const co_secagg_server *s, size_t place)
{
    return s->sent[place] >= s->stage;
}

/* A bit and a row for each neighbour that has answered all closed stages. */
static void give_rows(const co_secagg_server *s, size_t u, size_t row_bytes, unsigned char *body)
{
    const size_t k = s->round->shape.k;
    unsigned char *row = body + (k + 7) / 8;
    for (size_t j = 0; j < k; j++, row += row_bytes) {
        const size_t v = co_secagg_neighbour(s->round->graph, u, j);
        if (!co_secagg_server_present(s, v)) continue;
        co_set_bit(body, j);
        memcpy(row,
               s->stage == CO_SECAGG_SHARE   ? s->advertised[v].keys
               : s->stage == CO_SECAGG_INPUT ? s->received[u] + row_bytes * j
                                             : s->tags[u] + row_bytes * j,
               row_bytes);
    }
}

co_status co_secagg_server_give(const co_secagg_server *s, size_t place, unsigned char *out)
{
    const uint64_t bytes = co_secagg_bytes(&s->round->shape, s->stage, CO_SECAGG_DOWN);
    if (s->failed || bytes == 0 || !co_secagg_server_present(s, place) || !s->received[place])
        return CO_FAIL(CO_EDATA, "secure aggregation: nothing to tell device %zu in stage `%s`",
                       place, s->failed ? "failed" : co_secagg_stage_name(s->stage));
    unsigned char *body = out + CO_SECAGG_HEADER_BYTES;
    memset(body, 0, bytes - CO_SECAGG_HEADER_BYTES);
    if (s->stage == CO_SECAGG_CONFIRM) {
        for (size_t u = 0; u < s->round->shape.n; u++)
            if (co_secagg_server_present(s, u)) co_set_bit(body, u);
    } else {
        give_rows(s, place,
                  s->stage == CO_SECAGG_SHARE   ? CO_SECAGG_KEYS_BYTES
                  : s->stage == CO_SECAGG_INPUT ? CO_SECAGG_SEALED_BYTES
                                                : CO_TAG_BYTES,
                  body);
    }
    co_secagg_seal_message(&(co_secagg_message){.stage = s->stage,
                                                .way = CO_SECAGG_DOWN,
                                                .sender = CO_SECAGG_SERVER,
                                                .receiver = (int64_t)place,
                                                .step = s->round->step,
                                                .n_body = bytes - CO_SECAGG_HEADER_BYTES},
                           out);
    return CO_OK;
}

/* Whether a message of this stage may come from this device now. */
static co_status check_turn(const co_secagg_server *s, co_secagg_stage stage, int64_t sender)
{
    if (s->failed) return CO_FAIL(CO_EDATA, "the step has failed");
    if (stage < s->stage)
        return CO_FAIL(CO_EDATA, "%s",
                       sender >= 0 && s->sent[sender] > stage ? "doubled, and the stage is closed"
                                                              : "late: the stage is closed");
    if (stage > s->stage) return CO_FAIL(CO_EDATA, "early: the stage is not open");
    if (s->sent[sender] > stage) return CO_FAIL(CO_EDATA, "doubled");
    if (s->sent[sender] < stage)
        return CO_FAIL(CO_EDATA, "the device dropped out in stage `%s`",
                       co_secagg_stage_name((co_secagg_stage)s->sent[sender]));
    return CO_OK;
}

static co_status accept(const co_secagg_server *s, co_secagg_stage stage, int64_t sender)
{
    char text[CO_SECAGG_PARTY_TEXT];
    const co_status st = check_turn(s, stage, sender);
    return st == CO_OK ? CO_OK
                       : co_fail_in(st, "message of stage `%s` from %s",
                                    co_secagg_stage_name(stage), co_secagg_party(sender, text));
}

/* Whether a device sends something for neighbour v in this stage. */
static bool is_addressed(const co_secagg_server *s, size_t v)
{
    const int least = s->stage == CO_SECAGG_SHARE     ? CO_SECAGG_ADVERTISE + 1
                      : s->stage == CO_SECAGG_CONFIRM ? CO_SECAGG_INPUT + 1
                                                      : CO_SECAGG_SHARE + 1;
    return s->sent[v] >= least;
}

/* A row for each neighbour, to stand with that neighbour in the sender's slot. */
static co_status take_rows(co_secagg_server *s, size_t u, size_t row_bytes,
                           const unsigned char *row)
{
    const co_secagg_graph *graph = s->round->graph;
    const size_t k = s->round->shape.k;
    for (size_t j = 0; j < k; j++) {
        const size_t v = co_secagg_neighbour(graph, u, j);
        if (!is_addressed(s, v) && !co_all_zero(row + row_bytes * j, row_bytes))
            return CO_FAIL(CO_EDATA,
                           "message of stage `%s` from device %zu: something for device %zu, which "
                           "is absent",
                           co_secagg_stage_name(s->stage), u, v);
    }
    for (size_t j = 0; j < k; j++, row += row_bytes) {
        const size_t v = co_secagg_neighbour(graph, u, j),
                     at = s->stage == CO_SECAGG_UNMASK ? co_secagg_share_of(graph, v, u)
                                                       : co_secagg_slot(graph, v, u);
        unsigned char *block = s->stage == CO_SECAGG_CONFIRM ? s->tags[v] : s->received[v];
        if (block && is_addressed(s, v)) memcpy(block + row_bytes * at, row, row_bytes);
    }
    if (s->stage == CO_SECAGG_UNMASK && s->received[u]) /* of its own seed */
        memcpy(s->received[u] + row_bytes * co_secagg_share_of(graph, u, u), row, row_bytes);
    return CO_OK;
}

co_status co_secagg_server_take(co_secagg_server *s, const unsigned char *in, size_t n_in)
{
    co_secagg_message m;
    CO_TRY(co_secagg_open_message(s->round, in, n_in, &m));
    if (m.way != CO_SECAGG_UP)
        return CO_FAIL(CO_EDATA, "misdirected: a message of the server to device %" PRId64,
                       m.receiver);
    CO_TRY(accept(s, m.stage, m.sender));
    switch (m.stage) {
    case CO_SECAGG_ADVERTISE: memcpy(&s->advertised[m.sender], m.body, m.n_body); break;
    case CO_SECAGG_SHARE:
        CO_TRY(take_rows(s, (size_t)m.sender, CO_SECAGG_SEALED_BYTES, m.body));
        break;
    case CO_SECAGG_CONFIRM: CO_TRY(take_rows(s, (size_t)m.sender, CO_TAG_BYTES, m.body)); break;
    case CO_SECAGG_UNMASK: CO_TRY(take_rows(s, (size_t)m.sender, CO_KEY_BYTES, m.body)); break;
    default: break;
    }
    s->sent[m.sender]++;
    return CO_OK;
}

co_status co_secagg_server_take_input(co_secagg_server *s, size_t place)
{
    CO_TRY(accept(s, CO_SECAGG_INPUT, (int64_t)place));
    s->sent[place]++;
    return CO_OK;
}

co_status co_secagg_server_close(co_secagg_server *s)
{
    if (s->failed || s->stage == CO_SECAGG_STAGES)
        return CO_FAIL(CO_EDATA, "secure aggregation: the step has %s",
                       s->failed ? "failed" : "ended");
    const co_status st = co_secagg_enough(s->round, s->stage, s->sent);
    s->failed = st != CO_OK;
    if (s->failed) return st;
    s->stage++;
    if (s->stage == CO_SECAGG_UNMASK) /* shares come where the sealed ones stood */
        for (size_t u = 0; u < s->round->shape.n; u++)
            if (s->received[u])
                memset(s->received[u], 0, s->round->shape.k * CO_SECAGG_SEALED_BYTES);
    return CO_OK;
}

size_t co_secagg_server_most_terms(const co_secagg_server *s, size_t place)
{
    return s->sent[place] == CO_SECAGG_INPUT ? s->round->shape.k : 1;
}

/* The secret of a device out of the first t shares of those that gave any. */
static void open_secret(co_secagg_server *s, size_t u, unsigned char secret[CO_KEY_BYTES])
{
    const size_t t = s->round->shape.threshold;
    bool same = s->has_weights;
    size_t n = 0;
    for (size_t i = 0; i <= s->round->shape.k && n < t; i++) {
        if (s->sent[co_secagg_holder(s->round->graph, u, i)] < CO_SECAGG_STAGES) continue;
        const uint16_t x = (uint16_t)(i + 1);
        same = same && s->x[n] == x;
        s->x[n++] = x;
    }
    CO_ASSERT(n == t); /* co_secagg_enough */
    if (!same) co_shamir_weights(s->x, t, 0, s->weight);
    s->has_weights = true;
    memset(secret, 0, CO_KEY_BYTES);
    for (size_t i = 0; i < t; i++)
        co_shamir_add(secret, s->weight[i], s->received[u] + CO_KEY_BYTES * (s->x[i] - 1u));
}

static co_status wrong_secret(size_t u, const char *what)
{
    return CO_FAIL(CO_EDATA,
                   "secure aggregation: the shares of device %zu do not give the %s it advertised: "
                   "some device sent a wrong one",
                   u, what);
}

/* The masks that a device without an input left in those of its neighbours. */
static co_status pair_terms(const co_secagg_server *s, size_t u, const unsigned char *secret,
                            co_mask_term *term, size_t *n_terms)
{
    unsigned char public[CO_KEY_BYTES];
    co_key_public(secret, public);
    if (!co_same_bytes(public, s->advertised[u].keys + CO_KEY_BYTES, CO_KEY_BYTES))
        return wrong_secret(u, "key");
    for (size_t j = 0; j < s->round->shape.k; j++) {
        const size_t v = co_secagg_neighbour(s->round->graph, u, j);
        if (s->sent[v] <= CO_SECAGG_INPUT) continue;
        term[*n_terms].sign = -co_secagg_sign(v, u);
        co_secagg_pair_seed(secret, s->advertised[v].keys + CO_KEY_BYTES, s->round->step, u, v,
                            term[*n_terms].seed);
        ++*n_terms;
    }
    return CO_OK;
}

/* The mask of a device with an input. */
static co_status own_term(const co_secagg_server *s, size_t u, const unsigned char *seed,
                          co_mask_term *term, size_t *n_terms)
{
    unsigned char commitment[CO_KEY_BYTES];
    co_secagg_commit(seed, commitment);
    if (!co_same_bytes(commitment, s->advertised[u].commitment, CO_KEY_BYTES))
        return wrong_secret(u, "seed");
    term->sign = -1;
    memcpy(term->seed, seed, CO_KEY_BYTES);
    *n_terms = 1;
    return CO_OK;
}

/* Whether any neighbour added a mask with this device to an input. */
static bool stands_in_inputs(const co_secagg_server *s, size_t u)
{
    for (size_t j = 0; j < s->round->shape.k; j++)
        if (s->sent[co_secagg_neighbour(s->round->graph, u, j)] > CO_SECAGG_INPUT) return true;
    return false;
}

co_status co_secagg_server_terms(co_secagg_server *s, size_t place, co_mask_term *term,
                                 size_t *n_terms)
{
    unsigned char secret[CO_KEY_BYTES];
    const bool has_input = s->sent[place] > CO_SECAGG_INPUT;
    *n_terms = 0;
    if (s->failed || s->stage < CO_SECAGG_STAGES || !s->received[place])
        return CO_FAIL(CO_EDATA, "secure aggregation: no masks of device %zu: the step has %s",
                       place,
                       s->failed ? "failed" : "not ended, or the device is served elsewhere");
    if (!has_input && (s->sent[place] < CO_SECAGG_INPUT || !stands_in_inputs(s, place)))
        return CO_OK;
    open_secret(s, place, secret);
    const co_status st = has_input ? own_term(s, place, secret, term, n_terms)
                                   : pair_terms(s, place, secret, term, n_terms);
    co_wipe(secret, sizeof secret);
    return st;
}
