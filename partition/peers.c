/* partition/peers.c - the nearest of our words to those of other programs, as their documentation
 * spells them. Letters count without case, - as _. Cost: O(keys x words). */
#include "partition/peers.h"
#include "partition/partitioner.h"
#include <ctype.h>
#include <string.h>

typedef struct {
    const char *word, *whose, *ours;
} peer;

static const peer keys[] = {
    {"num_partitions", "flwr-datasets", "`devices`"},
    {"partition_by", "flwr-datasets",
     "`by`: y, user, group, tags, length or a file; natural goes by the column user"},
    {"min_partition_size", "flwr-datasets", "`min_size`"},
    {"self_balancing", "flwr-datasets", "`balanced` of method dirichlet"},
    {"num_shards_per_partition", "flwr-datasets", "`shards_per_device` of method shards"},
    {"keep_incomplete_shard", "flwr-datasets", "`keep_incomplete` of method shards"},
    {"num_classes_per_partition", "flwr-datasets", "`classes_per_device` of method classes"},
    {"class_assignment_mode", "flwr-datasets",
     "`assignment` of method classes: first, deterministic or random"},
    {"first_class_deterministic_assignment", "flwr-datasets",
     "`assignment: first` of method classes"},
    {"partition_sizes", "flwr-datasets",
     "`sizes`, a file, or `sizes: given` with the list `given`"},
    {"group_size", "flwr-datasets", "`users_per_device` of method natural"},
    {"mode", "flwr-datasets", "`rest` of method natural: smaller, bigger, drop or strict"},
    {"sort_unique_ids", "flwr-datasets", "no key: method natural groups users by `seed`"},
    {"partition_id_to_size_fn", "flwr-datasets", "`sizes`: linear, square, exponential or a file"},
    {"num_unique_labels_per_partition", "flwr-datasets",
     "`classes_per_device` of method distribution"},
    {"distribution_array", "flwr-datasets", "`table`, a CSV file, of method distribution"},
    {"preassigned_num_samples_per_label", "flwr-datasets",
     "`min_per_class` of method distribution"},
    {"rescale", "flwr-datasets", "`unit` of method distribution: class, or count for false"},
    {"active_party_columns", "flwr-datasets", "`active` of `cohort export vertical`"},
    {"shuffle", "flwr-datasets", "no key: examples are always drawn at random, by `seed`"},
    {"num_clients", "FedLab", "`devices`"},
    {"balance", "FedLab and PFLlib", "`balanced` of method dirichlet"},
    {"dir_alpha", "FedLab", "`alpha`"},
    {"num_shards", "FedLab", "`shards_per_device` of method shards: theirs divided by `devices`"},
    {"unbalance_sgm", "FedLab", "`sigma` with `sizes: lognormal` of method iid"},
    {"min_require_size", "FedLab", "`min_size`"},
    {"major_classes_num", "FedLab", "`classes_per_device` of method classes"},
    {"niid", "PFLlib", "`method`: iid, or dirichlet, classes, shards .."},
    {"noniid", "PFLlib", "`method`: iid, or dirichlet, classes, shards .."},
    {"partition", "PFLlib and NIID-Bench", "`method`"},
    {"class_per_client", "PFLlib", "`classes_per_device` of method classes"},
    {"num_class_per_client", "PFLlib", "`classes_per_device` of method classes"},
    {"least_samples", "PFLlib", "`min_size`"},
    {"train_ratio", "PFLlib", "`test_fraction`: 1 less that"},
    {"iu", "LEAF", "`devices`"},
    {"tf", "LEAF", "`test_fraction`: 1 less that"},
    {"n_parties", "NIID-Bench", "`devices`"},
    {"beta", "NIID-Bench", "`alpha`"},
    {"n_clients", "elsewhere", "`devices`"},
    {"num_users", "elsewhere", "`devices`"},
    {"num_classes_per_client", "elsewhere", "`classes_per_device` of method classes"},
    {"shards_per_client", "elsewhere", "`shards_per_device` of method shards"},
    {"num_devices", "elsewhere", "`devices`"},
    {"clients", "elsewhere", "`devices`"},
    {"concentration", "elsewhere", "`alpha`"},
    {0}};

static const peer methods[] = {
    {"IidPartitioner", "flwr-datasets", "iid"},
    {"DirichletPartitioner", "flwr-datasets", "dirichlet"},
    {"InnerDirichletPartitioner", "flwr-datasets", "dirichlet_device"},
    {"DistributionPartitioner", "flwr-datasets", "distribution"},
    {"ContinuousPartitioner", "flwr-datasets", "continuous"},
    {"VerticalEvenPartitioner", "flwr-datasets", "`cohort export vertical`"},
    {"VerticalSizePartitioner", "flwr-datasets", "`cohort export vertical` with sizes"},
    {"PathologicalPartitioner", "flwr-datasets", "classes"},
    {"ShardPartitioner", "flwr-datasets", "shards"},
    {"NaturalIdPartitioner", "flwr-datasets", "natural"},
    {"SizePartitioner", "flwr-datasets", "iid with sizes=given or a file of sizes"},
    {"LinearPartitioner", "flwr-datasets", "iid with sizes=linear"},
    {"SquarePartitioner", "flwr-datasets", "iid with sizes=square"},
    {"ExponentialPartitioner", "flwr-datasets", "iid with sizes=exponential"},
    {"GroupedNaturalIdPartitioner", "flwr-datasets", "natural with users_per_device and rest"},
    {"pathological", "flwr-datasets and PFLlib", "classes"},
    {"hetero_dir", "FedLab", "dirichlet"},
    {"balance_dirichlet", "FedLab", "dirichlet_device"},
    {"unbalance_dirichlet", "FedLab", "dirichlet"},
    {"balance_iid", "FedLab", "iid"},
    {"unbalance_iid", "FedLab", "iid with sizes=lognormal"},
    {"pat", "PFLlib", "classes"},
    {"dir", "PFLlib", "dirichlet"},
    {"exdir", "PFLlib", "classes with classes_per_device and alpha"},
    {"niid", "LEAF", "natural"},
    {"noniid-labeldir", "NIID-Bench", "dirichlet"},
    {"noniid-#label1", "NIID-Bench", "classes with classes_per_device=1"},
    {"noniid-#label2", "NIID-Bench", "classes with classes_per_device=2"},
    {"noniid-#label3", "NIID-Bench", "classes with classes_per_device=3"},
    {"iid-diff-quantity", "NIID-Bench", "quantity"},
    {"homo", "NIID-Bench", "iid"},
    {"real", "NIID-Bench", "natural"},
    {0}};

static char plain(char letter)
{
    return letter == '-' ? '_' : (char)tolower((unsigned char)letter);
}

static const peer *find(const peer *table, const char *word)
{
    for (; table->word; table++) {
        size_t i = 0;
        while (word[i] && plain(word[i]) == plain(table->word[i])) i++;
        if (!word[i] && !table->word[i]) return table;
    }
    return NULL;
}

static bool has_key(const co_param *params, const char *key)
{
    for (; params && params->key; params++)
        if (strcmp(params->key, key) == 0) return true;
    return false;
}

co_status co_partition_advise(const co_config *opt)
{
    const co_node *method = co_config_node(opt, "method");
    const co_plugin *member = NULL;
    if (method && method->kind == CO_NODE_SCALAR && !co_node_is_null(method)) {
        for (const co_plugin *const *m = co_kind_partitioner.members; *m; m++)
            if (strcmp((*m)->name, method->text) == 0) member = *m;
        const peer *known = member ? NULL : find(methods, method->text);
        if (known)
            return co_config_fail(opt, method, "%s is a word of %s; that is %s here", known->word,
                                  known->whose, known->ours);
    }
    for (const co_node *node = opt->map->first; node; node = node->next) {
        if (has_key(co_partition_params, node->key) ||
            has_key(member ? member->params : NULL, node->key))
            continue;
        const peer *known = find(keys, node->key);
        if (known && (member || strcmp(node->key, "beta") != 0))
            return co_config_fail(opt, node, "is a word of %s; that is %s here", known->whose,
                                  known->ours);
    }
    return CO_OK;
}
