/* io/writers/weights.c - a checkpoint's model as a folder that transformers loads (AutoModel ..
 * from_pretrained), or its LoRA tensors as PEFT keeps an adapter.
 *
 *   model.safetensors, config.json, vocab.txt          the model; with merge=true W + s B A for W,
 *                                                       s = alpha / rank, and no adapter
 *   adapter_model.safetensors, adapter_config.json     a model with LoRA: what was trained
 * Models that are none of transformers' architectures: model.safetensors alone. All files are
 * written aside first, then the small ones get their names, the weights last: a folder without them
 * is refused by every program. Memory: one tensor. Source of the adapter's form: PEFT 0.21; Hu et
 * al., 2021, arXiv:2106.09685. */
#include "core/log.h"
#include "core/memory.h"
#include "io/json_tree.h"
#include "io/writers/weights.h"
#include "io/writers/writer.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The weights stand first; a file of the adapter is one behind that of the model. */
enum { WEIGHTS, ADAPTER, CONFIG, ADAPTER_CONFIG, VOCABULARY, N_FILES };
static const char *const files[] = {
    [WEIGHTS] = "model.safetensors", [ADAPTER] = "adapter_model.safetensors",
    [CONFIG] = "config.json",        [ADAPTER_CONFIG] = "adapter_config.json",
    [VOCABULARY] = "vocab.txt",      NULL};

typedef struct {
    const co_weights_source *source;
    const char *path; /* of the folder */
    bool adapter, merge, made;
    co_stored *stored;                /* [n] as they go out */
    const co_weights_tensor **tensor; /* [n] where they come from */
    size_t n;
    co_aside file[N_FILES];
    bool has[N_FILES];
} target;

/* ---- tensors ---- */

static bool is_lora(const char *name)
{
    return co_weights_ends(name, ".lora_A.weight") || co_weights_ends(name, ".lora_B.weight");
}

static co_status choose(target *t)
{
    const co_weights_source *s = t->source;
    t->stored = co_malloc(s->n, sizeof *t->stored);
    t->tensor = co_malloc(s->n, sizeof(*t->tensor));
    if (!t->stored || !t->tensor) return CO_FAIL(CO_ENOMEM, "%zu tensors", s->n);
    for (size_t i = 0; i < s->n; i++) {
        const co_weights_tensor *tensor = &s->tensor[i];
        const bool lora = is_lora(tensor->stored.name);
        if (t->adapter ? !lora && !tensor->trained : t->merge && lora) continue;
        t->stored[t->n] = tensor->stored;
        t->stored[t->n].name =
            co_format("%s%s", t->adapter ? "base_model.model." : "", tensor->stored.name);
        t->tensor[t->n] = tensor;
        if (!t->stored[t->n++].name) return CO_FAIL(CO_ENOMEM, "names of tensors");
    }
    return CO_OK;
}

static co_status read_values(const target *t, const char *name, size_t size, float **values)
{
    char *path = co_format("model/%s", name);
    *values = co_malloc(size, sizeof **values);
    co_status st = path && *values ? co_file_read(t->source->file, path, CO_F32, 0, *values)
                                   : CO_FAIL(CO_ENOMEM, "%s: %zu values", name, size);
    co_free(path);
    return st;
}

/* w += s B A, the sums in double; a [rank][in], b [out][rank], w [out][in], or [in][out]. */
static void add_product(float *w, const float *a, const float *b, size_t rank, size_t in,
                        size_t out, double s, bool transposed)
{
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0.0;
            for (size_t r = 0; r < rank; r++)
                sum += (double)b[o * rank + r] * (double)a[r * in + i];
            float *to = transposed ? &w[i * out + o] : &w[o * in + i];
            *to = (float)((double)*to + s * sum);
        }
}

static co_status merge(const target *t, const co_stored *w, float *values)
{
    const char *name = w->name;
    const int stem = (int)(strlen(name) - strlen(".weight"));
    char *a_name = co_format("%.*s.lora_A.weight", stem, name),
         *b_name = co_format("%.*s.lora_B.weight", stem, name);
    float *a = NULL, *b = NULL;
    if (!a_name || !b_name) {
        co_free(a_name);
        co_free(b_name);
        return CO_FAIL(CO_ENOMEM, "names of tensors");
    }
    const co_weights_tensor *at = co_weights_source_find(t->source, a_name),
                            *bt = co_weights_source_find(t->source, b_name);
    co_status st = CO_OK;
    if (at && bt) {
        const size_t rank = at->stored.dim[0], in = at->stored.dim[1], out = bt->stored.dim[0];
        const bool transposed = co_weights_transposed(t->source, name);
        double alpha;
        if (w->n_dims != 2 || at->stored.n_dims != 2 || bt->stored.n_dims != 2 || rank == 0 ||
            bt->stored.dim[1] != rank || w->dim[transposed] != out || w->dim[!transposed] != in)
            st = CO_FAIL(CO_EDATA, "%s: the shapes of %s, %s and %s do not fit",
                         co_file_path(t->source->file), name, a_name, b_name);
        else if (!t->source->alpha || !co_node_real(t->source->alpha, &alpha))
            st = CO_FAIL(CO_EDATA, "%s: model.lora has no number alpha or rank",
                         co_file_path(t->source->file));
        if (st == CO_OK) st = read_values(t, a_name, rank * in, &a);
        if (st == CO_OK) st = read_values(t, b_name, rank * out, &b);
        if (st == CO_OK) add_product(values, a, b, rank, in, out, alpha / (double)rank, transposed);
    }
    co_free(a);
    co_free(b);
    co_free(a_name);
    co_free(b_name);
    return st;
}

static co_status write_weights(target *t, FILE *out)
{
    co_status st = CO_OK;
    co_safetensors_write_head(out, t->stored, t->n);
    for (size_t i = 0; i < t->n && st == CO_OK; i++) {
        const co_stored *from = &t->tensor[i]->stored;
        float *values;
        st = read_values(t, from->name, t->stored[i].size, &values);
        if (st == CO_OK && t->merge && co_weights_ends(from->name, ".weight"))
            st = merge(t, from, values);
        if (st == CO_OK) fwrite(values, sizeof *values, t->stored[i].size, out);
        co_free(values);
    }
    return st;
}

/* ---- files ---- */

static co_status start(target *t, int file)
{
    char *path = co_format("%s/%s", t->path, files[file]);
    if (!path) return CO_FAIL(CO_ENOMEM, "names of files");
    const co_status st = co_aside_start(path, &t->file[file]);
    co_free(path);
    t->has[file] = st == CO_OK;
    return st;
}

static co_status write_tree(target *t, int file, const co_node *tree)
{
    CO_TRY(start(t, file));
    co_json_put(&(co_json){.out = t->file[file].out}, tree);
    fputc('\n', t->file[file].out);
    return CO_OK;
}

static co_status write_config(target *t)
{
    co_node *tree;
    CO_TRY(t->adapter ? co_weights_adapter_config(t->source, &tree)
                      : co_weights_config(t->source, &tree));
    if (!tree) {
        co_log("no architecture of transformers: %s alone; its tensors have PyTorch's names and "
               "shapes (load_state_dict)",
               files[WEIGHTS]);
        return CO_OK;
    }
    const co_status st = write_tree(t, t->adapter ? ADAPTER_CONFIG : CONFIG, tree);
    co_node_destroy(tree);
    return st;
}

static co_status write_vocabulary(target *t)
{
    char *text;
    if (t->adapter) return CO_OK;
    CO_TRY(co_weights_vocabulary(t->source, &text));
    if (!text) return CO_OK;
    const co_status st = start(t, VOCABULARY);
    if (st == CO_OK) fputs(text, t->file[VOCABULARY].out);
    co_free(text);
    return st;
}

static co_status write_files(target *t)
{
    const int weights = t->adapter ? ADAPTER : WEIGHTS;
    CO_TRY(choose(t));
    CO_TRY(write_config(t));
    CO_TRY(write_vocabulary(t));
    CO_TRY(start(t, weights));
    CO_TRY(write_weights(t, t->file[weights].out));
    for (int f = 0; f < N_FILES; f++) CO_TRY(co_aside_sync(&t->file[f]));
    return CO_OK;
}

static co_status remove_file(const target *t, int file)
{
    char *path = co_format("%s/%s", t->path, files[file]);
    if (!path) return CO_FAIL(CO_ENOMEM, "names of files");
    const bool gone = unlink(path) == 0 || errno == ENOENT;
    const co_status st =
        gone ? CO_OK : CO_FAIL(CO_EFILE, "%s: cannot be removed: %s", path, strerror(errno));
    co_free(path);
    return st;
}

/* Gives the files their names, the weights last; what stood there of an earlier export goes, its
 * weights first. */
static co_status publish(target *t)
{
    for (int f = 0; f < N_FILES; f++)
        if (f < CONFIG || !t->has[f]) CO_TRY(remove_file(t, f));
    for (int f = N_FILES - 1; f >= 0; f--)
        if (t->has[f]) CO_TRY(co_aside_end(&t->file[f], CO_OK));
    return CO_OK;
}

static co_status make_folder(target *t)
{
    t->made = mkdir(t->path, 0777) == 0;
    if (t->made || errno == EEXIST) return CO_OK;
    return CO_FAIL(CO_EFILE, "%s: the folder cannot be made: %s", t->path, strerror(errno));
}

static co_status write_folder(target *t)
{
    CO_TRY(make_folder(t));
    co_status st = write_files(t);
    if (st == CO_OK) st = publish(t);
    for (int f = 0; f < N_FILES; f++)
        if (t->file[f].path) co_aside_end(&t->file[f], st);
    if (st == CO_OK || !t->made) return st;
    char message[1024];
    snprintf(message, sizeof message, "%s", co_status_message());
    for (int f = 0; f < N_FILES; f++) (void)remove_file(t, f);
    rmdir(t->path);
    co_status_set_message(message);
    return st;
}

static co_status check(const target *t, bool merge_asked)
{
    const co_weights_source *s = t->source;
    const char *path = co_file_path(s->file);
    struct stat from, to;
    if (merge_asked && !s->lora)
        return CO_FAIL(CO_EUSAGE, "%s: merge=true, but the model has no LoRA tensors (model.lora)",
                       path);
    if (t->adapter && !s->from)
        return CO_FAIL(
            CO_EUSAGE,
            "%s: the model beside the LoRA tensors was drawn, not read from a folder, so "
            "an adapter would have no base; add merge=true",
            path);
    if (s->missing && !t->adapter)
        return CO_FAIL(CO_EUSAGE,
                       "%s: leaves out frozen tensors such as %s (output.frozen: refer); export "
                       "takes checkpoints that hold the whole model",
                       path, s->missing);
    if (s->from && stat(s->from, &from) == 0 && stat(t->path, &to) == 0 &&
        from.st_dev == to.st_dev && from.st_ino == to.st_ino)
        return CO_FAIL(CO_EUSAGE, "%s is the folder that the model came from; choose another -o",
                       t->path);
    return CO_OK;
}

static co_status export(const co_config *opt, const char *const *sources, size_t n_sources,
                        const char *output)
{
    co_weights_source source;
    const bool merge_asked = co_config_bool(opt, "merge");
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "weights takes one checkpoint file, %zu were given", n_sources);
    co_status st = co_weights_source_open(sources[0], &source);
    target t = {.source = &source,
                .path = output,
                .merge = merge_asked && source.lora,
                .adapter = source.lora && !merge_asked};
    if (st == CO_OK) st = check(&t, merge_asked);
    if (st == CO_OK) st = write_folder(&t);
    for (size_t i = 0; i < t.n; i++) co_free(t.stored[i].name);
    co_free(t.stored);
    co_free(t.tensor);
    co_weights_source_close(&source);
    return st;
}

static const co_param params[] = {
    {"merge", CO_BOOL, .def = 0, .doc = "a model with LoRA: added into its weights, no adapter"},
    {0}};
const co_writer co_writer_weights = {
    .name = "weights",
    .summary =
        "a checkpoint's model as a folder for transformers (AutoModel.from_pretrained: "
        "model.safetensors, config.json, vocab.txt); a model with LoRA as an adapter of PEFT",
    .params = params,
    .usage = "weights CHECKPOINT",
    .folder = files,
    .write = export};
