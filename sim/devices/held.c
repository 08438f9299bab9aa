/* sim/devices/held.c - what devices remember, computed when it is looked at. */
#include "sim/devices/held.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "core/random.h"
#include "sim/devices/population_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

static bool lists_apart(const co_held *m)
{
    return m->kind == CO_MEMORY_RESERVOIR || m->kind == CO_MEMORY_BALANCED || m->share > 0.0;
}

static co_held_kind kind_of(const char *word)
{
    static const char *const words[] = {"all", "window", "fifo", "reservoir", "balanced"};
    int k = 0;
    while (strcmp(words[k], word) != 0) k++;
    return (co_held_kind)k;
}

static void read_options(const co_config *devices, co_held *m)
{
    const char *select = co_config_string(devices, "replay_select");
    m->kind = kind_of(co_config_string(devices, "memory"));
    m->window = m->kind == CO_MEMORY_WINDOW ? co_config_int(devices, "window") : INT64_MAX;
    m->capacity =
        co_config_has(devices, "capacity") ? co_config_int(devices, "capacity") : INT64_MAX;
    m->share = co_config_has(devices, "replay") ? co_config_real(devices, "replay") : 0.0;
    m->select = strcmp(select, "random") == 0     ? CO_REPLAY_RANDOM
                : strcmp(select, "balanced") == 0 ? CO_REPLAY_BALANCED
                                                  : CO_REPLAY_COORDINATED;
}

static co_status check_classes(const co_config *devices, const co_population *p, co_held *m)
{
    const co_dataset *d = &p->data;
    const bool balanced = m->kind == CO_MEMORY_BALANCED;
    if (!balanced && m->select == CO_REPLAY_RANDOM) return CO_OK;
    if (d->y && d->n_classes > 0 &&
        (d->task == CO_DATA_CLASSIFICATION || d->task == CO_DATA_JOINT)) {
        m->n_classes = d->n_classes;
        return CO_OK;
    }
    return co_config_fail(devices, co_config_node(devices, balanced ? "memory" : "replay_select"),
                          "%s goes by the class of an example; the task %s has none",
                          co_config_string(devices, balanced ? "memory" : "replay_select"),
                          co_data_task_names[d->task]);
}

static co_status reserve(const co_population *p, co_held *m)
{
    const size_t c = m->n_classes;
    for (int64_t k = 0; k < p->n_devices; k++)
        if (p->offsets[k + 1] - p->offsets[k] > m->room)
            m->room = p->offsets[k + 1] - p->offsets[k];
    m->ids = co_malloc((size_t)m->room, sizeof *m->ids);
    m->order = co_malloc((size_t)m->room, sizeof *m->order);
    m->key = co_malloc((size_t)m->room, sizeof *m->key);
    m->stored = co_calloc(3 * c + 1, sizeof *m->stored);
    m->full = co_calloc(c + 1, sizeof *m->full);
    if (!m->ids || !m->order || !m->key || !m->stored || !m->full)
        return CO_FAIL(CO_ENOMEM, "lists of a device's %lld examples", (long long)m->room);
    m->seen = m->stored + c;
    m->all = m->seen + c;
    return CO_OK;
}

co_status co_held_create(const co_experiment *e, const co_population *p, co_held **memory)
{
    co_held *m = *memory = co_calloc(1, sizeof *m);
    if (!m) return CO_FAIL(CO_ENOMEM, "memory of the devices");
    m->device = m->all_period = -1;
    read_options(&e->devices, m);
    CO_TRY(check_classes(&e->devices, p, m));
    return lists_apart(m) ? reserve(p, m) : CO_OK;
}

void co_held_destroy(co_held *m)
{
    if (!m) return;
    co_free(m->ids);
    co_free(m->order);
    co_free(m->key);
    co_free(m->stored);
    co_free(m->full);
    co_free(m);
}

size_t co_held_bytes(const co_held *m)
{
    if (!m) return 0;
    return (size_t)m->room * (sizeof *m->ids + sizeof *m->order + sizeof *m->key) +
           m->n_classes * (3 * sizeof *m->stored + sizeof *m->full);
}

void co_held_describe(const co_held *m, char *text, size_t size)
{
    static const char *const select[] = {"at random", "by class", "by class over all devices"};
    char what[80] = "all that came";
    if (m->kind == CO_MEMORY_WINDOW)
        snprintf(what, sizeof what, "%lld periods", (long long)m->window);
    else if (m->kind == CO_MEMORY_FIFO)
        snprintf(what, sizeof what, "the latest %lld examples", (long long)m->capacity);
    else if (m->kind != CO_MEMORY_ALL)
        snprintf(what, sizeof what, "a %sreservoir of %lld examples",
                 m->kind == CO_MEMORY_BALANCED ? "class-balancing " : "", (long long)m->capacity);
    if (m->share > 0.0)
        snprintf(text, size, "%s, of which %g %% of a step is drawn %s, beside what is new", what,
                 100.0 * m->share, select[m->select]);
    else
        snprintf(text, size, "%s", what);
}

/* ---- one piece ---- */

/* Where, in the list of a device that begins at *from, the memory begins and ends, and what is new
 * ends; without replay nothing is new. For a reservoir: what came. */
static void find_piece(const co_population *p, const int64_t *from, int64_t all, int64_t piece[3])
{
    const co_held *m = p->memory;
    piece[2] = co_population_before(p, from, all, p->period + 1);
    piece[1] = m->share > 0.0 ? co_population_before(p, from, piece[2], p->period) : piece[2];
    piece[0] = m->window > p->period
                   ? 0
                   : co_population_before(p, from, piece[1], p->period + 1 - m->window);
    if (m->kind == CO_MEMORY_FIFO && piece[1] - piece[0] > m->capacity)
        piece[0] = piece[1] - m->capacity;
}

/* Examples in the memory, and of them those that a step replays: all without replay. */
static int64_t count_memory(const co_held *m, const int64_t piece[3], int64_t *n_replayed)
{
    int64_t n = piece[1] - piece[0];
    if (n > m->capacity) n = m->capacity;
    *n_replayed = n;
    const int64_t n_new = piece[2] - piece[1];
    if (m->share == 0.0 || n_new == 0) return n;
    const double wanted = ceil(m->share / (1.0 - m->share) * (double)n_new - 1e-9);
    if (wanted < (double)n) *n_replayed = (int64_t)wanted;
    return n;
}

int64_t co_held_count(const co_population *p, int64_t device)
{
    int64_t piece[3], n;
    const int64_t begin = p->offsets[device];
    find_piece(p, p->examples + begin, p->offsets[device + 1] - begin, piece);
    count_memory(p->memory, piece, &n);
    return n + piece[2] - piece[1];
}

/* ---- reservoirs ---- */

static co_stream stream_of(const co_population *p, int64_t device, int64_t i)
{
    return co_stream_open(p->seed, CO_DRAW_MEMORY, 0, (uint64_t)device, (uint64_t)i);
}

static void fill_reservoir(const co_population *p, int64_t device, const int64_t *came, int64_t n)
{
    const co_held *m = p->memory;
    for (int64_t i = 0; i < n; i++) {
        int64_t place = i;
        if (i >= m->capacity) {
            co_stream s = stream_of(p, device, i);
            place = (int64_t)co_draw_below(&s, (uint64_t)(i + 1));
        }
        if (place < m->capacity) m->ids[place] = came[i];
    }
}

/* Puts id in the place of a drawn example of the class (-1: of those that have `most`) of which
 * there are `of` in the memory. */
static void replace_drawn(const co_population *p, co_stream *s, int32_t class, int64_t most,
                          int64_t of, int64_t id)
{
    co_held *m = p->memory;
    int64_t left = (int64_t)co_draw_below(s, (uint64_t)of);
    for (int64_t k = 0;; k++) {
        const int32_t own = p->data.y[m->ids[k]];
        if (class >= 0 ? own != class : m->stored[own] != most) continue;
        if (left-- > 0) continue;
        m->stored[own]--;
        m->stored[p->data.y[id]]++;
        m->ids[k] = id;
        return;
    }
}

/* The size of the largest classes in a full memory, which become full; *of: their examples. */
static int64_t mark_full(co_held *m, int64_t *of)
{
    int64_t most = 0;
    for (size_t c = 0; c < m->n_classes; c++)
        if (m->stored[c] > most) most = m->stored[c];
    *of = 0;
    for (size_t c = 0; c < m->n_classes; c++)
        if (m->stored[c] == most) {
            m->full[c] = true;
            *of += most;
        }
    return most;
}

static void fill_balanced(const co_population *p, int64_t device, const int64_t *came, int64_t n)
{
    co_held *m = p->memory;
    memset(m->stored, 0, 2 * m->n_classes * sizeof *m->stored); /* and seen */
    memset(m->full, 0, m->n_classes * sizeof *m->full);
    for (int64_t i = 0; i < n; i++) {
        const int32_t class = p->data.y[came[i]];
        m->seen[class]++;
        if (i < m->capacity) {
            m->ids[i] = came[i];
            m->stored[class]++;
            continue;
        }
        int64_t of;
        const int64_t most = mark_full(m, &of);
        co_stream s = stream_of(p, device, i);
        if (!m->full[class])
            replace_drawn(p, &s, -1, most, of, came[i]);
        else if (co_draw_uniform(&s) * (double)m->seen[class] < (double)m->stored[class])
            replace_drawn(p, &s, class, 0, m->stored[class], came[i]);
    }
}

/* The memory's examples into ids; returns how many. */
static int64_t fill(const co_population *p, int64_t device, const int64_t *from,
                    const int64_t piece[3])
{
    const co_held *m = p->memory;
    const int64_t *came = from + piece[0], n = piece[1] - piece[0];
    int64_t n_replayed;
    if (m->kind == CO_MEMORY_RESERVOIR)
        fill_reservoir(p, device, came, n);
    else if (m->kind == CO_MEMORY_BALANCED)
        fill_balanced(p, device, came, n);
    else if (n > 0)
        memcpy(m->ids, came, (size_t)n * sizeof *came);
    return count_memory(m, piece, &n_replayed);
}

/* ---- replay ---- */

/* Examples of each class in the memories of all devices; those of the period are kept. */
static void count_all(const co_population *p)
{
    co_held *m = p->memory;
    if (m->all_period == p->period) return;
    memset(m->all, 0, m->n_classes * sizeof *m->all);
    for (int64_t k = 0; k < p->n_devices; k++) {
        const int64_t *from = p->examples + p->offsets[k];
        int64_t piece[3];
        find_piece(p, from, p->offsets[k + 1] - p->offsets[k], piece);
        const int64_t n = fill(p, k, from, piece);
        for (int64_t i = 0; i < n; i++) m->all[p->data.y[m->ids[i]]]++;
    }
    m->all_period = p->period;
}

static void swap(co_held *m, int64_t i, int64_t j)
{
    const int64_t id = m->ids[i], rank = m->order[i];
    const double key = m->key[i];
    m->ids[i] = m->ids[j], m->order[i] = m->order[j], m->key[i] = m->key[j];
    m->ids[j] = id, m->order[j] = rank, m->key[j] = key;
}

/* The n of ids[of] with the smallest keys come first (quickselect; equal keys: as they stand). */
static void select_smallest(co_held *m, int64_t of, int64_t n)
{
    for (int64_t low = 0, high = of - 1; low < high && n > 0 && n < of;) {
        swap(m, low + (high - low) / 2, high);
        int64_t at = low;
        for (int64_t i = low; i < high; i++)
            if (m->key[i] < m->key[high]) swap(m, i, at++);
        swap(m, at, high);
        if (at == n - 1 || at == n) return;
        if (at < n)
            low = at + 1;
        else
            high = at - 1;
    }
}

/* How many of its class stand before each of ids[n]. */
static void rank_in_class(const co_population *p, int64_t n)
{
    co_held *m = p->memory;
    memset(m->seen, 0, m->n_classes * sizeof *m->seen);
    for (int64_t i = 0; i < n; i++) m->order[i] = m->seen[p->data.y[m->ids[i]]]++;
}

/* Draws those that the step replays to the front of ids[of]. */
static void draw_replayed(const co_population *p, int64_t device, int64_t of, int64_t n)
{
    co_held *m = p->memory;
    co_stream s = co_stream_open(p->seed, CO_DRAW_REPLAY, (uint64_t)p->step, (uint64_t)device, 0);
    if (n >= of) return;
    co_draw_shuffle(&s, m->ids, (size_t)of);
    if (m->select == CO_REPLAY_RANDOM) return;
    if (m->select == CO_REPLAY_BALANCED) rank_in_class(p, of);
    for (int64_t i = 0; i < of; i++) {
        const double u = co_draw_uniform(&s);
        m->key[i] = m->select == CO_REPLAY_BALANCED
                        ? (double)m->order[i] + u
                        : -co_plain_log1p(-u) * (double)m->all[p->data.y[m->ids[i]]];
    }
    select_smallest(m, of, n);
}

static void make_list(const co_population *p, int64_t device)
{
    co_held *m = p->memory;
    const int64_t *from = p->examples + p->offsets[device];
    int64_t piece[3];
    find_piece(p, from, p->offsets[device + 1] - p->offsets[device], piece);
    if (m->select == CO_REPLAY_COORDINATED) count_all(p);
    const int64_t of = fill(p, device, from, piece), n_new = piece[2] - piece[1];
    count_memory(m, piece, &m->n);
    draw_replayed(p, device, of, m->n);
    if (n_new > 0) memcpy(m->ids + m->n, from + piece[1], (size_t)n_new * sizeof *m->ids);
    m->n += n_new;
    m->device = device;
    m->period = p->period;
    m->step = p->step;
}

const int64_t *co_held_list(const co_population *p, int64_t device, int64_t *n)
{
    co_held *m = p->memory;
    if (!lists_apart(m)) {
        int64_t piece[3];
        const int64_t begin = p->offsets[device];
        find_piece(p, p->examples + begin, p->offsets[device + 1] - begin, piece);
        *n = piece[1] - piece[0];
        return p->examples + begin + piece[0];
    }
    if (m->device != device || m->period != p->period || (m->share > 0.0 && m->step != p->step))
        make_list(p, device);
    *n = m->n;
    return m->ids;
}
