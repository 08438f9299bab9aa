/* io/writers/weights_config.c - the small files beside the weights: config.json, vocab.txt.
 *
 * Sizes come from the section `model` of the resolved experiment, names of classes and the
 * vocabulary from the data set, if it still is what was trained on. Keys as transformers 5 reads
 * them (4 reads them too). */
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/json_tree.h"
#include "io/readers/raw.h"
#include "io/weights/architecture.h"
#include "io/writers/weights.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const co_architecture *find_architecture(const co_weights_source *s)
{
    const char *name = co_weights_option(s->model, "name");
    return name ? co_architecture_find(name) : NULL;
}

/* ---- values of a tree ---- */

static co_status no_room(void)
{
    return CO_FAIL(CO_ENOMEM, "config.json");
}

static co_status put(co_node *map, const char *key, const char *text, bool quoted)
{
    CO_TRY(co_node_set(map, key, text));
    co_node_find(map, key)->quoted = quoted;
    return CO_OK;
}

static co_status put_size(co_node *map, const char *key, uint64_t size)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, size);
    return put(map, key, text, false);
}

/* An option as JSON has it: a number, true or false, else a text. */
static co_status put_option(co_node *map, const char *key, const co_node *option)
{
    int64_t whole;
    double real;
    bool yes;
    char text[CO_REAL_TEXT];
    if (co_node_int(option, &whole)) {
        snprintf(text, sizeof text, "%" PRId64, whole);
        return put(map, key, text, false);
    }
    if (co_node_real(option, &real)) return co_format_real(real, text), put(map, key, text, false);
    const bool tanh = strcmp(option->text, "gelu_tanh") == 0; /* transformers' word differs */
    return put(map, key, tanh ? "gelu_new" : option->text, !co_node_bool(option, &yes));
}

/* An empty child, in place of the one that is there. */
static co_node *renew(co_node *map, const char *key, co_node_kind kind)
{
    co_node *made = co_node_create(kind, key, NULL);
    co_node_remove(map, key);
    if (made) co_node_append(map, made);
    return made;
}

static co_status put_list(co_node *map, const char *key, const char *const *text, size_t n)
{
    co_node *list = renew(map, key, CO_NODE_LIST);
    if (!list) return no_room();
    for (size_t i = 0; i < n; i++) {
        co_node *item = co_node_create(CO_NODE_SCALAR, NULL, text[i]);
        if (!item) return no_room();
        item->quoted = true;
        co_node_append(list, item);
    }
    return CO_OK;
}

/* ---- the data set ---- */

/* Its strings of that name, if the file still is the one that was trained on; else none. */
static co_status data_strings(const co_weights_source *s, const char *name, char ***strings,
                              size_t *n)
{
    const char *path =
        s->config ? co_weights_option(co_node_find(s->config, "data"), "file") : NULL;
    char hex[33], *trained_on = NULL;
    co_file *data = NULL;
    *strings = NULL;
    *n = 0;
    if (!path || access(path, R_OK) != 0 || !co_file_has_attr(s->file, "data_digest")) return CO_OK;
    CO_TRY(co_file_get_text(s->file, "data_digest", &trained_on));
    co_status st = co_file_open(path, "cohort-dataset", true, &data);
    if (st == CO_OK) st = co_file_digest(data, hex);
    if (st == CO_OK && strcmp(hex, trained_on) != 0)
        co_warn("%s: is not the data set that the model was trained on: its names are not used",
                path);
    else if (st == CO_OK && co_file_has(data, name))
        st = co_file_read_strings(data, name, strings, n);
    co_file_close(data);
    co_free(trained_on);
    return st;
}

/* id2label, label2id: as many as the head's last tensor has rows. */
static co_status put_labels(const co_weights_source *s, co_node *config, size_t n)
{
    char **name, id[24], plain[32];
    size_t n_names;
    CO_TRY(data_strings(s, "classes", &name, &n_names));
    const bool known = name && n_names == n;
    co_node *labels = renew(config, "id2label", CO_NODE_MAP),
            *ids = renew(config, "label2id", CO_NODE_MAP);
    co_status st = labels && ids ? CO_OK : no_room();
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        snprintf(id, sizeof id, "%zu", i);
        snprintf(plain, sizeof plain, "LABEL_%zu", i);
        const char *label = known ? name[i] : plain;
        st = put(labels, id, label, true);
        if (st == CO_OK) st = put(ids, label, id, false);
    }
    if (!known)
        co_log("names of the classes are not known (data set not found): LABEL_0 to LABEL_%zu",
               n - 1);
    if (name) co_strings_free(name, n_names);
    return st;
}

/* ---- config.json ---- */

static bool has(const co_weights_source *s, const char *name)
{
    return co_weights_source_find(s, name) != NULL;
}

/* Whether a head of classes predicts for every token. */
static bool is_tagging(const co_weights_source *s)
{
    if (has(s, "score.weight")) return has(s, "score.bias");
    return !has(s, "bert.pooler.dense.weight") && !has(s, "pre_classifier.weight");
}

/* The class for AutoModel, by the tensors of its head; task: PEFT's word for it. */
static void class_of(const co_weights_source *s, const co_architecture *a, char text[64],
                     const char **task)
{
    bool headless = true;
    for (size_t i = 0; i < s->n && headless; i++)
        headless = strncmp(s->tensor[i].stored.name, a->prefix, strlen(a->prefix)) != 0;
    *task = NULL;
    if (headless || has(s, "slot_classifier.weight")) {
        snprintf(text, 64, "%sModel", a->classes);
        return;
    }
    if (has(s, "qa_outputs.weight")) {
        *task = "QUESTION_ANS";
        snprintf(text, 64, "%sForQuestionAnswering", a->classes);
        return;
    }
    if (!has(s, "classifier.weight") && !has(s, "score.weight")) {
        if (!a->pieces) *task = a->zeros ? "SEQ_2_SEQ_LM" : "CAUSAL_LM";
        snprintf(text, 64, "%s", a->lm);
        return;
    }
    const bool tagging = is_tagging(s);
    *task = tagging ? "TOKEN_CLS" : "SEQ_CLS";
    snprintf(text, 64, "%sFor%sClassification", a->classes, tagging ? "Token" : "Sequence");
}

/* The config.json that model.from had: what stands there and not in our experiment (ids of special
 * tokens, say) stays; what would be wrong goes. */
static co_status first_config(const co_weights_source *s, co_node **config)
{
    static const char *const gone[] = {"architectures", "transformers_version",
                                       "_name_or_path", "dtype",
                                       "torch_dtype",   "id2label",
                                       "label2id",      "problem_type",
                                       "auto_map",      "quantization_config"};
    char *path = s->from ? co_format("%s/config.json", s->from) : NULL;
    *config = NULL;
    if (s->from && !path) return no_room();
    const co_status st = path && access(path, R_OK) == 0 ? co_json_tree(path, config) : CO_OK;
    co_free(path);
    CO_TRY(st);
    if (!*config && !(*config = co_node_create(CO_NODE_MAP, NULL, NULL))) return no_room();
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) co_node_remove(*config, gone[i]);
    return CO_OK;
}

/* The option that the field stands for; nothing where that is not given, or 0 for a standard one.
 */
static co_status put_field(const co_weights_source *s, const co_config_field *f, co_node *config)
{
    if (!f->option || strchr(f->field, '.')) return CO_OK;
    const co_node *option = co_node_find(s->model, f->option);
    if (!option && f->instead) option = co_node_find(s->model, f->instead);
    if (!option || option->kind != CO_NODE_SCALAR || co_node_is_null(option)) return CO_OK;
    const bool standard =
        strcmp(option->text, "0") == 0 &&
        (strcmp(f->option, "intermediate") == 0 || strcmp(f->option, "kv_heads") == 0);
    return standard ? CO_OK : put_option(config, f->field, option);
}

static co_status fill(const co_weights_source *s, const co_architecture *a, co_node *config)
{
    char text[64];
    const char *task, *class = text;
    class_of(s, a, text, &task);
    if (has(s, "slot_classifier.weight"))
        co_log("transformers has no class with two heads: %s leaves intent_classifier and "
               "slot_classifier, which stand in model.safetensors, to you",
               class);
    if (has(s, "crf.transitions"))
        co_log("%s has no chain: its logits are those before crf.transitions, .start_transitions "
               "and .end_transitions (as torchcrf names them), which stand in model.safetensors",
               class);
    CO_TRY(put_list(config, "architectures", &class, 1));
    CO_TRY(put(config, "model_type", a->model_type, true));
    for (const co_config_field *f = a->fields; f->field; f++) CO_TRY(put_field(s, f, config));
    const co_node *theta = co_node_find(s->model, "rope_theta");
    if (theta && strcmp(a->model_type, "llama") == 0) {
        co_node *rope = renew(config, "rope_parameters", CO_NODE_MAP);
        co_node_remove(config, "rope_scaling");
        CO_TRY(rope ? CO_OK : no_room());
        CO_TRY(put(rope, "rope_type", "default", true));
        CO_TRY(put_option(rope, "rope_theta", theta));
        CO_TRY(put_option(config, "rope_theta", theta));
    }
    for (size_t i = 0; i < s->n; i++) {
        const co_stored *t = &s->tensor[i].stored;
        if (co_weights_ends(t->name, a->embedding))
            CO_TRY(put_size(config, "vocab_size", t->dim[0]));
        if (co_weights_ends(t->name, "token_type_embeddings.weight"))
            CO_TRY(put_size(config, "type_vocab_size", t->dim[0]));
        if (strcmp(t->name, "classifier.weight") == 0 || strcmp(t->name, "score.weight") == 0)
            CO_TRY(put_labels(s, config, t->dim[0]));
    }
    return CO_OK;
}

co_status co_weights_config(const co_weights_source *source, co_node **config)
{
    const co_architecture *a = find_architecture(source);
    *config = NULL;
    if (!a) return CO_OK;
    co_status st = first_config(source, config);
    if (st == CO_OK) st = fill(source, a, *config);
    if (st == CO_OK) return CO_OK;
    co_node_destroy(*config);
    *config = NULL;
    return st;
}

bool co_weights_transposed(const co_weights_source *source, const char *name)
{
    const char *type = co_weights_option(source->model, "name");
    return type && strcmp(type, "gpt2") == 0 && strstr(name, ".c_") != NULL;
}

/* ---- vocab.txt ---- */

static co_status join_lines(char *const *line, size_t n, char **text)
{
    co_text all = {0};
    for (size_t i = 0; i < n; i++) {
        co_text_add(&all, line[i]);
        co_text_add(&all, "\n");
    }
    *text = all.failed ? NULL : co_strdup(all.data);
    co_text_fini(&all);
    return *text ? CO_OK : CO_FAIL(CO_ENOMEM, "vocab.txt");
}

static co_status copy_vocabulary(const co_weights_source *s, char **text)
{
    co_raw raw = {0};
    char *path = s->from ? co_format("%s/vocab.txt", s->from) : NULL;
    if (s->from && !path) return CO_FAIL(CO_ENOMEM, "vocab.txt");
    co_status st = CO_OK;
    if (path && access(path, R_OK) == 0) {
        st = co_raw_text(path, &raw);
        if (st == CO_OK && !(*text = co_strdup(raw.bytes))) st = CO_FAIL(CO_ENOMEM, "vocab.txt");
        if (st == CO_OK) co_log("vocab.txt is the one of %s", path);
    } else {
        co_log("no vocab.txt: neither the data set nor a folder model.from with one is there");
    }
    co_raw_fini(&raw);
    co_free(path);
    return st;
}

co_status co_weights_vocabulary(const co_weights_source *source, char **text)
{
    const co_architecture *a = find_architecture(source);
    char **line;
    size_t n;
    *text = NULL;
    if (!a || !a->pieces) return CO_OK;
    CO_TRY(data_strings(source, "vocab", &line, &n));
    for (size_t i = 0; i < source->n; i++) {
        const co_stored *t = &source->tensor[i].stored;
        if (!line || !co_weights_ends(t->name, a->embedding) || t->dim[0] < n) continue;
        const co_status st = join_lines(line, n, text);
        co_strings_free(line, n);
        if (st == CO_OK) co_log("vocab.txt is the data set's vocabulary");
        return st;
    }
    if (line) co_strings_free(line, n);
    return copy_vocabulary(source, text);
}

/* ---- adapter_config.json ---- */

/* Modules with tensors of that end, in order of their names; whole names. Trained ones only, unless
 * they are the adapter's own. */
static co_status put_modules(const co_weights_source *s, co_node *config, const char *key,
                             bool adapter)
{
    co_node *list = renew(config, key, CO_NODE_LIST), *last = NULL;
    if (!list) return no_room();
    for (size_t i = 0; i < s->n; i++) {
        const char *name = s->tensor[i].stored.name;
        const bool a = co_weights_ends(name, ".lora_A.weight"),
                   b = co_weights_ends(name, ".lora_B.weight");
        if (adapter ? !a : a || b || !s->tensor[i].trained) continue;
        const char *dot =
            adapter ? name + strlen(name) - strlen(".lora_A.weight") : strrchr(name, '.');
        char *module = dot ? co_format("%.*s", (int)(dot - name), name) : co_strdup(name);
        if (!module) return no_room();
        if (!last || strcmp(last->text, module) != 0) {
            co_node *item = co_node_create(CO_NODE_SCALAR, NULL, module);
            if (item) item->quoted = true, co_node_append(list, item), last = item;
            if (!item) {
                co_free(module);
                return no_room();
            }
        }
        co_free(module);
    }
    if (list->first || adapter) return CO_OK;
    return put(config, key, "", false);
}

static co_status fill_adapter(const co_weights_source *s, co_node *config)
{
    const struct {
        const char *key;
        const co_node *option;
    } numbers[] = {{"r", co_node_find(s->lora, "rank")},
                   {"lora_alpha", s->alpha},
                   {"lora_dropout", co_node_find(s->lora, "dropout")}};
    const co_architecture *a = find_architecture(s);
    const char *task = NULL;
    char text[64];
    if (a) class_of(s, a, text, &task);
    CO_TRY(put(config, "peft_type", "LORA", true));
    CO_TRY(put(config, "base_model_name_or_path", s->from ? s->from : "", s->from != NULL));
    CO_TRY(put(config, "task_type", task ? task : "", task != NULL));
    CO_TRY(put(config, "inference_mode", "true", false));
    CO_TRY(put(config, "bias", "none", true));
    CO_TRY(put(config, "fan_in_fan_out", a && strcmp(a->model_type, "gpt2") == 0 ? "true" : "false",
               false));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].option) CO_TRY(put_option(config, numbers[i].key, numbers[i].option));
    CO_TRY(put_modules(s, config, "target_modules", true));
    return put_modules(s, config, "modules_to_save", false);
}

co_status co_weights_adapter_config(const co_weights_source *source, co_node **config)
{
    *config = co_node_create(CO_NODE_MAP, NULL, NULL);
    if (!*config) return no_room();
    const co_status st = fill_adapter(source, *config);
    if (st == CO_OK) return CO_OK;
    co_node_destroy(*config);
    *config = NULL;
    return st;
}
