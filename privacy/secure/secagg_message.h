/* privacy/secure/secagg_message.h - messages as byte strings, and how they are read.
 *
 * Header, little-endian: version (1 byte), stage (1), way (1), zero (1), sender (4), receiver (4),
 * step (8), bytes that follow (8), their digest (16; Poly1305 under an open key over the header
 * before it and what follows: it finds damage). A reader believes nothing: CO_EDATA "message of
 * stage `share` from device 3: what is wrong". All calls are Local. */
#pragma once
#include "privacy/secure/secagg.h"

enum { CO_SECAGG_HEADER_BYTES = 44, CO_SECAGG_SERVER = -1 };

/* What stands in a header, and what follows it (borrowed). */
typedef struct {
    co_secagg_stage stage;
    co_secagg_way way;
    int64_t sender, receiver; /* a place, or CO_SECAGG_SERVER */
    uint64_t step;
    const unsigned char *body;
    size_t n_body;
} co_secagg_message;

/* out[CO_SECAGG_HEADER_BYTES + n_body] holds the body already: puts the header before it. */
void co_secagg_seal_message(const co_secagg_message *m, unsigned char *out);
/* A message of this round: whole, undamaged, its length that of its stage and way, its sender and
 * receiver of the round. CO_EDATA. */
co_status co_secagg_open_message(const co_secagg_round *round, const unsigned char *in, size_t n,
                                 co_secagg_message *m);
enum { CO_SECAGG_PARTY_TEXT = 32 };
const char *co_secagg_party(int64_t place, char text[CO_SECAGG_PARTY_TEXT]); /* "device 3" */

/* Bits behind each other, lowest of a byte first. */
bool co_bit(const unsigned char *bits, size_t i);
void co_set_bit(unsigned char *bits, size_t i);
bool co_bits_end(const unsigned char *bits, size_t n); /* what fills the last byte is zero */
bool co_all_zero(const unsigned char *bytes, size_t n);
