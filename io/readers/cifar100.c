/* io/readers/cifar100.c - CIFAR-100, binary version: y is the class, the column `group` its
 * superclass (which method pachinko of `cohort partition` deals by). Source: Krizhevsky, Learning
 * multiple layers of features from tiny images, 2009. */
#include "io/readers/cifar.h"

static const char *const classes[100] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};
static const char *const groups[20] = {"aquatic_mammals",
                                       "fish",
                                       "flowers",
                                       "food_containers",
                                       "fruit_and_vegetables",
                                       "household_electrical_devices",
                                       "household_furniture",
                                       "insects",
                                       "large_carnivores",
                                       "large_man-made_outdoor_things",
                                       "large_natural_outdoor_scenes",
                                       "large_omnivores_and_herbivores",
                                       "medium_mammals",
                                       "non-insect_invertebrates",
                                       "people",
                                       "reptiles",
                                       "small_mammals",
                                       "trees",
                                       "vehicles_1",
                                       "vehicles_2"};
static const co_cifar form = {.name = "cifar100",
                              .example = "train.bin",
                              .classes = classes,
                              .n_classes = 100,
                              .groups = groups,
                              .n_groups = 20};

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    return co_cifar_read(&form, opt, sources, n_sources, data);
}

static const co_param params[] = {
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test records (test.bin), .gz or not"},
    {0}};
const co_reader co_reader_cifar100 = {
    .name = "cifar100",
    .summary = "CIFAR-100, binary version, 3x32x32 bytes, with superclasses",
    .source = "Krizhevsky, technical report, 2009",
    .params = params,
    .usage = "cifar100 FILE.. [test=FILE]",
    .read = read};
