/* cli/command_list.c - cohort list: the plug-ins, from the tables that check the experiment files.
 */
#include "cli/console.h"
#include "report/print.h"
#include <string.h>

enum { CELL = 2200, N_CELLS = 4, WIDEST = 24 };

static const char *type_text(co_type type)
{
    static const char *const texts[] = {
        [CO_INT] = "integer",   [CO_REAL] = "number",   [CO_BOOL] = "bool",
        [CO_STRING] = "text",   [CO_CHOICE] = "word",   [CO_INTS] = "integers",
        [CO_REALS] = "numbers", [CO_STRINGS] = "texts", [CO_TREE] = "YAML"};
    return texts[type];
}

static void fill_cells(const co_param *param, char cell[N_CELLS][CELL])
{
    char allowed[CELL / 2];
    const char *doc = param->doc ? param->doc : "";
    snprintf(cell[0], CELL, "%s", param->key);
    snprintf(cell[1], CELL, "%s%s", type_text(param->type),
             param->flags & CO_OR_LIST ? " or list" : "");
    co_param_default(param, cell[2], CELL);
    if (!cell[2][0]) snprintf(cell[2], CELL, param->flags & CO_REQUIRED ? "required" : "-");
    co_param_allowed(param, allowed, sizeof allowed);
    if (!allowed[0] || param->type == CO_BOOL)
        snprintf(cell[3], CELL, "%s", doc);
    else
        snprintf(cell[3], CELL, "%.500s%s%s%s", doc, *doc ? "; " : "",
                 param->type == CO_CHOICE ? "one of " : "in ", allowed);
}

void co_print_params(FILE *out, const co_param *params)
{
    char cell[N_CELLS][CELL];
    size_t width[] = {strlen("option"), strlen("type"), strlen("default")};
    for (const co_param *p = params; p->key; p++) {
        fill_cells(p, cell);
        for (size_t c = 0; c + 1 < N_CELLS; c++)
            if (strlen(cell[c]) > width[c] && strlen(cell[c]) <= WIDEST) width[c] = strlen(cell[c]);
    }
    const int w[] = {(int)width[0], (int)width[1], (int)width[2]};
    co_print_wrapped(out, "  %-*s  %-*s  %-*s  %s\n", w[0], "option", w[1], "type", w[2], "default",
                     "what it is; what is allowed");
    for (const co_param *p = params; p->key; p++) {
        fill_cells(p, cell);
        co_print_wrapped(out, "  %-*s  %-*s  %-*s  %s\n", w[0], cell[0], w[1], cell[1], w[2],
                         cell[2], cell[3]);
    }
}

static bool has_options(const co_plugin *member)
{
    return member->params && member->params->key;
}

static void list_kinds(void)
{
    for (const co_kind *const *kind = co_kinds; *kind; kind++) {
        co_print_wrapped(stdout, "%s%s: %s\n", kind == co_kinds ? "" : "\n", (*kind)->name,
                         (*kind)->summary);
        for (const co_plugin *const *m = (*kind)->members; *m; m++)
            co_print_wrapped(stdout, "  %-16s %s\n", (*m)->name, (*m)->summary);
    }
}

static void list_kind(const co_kind *kind)
{
    co_print_wrapped(stdout, "%s: %s\n", kind->name, kind->summary);
    for (const co_plugin *const *m = kind->members; *m; m++) {
        co_print_wrapped(stdout, "\n%s: %s\n", (*m)->name, (*m)->summary);
        if (has_options(*m)) co_print_params(stdout, (*m)->params);
    }
}

static void list_member(const co_kind *kind, const co_plugin *member)
{
    co_print_wrapped(stdout, "%s %s: %s\n", kind->name, member->name, member->summary);
    if (member->source) co_print_wrapped(stdout, "source: %s\n", member->source);
    if (!has_options(member)) {
        co_print_wrapped(stdout, "no options\n");
        return;
    }
    co_print_wrapped(stdout, "\n");
    co_print_params(stdout, member->params);
}

static const co_kind *find_kind(const char *name)
{
    const char *names[64] = {NULL};
    char suggestion[512];
    for (size_t i = 0; co_kinds[i]; i++) {
        if (strcmp(co_kinds[i]->name, name) == 0) return co_kinds[i];
        CO_ASSERT(i + 1 < sizeof names / sizeof *names);
        names[i] = co_kinds[i]->name;
    }
    co_suggest(name, names, suggestion, sizeof suggestion);
    co_fail(CO_EUSAGE, "unknown kind '%.64s'%s", name, suggestion);
    return NULL;
}

static co_status list(const co_words *words)
{
    if (words->n_positional > 2)
        return CO_FAIL(CO_EUSAGE, "list takes a kind and a name, %zu words were given",
                       words->n_positional);
    if (words->n_positional == 0) {
        list_kinds();
        return CO_OK;
    }
    const co_kind *kind = find_kind(words->positional[0]);
    if (!kind) return CO_EUSAGE;
    if (words->n_positional == 1) {
        list_kind(kind);
        return CO_OK;
    }
    const co_plugin *member = co_plugin_find(kind, words->positional[1]);
    if (!member) return CO_EUSAGE;
    list_member(kind, member);
    return CO_OK;
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    co_status st = CO_OK;
    CO_TRY(co_words_parse(n_words, words, "--help", false, &parsed));
    if (parsed.help)
        co_print_usage(&co_command_list, "Without KIND: every kind and its members. With KIND: the "
                                         "options of each member, too.\n"
                                         "With KIND and NAME: one member, with its source.\n\n"
                                         "Example: cohort list partitioner dirichlet\n");
    else
        st = list(&parsed);
    co_words_fini(&parsed);
    return st;
}

const co_command co_command_list = {.name = "list",
                                    .usage = "list [KIND [NAME]]",
                                    .summary = "every plug-in: options, ranges, defaults, source",
                                    .run = run};
