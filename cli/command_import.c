/* cli/command_import.c - cohort import: a published data set becomes one sealed file. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/reader.h"
#include "io/yaml.h"
#include "cli/console.h"
#include "report/show.h"
#include <string.h>

static void print_help(const co_reader *reader)
{
    if (reader) {
        co_print_wrapped(stdout, "usage: cohort import %s -o FILE [key=value ..]\n\n%s.\n\n",
                         reader->usage, reader->summary);
        if (reader->format) co_print_wrapped(stdout, "%s", reader->format);
        if (reader->params && reader->params->key) co_print_params(stdout, reader->params);
        co_print_wrapped(stdout, "\nEvery import takes too:\n");
    } else {
        co_print_usage(&co_command_import, "Formats:\n");
        for (const co_plugin *const *m = co_kind_reader.members; *m; m++)
            co_print_wrapped(stdout, "  %s\n      %s\n", ((const co_reader *)*m)->usage,
                             (*m)->summary);
        co_print_wrapped(stdout, "\nOptions:\n");
    }
    co_print_params(stdout, co_reader_common_params);
    co_print_wrapped(stdout, "\n  --overwrite  replace FILE when the import has succeeded\n");
    if (!reader)
        co_print_wrapped(stdout, "\nExample: cohort import synthetic devices=30 alpha=1 beta=1 -o "
                                 "synthetic.h5\n");
}

/* The config attribute: the format and the options with their defaults. New block. */
static co_status resolved_config(const char *key, const char *value, const co_node *map,
                                 char **text)
{
    char *options = NULL;
    CO_TRY(co_yaml_write(map, &options));
    *text = co_format("%s: %s\n%s", key, value, strcmp(options, "{}\n") == 0 ? "" : options);
    co_free(options);
    return *text ? CO_OK : CO_FAIL(CO_ENOMEM, "out of memory for the resolved options");
}

static co_status read_and_write(const co_reader *reader, const co_words *words,
                                const co_config *opt, co_dataset *data)
{
    const uint64_t seed = (uint64_t)co_config_int(opt, "seed");
    char *config = NULL;
    CO_TRY(co_reader_run(reader, opt, words->positional + 1, words->n_positional - 1, data));
    CO_TRY(resolved_config("format", reader->name, opt->map, &config));
    const co_status st = co_dataset_write(data, words->output, seed, config);
    co_free(config);
    return st;
}

static co_status import(const co_reader *reader, const co_words *words)
{
    const co_config opt = {.file = "command line", .map = words->settings};
    const co_param *const tables[] = {reader->params, co_reader_common_params};
    const double start_s = co_now_s();
    co_dataset data = {0};
    char seconds[32];
    CO_TRY(co_config_check(&opt, tables, 2));
    CO_TRY(co_alone_check("import"));
    CO_TRY(co_output_check("import", words));
    const co_status st = read_and_write(reader, words, &opt, &data);
    if (st == CO_OK) {
        co_show_dataset(stdout, &data);
        co_print_file_size(stdout, words->output);
        co_format_seconds(co_now_s() - start_s, seconds, sizeof seconds);
        co_print_field(stdout, "time", "%s", seconds);
    }
    co_dataset_fini(&data);
    return st;
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    const co_reader *reader = NULL;
    CO_TRY(co_words_parse(n_words, words, "-o --overwrite --help", true, &parsed));
    co_status st = CO_OK;
    if (parsed.n_positional) {
        reader = co_reader_find(parsed.positional[0]);
        if (!reader) st = CO_EUSAGE;
    } else if (!parsed.help) {
        st = CO_FAIL(CO_EUSAGE, "import: which format? `cohort list reader` names them");
    }
    if (st == CO_OK && parsed.help)
        print_help(reader);
    else if (st == CO_OK)
        st = import(reader, &parsed);
    co_words_fini(&parsed);
    return st;
}

const co_command co_command_import = {
    .name = "import",
    .usage = "import FORMAT SOURCE.. -o FILE [key=value ..] [--overwrite]",
    .summary = "turns published raw data into a data set file",
    .run = run};
