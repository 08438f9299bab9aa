/* partition/deal.c - deals each group of examples at random, given how many each device gets.
 *
 * A group's examples stand in a keyed random order, and the devices take from it in turn. The order
 * is a shuffle in two steps (Sanders, Inf. Proc. Letters 67, 1998): a random word of each example
 * names its bucket; each bucket, small enough for the cache, is shuffled (Fisher-Yates). Both
 * depend on the keys alone. A rank looks at every example's word but keeps the buckets that its own
 * devices touch, so that no example travels: the result is the same on any number of ranks. The
 * lists are then sorted by id, about BLOCK examples at a time (radix sort of device and id in one
 * word). The threads of a rank take equal parts of its buckets and devices.
 *
 * Time: O(n) for the words on each rank, O(n / ranks) for the rest, by its threads. Memory of a
 * rank beside the data's columns, with its part m of the n examples: 4 m (order), 8 m (lists), 4 a
 * device and group (counts), 8 a device. */
#include "partition/deal.h"
#include "core/memory.h"
#include "core/thread.h"
#include <string.h>

enum { CHUNK = 4096, BUCKET = 65536, BLOCK = 16384, DIGIT = 11, WORDS = 8192 };
#define LARGE_DEVICE ((int64_t)1 << 20) /* lists of such are sorted one at a time */

typedef struct {
    const co_partition_input *in;
    const co_partition_plan *plan;
    const int32_t *group; /* NULL: all in group 0 */
    size_t n_groups, n_buckets;
    size_t *bucket0; /* [n_groups + 1] number of a group's first bucket */
    int64_t *start;  /* [n_buckets + 1] examples in the buckets before, over all groups */
    int64_t *from;   /* [n_groups] place in the group's order at which this rank begins .. */
    int64_t *to;     /* [n_groups] .. and ends */
    int64_t *base;   /* [n_groups] place in `order` of the group's place 0; may be negative */
    int64_t *cursor; /* [n_buckets] next place in `order`; -1: the bucket of others */
    uint32_t *order; /* the own buckets, group by group */
    int n_threads;
} dealer;

void co_dealt_fini(co_dealt *dealt)
{
    co_free(dealt->offsets);
    co_free(dealt->ids);
    co_free(dealt->rest);
    *dealt = (co_dealt){0};
}

static void dealer_fini(dealer *d)
{
    co_free(d->bucket0);
    co_free(d->start);
    co_free(d->from);
    co_free(d->to);
    co_free(d->base);
    co_free(d->cursor);
    co_free(d->order);
}

static co_status dealer_init(dealer *d)
{
    const size_t g = d->n_groups;
    if (d->in->data->n > INT32_MAX)
        return CO_FAIL(CO_EUSAGE, "%lld examples: at most 2147483647 can be dealt",
                       (long long)d->in->data->n);
    d->bucket0 = co_calloc(g + 1, sizeof *d->bucket0);
    d->from = co_calloc(g, sizeof *d->from);
    d->to = co_calloc(g, sizeof *d->to);
    d->base = co_calloc(g, sizeof *d->base);
    if (!d->bucket0 || !d->from || !d->to || !d->base)
        return CO_FAIL(CO_ENOMEM, "dealing %zu groups", g);
    for (size_t c = 0; c < g; c++)
        d->bucket0[c + 1] = d->bucket0[c] + (size_t)(d->plan->group_size[c] / BUCKET) + 1;
    d->n_buckets = d->bucket0[g];
    d->start = co_calloc(d->n_buckets + 1, sizeof *d->start);
    d->cursor = co_malloc(d->n_buckets, sizeof *d->cursor);
    return d->start && d->cursor ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu buckets", d->n_buckets);
}

static size_t bucket_of(const dealer *d, int64_t id, uint32_t word)
{
    const size_t c = d->group ? (size_t)d->group[id] : 0;
    const size_t first = d->bucket0[c], n = d->bucket0[c + 1] - first;
    return first + (size_t)((uint64_t)word * n >> 32);
}

/* Counts the buckets' examples, each rank those of its rows; start becomes their prefix sums. */
static void count_buckets(dealer *d)
{
    const co_partition_input *in = d->in;
    const co_stream stream = co_partition_stream(in, CO_PART_STAGE_BUCKET, 0, 0);
    const int64_t last = co_partition_span(in->data->n, in->rank + 1, in->size);
    uint32_t word[CHUNK];
    for (int64_t at = co_partition_span(in->data->n, in->rank, in->size); at < last; at += CHUNK) {
        const int64_t n = last - at < CHUNK ? last - at : CHUNK;
        co_fill_u32(&stream, (uint64_t)at, (size_t)n, word);
        for (int64_t i = 0; i < n; i++)
            if (co_partition_is_train(in, at + i)) d->start[bucket_of(d, at + i, word[i]) + 1]++;
    }
    if (in->size > 1)
        for (size_t b = 0; b <= d->n_buckets; b += CHUNK) {
            const size_t left = d->n_buckets + 1 - b;
            MPI_Allreduce(MPI_IN_PLACE, d->start + b, (int)(left < CHUNK ? left : CHUNK),
                          MPI_INT64_T, MPI_SUM, in->ranks);
        }
    for (size_t b = 0; b < d->n_buckets; b++) d->start[b + 1] += d->start[b];
}

/* from and to: the places of this rank's devices in each group. The last rank takes the rest too.
 */
static co_status find_places(dealer *d)
{
    const co_partition_input *in = d->in;
    const size_t g = d->n_groups;
    for (int64_t k = 0; k < in->last - in->first; k++)
        for (size_t c = 0; c < g; c++) d->to[c] += d->plan->count[(size_t)k * g + c];
    if (in->size > 1)
        for (size_t c = 0; c < g; c += CHUNK)
            MPI_Exscan(d->to + c, d->from + c, (int)(g - c < CHUNK ? g - c : CHUNK), MPI_INT64_T,
                       MPI_SUM, in->ranks);
    if (in->rank == 0) memset(d->from, 0, g * sizeof *d->from);
    for (size_t c = 0; c < g; c++) {
        d->to[c] += d->from[c];
        CO_ASSERT(d->to[c] <= d->plan->group_size[c]);
        if (in->rank == in->size - 1) d->to[c] = d->plan->group_size[c];
    }
    return CO_OK;
}

/* The own buckets, those that overlap [from, to) of their group, get their places in `order`. */
static co_status place_buckets(dealer *d)
{
    int64_t n_own = 0;
    for (size_t c = 0; c < d->n_groups; c++) {
        const int64_t group = d->start[d->bucket0[c]];
        bool first = true;
        for (size_t b = d->bucket0[c]; b < d->bucket0[c + 1]; b++) {
            const int64_t low = d->start[b] - group, high = d->start[b + 1] - group;
            d->cursor[b] = -1;
            if (low >= d->to[c] || high <= d->from[c]) continue;
            if (first) d->base[c] = n_own - low;
            first = false;
            d->cursor[b] = n_own;
            n_own += high - low;
        }
    }
    d->order = co_malloc((size_t)n_own, sizeof *d->order);
    return d->order ? CO_OK : CO_FAIL(CO_ENOMEM, "order of %lld examples", (long long)n_own);
}

static void scatter(dealer *d)
{
    const co_partition_input *in = d->in;
    const co_stream stream = co_partition_stream(in, CO_PART_STAGE_BUCKET, 0, 0);
    uint32_t word[CHUNK];
    for (int64_t at = 0; at < in->data->n; at += CHUNK) {
        const int64_t n = in->data->n - at < CHUNK ? in->data->n - at : CHUNK;
        co_fill_u32(&stream, (uint64_t)at, (size_t)n, word);
        for (int64_t i = 0; i < n; i++) {
            if (!co_partition_is_train(in, at + i)) continue;
            int64_t *cursor = &d->cursor[bucket_of(d, at + i, word[i])];
            if (*cursor >= 0) d->order[(*cursor)++] = (uint32_t)(at + i);
        }
    }
}

/* Words of a stream in bulk, one after the other. */
typedef struct {
    co_stream stream;
    uint64_t next;
    size_t at;
    uint32_t word[WORDS];
} word_source;

static uint32_t next_word(word_source *s)
{
    if (s->at == WORDS) {
        co_fill_u32(&s->stream, s->next, WORDS, s->word);
        s->next += WORDS;
        s->at = 0;
    }
    return s->word[s->at++];
}

/* Fisher-Yates with bounded words (Lemire 2019, Algorithm 5). */
static void shuffle(word_source *s, uint32_t *item, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint64_t product = (uint64_t)next_word(s) * i;
        if ((uint32_t)product < i)
            for (const uint32_t uneven = -i % i; (uint32_t)product < uneven;)
                product = (uint64_t)next_word(s) * i;
        const uint32_t j = (uint32_t)(product >> 32), kept = item[i - 1];
        item[i - 1] = item[j];
        item[j] = kept;
    }
}

/* A thread's part of the buckets. */
typedef struct {
    const dealer *d;
    size_t first, last;
    word_source words;
} shuffler;

static void *shuffle_part(void *self)
{
    shuffler *part = self;
    const dealer *d = part->d;
    word_source *s = &part->words;
    size_t c = 0;
    for (size_t b = part->first; b < part->last; b++) {
        while (b >= d->bucket0[c + 1]) c++;
        if (d->cursor[b] < 0) continue;
        const int64_t n = d->start[b + 1] - d->start[b]; /* cursor stands behind the bucket now */
        s->stream = co_partition_stream(d->in, CO_PART_STAGE_SHUFFLE, c, b - d->bucket0[c]);
        s->next = 0;
        s->at = WORDS;
        shuffle(s, d->order + (d->cursor[b] - n), (uint32_t)n);
    }
    return NULL;
}

static co_status shuffle_buckets(dealer *d)
{
    shuffler *part = co_malloc((size_t)d->n_threads, sizeof *part);
    if (!part) return CO_FAIL(CO_ENOMEM, "random words");
    for (int t = 0; t < d->n_threads; t++) {
        part[t].d = d;
        part[t].first = (size_t)co_partition_span((int64_t)d->n_buckets, t, d->n_threads);
        part[t].last = (size_t)co_partition_span((int64_t)d->n_buckets, t + 1, d->n_threads);
    }
    co_threads_run(d->n_threads, shuffle_part, part, sizeof *part);
    co_free(part);
    return CO_OK;
}

/* ---- lists ---- */

static int bits_of(uint64_t x)
{
    int bits = 0;
    while (bits < 64 && x >> bits) bits++;
    return bits;
}

/* Sorts n keys below 2^bits; returns whichever of the two blocks holds them. */
static uint64_t *radix_sort(uint64_t *key, uint64_t *spare, size_t n, int bits)
{
    const int passes = (bits + DIGIT - 1) / DIGIT,
              width = passes ? (bits + passes - 1) / passes : 1;
    const uint64_t mask = ((uint64_t)1 << width) - 1;
    for (int p = 0; p < passes; p++) {
        uint32_t at[1 << DIGIT] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) at[key[i] >> p * width & mask]++;
        for (size_t v = 0; v <= mask; v++) {
            const uint32_t here = at[v];
            at[v] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++) spare[at[key[i] >> p * width & mask]++] = key[i];
        uint64_t *sorted = spare;
        spare = key;
        key = sorted;
    }
    return key;
}

/* A thread's part of the own devices, their lists behind each other, several at a time. */
typedef struct {
    const dealer *d;
    const co_dealt *dealt;
    int64_t first, last;
    int64_t *place; /* [n_groups] next place in `order` */
    uint64_t *key, *spare;
    int id_bits;
} assembler;

static size_t take(assembler *a, size_t group, int64_t n, uint64_t device, size_t at)
{
    const uint32_t *from = a->d->order + a->place[group];
    for (int64_t i = 0; i < n; i++) a->key[at++] = device << a->id_bits | from[i];
    a->place[group] += n;
    return at;
}

static void put(assembler *a, size_t n, uint64_t n_devices, int64_t *out)
{
    const uint64_t mask = ((uint64_t)1 << a->id_bits) - 1;
    const uint64_t *sorted = radix_sort(a->key, a->spare, n, a->id_bits + bits_of(n_devices - 1));
    for (size_t i = 0; i < n; i++) out[i] = (int64_t)(sorted[i] & mask);
}

static void *list_devices(void *self)
{
    assembler *a = self;
    const size_t g = a->d->n_groups;
    const int64_t *offsets = a->dealt->offsets;
    const int32_t *count = a->d->plan->count;
    for (int64_t k = a->first, end; k < a->last; k = end) {
        for (end = k + 1;
             end < a->last && offsets[end + 1] - offsets[k] <= BLOCK && end - k < BLOCK;)
            end++;
        size_t at = 0;
        for (int64_t j = k; j < end; j++)
            for (size_t c = 0; c < g; c++)
                if (count[(size_t)j * g + c])
                    at = take(a, c, count[(size_t)j * g + c], (uint64_t)(j - k), at);
        put(a, at, (uint64_t)(end - k), a->dealt->ids + offsets[k]);
    }
    return NULL;
}

static void assembler_fini(assembler *a)
{
    co_free(a->place);
    co_free(a->key);
    co_free(a->spare);
}

/* For devices [first, last), and n examples at a time. */
static co_status assembler_init(assembler *a, const dealer *d, const co_dealt *dealt, int64_t first,
                                int64_t last, int64_t n)
{
    *a = (assembler){.d = d, .dealt = dealt, .first = first, .last = last};
    a->id_bits = bits_of((uint64_t)d->in->data->n);
    a->place = co_malloc(d->n_groups, sizeof *a->place);
    a->key = co_malloc((size_t)n, sizeof *a->key);
    a->spare = co_malloc((size_t)n, sizeof *a->spare);
    if (!a->place || !a->key || !a->spare)
        return CO_FAIL(CO_ENOMEM, "sorting %lld examples", (long long)n);
    for (size_t c = 0; c < d->n_groups; c++) a->place[c] = d->base[c] + d->from[c];
    for (int64_t k = 0; k < first; k++)
        for (size_t c = 0; c < d->n_groups; c++)
            a->place[c] += d->plan->count[(size_t)k * d->n_groups + c];
    return CO_OK;
}

static co_status list_all(const dealer *d, co_dealt *dealt)
{
    const int64_t n_devices = d->in->last - d->in->first;
    int64_t most = BLOCK;
    for (int64_t k = 0; k < n_devices; k++)
        if (dealt->offsets[k + 1] - dealt->offsets[k] > most)
            most = dealt->offsets[k + 1] - dealt->offsets[k];
    const int n_parts = most > LARGE_DEVICE ? 1 : d->n_threads;
    assembler *part = co_calloc((size_t)n_parts, sizeof *part);
    co_status st = part ? CO_OK : CO_FAIL(CO_ENOMEM, "lists of %lld devices", (long long)n_devices);
    for (int t = 0; st == CO_OK && t < n_parts; t++)
        st = assembler_init(&part[t], d, dealt, co_partition_span(n_devices, t, n_parts),
                            co_partition_span(n_devices, t + 1, n_parts), most);
    if (st == CO_OK) co_threads_run(n_parts, list_devices, part, sizeof *part);
    for (int t = 0; part && t < n_parts; t++) assembler_fini(&part[t]);
    co_free(part);
    return st;
}

/* What no device got, on the last rank. */
static co_status list_rest(const dealer *d, co_dealt *dealt)
{
    assembler a;
    const int64_t n = d->in->last - d->in->first;
    if (d->in->rank != d->in->size - 1) return CO_OK;
    for (size_t c = 0; c < d->n_groups; c++) dealt->n_rest += d->to[c] - d->from[c];
    dealt->n_rest -= dealt->offsets[n];
    dealt->rest = co_malloc((size_t)dealt->n_rest, sizeof *dealt->rest);
    if (!dealt->rest) return CO_FAIL(CO_ENOMEM, "%lld unassigned", (long long)dealt->n_rest);
    const co_status st = assembler_init(&a, d, dealt, n, n, dealt->n_rest);
    size_t at = 0;
    for (size_t c = 0; st == CO_OK && c < d->n_groups; c++)
        at = take(&a, c, d->to[c] + d->base[c] - a.place[c], 0, at);
    if (st == CO_OK) put(&a, at, 1, dealt->rest);
    assembler_fini(&a);
    return st;
}

static co_status assemble(const dealer *d, co_dealt *dealt)
{
    const int64_t n_devices = d->in->last - d->in->first;
    dealt->offsets = co_calloc((size_t)n_devices + 1, sizeof *dealt->offsets);
    if (!dealt->offsets) return CO_FAIL(CO_ENOMEM, "offsets of %lld devices", (long long)n_devices);
    for (int64_t k = 0; k < n_devices; k++) {
        int64_t size = 0;
        for (size_t c = 0; c < d->n_groups; c++)
            size += d->plan->count[(size_t)k * d->n_groups + c];
        dealt->offsets[k + 1] = dealt->offsets[k] + size;
    }
    dealt->ids = co_malloc((size_t)dealt->offsets[n_devices], sizeof *dealt->ids);
    if (!dealt->ids)
        return CO_FAIL(CO_ENOMEM, "lists of %lld examples", (long long)dealt->offsets[n_devices]);
    CO_TRY(list_all(d, dealt));
    return list_rest(d, dealt);
}

co_status co_deal(const co_partition_input *in, const co_partition_plan *plan, co_dealt *dealt)
{
    dealer d = {.in = in, .plan = plan, .n_groups = plan->n_groups};
    d.n_threads = co_threads_for(in->size, in->data->n);
    d.group = plan->group ? plan->group : plan->n_groups > 1 ? in->data->y : NULL;
    *dealt = (co_dealt){0};
    co_status st = co_partition_agree(in, dealer_init(&d));
    if (st == CO_OK) {
        count_buckets(&d);
        st = find_places(&d);
        if (st == CO_OK) st = place_buckets(&d);
        if (st == CO_OK) {
            scatter(&d);
            st = shuffle_buckets(&d);
        }
        if (st == CO_OK) st = assemble(&d, dealt);
        st = co_partition_agree(in, st);
    }
    dealer_fini(&d);
    if (st != CO_OK) co_dealt_fini(dealt);
    return st;
}
