/* privacy/secure/secagg_device.c - what a device draws, checks, seals and gives away.
 *
 * Cost: two key agreements a neighbour (X25519, some 45 us each), 2 (k + 1) shares of t terms, k +
 * 1 masks of the whole vector. */
#include "privacy/secure/secagg_device.h"
#include "core/memory.h"
#include "privacy/secure/secagg_pair.h"
#include "privacy/secure/shamir.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* What the next call has to be. */
typedef enum { ADVERTISE, SHARE, RECEIVE, MASK, CONFIRM, UNMASK, DONE, FAILED } call;
static const char *const call_name[] = {"advertise", "share",  "receive", "mask",
                                        "confirm",   "unmask", "nothing", "nothing"};

typedef struct {
    bool has_keys, shared, survives;
    unsigned char pair[CO_KEY_BYTES];        /* of the keys for sealing, bound to the others */
    unsigned char mask_public[CO_KEY_BYTES]; /* theirs */
    unsigned char own_share[CO_KEY_BYTES], mask_share[CO_KEY_BYTES]; /* of their b_v, s_v */
} neighbour;

struct co_secagg_device {
    const co_secagg_round *round;
    size_t place, n_masked;
    call next;
    unsigned char seal_secret[CO_KEY_BYTES], mask_secret[CO_KEY_BYTES], own_seed[CO_KEY_BYTES],
        shares_seed[2][CO_KEY_BYTES];
    unsigned char own_share[CO_KEY_BYTES]; /* its own, of its own b_u */
    unsigned char seal_public[CO_KEY_BYTES], mask_public[CO_KEY_BYTES], list[32];
    size_t n_terms;
    co_mask_term *term; /* [k + 1] */
    neighbour neighbour[];
};

co_status co_secagg_device_create(const co_secagg_round *round, size_t place,
                                  const co_noise_source *source, co_secagg_device **device)
{
    const size_t k = round->shape.k, bytes = sizeof **device + k * sizeof(neighbour);
    co_secagg_device *d = co_calloc(1, bytes);
    co_mask_term *term = co_calloc(k + 1, sizeof *term);
    *device = NULL;
    if (!d || !term) {
        co_free(d);
        co_free(term);
        return CO_FAIL(CO_ENOMEM, "secure aggregation: a device with %zu neighbours", k);
    }
    d->round = round;
    d->place = place;
    d->term = term;
    const struct {
        const char *purpose;
        unsigned char *key;
    } draw[] = {{"seal key", d->seal_secret},
                {"mask key", d->mask_secret},
                {"own mask", d->own_seed},
                {"shares of own mask", d->shares_seed[0]},
                {"shares of mask key", d->shares_seed[1]}};
    for (size_t i = 0; i < sizeof draw / sizeof *draw; i++)
        co_secure_draw(source, draw[i].purpose, round->step, place, draw[i].key, CO_KEY_BYTES);
    *device = d;
    return CO_OK;
}

void co_secagg_device_destroy(co_secagg_device *d)
{
    if (!d) return;
    const size_t k = d->round->shape.k;
    co_wipe(d->term, (k + 1) * sizeof *d->term);
    co_free(d->term);
    co_wipe(d, sizeof *d + k * sizeof(neighbour));
    co_free(d);
}

static size_t place_of(const co_secagg_device *d, size_t slot)
{
    return co_secagg_neighbour(d->round->graph, d->place, slot);
}

/* The device answers nothing any more. */
static co_status failed(co_secagg_device *d, co_status st)
{
    d->next = FAILED;
    return co_fail_in(st, "device %zu", d->place);
}

/* That this call comes now. */
static co_status expect(co_secagg_device *d, call asked)
{
    if (d->next == asked) return CO_OK;
    const call wanted = d->next;
    return failed(d, CO_FAIL(CO_EDATA, "asked to %s, when the next thing to do was: %s",
                             call_name[asked], call_name[wanted]));
}

/* The server's message of a stage to this device. */
static co_status open_down(const co_secagg_device *d, co_secagg_stage stage,
                           const unsigned char *in, size_t n_in, co_secagg_message *m)
{
    CO_TRY(co_secagg_open_message(d->round, in, n_in, m));
    if (m->way != CO_SECAGG_DOWN || m->receiver != (int64_t)d->place || m->stage != stage)
        return CO_FAIL(
            CO_EDATA, "misdirected: a message of stage `%s` to place %lld, in stage `%s`",
            co_secagg_stage_name(m->stage), (long long)m->receiver, co_secagg_stage_name(stage));
    return CO_OK;
}

/* The body of out has been written. */
static void send_up(const co_secagg_device *d, co_secagg_stage stage, unsigned char *out)
{
    const uint64_t bytes = co_secagg_bytes(&d->round->shape, stage, CO_SECAGG_UP);
    co_secagg_seal_message(&(co_secagg_message){.stage = stage,
                                                .way = CO_SECAGG_UP,
                                                .sender = (int64_t)d->place,
                                                .receiver = CO_SECAGG_SERVER,
                                                .step = d->round->step,
                                                .n_body = bytes - CO_SECAGG_HEADER_BYTES},
                           out);
}

/* Reads "who of the k neighbours is there", then a row for each, zero for those that are not. */
static co_status check_rows(const co_secagg_device *d, const co_secagg_message *m, size_t row_bytes,
                            const unsigned char **row)
{
    const size_t k = d->round->shape.k;
    *row = m->body + (k + 7) / 8;
    if (!co_bits_end(m->body, k)) return CO_FAIL(CO_EDATA, "more than %zu neighbours", k);
    for (size_t j = 0; j < k; j++)
        if (!co_bit(m->body, j) && !co_all_zero(*row + row_bytes * j, row_bytes))
            return CO_FAIL(CO_EDATA, "something from neighbour %zu, which is said to be absent",
                           place_of(d, j));
    return CO_OK;
}

/* n neighbours and the device itself hold shares. */
static co_status check_enough(const co_secagg_device *d, size_t n, const char *what)
{
    if (n + 1 >= d->round->shape.threshold) return CO_OK;
    return CO_FAIL(CO_EDATA, "%zu neighbours %s: with the device itself below the threshold %zu", n,
                   what, d->round->shape.threshold);
}

co_status co_secagg_device_advertise(co_secagg_device *d, unsigned char *out)
{
    unsigned char *body = out + CO_SECAGG_HEADER_BYTES;
    CO_TRY(expect(d, ADVERTISE));
    co_key_public(d->seal_secret, body);
    co_key_public(d->mask_secret, body + CO_KEY_BYTES);
    co_secagg_commit(d->own_seed, body + CO_SECAGG_KEYS_BYTES);
    memcpy(d->seal_public, body, CO_KEY_BYTES);
    memcpy(d->mask_public, body + CO_KEY_BYTES, CO_KEY_BYTES);
    send_up(d, CO_SECAGG_ADVERTISE, out);
    d->next = SHARE;
    return CO_OK;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* All keys of the neighbours differ, and from the device's own, in their first 64 bits. */
static co_status check_different(const co_secagg_device *d, const unsigned char *bits,
                                 const unsigned char *keys)
{
    const size_t k = d->round->shape.k;
    uint64_t *first = co_malloc(2 * k + 1, sizeof *first);
    size_t n = 0, same = 0;
    if (!first) return CO_FAIL(CO_ENOMEM, "keys of %zu neighbours", k);
    memcpy(&first[n++], d->seal_public, sizeof *first);
    for (size_t j = 0; j < 2 * k; j++)
        if (co_bit(bits, j / 2)) memcpy(&first[n++], keys + CO_KEY_BYTES * j, sizeof *first);
    qsort(first, n, sizeof *first, by_number);
    for (size_t i = 1; i < n; i++) same += first[i] == first[i - 1];
    co_free(first);
    return same ? CO_FAIL(CO_EDATA, "%zu of the keys stand in the list twice", same) : CO_OK;
}

/* Both keys for masks go into the key for sealing: were one changed on its way, what is sealed with
 * it does not open, in place of a mask that does not cancel. */
static void bind(const co_secagg_device *d, neighbour *v, size_t place)
{
    const bool first = d->place < place;
    const co_hmac_piece mask_keys[] = {{first ? d->mask_public : v->mask_public, CO_KEY_BYTES},
                                       {first ? v->mask_public : d->mask_public, CO_KEY_BYTES}};
    co_hmac(v->pair, CO_KEY_BYTES, mask_keys, 2, v->pair);
}

static co_status take_keys(co_secagg_device *d, const co_secagg_message *m)
{
    const unsigned char *keys;
    size_t n = 0;
    CO_TRY(check_rows(d, m, CO_SECAGG_KEYS_BYTES, &keys));
    CO_TRY(check_different(d, m->body, keys));
    for (size_t j = 0; j < d->round->shape.k; j++) {
        neighbour *v = &d->neighbour[j];
        if (!co_bit(m->body, j)) continue;
        if (!co_secagg_pair(d->seal_secret, keys + CO_SECAGG_KEYS_BYTES * j, v->pair))
            return CO_FAIL(CO_EDATA, "the key of neighbour %zu agrees with any other",
                           place_of(d, j));
        memcpy(v->mask_public, keys + CO_SECAGG_KEYS_BYTES * j + CO_KEY_BYTES, CO_KEY_BYTES);
        bind(d, v, place_of(d, j));
        v->has_keys = true;
        n++;
    }
    return check_enough(d, n, "gave keys");
}

static uint16_t share_x(const co_secagg_device *d, size_t holder)
{
    return (uint16_t)(co_secagg_share_of(d->round->graph, d->place, holder) + 1);
}

/* For each neighbour that gave keys: its shares of b_u and of s_u, sealed; the device keeps its
 * own. */
static void seal_shares(co_secagg_device *d, const co_shamir *own, const co_shamir *mask,
                        unsigned char *out)
{
    unsigned char key[CO_KEY_BYTES], plain[2 * CO_KEY_BYTES];
    for (size_t j = 0; j < d->round->shape.k; j++, out += CO_SECAGG_SEALED_BYTES) {
        const size_t v = place_of(d, j);
        const uint16_t x = share_x(d, v);
        if (!d->neighbour[j].has_keys) {
            memset(out, 0, CO_SECAGG_SEALED_BYTES);
            continue;
        }
        co_shamir_share(own, x, plain);
        co_shamir_share(mask, x, plain + CO_KEY_BYTES);
        co_secagg_pair_key(d->neighbour[j].pair, "seal", d->round->step, d->place, v, key);
        co_seal(key, plain, sizeof plain, out);
    }
    co_shamir_share(own, share_x(d, d->place), d->own_share);
    co_wipe(key, sizeof key);
    co_wipe(plain, sizeof plain);
}

static co_status share(co_secagg_device *d, const unsigned char *in, size_t n_in,
                       unsigned char *out)
{
    const size_t t = d->round->shape.threshold;
    co_secagg_message m;
    co_shamir own = {0}, mask = {0};
    co_status st = CO_OK;
    CO_TRY_OUT(open_down(d, CO_SECAGG_SHARE, in, n_in, &m));
    CO_TRY_OUT(take_keys(d, &m));
    CO_TRY_OUT(co_shamir_open(&own, d->own_seed, t, d->shares_seed[0]));
    CO_TRY_OUT(co_shamir_open(&mask, d->mask_secret, t, d->shares_seed[1]));
    seal_shares(d, &own, &mask, out + CO_SECAGG_HEADER_BYTES);
    send_up(d, CO_SECAGG_SHARE, out);
out:
    co_shamir_close(&own);
    co_shamir_close(&mask);
    return st;
}

co_status co_secagg_device_share(co_secagg_device *d, const unsigned char *in, size_t n_in,
                                 unsigned char *out)
{
    CO_TRY(expect(d, SHARE));
    const co_status st = share(d, in, n_in, out);
    if (st != CO_OK) return failed(d, st);
    d->next = RECEIVE;
    return CO_OK;
}

/* What neighbour j sealed for this device; the mask that both will add. */
static co_status open_shares(co_secagg_device *d, size_t j, const unsigned char *sealed)
{
    neighbour *v = &d->neighbour[j];
    const size_t place = place_of(d, j);
    co_mask_term *term = &d->term[d->n_terms++];
    unsigned char key[CO_KEY_BYTES], plain[2 * CO_KEY_BYTES];
    if (!v->has_keys)
        return CO_FAIL(CO_EDATA, "shares from neighbour %zu, which gave no keys", place);
    co_secagg_pair_key(v->pair, "seal", d->round->step, place, d->place, key);
    const bool whole = co_unseal(key, sealed, sizeof plain, plain);
    co_wipe(key, sizeof key);
    if (!whole) return CO_FAIL(CO_EDATA, "not what neighbour %zu sealed for this device", place);
    memcpy(v->own_share, plain, CO_KEY_BYTES);
    memcpy(v->mask_share, plain + CO_KEY_BYTES, CO_KEY_BYTES);
    co_wipe(plain, sizeof plain);
    v->shared = true;
    term->sign = co_secagg_sign(d->place, place);
    if (!co_secagg_pair_seed(d->mask_secret, v->mask_public, d->round->step, d->place, place,
                             term->seed))
        return CO_FAIL(CO_EDATA, "the key of neighbour %zu agrees with any other", place);
    return CO_OK;
}

static co_status receive(co_secagg_device *d, const unsigned char *in, size_t n_in)
{
    co_secagg_message m;
    const unsigned char *sealed;
    CO_TRY(open_down(d, CO_SECAGG_INPUT, in, n_in, &m));
    CO_TRY(check_rows(d, &m, CO_SECAGG_SEALED_BYTES, &sealed));
    d->term[0].sign = 1;
    memcpy(d->term[0].seed, d->own_seed, CO_KEY_BYTES);
    d->n_terms = 1;
    for (size_t j = 0; j < d->round->shape.k; j++)
        if (co_bit(m.body, j)) CO_TRY(open_shares(d, j, sealed + CO_SECAGG_SEALED_BYTES * j));
    return check_enough(d, d->n_terms - 1, "gave shares");
}

co_status co_secagg_device_receive(co_secagg_device *d, const unsigned char *in, size_t n_in)
{
    CO_TRY(expect(d, RECEIVE));
    const co_status st = receive(d, in, n_in);
    if (st != CO_OK) return failed(d, st);
    d->next = MASK;
    return CO_OK;
}

co_status co_secagg_device_mask(co_secagg_device *d, uint64_t *values, size_t first, size_t n)
{
    CO_TRY(expect(d, MASK));
    if (first != d->n_masked || n > d->round->shape.n_values - first)
        return failed(d, CO_FAIL(CO_EDATA,
                                 "asked to mask values %zu to %zu when %zu of %zu are masked: each "
                                 "once, in order",
                                 first, first + n, d->n_masked, d->round->shape.n_values));
    co_mask_add(d->term, d->n_terms, d->round->shape.bits, values, first, n);
    d->n_masked += n;
    if (d->n_masked == d->round->shape.n_values) {
        co_wipe(d->term, d->n_terms * sizeof *d->term);
        d->next = CONFIRM;
    }
    return CO_OK;
}

co_status co_secagg_device_input(co_secagg_device *d, const uint64_t *masked, unsigned char *out)
{
    CO_TRY(expect(d, CONFIRM));
    co_pack(masked, d->round->shape.n_values, d->round->shape.bits, out + CO_SECAGG_HEADER_BYTES);
    send_up(d, CO_SECAGG_INPUT, out);
    return CO_OK;
}

/* The list holds this device, enough of its neighbours, and none that it knows nothing of. */
static co_status take_list(co_secagg_device *d, const co_secagg_message *m)
{
    size_t n = 0;
    if (!co_bits_end(m->body, d->round->shape.n) || !co_bit(m->body, d->place))
        return CO_FAIL(CO_EDATA, "the list of inputs is without this device, or longer than the "
                                 "cohort");
    for (size_t j = 0; j < d->round->shape.k; j++) {
        neighbour *v = &d->neighbour[j];
        v->survives = co_bit(m->body, place_of(d, j));
        n += v->survives;
        if (v->survives && !v->shared)
            return CO_FAIL(CO_EDATA, "the list of inputs has neighbour %zu, which shared nothing",
                           place_of(d, j));
    }
    return check_enough(d, n, "sent an input");
}

static co_status confirm(co_secagg_device *d, const unsigned char *in, size_t n_in,
                         unsigned char *out)
{
    unsigned char *tag = out + CO_SECAGG_HEADER_BYTES;
    co_secagg_message m;
    CO_TRY(open_down(d, CO_SECAGG_CONFIRM, in, n_in, &m));
    CO_TRY(take_list(d, &m));
    crypto_hash_sha256(d->list, m.body, m.n_body);
    for (size_t j = 0; j < d->round->shape.k; j++, tag += CO_TAG_BYTES)
        if (d->neighbour[j].survives)
            co_secagg_tag(d->neighbour[j].pair, d->round->step, d->place, place_of(d, j), d->list,
                          tag);
        else
            memset(tag, 0, CO_TAG_BYTES);
    send_up(d, CO_SECAGG_CONFIRM, out);
    return CO_OK;
}

co_status co_secagg_device_confirm(co_secagg_device *d, const unsigned char *in, size_t n_in,
                                   unsigned char *out)
{
    CO_TRY(expect(d, CONFIRM));
    const co_status st = confirm(d, in, n_in, out);
    if (st != CO_OK) return failed(d, st);
    d->next = UNMASK;
    return CO_OK;
}

/* Every neighbour that is said to have confirmed did confirm this list. */
static co_status check_tags(const co_secagg_device *d, const co_secagg_message *m)
{
    const unsigned char *tag;
    unsigned char should[CO_TAG_BYTES];
    size_t n = 0;
    CO_TRY(check_rows(d, m, CO_TAG_BYTES, &tag));
    for (size_t j = 0; j < d->round->shape.k; j++) {
        if (!co_bit(m->body, j)) continue;
        if (!d->neighbour[j].survives)
            return CO_FAIL(CO_EDATA, "neighbour %zu confirms, which sent no input", place_of(d, j));
        co_secagg_tag(d->neighbour[j].pair, d->round->step, place_of(d, j), d->place, d->list,
                      should);
        if (!co_same_bytes(should, tag + CO_TAG_BYTES * j, CO_TAG_BYTES))
            return CO_FAIL(CO_EDATA, "neighbour %zu confirms another list of inputs",
                           place_of(d, j));
        n++;
    }
    return check_enough(d, n, "confirm the list of inputs");
}

static co_status unmask(co_secagg_device *d, const unsigned char *in, size_t n_in,
                        unsigned char *out)
{
    unsigned char *share = out + CO_SECAGG_HEADER_BYTES;
    co_secagg_message m;
    CO_TRY(open_down(d, CO_SECAGG_UNMASK, in, n_in, &m));
    CO_TRY(check_tags(d, &m));
    for (size_t j = 0; j < d->round->shape.k; j++, share += CO_KEY_BYTES) {
        const neighbour *v = &d->neighbour[j];
        if (v->shared) /* one of the two, ever */
            memcpy(share, v->survives ? v->own_share : v->mask_share, CO_KEY_BYTES);
        else
            memset(share, 0, CO_KEY_BYTES);
    }
    memcpy(share, d->own_share, CO_KEY_BYTES);
    send_up(d, CO_SECAGG_UNMASK, out);
    return CO_OK;
}

co_status co_secagg_device_unmask(co_secagg_device *d, const unsigned char *in, size_t n_in,
                                  unsigned char *out)
{
    CO_TRY(expect(d, UNMASK));
    const co_status st = unmask(d, in, n_in, out);
    if (st != CO_OK) return failed(d, st);
    d->next = DONE;
    return CO_OK;
}
