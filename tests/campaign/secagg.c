/* tests/campaign/secagg.c - scenarios of secure aggregation, for tests/campaign/secagg.sh: whoever
 * drops out when, the sum is the plain sum bit for bit, or the step fails as it has to.
 *
 *     cohort_secagg_scenarios patterns N T         every pattern of N devices, threshold T
 *     cohort_secagg_scenarios random FROM TO MOST  scenarios FROM .. TO - 1, to MOST devices,
 * SecAgg cohort_secagg_scenarios plus FROM TO N       N devices with SecAgg+
 *
 * Prints how many worked, how many failed, and stops at the first that does otherwise. Key
 * agreements are remembered (the linker puts these in front of the library's), for the devices of
 * many scenarios have the same keys. */
#include "core/memory.h"
#include "core/random.h"
#include "tests/secagg_play.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REMEMBERED = 1 << 18 };
static struct {
    bool is_set, agrees;
    unsigned char secret[CO_KEY_BYTES], public[CO_KEY_BYTES], result[CO_KEY_BYTES];
} memory[REMEMBERED];
static size_t n_remembered;

bool __real_co_key_agree(const unsigned char *, const unsigned char *, unsigned char *);
void __real_co_key_public(const unsigned char *, unsigned char *);
bool __wrap_co_key_agree(const unsigned char *, const unsigned char *, unsigned char *);
void __wrap_co_key_public(const unsigned char *, unsigned char *);

bool __wrap_co_key_agree(const unsigned char *secret, const unsigned char *public,
                         unsigned char *shared)
{
    uint64_t a, b;
    memcpy(&a, secret, sizeof a);
    memcpy(&b, public, sizeof b);
    size_t i = (a * UINT64_C(0x9e3779b97f4a7c15) ^ b) >> 20 & (REMEMBERED - 1);
    for (; memory[i].is_set; i = (i + 1) & (REMEMBERED - 1))
        if (memcmp(memory[i].secret, secret, CO_KEY_BYTES) == 0 &&
            memcmp(memory[i].public, public, CO_KEY_BYTES) == 0) {
            memcpy(shared, memory[i].result, CO_KEY_BYTES);
            return memory[i].agrees;
        }
    if (n_remembered++ >= REMEMBERED / 2) {
        memset(memory, 0, sizeof memory);
        n_remembered = 0;
    }
    memory[i].is_set = true;
    memcpy(memory[i].secret, secret, CO_KEY_BYTES);
    memcpy(memory[i].public, public, CO_KEY_BYTES);
    memory[i].agrees = __real_co_key_agree(secret, public, shared);
    memcpy(memory[i].result, shared, CO_KEY_BYTES);
    return memory[i].agrees;
}

/* The public half is what the base point gives. */
void __wrap_co_key_public(const unsigned char *secret, unsigned char *public)
{
    static const unsigned char base[CO_KEY_BYTES] = {9};
    __wrap_co_key_agree(secret, base, public);
}

static size_t n_worked, n_failed;

static void play(secagg_play *p, uint64_t number)
{
    const bool should = secagg_should_work(p);
    const co_status st = secagg_run(p);
    const bool right = should ? st == CO_OK && memcmp(p->sum, p->plain,
                                                      p->round.shape.n_values * sizeof *p->sum) == 0
                              : st == CO_EDATA && strstr(co_status_message(), "threshold");
    n_worked += should;
    n_failed += !should;
    if (right && p->n_refused == 0) return;
    printf("scenario %" PRIu64 " is WRONG: %s; %s\n", number, co_status_message(), p->reason);
    exit(1);
}

static void patterns(size_t n, size_t t)
{
    const co_secagg_shape shape = {.n = n, .k = n - 1, .threshold = t, .n_values = 3, .bits = 19};
    uint64_t n_patterns = 1;
    for (size_t u = 0; u < n; u++) n_patterns *= CO_SECAGG_STAGES + 1;
    for (uint64_t i = 0; i < n_patterns; i++) {
        secagg_play p;
        secagg_open(&p, &shape, 1, 0);
        uint64_t digits = i;
        for (size_t u = 0; u < n; u++, digits /= CO_SECAGG_STAGES + 1)
            p.answers[u] = (unsigned char)(digits % (CO_SECAGG_STAGES + 1));
        play(&p, i);
        secagg_close(&p);
    }
}

/* Devices are lost at a rate of the scenario's own. SecAgg: any number of devices, each doubling
 * alike often (a step of n devices costs n^2 to n^3), any threshold that can work; keys are new for
 * every thousand. SecAgg+: its own threshold, one device in twenty lost. */
static void random_ones(uint64_t from, uint64_t to, size_t most, bool plus)
{
    for (uint64_t i = from; i < to; i++) {
        co_stream s = co_stream_open(11, CO_DRAW_TEST, i, plus, 0);
        const co_secagg_risk risk = {
            .corrupt = 0.2, .dropout = 0.05, .security = 40, .correctness = 30};
        const double doublings = co_draw_uniform(&s) * log2(((double)most + 1) / 2);
        const size_t n = plus ? most : (size_t)(2 * exp2(doublings));
        co_secagg_shape shape = {.n = n,
                                 .k = n - 1,
                                 .threshold = 2 + co_draw_below(&s, n - 1),
                                 .n_values = 1 + co_draw_below(&s, 20),
                                 .bits = 1 + (int)co_draw_below(&s, CO_MASK_MAX_BITS)};
        const double rate = plus ? 0.05 : co_draw_uniform(&s) * 0.5;
        secagg_play p;
        CO_ASSERT(!plus || co_secagg_parameters(n, &risk, &shape.k, &shape.threshold) == CO_OK);
        secagg_open(&p, &shape, 11, plus ? i : i / 1000);
        for (size_t u = 0; u < n; u++)
            if (co_draw_uniform(&s) < rate)
                p.answers[u] = (unsigned char)co_draw_below(&s, CO_SECAGG_STAGES);
        play(&p, i);
        secagg_close(&p);
    }
}

int main(int n_words, char **words)
{
    size_t number[3] = {0};
    for (int i = 2; i < n_words && i < 5; i++) number[i - 2] = strtoul(words[i], NULL, 10);
    if (n_words == 4 && strcmp(words[1], "patterns") == 0) {
        patterns(number[0], number[1]);
    } else if (n_words == 5) {
        random_ones(number[0], number[1], number[2], strcmp(words[1], "plus") == 0);
    } else {
        fprintf(stderr, "cohort_secagg_scenarios patterns N T | random|plus FROM TO DEVICES\n");
        return 2;
    }
    printf("%zu worked, %zu failed\n", n_worked, n_failed);
    return co_memory_blocks() == 0 ? 0 : 1;
}
