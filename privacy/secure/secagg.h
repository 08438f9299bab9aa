/* privacy/secure/secagg.h - secure aggregation: a server learns the sum of vectors modulo 2^b and
 * no vector, though devices may drop out at any stage.
 *
 * Source: Bonawitz et al., CCS 2017 (complete graph); Bell et al., CCS 2020 (k neighbours). The
 * devices of a step have places 0 .. n - 1. Device u has two X25519 keys (one to seal shares, one
 * for masks s_u) and a seed b_u. Down: from the server; up: to it.
 *
 *     stage      down                              up
 *     advertise  -                                 two public keys; a digest of b_u
 *     share      the neighbours' keys              for each neighbour, sealed: shares of b_u, s_u
 *     input      what the neighbours sealed for u  x_u + mask(b_u) +- masks of pairs (u, v)
 *     confirm    who sent an input (all n)         for each neighbour: a tag on that list
 *     unmask     the neighbours' tags              for each neighbour v: its share of b_v when v
 *                                                  is on the list, else of s_v; its own of b_u
 *
 * The mask of a pair comes from its agreed key, is added by one and subtracted by the other, and
 * cancels in the sum. With t shares of b_v the server takes mask(b_v) off; with t shares of s_v it
 * makes the pair masks of a v that gave keys and shares but no input, and takes off what stayed. A
 * device never gives both shares of one v: after it confirmed a list it answers no other.
 *
 * Who sees what. A device: public keys, sealed shares, who is left. The server: all that and the
 * masked vectors, of which any n - 1 devices' together are uniform, the sum over those that sent an
 * input, and who dropped when. Model: the server is honest but curious and may be told everything
 * by up to t - 1 of any device's neighbours; keys in `advertise` are those of the devices (an
 * honest relay there, or a public-key infrastructure outside of this library; transport is
 * authenticated). The tags of `confirm` (HMAC under keys of pairs, in place of the paper's
 * signatures: 1 us instead of 25 to sign and 70 to check each) add that a server which tells
 * neighbours different lists is found by both, unless it hides the tags, and then t must confirm:
 * with 2 t > k + 1 + (corrupt neighbours) no two lists open a device. Below t at any stage the step
 * fails, and t - 1 shares say nothing.
 *
 * Lengths depend on sizes alone, not on who is there: what is absent is zero. So a simulation that
 * only adds plain values charges the same bytes. A message begins with a header of
 * CO_SECAGG_HEADER_BYTES (secagg_message.h) whose digest finds damage on the way; what is sealed
 * withstands intent too; a masked vector is the device's own word. All calls are Local. */
#pragma once
#include "privacy/secure/graph.h"
#include "privacy/secure/mask.h"

enum {
    CO_SECAGG_MOST_DEVICES = 1000000,
    CO_SECAGG_KEYS_BYTES = 2 * CO_KEY_BYTES, /* public keys of a device: for sealing, for masks */
    CO_SECAGG_SEALED_BYTES = 2 * CO_KEY_BYTES + CO_TAG_BYTES /* shares of b_u and of s_u */
};
typedef enum {
    CO_SECAGG_ADVERTISE,
    CO_SECAGG_SHARE,
    CO_SECAGG_INPUT,
    CO_SECAGG_CONFIRM,
    CO_SECAGG_UNMASK,
    CO_SECAGG_STAGES
} co_secagg_stage;
typedef enum { CO_SECAGG_DOWN, CO_SECAGG_UP } co_secagg_way;

typedef struct {
    size_t n, k, threshold; /* devices, neighbours of each, t of the k + 1 shares of a secret */
    size_t n_values;        /* of a vector, in [0, 2^bits) */
    int bits;
} co_secagg_shape;

/* CO_EUSAGE with the figure: 2 <= n <= 10^6; k as in graph.h, at most 65,534; 2 <=
 * t <= k + 1; 1 <= bits <= CO_MASK_MAX_BITS; n_values >= 1. */
co_status co_secagg_check(const co_secagg_shape *shape);

const char *co_secagg_stage_name(co_secagg_stage stage);
/* Bytes of a device's message, header included; 0: there is none (advertise, down). */
uint64_t co_secagg_bytes(const co_secagg_shape *shape, co_secagg_stage stage, co_secagg_way way);
/* Of all stages. */
uint64_t co_secagg_bytes_all(const co_secagg_shape *shape, co_secagg_way way);

/* One step. Borrowed by its devices and servers, as is the graph. */
typedef struct {
    co_secagg_shape shape;
    uint64_t step;
    const co_secagg_graph *graph;
} co_secagg_round;

/* Whether enough are left when a stage ends: CO_EDATA with the figures when fewer than t devices
 * are, or fewer than t holders of a secret that has to be opened. sent[n]: how many stages each
 * device has answered, at most closed + 1. O(n k). */
co_status co_secagg_enough(const co_secagg_round *round, co_secagg_stage closed,
                           const unsigned char *sent);
