/* tests/bench/secagg.c - seconds of the processor of a whole step of secure aggregation, all
 * devices and the server in one process, every message as bytes.
 *
 *     cohort_secagg DEVICES NEIGHBOURS THRESHOLD VALUES BITS [LOST [STEPS]]
 *
 * NEIGHBOURS 0: SecAgg+ for a fifth corrupt and a twentieth lost (sigma 40, eta 30), THRESHOLD is
 * then that one too; DEVICES - 1: SecAgg. LOST devices send no input. A line a step; then bytes.
 * Where none is lost, a second line a step: what the virtual clock would have to charge a device
 * (section secagg). Its defaults are those that
 *
 *     cohort_secagg 100 99 67 200000 32 0 5
 *
 * told on a core at high priority (echo -20 > /proc/self/autogroup), and within 10 % of those with
 * 30 neighbours. Beside Flower's SecAgg+ (secagg.py): the same with 100 200000 31 there; 100 99 67
 * 200000 32 here and 100 200000 there for the complete graph. */
#include "core/memory.h"
#include "tests/secagg_play.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(co_status st)
{
    if (st == CO_OK) return;
    fprintf(stderr, "cohort_secagg: %s\n", co_status_message());
    exit(2);
}

static void tell(const secagg_play *p)
{
    double all = 0.0;
    for (int s = 0; s <= CO_SECAGG_STAGES; s++) {
        all += p->seconds[s][0] + p->seconds[s][1];
        printf("%s %.4f %.4f, ",
               s < CO_SECAGG_STAGES ? co_secagg_stage_name((co_secagg_stage)s) : "sum",
               p->seconds[s][0], p->seconds[s][1]);
    }
    printf("all %.4f s\n", all);
    fflush(stdout);
}

/* By the sums that the plan's clock makes of them (sim/planners/secure.c). */
static void tell_clock(const secagg_play *p)
{
    const co_secagg_shape *s = &p->round.shape;
    const double n = (double)s->n, k = (double)s->k;
    double device[CO_SECAGG_STAGES];
    for (int i = 0; i < CO_SECAGG_STAGES; i++) device[i] = p->seconds[i][0] / n;
    const double share = (device[CO_SECAGG_CONFIRM] + device[CO_SECAGG_UNMASK]) / (2.0 * k),
                 agreement = (device[CO_SECAGG_SHARE] - (3.0 * k + 2.0) * share) / k,
                 value = (device[CO_SECAGG_INPUT] - k * (agreement + share)) /
                         ((k + 1.0) * (double)s->n_values);
    printf("agreement_s %.3g, share_s %.3g, value_s %.3g\n", agreement, share, value);
}

int main(int n_words, char **words)
{
    size_t number[7] = {0, 0, 0, 0, 0, 0, 1};
    if (n_words < 6 || n_words > 8) {
        fprintf(stderr, "cohort_secagg DEVICES NEIGHBOURS THRESHOLD VALUES BITS [LOST [STEPS]]\n");
        return 2;
    }
    for (int i = 1; i < n_words; i++) number[i - 1] = strtoul(words[i], NULL, 10);
    co_secagg_shape shape = {.n = number[0],
                             .k = number[1],
                             .threshold = number[2],
                             .n_values = number[3],
                             .bits = (int)number[4]};
    const co_secagg_risk risk = {
        .corrupt = 0.2, .dropout = 0.05, .security = 40, .correctness = 30};
    if (shape.k == 0) check(co_secagg_parameters(shape.n, &risk, &shape.k, &shape.threshold));
    check(co_secagg_check(&shape));
    printf(
        "%zu devices, %zu neighbours, threshold %zu, %zu values of %d bits, %zu lost; seconds of "
        "devices and server\n",
        shape.n, shape.k, shape.threshold, shape.n_values, shape.bits, number[5]);
    for (size_t step = 0; step < number[6]; step++) {
        secagg_play p;
        secagg_open(&p, &shape, 1, step);
        for (size_t u = 0; u < number[5] && u < shape.n; u++)
            p.answers[u * (shape.n / number[5])] = CO_SECAGG_INPUT;
        check(secagg_run(&p));
        if (memcmp(p.sum, p.plain, shape.n_values * sizeof *p.sum) != 0) return 1;
        tell(&p);
        if (number[5] == 0) tell_clock(&p);
        secagg_close(&p);
    }
    const uint64_t up = co_secagg_bytes_all(&shape, CO_SECAGG_UP),
                   down = co_secagg_bytes_all(&shape, CO_SECAGG_DOWN);
    printf("bytes a device: %llu up, %llu down; %.4f of the packed vector\n",
           (unsigned long long)up, (unsigned long long)down,
           (double)(up + down) / (double)co_packed_bytes(shape.n_values, shape.bits));
    return 0;
}
