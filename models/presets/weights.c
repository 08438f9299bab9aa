/* models/presets/weights.c - a folder's weights as the values of a model's tensors.
 *
 * A stored tensor that belongs to the model itself (its name begins as one of the model's does)
 * must have a place in it; those of other heads, and buffers that are no parameters, are passed
 * over. Cost: the file once; tensors times log of stored tensors. */
#include "core/memory.h"
#include "io/weights/folder.h"
#include "models/presets/folder.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A list of names within a line, which stops at some. */
typedef struct {
    co_text text;
    size_t n;
} names;
enum { MOST_NAMES = 4 };

typedef struct {
    const char *prefix, *zeros; /* of the architecture */
    const co_model *model;
    const co_tensor *tensor;
    size_t n_tensors;
    co_weights weights;
    bool *used; /* [weights.n] */
    names missing, misshaped, unexpected, kept, passed;
} fitting;

__attribute__((format(printf, 2, 3))) static void add(names *list, const char *format, ...)
{
    char text[512];
    va_list args;
    if (list->n++ >= MOST_NAMES) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (list->n > 1) co_text_add(&list->text, ", ");
    co_text_add(&list->text, text);
}

/* "what (7): a, b, .." behind what stands there. */
static void add_list(co_text *text, const char *between, const char *what, names *list)
{
    char head[160];
    if (list->n == 0) return;
    snprintf(head, sizeof head, "%s%s (%zu): ", text->n ? between : "", what, list->n);
    co_text_add(text, head);
    co_text_join(text, &list->text);
    if (list->n > MOST_NAMES) co_text_add(text, " ..");
}

static const char *without_prefix(const fitting *f, const char *name)
{
    const size_t n = strlen(f->prefix);
    return strncmp(name, f->prefix, n) == 0 ? name + n : name;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* The name itself, or the name that a norm's weight and bias had of old. */
static const co_stored *find_alike(const fitting *f, const char *name)
{
    const co_stored *found = co_weights_find(&f->weights, name);
    const bool weight = ends_with(name, ".weight"), bias = ends_with(name, ".bias");
    char old[CO_NAME + 64];
    if (found || (!weight && !bias)) return found;
    snprintf(old, sizeof old, "%.*s.%s", (int)(strlen(name) - (weight ? 7 : 5)), name,
             weight ? "gamma" : "beta");
    return co_weights_find(&f->weights, old);
}

/* The stored tensor of a tensor of the model, with the prefix or without it; NULL: none. */
static const co_stored *find_stored(const fitting *f, const char *name)
{
    const char *bare = without_prefix(f, name);
    const co_stored *found = find_alike(f, name);
    char whole[CO_NAME + 64];
    if (!found && bare != name) found = find_alike(f, bare);
    if (found) return found;
    snprintf(whole, sizeof whole, "%s%s", f->prefix, name);
    return find_alike(f, whole);
}

/* Whether a tensor may begin with values of its own: what is not of the model itself, its pooler,
 * and what was added to its layers. */
static bool may_be_new(const fitting *f, const char *name)
{
    const bool is_whole = strncmp(f->tensor[0].name, f->prefix, strlen(f->prefix)) == 0;
    const char *bare = without_prefix(f, name);
    return (is_whole && bare == name) || strncmp(bare, "pooler.", 7) == 0 ||
           strstr(name, ".lora_") != NULL;
}

bool co_folder_may_lack(const co_architecture *architecture, const co_model *model,
                        const char *name)
{
    fitting f = {.prefix = architecture->prefix};
    f.tensor = co_model_tensors(model, &f.n_tensors);
    return may_be_new(&f, name);
}

static bool same_shape(const co_stored *s, const co_tensor *t)
{
    bool same = s->n_dims == t->ndim;
    for (size_t k = 0; same && k < t->ndim; k++) same = s->dim[k] == t->dim[k];
    return same;
}

static void wanted_shape(const co_tensor *t, char text[128])
{
    size_t n = (size_t)snprintf(text, 128, "[");
    for (size_t k = 0; k < t->ndim; k++)
        n += (size_t)snprintf(text + n, 128 - n, "%s%zu", k ? ", " : "", t->dim[k]);
    snprintf(text + n, 128 - n, "]");
}

static void match(fitting *f, const co_tensor *t)
{
    const co_stored *s = find_stored(f, t->name);
    char shape[192], wanted[128];
    if (!s) {
        add(may_be_new(f, t->name) ? &f->kept : &f->missing, "%s", t->name);
        return;
    }
    f->used[s - f->weights.tensor] = true;
    wanted_shape(t, wanted);
    if (!co_stored_is_read(s))
        add(&f->misshaped, "%s has type %s", s->name, s->dtype);
    else if (!same_shape(s, t))
        add(&f->misshaped, "%s is %s, the model's %s", s->name, co_stored_shape(s, shape), wanted);
}

/* Whether the first part of a name is that of one of the model's tensors, its head aside. */
static bool is_of_model(const fitting *f, const char *bare)
{
    const size_t n = strcspn(bare, ".");
    for (size_t t = 0; t < f->n_tensors; t++) {
        const char *own = without_prefix(f, f->tensor[t].name);
        if (strncmp(own, bare, n + 1) == 0 && !may_be_new(f, f->tensor[t].name)) return true;
    }
    return false;
}

/* Masks and indices that older files hold beside the parameters. */
static bool is_buffer(const co_stored *s)
{
    return !co_stored_is_read(s) || ends_with(s->name, ".inv_freq") ||
           ends_with(s->name, ".masked_bias") ||
           (ends_with(s->name, ".attn.bias") && s->n_dims > 1);
}

static void sort_rest(fitting *f)
{
    for (size_t k = 0; k < f->weights.n; k++) {
        const co_stored *s = &f->weights.tensor[k];
        if (f->used[k] || (f->zeros && strcmp(s->name, f->zeros) == 0)) continue;
        add(is_buffer(s) || !is_of_model(f, without_prefix(f, s->name)) ? &f->passed
                                                                        : &f->unexpected,
            "%s", s->name);
    }
}

static co_status read_one(fitting *f, const co_tensor *t, float *params)
{
    const co_stored *s = find_stored(f, t->name);
    if (!s) return CO_OK;
    CO_TRY(co_weights_read(&f->weights, s, params + t->offset));
    for (size_t i = 0; i < t->size; i++)
        if (!__builtin_isfinite(params[t->offset + i]))
            return CO_FAIL(CO_EDATA, "%s: %s[%zu] is not finite", co_weights_file(&f->weights, s),
                           s->name, i);
    return CO_OK;
}

/* The tensor that the model has not must be zero where it is stored. */
static co_status check_zeros(fitting *f)
{
    const co_stored *s = f->zeros ? co_weights_find(&f->weights, f->zeros) : NULL;
    if (!s || !co_stored_is_read(s)) return CO_OK;
    float *values = co_malloc(s->size, sizeof *values);
    if (!values) return CO_FAIL(CO_ENOMEM, "weights");
    co_status st = co_weights_read(&f->weights, s, values);
    for (size_t i = 0; st == CO_OK && i < s->size; i++)
        if (values[i] != 0.0f)
            st = CO_FAIL(CO_EDATA, "%s: %s[%zu] is %g; only zeros are known there",
                         co_weights_file(&f->weights, s), s->name, i, (double)values[i]);
    co_free(values);
    return st;
}

static co_status complain(const char *path, fitting *f)
{
    co_text text = {0};
    if (f->missing.n + f->misshaped.n + f->unexpected.n == 0) return CO_OK;
    add_list(&text, "; ", "missing", &f->missing);
    add_list(&text, "; ", "of another shape", &f->misshaped);
    add_list(&text, "; ", "without a place in the model", &f->unexpected);
    const co_status st = text.failed ? CO_FAIL(CO_ENOMEM, "weights")
                                     : CO_FAIL(CO_EDATA, "%s: the weights do not fit the model: %s",
                                               path, text.data);
    co_text_fini(&text);
    return st;
}

static co_status fit(const char *path, fitting *f, float *params, co_text *said)
{
    f->used = co_calloc(f->weights.n, sizeof *f->used);
    if (!f->used) return CO_FAIL(CO_ENOMEM, "weights");
    for (size_t t = 0; t < f->n_tensors; t++) match(f, &f->tensor[t]);
    sort_rest(f);
    CO_TRY(complain(path, f));
    CO_TRY(check_zeros(f));
    for (size_t t = 0; t < f->n_tensors; t++) CO_TRY(read_one(f, &f->tensor[t], params));
    add_list(said, "\n", "weights: drawn anew, for the folder has none", &f->kept);
    add_list(said, "\n", "weights: passed over, for the model has no use for them", &f->passed);
    return said->failed ? CO_FAIL(CO_ENOMEM, "weights") : CO_OK;
}

co_status co_folder_read(const char *path, const co_architecture *architecture,
                         const co_model *model, float *params, co_text *said)
{
    fitting f = {.prefix = architecture->prefix, .zeros = architecture->zeros, .model = model};
    f.tensor = co_model_tensors(model, &f.n_tensors);
    co_status st = co_weights_open(path, &f.weights);
    if (st == CO_OK) st = fit(path, &f, params, said);
    names *const lists[] = {&f.missing, &f.misshaped, &f.unexpected, &f.kept, &f.passed};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) co_text_fini(&lists[k]->text);
    co_free(f.used);
    co_weights_close(&f.weights);
    return st;
}
