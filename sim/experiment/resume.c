/* sim/experiment/resume.c - what stays the same over the starts of a run: its digest, and what a
 * resumed run may change. */
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/yaml.h"
#include "sim/experiment/experiment.h"
#include <stdio.h>
#include <string.h>

/* What a resumed run may change. */
static const char *const free_keys[] = {"name", "rounds", "eval", "stop", "output", NULL};

co_status co_experiment_digest(const co_experiment *e, char hex[33])
{
    co_node *copy = co_node_copy(e->root);
    if (!copy) return CO_FAIL(CO_ENOMEM, "experiment digest");
    for (const char *const *key = free_keys; *key; key++) co_node_remove(copy, *key);
    char *text = NULL;
    const co_status st = co_yaml_write(copy, &text);
    co_node_destroy(copy);
    if (st != CO_OK) return st;
    unsigned char hash[16];
    co_hash16(text, strlen(text), hash);
    co_hex(hash, 16, hex);
    co_free(text);
    return CO_OK;
}

static co_status differ(const co_experiment *e, const char *path, const co_node *was,
                        const co_node *is)
{
    char *texts[2] = {NULL, NULL};
    const co_node *nodes[2] = {was, is};
    for (int i = 0; i < 2; i++) {
        if (!nodes[i])
            texts[i] = co_strdup("absent");
        else if (nodes[i]->kind == CO_NODE_SCALAR)
            texts[i] = co_strdup(nodes[i]->text ? nodes[i]->text : "");
        else if (co_yaml_write(nodes[i], &texts[i]) != CO_OK)
            texts[i] = NULL;
        for (char *c = texts[i]; c && *c; c++)
            if (*c == '\n') *c = c[1] ? ' ' : 0;
    }
    const co_status st = CO_FAIL(
        CO_EUSAGE,
        "%s: %s was %s when the run started and is %s now; a resumed run may change only name, "
        "rounds, "
        "eval, stop and output. Undo it, or start afresh with another output.dir or --overwrite",
        e->file, path, texts[0] ? texts[0] : "?", texts[1] ? texts[1] : "?");
    co_free(texts[0]);
    co_free(texts[1]);
    return st;
}

static bool same_scalar(const co_node *a, const co_node *b)
{
    double x, y;
    if (strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0) return true;
    return co_node_real(a, &x) && co_node_real(b, &y) && x == y;
}

/* A key that is newer than the run may have its default. */
static co_status compare(const co_experiment *e, const char *path, const co_node *was,
                         const co_node *is)
{
    if (!was || !is || was->kind != is->kind) return differ(e, path, was, is);
    if (was->kind == CO_NODE_SCALAR) return same_scalar(was, is) ? CO_OK : differ(e, path, was, is);
    const bool map = was->kind == CO_NODE_MAP;
    const co_node *b = is->first;
    for (const co_node *a = was->first; a; a = a->next) {
        char below[256];
        if (map) {
            snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", a->key);
            CO_TRY(compare(e, below, a, co_node_find(is, a->key)));
        } else {
            CO_TRY(compare(e, path, a, b));
            if (b) b = b->next;
        }
    }
    if (!map) return b ? differ(e, path, was, is) : CO_OK;
    for (b = is->first; b; b = b->next) {
        char below[256];
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", b->key);
        if (!co_node_find(was, b->key) && !b->is_default) return differ(e, below, NULL, b);
    }
    return CO_OK;
}

/* The noise for an epsilon was found for the rounds of the first start. */
static co_status check_budget_rounds(const co_experiment *now, const co_node *old)
{
    int64_t rounds;
    const co_node *was = co_node_find(old, "rounds");
    if (!co_node_find(now->privacy.map, "epsilon") || !was || !co_node_int(was, &rounds) ||
        now->rounds <= rounds)
        return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "%s: rounds was %lld when the run started and is %lld now; the noise was found "
                   "for privacy.epsilon "
                   "after %lld rounds, more would exceed it",
                   now->file, (long long)rounds, (long long)now->rounds, (long long)rounds);
}

/* A horizon that was filled in (the rounds of the first start) stays what it was. */
static co_status keep_horizon(co_experiment *e, const co_node *old, const char *section_name,
                              co_schedule *schedule)
{
    const co_node *section = co_node_find(e->root, section_name),
                  *was = co_node_find(old, section_name);
    co_node *map = section ? co_node_find(section, "schedule") : NULL;
    was = was ? co_node_find(was, "schedule") : NULL;
    const co_node *now = map && map->kind == CO_NODE_MAP ? co_node_find(map, "horizon") : NULL;
    was = was && was->kind == CO_NODE_MAP ? co_node_find(was, "horizon") : NULL;
    int64_t horizon;
    if (!now || !was || !now->is_default || !co_node_int(was, &horizon)) return CO_OK;
    CO_TRY(co_node_set(map, "horizon", was->text));
    co_node_find(map, "horizon")->is_default = true;
    schedule->horizon = horizon;
    return CO_OK;
}

/* A default that was another one when the run started, too. Seconds of secure aggregation were
 * measured anew once. */
static co_status keep_seconds(co_experiment *e, const co_node *old, const char *key, double *value)
{
    co_node *map = co_node_find(e->root, "secagg");
    const co_node *was = co_node_find(old, "secagg");
    const co_node *now = map && map->kind == CO_NODE_MAP ? co_node_find(map, key) : NULL;
    was = was && was->kind == CO_NODE_MAP ? co_node_find(was, key) : NULL;
    double seconds;
    if (!now || !was || !now->is_default || !co_node_real(was, &seconds)) return CO_OK;
    CO_TRY(co_node_set(map, key, was->text));
    co_node_find(map, key)->is_default = true;
    *value = seconds;
    return CO_OK;
}

co_status co_experiment_continue(co_experiment *now, const char *old_text)
{
    co_node *old = NULL, *is = NULL;
    co_status st = CO_OK;
    CO_TRY(co_yaml_read_text(old_text, "the checkpoint's experiment", &old));
    CO_TRY_OUT(keep_horizon(now, old, "local", &now->local_rate));
    CO_TRY_OUT(keep_horizon(now, old, "server", &now->server_rate));
    CO_TRY_OUT(keep_seconds(now, old, "agreement_s", &now->secagg_keys.agreement_s));
    CO_TRY_OUT(keep_seconds(now, old, "share_s", &now->secagg_keys.share_s));
    CO_TRY_OUT(keep_seconds(now, old, "value_s", &now->secagg_keys.value_s));
    CO_TRY_OUT(check_budget_rounds(now, old));
    is = co_node_copy(now->root);
    if (!is) {
        st = CO_FAIL(CO_ENOMEM, "experiment tree");
        goto out;
    }
    for (const char *const *key = free_keys; *key; key++) {
        co_node_remove(old, *key);
        co_node_remove(is, *key);
    }
    CO_TRY_OUT(compare(now, "", old, is));
out:
    co_node_destroy(old);
    co_node_destroy(is);
    return st;
}
