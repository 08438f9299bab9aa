/* cli/words.c - sorts the words of a command line into flags, settings and the rest.
 *
 * A setting is a word with an identifier ([a-z0-9_.]+) before its first '=': "alpha=0.3", but not
 * "./a=b.csv". Its value is YAML. A flag is a word of two letters or more that begins with '-'; "-"
 * alone is an ordinary word. Local. O(words). */
#include "core/memory.h"
#include "io/yaml.h"
#include "cli/commands.h"
#include <stddef.h>
#include <string.h>

enum { MAX_FLAGS = 16, FLAG_BYTES = 256 };

static const struct {
    const char *name;
    size_t place;
} switches[] = {
    {"--overwrite", offsetof(co_words, overwrite)}, {"--resume", offsetof(co_words, resume)},
    {"--dry-run", offsetof(co_words, dry_run)},     {"--json", offsetof(co_words, json)},
    {"--digest", offsetof(co_words, digest)},       {"--help", offsetof(co_words, help)}};

/* Bytes of the key in "key=value", 0 for another word. */
static size_t key_length(const char *word)
{
    const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    return word[n] == '=' ? n : 0;
}

/* Cuts "-o --help" into words; flags ends with NULL. */
static void split_flags(const char *allowed, char buffer[FLAG_BYTES],
                        const char *flags[MAX_FLAGS + 1])
{
    size_t n = 0;
    CO_ASSERT(strlen(allowed) < FLAG_BYTES);
    strcpy(buffer, allowed);
    for (char *save, *word = strtok_r(buffer, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        CO_ASSERT(n < MAX_FLAGS);
        flags[n++] = word;
    }
    flags[n] = NULL;
}

static co_status take_switch(const char *word, const char *const *flags, co_words *parsed)
{
    size_t i = 0, s = 0;
    while (flags[i] && strcmp(flags[i], word) != 0) i++;
    if (!flags[i]) {
        char suggestion[512];
        co_suggest(word, flags, suggestion, sizeof suggestion);
        return CO_FAIL(CO_EUSAGE, "unknown flag '%.64s'%s", word, suggestion);
    }
    while (s < sizeof switches / sizeof *switches && strcmp(switches[s].name, word) != 0) s++;
    CO_ASSERT(s < sizeof switches / sizeof *switches);
    *(bool *)((char *)parsed + switches[s].place) = true;
    return CO_OK;
}

static co_status take_output(const char *value, co_words *parsed)
{
    if (!value || !*value || (value[0] == '-' && value[1]))
        return CO_FAIL(CO_EUSAGE, "-o needs a file name behind it%s%.64s",
                       value && *value ? ", found " : "", value ? value : "");
    if (parsed->output)
        return CO_FAIL(CO_EUSAGE, "-o stands twice, with %.400s and %.400s; give one",
                       parsed->output, value);
    parsed->output = value;
    return CO_OK;
}

static co_status take_setting(const char *word, size_t n_key, co_words *parsed)
{
    char *key = co_format("%.*s", (int)n_key, word);
    if (!key) return CO_FAIL(CO_ENOMEM, "out of memory for the words of the command line");
    const bool twice = co_node_find(parsed->settings, key) != NULL;
    co_free(key);
    if (twice)
        return CO_FAIL(CO_EUSAGE, "command line: %.*s= stands twice; give it once", (int)n_key,
                       word);
    return co_yaml_override(parsed->settings, word);
}

static co_status take_words(int n_words, char **words, const char *allowed, bool keep_settings,
                            co_words *parsed)
{
    char buffer[FLAG_BYTES];
    const char *flags[MAX_FLAGS + 1];
    split_flags(allowed, buffer, flags);
    const bool has_output = flags[0] && strcmp(flags[0], "-o") == 0;
    for (int i = 0; i < n_words; i++) {
        const char *word = words[i];
        const size_t n_key = keep_settings ? key_length(word) : 0;
        if (has_output && strcmp(word, "-o") == 0) {
            i++;
            CO_TRY(take_output(i < n_words ? words[i] : NULL, parsed));
        } else if (word[0] == '-' && word[1]) {
            CO_TRY(take_switch(word, flags, parsed));
        } else if (n_key) {
            CO_TRY(take_setting(word, n_key, parsed));
        } else {
            parsed->positional[parsed->n_positional++] = word;
        }
    }
    return CO_OK;
}

co_status co_words_parse(int n_words, char **words, const char *allowed, bool keep_settings,
                         co_words *parsed)
{
    *parsed = (co_words){.settings = co_node_create(CO_NODE_MAP, NULL, NULL)};
    parsed->positional = co_calloc((size_t)n_words, sizeof *parsed->positional);
    co_status st = CO_OK;
    if (!parsed->settings || !parsed->positional)
        st = CO_FAIL(CO_ENOMEM, "out of memory for the words of the command line");
    else
        st = take_words(n_words, words, allowed, keep_settings, parsed);
    if (st != CO_OK) co_words_fini(parsed);
    return st;
}

void co_words_fini(co_words *parsed)
{
    co_node_destroy(parsed->settings);
    co_free(parsed->positional);
    *parsed = (co_words){0};
}
