/* models/presets/folder.c - config.json as options of a preset.
 *
 * Each architecture says in its table which field is which option, and which fields must have the
 * value that its layers compute. Cost: the file, and a walk through the table. */
#include "models/presets/folder.h"
#include "core/memory.h"
#include "io/json_tree.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_TEXT = 48 };

/* What is read, and what is wrong with it so far. */
typedef struct {
    const co_config *opt;
    const co_model_preset *preset;
    const co_node *config;
    co_text wrong;
} reading;

static void add_wrong(reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_wrong(reading *r, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->wrong.n > 0) co_text_add(&r->wrong, "; ");
    co_text_add(&r->wrong, text);
}

/* The field's value; NULL when it is absent or null. */
static const co_node *find_field(const reading *r, const char *field)
{
    const char *dot = strchr(field, '.');
    char first[64];
    const co_node *node = r->config;
    if (dot) {
        snprintf(first, sizeof first, "%.*s", (int)(dot - field), field);
        node = co_node_find(node, first);
        if (!node || node->kind != CO_NODE_MAP) return NULL;
        field = dot + 1;
    }
    node = co_node_find(node, field);
    return node && !co_node_is_null(node) ? node : NULL;
}

static const char *text_of(const co_node *node, char text[MOST_TEXT])
{
    snprintf(text, MOST_TEXT, "%s",
             node->kind == CO_NODE_SCALAR ? node->text
             : node->kind == CO_NODE_MAP  ? "a map"
                                          : "a list");
    return text;
}

static bool is_among(const char *word, const char *words)
{
    const size_t n = strlen(word);
    for (const char *at = words; at; at = strchr(at, '|'), at += at ? 1 : 0)
        if (strncmp(at, word, n) == 0 && (at[n] == '|' || at[n] == '\0')) return true;
    return false;
}

/* transformers' words for option `activation`. */
static const char *activation(const char *word)
{
    static const char *const words[][2] = {{"gelu_new", "gelu_tanh"},
                                           {"gelu_fast", "gelu_tanh"},
                                           {"gelu_pytorch_tanh", "gelu_tanh"},
                                           {"swish", "silu"}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (strcmp(words[k][0], word) == 0) return words[k][1];
    return word;
}

static const co_param *find_param(const co_model_preset *preset, const char *option)
{
    for (const co_param *p = preset->params; p->key; p++)
        if (strcmp(p->key, option) == 0) return p;
    CO_ASSERT(false && "a field without an option");
    return NULL;
}

static bool fits(const co_param *p, const co_node *node, const char *text)
{
    int64_t whole;
    double real = 0.0;
    bool truth;
    if (node->kind != CO_NODE_SCALAR) return false;
    if (p->type == CO_BOOL) return !node->quoted && co_node_bool(node, &truth);
    if (p->type == CO_CHOICE) return is_among(text, p->words);
    if (node->quoted || !co_node_real(node, &real)) return false;
    if (p->type == CO_INT && !co_node_int(node, &whole)) return false;
    return real >= p->lo && real <= p->hi && (real > p->lo || !(p->flags & CO_LO_OPEN)) &&
           (real < p->hi || !(p->flags & CO_HI_OPEN));
}

static co_status set_option(reading *r, const co_config_field *f, const co_node *node)
{
    const co_param *p = find_param(r->preset, f->option);
    char allowed[128], text[MOST_TEXT];
    const char *value = node ? node->kind == CO_NODE_SCALAR ? node->text : "" : f->standard;
    if (!value || co_node_find(r->opt->map, f->option)) return CO_OK;
    if (strcmp(f->option, "activation") == 0) value = activation(value);
    if (!node || fits(p, node, value)) return co_node_set(r->opt->map, f->option, value);
    co_param_allowed(p, allowed, sizeof allowed);
    add_wrong(r, "%s is %s; it can be %s", f->field, text_of(node, text), allowed);
    return CO_OK;
}

static void check_fixed(reading *r, const co_config_field *f, const co_node *node)
{
    char text[MOST_TEXT];
    if (!node || (node->kind == CO_NODE_SCALAR && is_among(node->text, f->standard))) return;
    add_wrong(r, "%s is %s; only %s is known", f->field, text_of(node, text),
              *f->standard ? f->standard : "null");
}

/* Option `key` as a number, from what was set; 0 when it is not there. */
static double size_of(const reading *r, const char *key)
{
    const co_node *node = co_node_find(r->opt->map, key);
    double value = 0.0;
    return node && co_node_real(node, &value) ? value : 0.0;
}

/* Sizes that no model can have. */
static void check_sizes(reading *r)
{
    const char *width = r->preset->architecture->head_width;
    const double hidden = size_of(r, "hidden"), heads = size_of(r, "heads"),
                 layers = size_of(r, "layers"), inner = size_of(r, "intermediate"),
                 n = (size_of(r, "vocabulary") + size_of(r, "most_positions")) * hidden +
                     layers * 2.0 * hidden * (hidden + inner);
    const co_node *node = width ? find_field(r, width) : NULL;
    double own;
    if (r->wrong.n > 0) return;
    if (hidden - heads * (double)(int64_t)(hidden / heads) != 0.0)
        add_wrong(r, "%g heads do not divide %g floats of a token evenly", heads, hidden);
    else if (node && (!co_node_real(node, &own) || own * heads != hidden))
        add_wrong(r, "%s is %s; only %g (%g floats of a token over %g heads) is known", width,
                  node->kind == CO_NODE_SCALAR ? node->text : "no number", hidden / heads, hidden,
                  heads);
    if (n > 0x7fffffff) add_wrong(r, "its sizes make %.3g parameters, 2^31 - 1 are the most", n);
}

/* Whether a field of one head alone counts. */
static bool counts(const reading *r, const co_config_field *f)
{
    const co_node *head = co_node_find(r->opt->map, "head");
    return !f->only || (head && head->kind == CO_NODE_SCALAR && strcmp(head->text, f->only) == 0);
}

static co_status apply(reading *r, const char *path)
{
    const co_architecture *architecture = r->preset->architecture;
    for (const co_config_field *f = architecture->fields; f->field; f++) {
        const co_node *node = find_field(r, f->field);
        if (!f->option)
            check_fixed(r, f, node);
        else if (counts(r, f))
            CO_TRY(set_option(r, f, node));
    }
    /* options that a later file names anew stand as the first one; the rest takes its default */
    for (const co_param *p = r->preset->params; p->key; p++) {
        char text[64];
        co_param_default(p, text, sizeof text);
        if (text[0] && !co_node_find(r->opt->map, p->key))
            CO_TRY(co_node_set(r->opt->map, p->key, text));
    }
    check_sizes(r);
    if (r->wrong.failed) return CO_FAIL(CO_ENOMEM, "config.json");
    return r->wrong.n == 0 ? CO_OK
                           : CO_FAIL(CO_EDATA, "%s: this %s cannot be used: %s", path,
                                     r->preset->name, r->wrong.data);
}

/* The preset that reads models of that type. */
static co_status find_type(const char *path, const co_node *config, const co_model_preset **preset)
{
    const co_node *type = co_node_find(config, "model_type");
    const char *name = type && type->kind == CO_NODE_SCALAR ? type->text : "";
    char known[128] = "";
    for (const co_plugin *const *m = co_kind_model.members; *m; m++) {
        const co_model_preset *p = (const co_model_preset *)*m;
        const size_t n = strlen(known);
        if (!p->architecture) continue;
        if (strcmp(p->architecture->model_type, name) == 0) {
            *preset = p;
            return CO_OK;
        }
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", p->architecture->model_type);
    }
    return CO_FAIL(CO_EDATA, "%s: model_type is %.64s; known are %s", path,
                   *name ? name : "missing", known);
}

/* Whether the section has all that the preset needs. */
static bool is_complete(const co_config *opt, const co_model_preset *preset)
{
    for (const co_param *p = preset->params; p->key; p++)
        if (!(p->flags & CO_OPTIONAL) && !co_node_find(opt->map, p->key)) return false;
    return true;
}

static bool is_file(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

co_status co_folder_options(const co_config *opt, const co_model_preset **preset)
{
    const co_node *from = co_node_find(opt->map, "from"), *name = co_node_find(opt->map, "name");
    char path[4096];
    co_node *config = NULL;
    co_status st = CO_OK;
    *preset = NULL;
    if (from->kind != CO_NODE_SCALAR || !from->text[0])
        return co_config_fail(opt, from, "must be the folder of a model");
    if (is_file(from->text))
        return co_config_fail(opt, from,
                              "%s is a file; name the folder that holds config.json and "
                              "the weights (or start from this file by model.init)",
                              from->text);
    if (name && name->kind == CO_NODE_SCALAR) {
        *preset = co_preset_find(name->text);
        if (!*preset) return co_fail_in(CO_EUSAGE, "%s: %s.name", opt->file, opt->section);
        if (!(*preset)->architecture)
            return co_config_fail(opt, name, "%s does not come from a folder", name->text);
        if (is_complete(opt, *preset)) return CO_OK;
    }
    snprintf(path, sizeof path, "%s/config.json", from->text);
    CO_TRY(co_json_tree(path, &config));
    reading r = {.opt = opt, .config = config};
    CO_TRY_OUT(find_type(path, config, &r.preset));
    if (*preset && *preset != r.preset)
        st = co_config_fail(opt, name, "%s holds a model of type %s; leave name out", from->text,
                            r.preset->name);
    if (st == CO_OK && !*preset) st = co_node_set(opt->map, "name", r.preset->name);
    *preset = r.preset;
    if (st == CO_OK) st = apply(&r, path);
    co_text_fini(&r.wrong);
out:
    co_node_destroy(config);
    return st;
}
