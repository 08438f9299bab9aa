/* core/config.h - options: a tree as read from YAML, tables that say what is allowed, and checked
 * options.
 *
 * A plug-in describes its options once, in a table of co_param. From the table come the checking of
 * experiment files, defaults, `cohort list`, and the messages. After co_config_check every option
 * of the tables is present in the map (defaults filled in), so that the co_config_* getters cannot
 * fail. All calls are Local. */
#pragma once
#include "core/status.h"
#include <stdint.h>

typedef enum { CO_NODE_SCALAR, CO_NODE_LIST, CO_NODE_MAP } co_node_kind;

/* One node of a tree. Children form a linked list in file order. A key without a value (also ~ and
 * null) is a scalar that is not quoted and whose text is empty. */
typedef struct co_node co_node;
struct co_node {
    co_node_kind kind;
    bool quoted;      /* scalar written in quotes: a string, whatever it looks like */
    bool is_default;  /* filled in by co_config_check, not written by the user */
    bool is_optional; /* removed by co_config_check where no table knows it */
    int line, column; /* from 1; line 0: not from a file; then column > 0: from the command line */
    char *key;        /* inside a map; else NULL */
    char *text;       /* scalar, UTF-8 */
    co_node *first, *next;
};

co_node *co_node_create(co_node_kind kind, const char *key,
                        const char *text);                  /* NULL: out of memory */
void co_node_destroy(co_node *node);                        /* with its children; NULL allowed */
void co_node_append(co_node *parent, co_node *child_take);  /* O(children) */
co_node *co_node_find(const co_node *map, const char *key); /* NULL when absent */
/* Keys and plug-ins that were looked up by name so far in this process: while devices train none
 * is, which a test sees. */
size_t co_lookups(void);
void co_count_lookup(void);                         /* one more */
void co_node_remove(co_node *map, const char *key); /* destroys the child; nothing when absent */
/* Sets a scalar child, replacing one of that key in its place. An empty text counts as quoted: a
 * string. */
co_status co_node_set(co_node *map, const char *key, const char *text);
co_node *co_node_copy(const co_node *node); /* NULL: out of memory */
size_t co_node_count(const co_node *parent);
bool co_node_is_null(const co_node *node); /* a key without a value */

/* Strict scalars: the whole text must be the number; no octal, hex, nan, inf; 1e3 is no integer. */
bool co_node_int(const co_node *node, int64_t *value);
bool co_node_real(const co_node *node, double *value);
bool co_node_bool(const co_node *node, bool *value); /* true | false */

typedef enum {
    CO_INT = 1,
    CO_REAL,
    CO_BOOL,
    CO_STRING,
    CO_CHOICE, /* one of the words in .words, separated by '|'; the default is word number def */
    CO_INTS,   /* list of integers; a single one is a list of one */
    CO_REALS,
    CO_STRINGS,
    CO_TREE /* any node; the owner of the table checks it */
} co_type;

enum {
    CO_REQUIRED = 1, /* no default: missing is an error */
    CO_LO_OPEN = 2,  /* lo itself is not allowed */
    CO_HI_OPEN = 4,  /* hi itself is not allowed */
    CO_OPTIONAL = 8, /* may be absent: no default is filled in, ask co_config_has */
    CO_OR_LIST = 16 /* CO_INT, CO_REAL: a list of such will do too, and stays one: co_config_node */
};

/* One option. Tables end with {0}. lo == hi == 0: no range; a range with one end has hi = INFINITY
 * or lo = -INFINITY. Ranges hold for numbers and for each element of lists of numbers. CO_TREE has
 * no default: absent unless written. */
typedef struct {
    const char *key;
    co_type type;
    double def, lo, hi;
    const char *words; /* CO_CHOICE: the words; CO_STRING: default text; lists: default elements "1,
                          2" (NULL or "": empty) */
    unsigned flags;
    const char *doc; /* one line, with unit */
} co_param;

/* Fields that every plug-in's table begins with: PLUGIN first, then the kind's own functions. Of
 * every kind: destroy is NULL where create keeps nothing, and accepts NULL as self. */
#define CO_PLUGIN_FIELDS                                                                           \
    const char *name, *summary, *source; /* YAML value; one line; paper or NULL */                 \
    const co_param *params               /* options; NULL: none */
typedef struct {
    CO_PLUGIN_FIELDS;
} co_plugin;

/* A kind of plug-in. members ends with NULL. The tables of a kind begin with CO_PLUGIN_FIELDS, so
 * that a member can be seen as a co_plugin and, by its own kind's find function, as its full table.
 */
typedef struct {
    const char *name, *summary; /* "partitioner"; one line for `cohort list` */
    const co_plugin *const *members;
} co_kind;

/* The member of that name; NULL with a message that lists the known ones and the nearest. */
const co_plugin *co_plugin_find(const co_kind *kind, const char *name);
/* The nearest of the words by edit distance; NULL when none is near. words ends with NULL. */
const char *co_nearest(const char *word, const char *const *words);
/* "; did you mean lr? (known: batch, epochs, lr)" into text[size], the words sorted; what does not
 * fit is cut to "..". */
void co_suggest(const char *word, const char *const *words, char *text, size_t size);
/* What an option may be: "(0, 1e6]", "sgd | adam", "true | false"; "" for anything. Into
 * text[size]. */
void co_param_allowed(const co_param *param, char *text, size_t size);
/* The default as the experiment file would say it; "" for CO_REQUIRED, CO_OPTIONAL and CO_TREE.
 * Into text[size]. */
void co_param_default(const co_param *param, char *text, size_t size);

/* A checked map of options. file is used in messages ("command line" for overrides). */
typedef struct {
    const char *file;
    const char *section; /* "local", "partition"; NULL: top level */
    co_node *map;
} co_config;

/* Checks cfg->map against the tables (n_tables of them, NULL allowed): unknown, duplicate or
 * missing key, wrong type, out of range give CO_EUSAGE with file, line, key, value, what is allowed
 * and the nearest known key. Then fills in defaults. Keys shared by several tables are fine. A
 * single value given for a list becomes a list of one; a key without a value is removed when
 * CO_OPTIONAL or CO_TREE, else refused. */
co_status co_config_check(const co_config *cfg, const co_param *const *tables, size_t n_tables);
/* CO_EUSAGE "file:line:column: section.key: ..."; "command line: .." for a node from there. node
 * may be NULL (then the place is the section's). Returns the status. */
co_status co_config_fail(const co_config *cfg, const co_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The map of a key that is {name: X, ..} or, for short, X: that becomes {name: X}. CO_EUSAGE for a
 * list, nothing, or a map without the scalar `name`. */
co_status co_config_named_map(const co_config *cfg, co_node *node);

/* Getters for checked options; the key must be in one of the tables that were checked (else
 * CO_ASSERT). */
bool co_config_has(const co_config *cfg, const char *key);
int64_t co_config_int(const co_config *cfg, const char *key);
double co_config_real(const co_config *cfg, const char *key);
bool co_config_bool(const co_config *cfg, const char *key);
const char *co_config_string(const co_config *cfg, const char *key);  /* borrowed from the tree */
const co_node *co_config_node(const co_config *cfg, const char *key); /* NULL when absent */
