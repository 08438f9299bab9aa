/* Messages of secure aggregation, damaged at random: whatever a device or the server gets, it
 * answers with a status and a message, and a sum that comes out is the plain one unless a masked
 * vector itself was changed.
 *
 * usage: cohort_fuzz_secagg SECONDS SEED [COHORTS]. By hand under the sanitizers
 * (tests/campaign/secagg_fuzz.sh); the test plays some hundred cohorts. Draws are keyed: SEED and
 * the number of a cohort give the cohort again. */
#include "core/log.h"
#include "core/memory.h"
#include "tests/secagg_play.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 32, LONGER = 16 };

static uint64_t state;
static uint64_t draw(uint64_t below) /* splitmix64 */
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

typedef struct {
    uint64_t cohorts, changed, refused, worked, failed;
} tally;
static tally t;
static bool vector_changed;
static uint64_t one_in; /* so many messages is changed */

/* Messages of this cohort and of earlier ones, to be sent again. */
static struct {
    unsigned char bytes[4096];
    size_t n;
} kept[KEPT];

static void keep(const unsigned char *message, size_t n)
{
    const size_t i = draw(KEPT);
    if (n > sizeof kept[i].bytes) return;
    memcpy(kept[i].bytes, message, n);
    kept[i].n = n;
}

/* The digest fits what stands there, also where nothing else does. */
static void seal_again(unsigned char *message, size_t n)
{
    uint32_t sender, receiver;
    uint64_t step;
    if (n < CO_SECAGG_HEADER_BYTES) return;
    memcpy(&sender, message + 4, sizeof sender);
    memcpy(&receiver, message + 8, sizeof receiver);
    memcpy(&step, message + 12, sizeof step);
    co_secagg_seal_message(&(co_secagg_message){.stage = (co_secagg_stage)message[1],
                                                .way = (co_secagg_way)message[2],
                                                .sender = sender,
                                                .receiver = receiver,
                                                .step = step,
                                                .n_body = n - CO_SECAGG_HEADER_BYTES},
                           message);
}

static void damage(unsigned char *message, size_t *n, size_t room)
{
    const size_t at = *n ? draw(*n) : 0, other = draw(KEPT);
    switch (draw(8)) {
    case 0:
    case 1: message[at] ^= (unsigned char)(1u << draw(8)); break;
    case 2: message[at] = (unsigned char)draw(256); break;
    case 3: *n = at; break;
    case 4: *n += draw(LONGER); break;
    case 5: /* a piece of another message */
        if (kept[other].n > at && *n > at) {
            const size_t most = kept[other].n < *n ? kept[other].n : *n;
            memcpy(message + at, kept[other].bytes + at, draw(most - at) + 1);
        }
        break;
    case 6: /* another message as a whole */
        if (kept[other].n == 0 || kept[other].n > room) break;
        *n = kept[other].n;
        memcpy(message, kept[other].bytes, *n);
        break;
    default: /* bits of the header or of who is there */
        if (*n > CO_SECAGG_HEADER_BYTES + 1)
            message[draw(CO_SECAGG_HEADER_BYTES + 2)] ^= (unsigned char)(1u << draw(8));
    }
    if (draw(3)) seal_again(message, *n);
}

static void meddle(secagg_play *p, co_secagg_stage stage, co_secagg_way way, size_t place,
                   unsigned char *message, size_t *n)
{
    (void)place;
    keep(message, *n);
    if (draw(one_in)) return;
    damage(message, n, p->room);
    t.changed++;
    vector_changed = vector_changed || (stage == CO_SECAGG_INPUT && way == CO_SECAGG_UP);
    if (*n > p->room + LONGER) *n = p->room + LONGER;
}

static void play(uint64_t number)
{
    const size_t n = 2 + draw(6);
    co_secagg_shape shape = {
        .n = n, .k = n - 1, .n_values = 1 + draw(40), .bits = 1 + (int)draw(44)};
    secagg_play p;
    if (n > 3 && draw(2)) shape.k = 2;
    shape.threshold = 2 + draw(shape.k);
    secagg_open(&p, &shape, number, draw(3));
    for (size_t u = 0; u < n; u++)
        if (draw(10) == 0) p.answers[u] = (unsigned char)draw(5);
    p.on_way = meddle;
    one_in = 2 + draw(60);
    vector_changed = false;
    const co_status st = secagg_run(&p);
    CO_ASSERT(st == CO_OK || (st == CO_EDATA && strlen(co_status_message()) > 20));
    CO_ASSERT(p.n_refused == 0 || strstr(p.reason, "message") || strstr(p.reason, "device"));
    if (st == CO_OK && !vector_changed)
        CO_ASSERT(memcmp(p.sum, p.plain, shape.n_values * sizeof *p.sum) == 0);
    t.refused += p.n_refused;
    t.cohorts++;
    t.worked += st == CO_OK;
    t.failed += st != CO_OK;
    secagg_close(&p);
    CO_ASSERT(co_memory_blocks() == 0);
}

int main(int n_words, char **words)
{
    CO_ASSERT(n_words >= 3);
    const double end_s = co_now_s() + atof(words[1]);
    const uint64_t seed = strtoull(words[2], NULL, 10),
                   most = n_words > 3 ? strtoull(words[3], NULL, 10) : UINT64_MAX;
    for (uint64_t i = 0; i < most && co_now_s() < end_s; i++) {
        state = seed * UINT64_C(0x2545f4914f6cdd1d) + i;
        play(state);
    }
    printf("%" PRIu64 " cohorts, %" PRIu64 " messages changed, %" PRIu64 " refused, %" PRIu64
           " cohorts worked, %" PRIu64 " failed\n",
           t.cohorts, t.changed, t.refused, t.worked, t.failed);
    return t.worked > 0 && t.failed > 0 && t.refused > 0 ? 0 : 1;
}
