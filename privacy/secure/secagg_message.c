/* privacy/secure/secagg_message.c - headers, and what is refused before anything else is read. */
#include "privacy/secure/secagg_message.h"
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

enum { VERSION = 2, DIGEST_AT = 28, DIGEST_BYTES = 16 };
_Static_assert(DIGEST_AT + DIGEST_BYTES == CO_SECAGG_HEADER_BYTES, "the digest ends the header");

static void put(unsigned char *at, uint64_t x, size_t n)
{
    for (size_t b = 0; b < n; b++) at[b] = (unsigned char)(x >> (8 * b));
}

static uint64_t get(const unsigned char *at, size_t n)
{
    uint64_t x = 0;
    for (size_t b = 0; b < n; b++) x |= (uint64_t)at[b] << (8 * b);
    return x;
}

/* Poly1305 under a key that all know, four times as fast as a hash: what is damaged by chance keeps
 * its digest with probability 2^-100. It is no proof of who sent it, nor was an open hash. */
static void digest(const unsigned char *message, size_t n_body, unsigned char out[DIGEST_BYTES])
{
    static const unsigned char key[] = "cohort: damage of these messages"; /* 32 bytes are read */
    _Static_assert(sizeof key == crypto_onetimeauth_KEYBYTES + 1, "and an end");
    crypto_onetimeauth_state state;
    CO_ASSERT(sodium_init() >= 0);
    crypto_onetimeauth_init(&state, key);
    crypto_onetimeauth_update(&state, message, DIGEST_AT);
    crypto_onetimeauth_update(&state, message + CO_SECAGG_HEADER_BYTES, n_body);
    crypto_onetimeauth_final(&state, out);
}

void co_secagg_seal_message(const co_secagg_message *m, unsigned char *out)
{
    out[0] = VERSION;
    out[1] = (unsigned char)m->stage;
    out[2] = (unsigned char)m->way;
    out[3] = 0;
    put(out + 4, (uint64_t)m->sender, 4);
    put(out + 8, (uint64_t)m->receiver, 4);
    put(out + 12, m->step, 8);
    put(out + 20, m->n_body, 8);
    digest(out, m->n_body, out + DIGEST_AT);
}

/* A place of the cohort, or the server's number; -2: neither. */
static int64_t party(const co_secagg_round *round, const unsigned char *at)
{
    const uint64_t x = get(at, 4);
    return x == UINT32_MAX ? CO_SECAGG_SERVER : x < round->shape.n ? (int64_t)x : -2;
}

/* "device 3" or "the server". */
const char *co_secagg_party(int64_t place, char text[CO_SECAGG_PARTY_TEXT])
{
    if (place == CO_SECAGG_SERVER) return "the server";
    snprintf(text, CO_SECAGG_PARTY_TEXT, "device %" PRId64, place);
    return text;
}

static co_status check_header(const co_secagg_round *round, const unsigned char *in, size_t n,
                              const co_secagg_message *m)
{
    const uint64_t bytes = co_secagg_bytes(&round->shape, m->stage, m->way);
    const int64_t device = m->way == CO_SECAGG_UP ? m->sender : m->receiver,
                  server = m->way == CO_SECAGG_UP ? m->receiver : m->sender;
    unsigned char should[DIGEST_BYTES];
    if (device < 0 || server != CO_SECAGG_SERVER)
        return CO_FAIL(CO_EDATA, "its sender and receiver are not a device of this step and the "
                                 "server");
    if (m->step != round->step)
        return CO_FAIL(CO_EDATA, "it is of step %" PRIu64 ", this is step %" PRIu64, m->step,
                       round->step);
    if (bytes == 0 || n != bytes || get(in + 20, 8) != n - CO_SECAGG_HEADER_BYTES)
        return CO_FAIL(CO_EDATA,
                       "%zu bytes, and its header says %" PRIu64 " behind it: it has to have "
                       "%" PRIu64,
                       n, get(in + 20, 8), bytes);
    digest(in, m->n_body, should);
    if (!co_same_bytes(should, in + DIGEST_AT, DIGEST_BYTES))
        return CO_FAIL(CO_EDATA, "damaged: its digest is another");
    return CO_OK;
}

co_status co_secagg_open_message(const co_secagg_round *round, const unsigned char *in, size_t n,
                                 co_secagg_message *m)
{
    char text[CO_SECAGG_PARTY_TEXT];
    if (n < CO_SECAGG_HEADER_BYTES)
        return CO_FAIL(CO_EDATA, "message of %zu bytes: a header has %d", n,
                       CO_SECAGG_HEADER_BYTES);
    if (in[0] != VERSION || in[1] >= CO_SECAGG_STAGES || in[2] > CO_SECAGG_UP || in[3] != 0)
        return CO_FAIL(CO_EDATA,
                       "message that begins with %d %d %d %d: version %d, a stage below %d, a way "
                       "below 2 and a zero are expected",
                       in[0], in[1], in[2], in[3], VERSION, CO_SECAGG_STAGES);
    *m = (co_secagg_message){.stage = (co_secagg_stage)in[1],
                             .way = (co_secagg_way)in[2],
                             .sender = party(round, in + 4),
                             .receiver = party(round, in + 8),
                             .step = get(in + 12, 8),
                             .body = in + CO_SECAGG_HEADER_BYTES,
                             .n_body = n - CO_SECAGG_HEADER_BYTES};
    const co_status st = check_header(round, in, n, m);
    if (st == CO_OK) return CO_OK;
    return m->sender == -2
               ? co_fail_in(st, "message of stage `%s`", co_secagg_stage_name(m->stage))
               : co_fail_in(st, "message of stage `%s` from %s", co_secagg_stage_name(m->stage),
                            co_secagg_party(m->sender, text));
}

bool co_bit(const unsigned char *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

void co_set_bit(unsigned char *bits, size_t i)
{
    bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
}

bool co_bits_end(const unsigned char *bits, size_t n)
{
    return n % 8 == 0 || bits[n / 8] >> (n % 8) == 0;
}

bool co_all_zero(const unsigned char *bytes, size_t n)
{
    return sodium_is_zero(bytes, n);
}
