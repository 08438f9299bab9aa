/* report/show.h - the kinds of file as `cohort show` prints them, readable and as JSON. Local. */
#pragma once
#include "io/data/dataset.h"
#include "io/data/partition_file.h"
#include "io/files/table.h"
#include "core/config.h"
#include "io/json.h"
#include "report/print.h"

/* One kind of file. text prints what stands below the heading and above the digest; json adds the
 * members `stats` or `last`. */
typedef struct {
    const char *format;
    co_status (*text)(const co_file *file, FILE *out);
    co_status (*json)(const co_file *file, co_json *json);
} co_view;
extern const co_view co_view_dataset, co_view_partition, co_view_run, co_view_checkpoint,
    co_view_comparison, co_view_predictions;

void co_show_dataset(FILE *out, const co_dataset *data);
void co_show_partition(FILE *out, const co_partition *partition);
/* The privacy report of a run: the guarantee so far, what it covers and what not, what it assumes;
 * nothing without rows. CO_EDATA when the statement is no list of maps of texts. */
/* examples: what the examples of the devices have paid. */
co_status co_show_privacy(const co_file *file, FILE *out, const co_table *privacy,
                          const co_table *examples);
/* The member `statements` of a map: nothing when the file has none. */
co_status co_show_statements_json(const co_file *file, co_json *json);
/* The evaluations of a run, or without any the training losses. CO_ENOMEM. */
co_status co_show_curves(const co_file *file, FILE *out, const co_table *rounds,
                         const co_table *eval);
/* Prints the whole file on stdout, as text or one JSON object; digest: its own, as found. */
co_status co_show_file(const co_file *file, bool json, const char *digest);
/* "  label   value" of a text attribute; nothing when the file lacks it. */
co_status co_show_attribute(const co_file *file, FILE *out, const char *label, const char *name);
