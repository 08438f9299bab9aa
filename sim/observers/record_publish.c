/* sim/observers/record_publish.c - the run file written whole: head, tables, privacy statement. */
#include "core/memory.h"
#include "core/log.h"
#include "io/json.h"
#include "models/kernel_path.h"
#include "sim/observers/record_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool co_record_is_due(const co_record *r)
{
    const double now = co_now_s(), spent = now - r->started_s,
                 pause = 0.01 * spent > 10.0 ? 0.01 * spent : 10.0;
    return now - r->published_s > pause;
}

/* The starts so far and this one, as a JSON list. */
static char *all_segments(const co_record *r)
{
    const int64_t last =
        r->rounds.n_rows ? co_table_get_i64(&r->rounds, r->rounds.n_rows - 1, R_ROUND) : 0;
    return co_format("[%s%s{\"ranks\": %d, \"first_round\": %lld, \"last_round\": %lld}]",
                     r->segments, *r->segments ? ", " : "", r->ranks,
                     (long long)r->segment_first_round, (long long)last);
}

/* Endings of the columns that tell of a metric over the devices, in the order they are read. */
static co_status write_scores(co_file *file)
{
    char words[128] = "";
    for (int s = CO_SCORE_MEAN + 1; s < CO_N_SCORES; s++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", *words ? "," : "",
                 co_score_suffix[s]);
    return co_file_set_text(file, "eval@score_endings", words);
}

static void add_statement(co_json *json, const co_statement *statement, const co_release *release)
{
    co_statement_text words = {0};
    statement->say(release, &words);
    co_json_open(json, NULL, '{');
    co_json_text(json, "statement", statement->name);
    for (size_t i = 0; i < words.n; i++)
        co_json_text(json, words.line[i].label, words.line[i].text);
    co_json_close(json, '}');
}

/* [{"statement": "central", "unit": "device", ..}]: a map of texts for each guarantee of the run.
 */
static char *statement_json(const co_record *r)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    co_json json = {.out = out};
    co_json_open(&json, NULL, '[');
    if (r->statement) add_statement(&json, r->statement, &r->release);
    for (size_t k = 0; k < r->n_beside; k++)
        add_statement(&json, co_statement_for(&r->beside[k]), &r->beside[k]);
    if (r->secagg) co_record_secagg_say(r, &json);
    co_json_close(&json, ']');
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}

static co_status write_privacy(const co_record *r, co_file *file)
{
    if (r->with_privacy) CO_TRY(co_table_write(&r->privacy, file));
    if (r->with_examples) CO_TRY(co_table_write(&r->examples, file));
    if (r->privacy_bound) CO_TRY(co_file_set_text(file, "privacy_bound", r->privacy_bound));
    if (!r->statement && r->n_beside == 0 && !r->secagg) return CO_OK;
    char *text = statement_json(r);
    if (!text) return CO_FAIL(CO_ENOMEM, "out of memory for the privacy statement");
    const co_status st = co_file_set_text(file, "privacy_statement", text);
    free(text);
    return st;
}

static co_status write_all(const co_record *r, co_file *file, const char *state)
{
    char *segments = all_segments(r);
    if (!segments) return CO_FAIL(CO_ENOMEM, "run file");
    co_status st = co_file_set_head(file, r->seed, r->config, r->source);
    if (st == CO_OK) st = co_file_set_text(file, "state", state);
    if (st == CO_OK) st = co_file_set_text(file, "segments", segments);
    co_free(segments);
    CO_TRY(st);
    CO_TRY(co_file_set_text(file, "kernel_path", co_kernel_path()));
    CO_TRY(co_file_set_text(file, "blas_core", co_blas_core()));
    CO_TRY(co_file_set_text(file, "data_digest", r->data_digest));
    if (r->partition_digest[0])
        CO_TRY(co_file_set_text(file, "partition_digest", r->partition_digest));
    CO_TRY(co_table_write(&r->rounds, file));
    CO_TRY(co_table_write(&r->eval, file));
    CO_TRY(co_file_set_text(file, "eval@metric", r->task->metrics[0].name));
    if (r->with_scores) CO_TRY(write_scores(file));
    CO_TRY(co_table_write(&r->load, file));
    CO_TRY(write_privacy(r, file));
    return r->with_devices ? co_table_write(&r->devices, file) : CO_OK;
}

co_status co_record_publish(co_record *r, const char *state)
{
    co_file *file = NULL;
    co_record_flush_load(r);
    CO_TRY(co_file_create(r->path, "cohort-run", &file));
    const co_status st = write_all(r, file, state);
    if (st != CO_OK) {
        co_file_close(file);
        return st;
    }
    CO_TRY(co_file_publish(file, 0644));
    r->published_s = co_now_s();
    return CO_OK;
}
