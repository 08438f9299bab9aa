/* models/graph/order.c - where the tensors stand in the canonical vector.
 *
 * In the order of the nodes that own them; those of an item with `after` directly behind those of
 * the item of that name, though its node may run earlier (transformers' Llama has a layer's norms
 * behind its products). Several behind one item keep their order. The nodes form a tree, each below
 * the one that it stands behind, and its preorder is the order of the tensors. Cost: O(n log n) in
 * tensors, and a walk through the nodes for each `after`. */
#include "core/memory.h"
#include "models/graph/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t parent, first, last, next; /* nodes; 0: none, for node 0 is nobody's child */
} branch;

bool co_graph_belongs(const co_vertex *v, const char *name)
{
    const size_t n = strlen(name);
    return n > 0 && strncmp(v->name, name, n) == 0 && (v->name[n] == '\0' || v->name[n] == '.');
}

/* The last node of the item; 0 when there is none. */
static size_t last_of(const co_model *m, const char *name)
{
    for (size_t l = m->n_nodes; l-- > 1;)
        if (co_graph_belongs(&m->node[l], name)) return l;
    return 0;
}

static co_status grow_tree(const co_model *m, const co_config *opt, const co_node *list,
                           branch *tree)
{
    for (size_t l = 1; l < m->n_nodes; l++) {
        const char *after = m->node[l].after;
        const size_t parent = after ? last_of(m, after) : 0;
        if (after && parent == 0)
            return co_config_fail(opt, list, "after: %s of item %s: no item is called so", after,
                                  m->node[l].name);
        branch *b = &tree[parent];
        tree[l].parent = parent;
        *(b->first ? &tree[b->last].next : &b->first) = l;
        b->last = l;
    }
    return CO_OK;
}

/* The node behind l in preorder; 0 at the end. */
static size_t next_of(const branch *tree, size_t l)
{
    if (tree[l].first) return tree[l].first;
    while (l && !tree[l].next) l = tree[l].parent;
    return tree[l].next;
}

/* number[t]: the new number of tensor t. */
static co_status number_tensors(const co_model *m, const co_config *opt, const co_node *list,
                                const branch *tree, size_t *number)
{
    size_t n = 0, n_nodes = 1;
    for (size_t l = next_of(tree, 0); l; l = next_of(tree, l), n_nodes++)
        for (size_t t = 0; t < m->node[l].n_tensors; t++)
            if (m->node[l].owns[t]) number[m->node[l].tensor[t]] = n++;
    if (n_nodes == m->n_nodes) return CO_OK;
    return co_config_fail(opt, list,
                          "after: items stand behind each other in a circle; begin at an item "
                          "without `after`");
}

static co_status move_tensors(co_model *m, const size_t *number)
{
    co_tensor *moved = co_malloc(m->n_tensors, sizeof *moved);
    size_t offset = 0;
    if (!moved) return CO_FAIL(CO_ENOMEM, "table of tensors");
    for (size_t t = 0; t < m->n_tensors; t++) moved[number[t]] = m->tensor[t];
    for (size_t t = 0; t < m->n_tensors; t++) {
        moved[t].offset = offset;
        offset += moved[t].size;
    }
    co_free(m->tensor);
    m->tensor = moved;
    m->tensor_capacity = m->n_tensors;
    for (size_t l = 1; l < m->n_nodes; l++)
        for (size_t t = 0; t < m->node[l].n_tensors; t++) {
            co_vertex *v = &m->node[l];
            v->tensor[t] = number[v->tensor[t]];
            v->at[t] = m->tensor[v->tensor[t]].offset;
        }
    return CO_OK;
}

static co_status reorder(co_model *m, const co_config *opt, const co_node *list)
{
    branch *tree = co_calloc(m->n_nodes, sizeof *tree);
    size_t *number = co_malloc(m->n_tensors, sizeof *number);
    co_status st = tree && number ? CO_OK : CO_FAIL(CO_ENOMEM, "table of tensors");
    if (st == CO_OK) st = grow_tree(m, opt, list, tree);
    if (st == CO_OK) st = number_tensors(m, opt, list, tree, number);
    if (st == CO_OK) st = move_tensors(m, number);
    co_free(number);
    co_free(tree);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static co_status check_names(const co_model *m, const co_config *opt, const co_node *list)
{
    const char **name = co_malloc(m->n_tensors, sizeof *name);
    const char *twice = NULL;
    if (!name) return CO_FAIL(CO_ENOMEM, "table of tensors");
    for (size_t t = 0; t < m->n_tensors; t++) name[t] = m->tensor[t].name;
    qsort(name, m->n_tensors, sizeof *name, by_name);
    for (size_t t = 1; t < m->n_tensors && !twice; t++)
        if (strcmp(name[t - 1], name[t]) == 0) twice = name[t];
    co_free(name);
    if (!twice) return CO_OK;
    return co_config_fail(opt, list, "two tensors are called %s; give each item a name of its own",
                          twice);
}

co_status co_order_tensors(co_model *m, const co_config *opt, const co_node *list)
{
    bool moves = false;
    for (size_t l = 1; l < m->n_nodes; l++) moves = moves || m->node[l].after;
    CO_TRY(check_names(m, opt, list));
    return moves ? reorder(m, opt, list) : CO_OK;
}
