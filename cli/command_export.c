/* cli/command_export.c - cohort export: data sets, partitions and models in the formats of other
 * programs. */
#include "core/memory.h"
#include "io/writers/writer.h"
#include "cli/console.h"
#include "report/show.h"
#include <string.h>
#include <unistd.h>

static void print_help(const co_writer *writer)
{
    if (writer) {
        co_print_wrapped(stdout, "usage: cohort export %s -o %s [key=value ..]\n\n%s.\n\n",
                         writer->usage, writer->folder ? "FOLDER" : "FILE", writer->summary);
        if (writer->params) co_print_params(stdout, writer->params);
    } else {
        co_print_usage(&co_command_export, "Formats:\n");
        for (const co_plugin *const *m = co_kind_writer.members; *m; m++)
            co_print_wrapped(stdout, "  %s\n      %s\n", ((const co_writer *)*m)->usage,
                             (*m)->summary);
    }
    co_print_wrapped(
        stdout,
        "\n  --overwrite  replace FILE, if it is HDF5, when the export has succeeded; a folder, if "
        "it holds nothing else\n\n"
        "Index lists come back by `cohort partition DATA -o PART method=imported from=FILE`, data\n"
        "sets by `cohort import`.\n\n"
        "Examples: cohort export json part.h5 -o part.json\n"
        "          cohort export weights runs/a/ckpt-00000100.h5 -o model\n");
}

/* Whether there is such a file; its size is printed. NULL: no memory for the name. */
static bool print_file(char *path_take)
{
    const bool there = path_take && access(path_take, F_OK) == 0;
    if (there) co_print_file_size(stdout, path_take);
    co_free(path_take);
    return there;
}

static void print_folder(const co_writer *writer, const char *folder)
{
    for (const char *const *name = writer->folder; *name; name++) {
        const char *star = strchr(*name, '*');
        if (!star) {
            print_file(co_format("%s/%s", folder, *name));
            continue;
        }
        for (int i = 0;
             print_file(co_format("%s/%.*s%d%s", folder, (int)(star - *name), *name, i, star + 1));)
            i++;
    }
}

static co_status export(const co_writer *writer, const co_words *words)
{
    static const co_param none[] = {{0}};
    const co_config opt = {.file = "command line", .map = words->settings};
    const co_param *const tables[] = {writer->params ? writer->params : none};
    CO_TRY(co_config_check(&opt, tables, 1));
    CO_TRY(co_alone_check("export"));
    CO_TRY(writer->folder ? co_output_folder_check("export", words, writer->folder)
                          : co_output_check("export", words));
    CO_TRY(writer->write(&opt, words->positional + 1, words->n_positional - 1, words->output));
    if (writer->folder)
        print_folder(writer, words->output);
    else
        co_print_file_size(stdout, words->output);
    return CO_OK;
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    const co_writer *writer = NULL;
    CO_TRY(co_words_parse(n_words, words, "-o --overwrite --help", true, &parsed));
    co_status st = CO_OK;
    if (parsed.n_positional) {
        writer = co_writer_find(parsed.positional[0]);
        if (!writer) st = CO_EUSAGE;
    } else if (!parsed.help) {
        st = CO_FAIL(CO_EUSAGE, "export: which format? `cohort list writer` names them");
    }
    if (st == CO_OK && parsed.help)
        print_help(writer);
    else if (st == CO_OK)
        st = export(writer, &parsed);
    co_words_fini(&parsed);
    return st;
}

const co_command co_command_export = {
    .name = "export",
    .usage = "export FORMAT FILE.. -o FILE [key=value ..] [--overwrite]",
    .summary = "writes data sets, partitions and models in the formats of other programs",
    .run = run};
