/* sim/secagg.c - devices and servers of a step; what goes between the ranks is what goes between
 * devices and server, as byte strings. */
#include "sim/secagg.h"
#include "core/log.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PASSING_BYTES = 1 << 20 }; /* broadcast at once, where a message is not longer */

/* ---- made and given back ---- */

/* A new key on every start: what was masked before it is no concern of it. Collective(comm). */
static void draw_secret(co_secagg *s)
{
    if (s->comm->rank == 0) co_noise_source_draw(&s->source);
    MPI_Bcast(&s->source, sizeof s->source, MPI_BYTE, 0, s->comm->world);
}

co_status co_secagg_create(co_secagg *s, const co_experiment *e, const co_plan *plan,
                           const co_layout *layout, const co_comm *comm)
{
    *s = (co_secagg){.comm = comm, .layout = layout, .plan = plan, .is_on = e->secagg_keys.is_on};
    if (!s->is_on) return CO_OK;
    s->is_played = e->secagg_keys.is_played;
    s->source.seed = (uint64_t)e->seed;
    s->sends = co_calloc(plan->n_asked, sizeof *s->sends);
    bool whole = s->sends != NULL;
    if (s->is_played) {
        s->rank = co_calloc(plan->n_asked, sizeof *s->rank);
        s->device = co_calloc(plan->n_asked, sizeof(co_secagg_device *));
        s->serves = co_calloc(plan->n_asked, sizeof *s->serves);
        whole = whole && s->rank && s->device && s->serves;
    }
    CO_TRY(co_agree(whole ? CO_OK
                          : CO_FAIL(CO_ENOMEM, "secure aggregation of %zu devices", plan->n_asked),
                    comm));
    if (e->secagg_keys.is_secure) draw_secret(s);
    return CO_OK;
}

/* Devices, server and what the sum still holds are gone. */
static void forget(co_secagg *s)
{
    for (size_t u = 0; s->device && u < s->plan->n_asked; u++) {
        co_secagg_device_destroy(s->device[u]);
        s->device[u] = NULL;
    }
    co_secagg_server_destroy(s->server);
    s->server = NULL;
}

static void forget_terms(co_secagg *s)
{
    if (s->n_terms) co_wipe(s->term, s->n_terms * sizeof *s->term);
    s->n_terms = 0;
}

void co_secagg_destroy(co_secagg *s)
{
    if (!s->is_on) return;
    forget(s);
    forget_terms(s);
    co_wipe(&s->source, sizeof s->source);
    co_free(s->rank);
    co_free(s->device);
    co_free(s->serves);
    co_free(s->sends);
    co_free(s->message);
    co_free(s->passing);
    co_free(s->term);
    *s = (co_secagg){0};
}

static const co_secagg_round *round_of(const co_secagg *s)
{
    return &s->plan->secure->round;
}

/* ---- messages ---- */

/* As planned, whether the device at a place answers a stage. */
static bool answers(const co_secagg *s, size_t place, co_secagg_stage stage)
{
    return s->plan->secure->sent[place] > (int)stage;
}

static co_status reserve(unsigned char **buffer, size_t *room, size_t bytes)
{
    if (bytes <= *room) return CO_OK;
    unsigned char *more = co_realloc(*buffer, bytes, 1);
    if (!more) return CO_FAIL(CO_ENOMEM, "secure aggregation: %zu bytes of messages", bytes);
    *buffer = more;
    *room = bytes;
    return CO_OK;
}

/* What one device answers to what the server tells it. passing: room for that. */
static co_status answer(co_secagg *s, size_t place, co_secagg_stage stage, unsigned char *out)
{
    const size_t n = co_secagg_bytes(&round_of(s)->shape, stage, CO_SECAGG_DOWN);
    co_secagg_device *d = s->device[place];
    if (n > 0) CO_TRY(co_secagg_server_give(s->server, place, s->passing));
    switch (stage) {
    case CO_SECAGG_ADVERTISE: return co_secagg_device_advertise(d, out);
    case CO_SECAGG_SHARE: return co_secagg_device_share(d, s->passing, n, out);
    case CO_SECAGG_INPUT: return co_secagg_device_receive(d, s->passing, n);
    case CO_SECAGG_CONFIRM: return co_secagg_device_confirm(d, s->passing, n, out);
    default: return co_secagg_device_unmask(d, s->passing, n, out);
    }
}

/* Of the devices that are played here, one message behind the other. Local. */
static co_status answer_own(co_secagg *s, co_secagg_stage stage)
{
    const co_secagg_shape *shape = &round_of(s)->shape;
    const size_t down = co_secagg_bytes(shape, stage, CO_SECAGG_DOWN),
                 up = stage == CO_SECAGG_INPUT ? 0 : co_secagg_bytes(shape, stage, CO_SECAGG_UP);
    size_t n = 0, done = 0;
    for (size_t u = 0; u < shape->n; u++) n += s->rank[u] == s->comm->rank && answers(s, u, stage);
    CO_TRY(reserve(&s->message, &s->n_message, n * up));
    const size_t pass = up > PASSING_BYTES ? up : PASSING_BYTES;
    CO_TRY(reserve(&s->passing, &s->n_passing, down > pass ? down : pass));
    for (size_t u = 0; u < shape->n; u++)
        if (s->rank[u] == s->comm->rank && answers(s, u, stage))
            CO_TRY(answer(s, u, stage, s->message + up * done++));
    return CO_OK;
}

/* The messages of a rank's devices to all servers. Collective(comm). */
static void broadcast(co_secagg *s, int from, co_secagg_stage stage)
{
    const size_t up = co_secagg_bytes(&round_of(s)->shape, stage, CO_SECAGG_UP),
                 most = up < PASSING_BYTES ? PASSING_BYTES / up : 1;
    size_t n = 0;
    for (size_t u = 0; u < round_of(s)->shape.n; u++)
        n += s->rank[u] == from && answers(s, u, stage);
    for (size_t done = 0; done < n; done += most) {
        const size_t some = n - done < most ? n - done : most;
        unsigned char *at = from == s->comm->rank ? s->message + up * done : s->passing;
        MPI_Bcast(at, (int)(some * up), MPI_BYTE, from, s->comm->world);
        for (size_t k = 0; k < some; k++)
            CO_ASSERT(co_secagg_server_take(s->server, at + up * k, up) == CO_OK);
    }
}

/* Server and plan agree on whether the step goes on. */
static bool close_stage(co_secagg *s, co_secagg_stage stage)
{
    const bool goes_on = co_secagg_server_close(s->server) == CO_OK;
    CO_ASSERT(goes_on == (s->plan->secure->failed != (int)stage));
    return goes_on;
}

/* All that answer a stage do. False: it has left too few. Collective(comm). */
static co_status play(co_secagg *s, co_secagg_stage stage, bool *goes_on)
{
    CO_TRY(co_agree(answer_own(s, stage), s->comm));
    for (int r = 0; r < s->comm->size; r++) broadcast(s, r, stage);
    *goes_on = close_stage(s, stage);
    return CO_OK;
}

/* ---- a step ---- */

/* Who plays whom; own devices and this rank's copy of the server. Local. */
static co_status cast(co_secagg *s)
{
    const co_plan *plan = s->plan;
    const co_secagg_round *round = round_of(s);
    for (size_t i = 0; i < plan->n; i++) s->rank[plan->row[i].place] = plan->row[i].rank;
    for (size_t i = 0; i < plan->n_lost; i++)
        s->rank[plan->lost[i].place] = (int)(plan->lost[i].place % (size_t)s->comm->size);
    for (size_t u = 0; u < round->shape.n; u++) s->serves[u] = s->rank[u] == s->comm->rank;
    CO_TRY(co_secagg_server_create(round, s->serves, &s->server));
    for (size_t u = 0; u < round->shape.n; u++)
        if (s->serves[u] && answers(s, u, CO_SECAGG_ADVERTISE))
            CO_TRY(co_secagg_device_create(round, u, &s->source, &s->device[u]));
    return CO_OK;
}

/* Keys and shares; what was shared is there to mask with. Collective(comm). */
static co_status prepare(co_secagg *s)
{
    bool goes_on = true;
    CO_TRY(co_agree(cast(s), s->comm));
    for (int stage = CO_SECAGG_ADVERTISE; goes_on && stage <= CO_SECAGG_SHARE; stage++)
        CO_TRY(play(s, (co_secagg_stage)stage, &goes_on));
    return co_agree(goes_on ? answer_own(s, CO_SECAGG_INPUT) : CO_OK, s->comm);
}

co_status co_secagg_begin(co_secagg *s)
{
    if (!s->is_on) return CO_OK;
    forget_terms(s);
    s->failed = s->plan->secure->failed < CO_SECAGG_INPUT;
    if (!s->is_played || round_of(s)->shape.k == 0) return CO_OK;
    const co_status st = prepare(s);
    if (st != CO_OK) co_secagg_abandon(s);
    return st;
}

/* Whose updates are in the sum, on all ranks. Collective(comm). */
static void gather_inputs(co_secagg *s)
{
    const co_plan *plan = s->plan;
    co_secure *secure = plan->secure;
    const size_t n = secure->round.shape.n;
    memset(s->sends, 0, n);
    for (size_t i = 0; i < plan->n; i++)
        if (plan->row[i].rank == s->comm->rank && plan->row[i].outcome == CO_REPORTED)
            s->sends[plan->row[i].place] = 1;
    MPI_Allreduce(MPI_IN_PLACE, s->sends, (int)n, MPI_UNSIGNED_CHAR, MPI_MAX, s->comm->world);
    for (size_t u = 0; u < n; u++)
        if (!s->sends[u] && secure->sent[u] > CO_SECAGG_INPUT) secure->sent[u] = CO_SECAGG_INPUT;
    co_secure_turned_out(secure);
    s->failed = secure->failed < CO_SECAGG_STAGES;
}

/* Masks that are left, of the devices that are played here. Local. */
static co_status open_own(co_secagg *s)
{
    const size_t n = round_of(s)->shape.n;
    size_t room = 0;
    for (size_t u = 0; u < n; u++)
        if (s->serves[u]) room += co_secagg_server_most_terms(s->server, u);
    if (room > s->term_room) {
        co_mask_term *more = co_realloc(s->term, room, sizeof *more);
        if (!more) return CO_FAIL(CO_ENOMEM, "secure aggregation: %zu masks", room);
        s->term = more;
        s->term_room = room;
    }
    for (size_t u = 0; u < n; u++) {
        size_t n_terms = 0;
        if (!s->serves[u]) continue;
        CO_TRY(co_secagg_server_terms(s->server, u, s->term + s->n_terms, &n_terms));
        s->n_terms += n_terms;
    }
    return CO_OK;
}

/* The masks of all ranks' devices to every rank. Collective(comm). */
static co_status share_terms(co_secagg *s)
{
    const int size = s->comm->size;
    int count[size], at[size], own = (int)s->n_terms, all = 0;
    MPI_Allgather(&own, 1, MPI_INT, count, 1, MPI_INT, s->comm->world);
    for (int r = 0; r < size; r++) {
        at[r] = all;
        all += count[r];
    }
    co_mask_term *term = co_malloc((size_t)all, sizeof *term);
    CO_TRY(
        co_agree(term ? CO_OK : CO_FAIL(CO_ENOMEM, "secure aggregation: %d masks", all), s->comm));
    MPI_Datatype one; /* bytes would not fit into an int */
    MPI_Type_contiguous((int)sizeof *term, MPI_BYTE, &one);
    MPI_Type_commit(&one);
    MPI_Allgatherv(s->term, own, one, term, count, at, one, s->comm->world);
    MPI_Type_free(&one);
    forget_terms(s);
    co_free(s->term);
    s->term = term;
    s->n_terms = s->term_room = (size_t)all;
    return CO_OK;
}

/* Confirming and unmasking. Collective(comm). */
static co_status unmask(co_secagg *s)
{
    bool goes_on;
    if (s->plan->secure->failed == CO_SECAGG_INPUT) return CO_OK; /* nobody is asked to confirm */
    for (size_t u = 0; u < round_of(s)->shape.n; u++)
        if (s->sends[u]) CO_ASSERT(co_secagg_server_take_input(s->server, u) == CO_OK);
    goes_on = close_stage(s, CO_SECAGG_INPUT);
    for (int stage = CO_SECAGG_CONFIRM; goes_on && stage < CO_SECAGG_STAGES; stage++)
        CO_TRY(play(s, (co_secagg_stage)stage, &goes_on));
    if (!goes_on) return CO_OK;
    CO_TRY(co_agree(open_own(s), s->comm));
    return share_terms(s);
}

co_status co_secagg_end(co_secagg *s, const co_part *own, size_t n_own, size_t first)
{
    if (!s->is_on) return CO_OK;
    s->own = own;
    s->n_own = n_own;
    s->first = first;
    co_status st = CO_OK;
    if (!s->failed) {
        gather_inputs(s);
        if (s->is_played) st = unmask(s);
    }
    forget(s);
    return st;
}

void co_secagg_abandon(co_secagg *s)
{
    if (!s->is_on) return;
    forget(s);
    forget_terms(s);
}

/* ---- the stage ---- */

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const co_plan_row *)a)->device, y = ((const co_plan_row *)b)->device;
    return (x > y) - (x < y);
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const co_secagg *s = self;
    const co_plan_row wanted = {.device = key->device}, *row;
    size_t done = 0;
    (void)state;
    c->coded_bits = NAN; /* masked values are uniform: no code makes them shorter */
    if (!s->is_played) return;
    row = bsearch(&wanted, s->plan->row, s->plan->n, sizeof wanted, by_id);
    CO_ASSERT(row && s->device[row->place]);
    for (size_t k = 0; k < s->layout->n_spans[CO_SHARED]; k++) {
        const co_part *p = &s->layout->span[CO_SHARED][k];
        CO_ASSERT(co_secagg_device_mask(s->device[row->place], c->residue + p->at, done, p->size) ==
                  CO_OK);
        done += p->size;
    }
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    co_secagg *s = self;
    size_t done = s->first;
    (void)key;
    if (s->failed) {
        sum->failed = true;
        return;
    }
    for (size_t k = 0; s->n_terms && k < s->n_own; k++) {
        co_mask_add(s->term, s->n_terms, sum->bits, (uint64_t *)sum->sum + s->own[k].at, done,
                    s->own[k].size);
        done += s->own[k].size;
    }
    forget_terms(s);
}

/* Whether there are masks. */
static bool changes(const void *self)
{
    return ((const co_secagg *)self)->is_played;
}

static void add_header(const void *self, co_message *m)
{
    (void)self;
    m->beside += CO_SECAGG_HEADER_BYTES;
}

const co_stage co_stage_secagg = {.name = "secure aggregation",
                                  .summary = "masks the integers of an update",
                                  .takes = CO_INTEGERS,
                                  .gives = CO_INTEGERS,
                                  .forward = forward,
                                  .changes = changes,
                                  .backward = backward,
                                  .message = add_header,
                                  .enforced = true};
