/* cli/command_show.c - cohort show: what is in a file, as tables, as JSON, or its digest alone. */
#include "cli/console.h"
#include "report/show.h"

static co_status show(const co_words *words)
{
    co_file *file = NULL;
    char digest[33];
    if (words->n_positional != 1)
        return CO_FAIL(CO_EUSAGE, "show takes one file, %zu were given", words->n_positional);
    if (words->json && words->digest)
        return CO_FAIL(CO_EUSAGE, "show: --json has the digest in it; give one of the two flags");
    CO_TRY(co_file_open(words->positional[0], NULL, true, &file));
    co_status st = co_file_digest(file, digest);
    if (st == CO_OK && words->digest)
        printf("%s\n", digest);
    else if (st == CO_OK)
        st = co_show_file(file, words->json, digest);
    co_file_close(file);
    return st;
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    co_status st = CO_OK;
    CO_TRY(co_words_parse(n_words, words, "--json --digest --help", false, &parsed));
    if (parsed.help)
        co_print_usage(&co_command_show,
                       "  --json    one line: {format, attributes, stats (run: last), digest}\n"
                       "  --digest  32 hex digits over the content alone\n\n"
                       "Example: cohort show data.h5 --json | python3 -m json.tool\n");
    else
        st = show(&parsed);
    co_words_fini(&parsed);
    return st;
}

const co_command co_command_show = {
    .name = "show",
    .usage = "show FILE [--json | --digest]",
    .summary = "what is in a data set, partition, run, checkpoint, comparison or predictions file",
    .run = run};
