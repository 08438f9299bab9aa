/* privacy/secure/secagg.c - sizes of messages; when enough devices are left. */
#include "privacy/secure/secagg.h"
#include "privacy/secure/secagg_message.h"
#include "privacy/secure/shamir.h"

const char *co_secagg_stage_name(co_secagg_stage stage)
{
    static const char *const names[] = {"advertise", "share", "input", "confirm", "unmask"};
    return stage < CO_SECAGG_STAGES ? names[stage] : "none";
}

co_status co_secagg_check(const co_secagg_shape *s)
{
    const bool complete = s->k + 1 == s->n;
    if (s->n < 2 || s->n > CO_SECAGG_MOST_DEVICES)
        return CO_FAIL(CO_EUSAGE, "secure aggregation of %zu devices: 2 to %d", s->n,
                       CO_SECAGG_MOST_DEVICES);
    if (s->k == 0 || s->k + 1 > s->n || (!complete && s->k % 2) || s->k >= CO_SHAMIR_MOST)
        return CO_FAIL(
            CO_EUSAGE,
            "neighbours %zu of %zu devices: one less than the devices, or an even number "
            "below that; at most %d",
            s->k, s->n, CO_SHAMIR_MOST - 1);
    if (s->threshold < 2 || s->threshold > s->k + 1)
        return CO_FAIL(CO_EUSAGE,
                       "threshold %zu: 2 to %zu, for a secret has a share with each of %zu "
                       "neighbours and with its device",
                       s->threshold, s->k + 1, s->k);
    if (s->bits < 1 || s->bits > CO_MASK_MAX_BITS || s->n_values == 0)
        return CO_FAIL(CO_EUSAGE, "%zu values of %d bits: at least one, of 1 to %d bits",
                       s->n_values, s->bits, CO_MASK_MAX_BITS);
    return CO_OK;
}

/* What follows the header. */
static uint64_t body_bytes(const co_secagg_shape *s, co_secagg_stage stage, co_secagg_way way)
{
    const uint64_t k = s->k, slots = (k + 7) / 8;
    const bool up = way == CO_SECAGG_UP;
    switch (stage) {
    case CO_SECAGG_ADVERTISE: return up ? CO_SECAGG_KEYS_BYTES + CO_KEY_BYTES : 0;
    case CO_SECAGG_SHARE: return up ? k * CO_SECAGG_SEALED_BYTES : slots + k * CO_SECAGG_KEYS_BYTES;
    case CO_SECAGG_INPUT:
        return up ? co_packed_bytes(s->n_values, s->bits) : slots + k * CO_SECAGG_SEALED_BYTES;
    case CO_SECAGG_CONFIRM: return up ? k * CO_TAG_BYTES : (s->n + 7) / 8;
    case CO_SECAGG_UNMASK: return up ? (k + 1) * CO_KEY_BYTES : slots + k * CO_TAG_BYTES;
    default: return 0;
    }
}

uint64_t co_secagg_bytes(const co_secagg_shape *shape, co_secagg_stage stage, co_secagg_way way)
{
    const uint64_t body = body_bytes(shape, stage, way);
    return body ? CO_SECAGG_HEADER_BYTES + body : 0;
}

uint64_t co_secagg_bytes_all(const co_secagg_shape *shape, co_secagg_way way)
{
    uint64_t bytes = 0;
    for (int s = 0; s < CO_SECAGG_STAGES; s++)
        bytes += co_secagg_bytes(shape, (co_secagg_stage)s, way);
    return bytes;
}

/* Neighbours of a device that have answered so many stages. */
static size_t neighbours_left(const co_secagg_round *round, const unsigned char *sent, size_t place,
                              int stages)
{
    size_t left = 0;
    for (size_t j = 0; j < round->shape.k; j++)
        left += sent[co_secagg_neighbour(round->graph, place, j)] >= stages;
    return left;
}

/* Whether the sum will need a secret of this device: of those that shared, who sent an input, and
 * who stands in a mask of one that did. Before inputs are there: of all. */
static bool is_needed(const co_secagg_round *round, co_secagg_stage closed,
                      const unsigned char *sent, size_t place)
{
    if (closed < CO_SECAGG_INPUT) return sent[place] > closed;
    return sent[place] > CO_SECAGG_INPUT ||
           (sent[place] == CO_SECAGG_INPUT &&
            neighbours_left(round, sent, place, CO_SECAGG_INPUT + 1) > 0);
}

/* Whether those who sent an input fall into parts without a mask between them: on the circle two
 * runs of k / 2 lost places, or more. The sum of each part would come out. */
static bool is_cut(const co_secagg_round *round, const unsigned char *sent)
{
    const size_t n = round->shape.n, half = round->shape.k / 2;
    size_t place = 0, lost = 0, n_runs = 0;
    if (round->shape.k + 1 >= n) return false;
    while (place < n && sent[place] <= CO_SECAGG_INPUT) place++;
    if (place == n) return false;
    for (size_t i = 0; i < n; i++) { /* once around, from one that is there */
        place = co_secagg_neighbour(round->graph, place, 0);
        if (sent[place] > CO_SECAGG_INPUT) {
            n_runs += lost >= half;
            lost = 0;
        } else {
            lost++;
        }
    }
    return n_runs > 1;
}

co_status co_secagg_enough(const co_secagg_round *round, co_secagg_stage closed,
                           const unsigned char *sent)
{
    const co_secagg_shape *s = &round->shape;
    const int stages = (int)closed + 1;
    size_t present = 0;
    for (size_t u = 0; u < s->n; u++) present += sent[u] >= stages;
    if (present < s->threshold)
        return CO_FAIL(CO_EDATA,
                       "secure aggregation: after stage `%s` %zu of %zu devices are left, the "
                       "threshold is %zu",
                       co_secagg_stage_name(closed), present, s->n, s->threshold);
    if (closed >= CO_SECAGG_INPUT && is_cut(round, sent))
        return CO_FAIL(CO_EDATA,
                       "secure aggregation: after stage `%s` the devices that are left have no "
                       "masks between their parts, whose sums would come out",
                       co_secagg_stage_name(closed));
    for (size_t u = 0; u < s->n; u++) {
        if (!is_needed(round, closed, sent, u)) continue;
        const size_t holders =
            neighbours_left(round, sent, u, stages) + (sent[u] >= stages ? 1 : 0);
        if (holders < s->threshold)
            return CO_FAIL(CO_EDATA,
                           "secure aggregation: after stage `%s` %zu of %zu devices hold shares of "
                           "device %zu, the threshold is %zu",
                           co_secagg_stage_name(closed), holders, s->k + 1, u, s->threshold);
    }
    return CO_OK;
}
