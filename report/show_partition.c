/* report/show_partition.c - a partition: sizes with a histogram, statistics, what stayed
 * unassigned.
 *
 * The histogram has at most 12 bins of equal, round width (1, 2 or 5 times a power of ten); a bar's
 * full length is that of the fullest bin, and a bin that is not empty has at least one mark. Cost:
 * O(devices). */
#include "core/memory.h"
#include "report/show.h"
#include <inttypes.h>
#include <string.h>

enum { MAX_BINS = 12, BAR = 40 };

static int64_t train_size(const co_partition *p, int64_t device)
{
    return p->train_offsets[device + 1] - p->train_offsets[device];
}

/* The smallest round width with which [min, max] falls into MAX_BINS bins that begin at multiples
 * of it. */
static int64_t bin_width(int64_t min, int64_t max)
{
    static const int64_t steps[] = {1, 2, 5};
    for (int64_t power = 1;; power *= 10)
        for (size_t i = 0; i < 3; i++) {
            const int64_t width = steps[i] * power;
            if (max / width - min / width < MAX_BINS) return width;
        }
}

static void print_histogram(FILE *out, const co_partition *p)
{
    int64_t min = train_size(p, 0), max = min, count[MAX_BINS] = {0}, most = 0;
    for (int64_t k = 1; k < p->n_devices; k++) {
        const int64_t n = train_size(p, k);
        min = n < min ? n : min;
        max = n > max ? n : max;
    }
    const int64_t width = bin_width(min, max), first = min / width,
                  n_bins = max / width - first + 1;
    for (int64_t k = 0; k < p->n_devices; k++) {
        const int64_t bin = train_size(p, k) / width - first;
        if (++count[bin] > most) most = count[bin];
    }
    fprintf(out, "\n  %-16s %10s\n", "examples", "devices");
    for (int64_t b = 0; b < n_bins; b++) {
        char range[48], bar[BAR + 1];
        const int64_t low = (first + b) * width;
        const int length = (int)((count[b] * BAR + most - 1) / most);
        memset(bar, '#', (size_t)length);
        bar[length] = '\0';
        snprintf(range, sizeof range, width == 1 ? "%" PRId64 : "%" PRId64 " - %" PRId64, low,
                 low + width - 1);
        fprintf(out, "  %-16s %10" PRId64 "%s%s\n", range, count[b], length ? "  " : "", bar);
    }
    fputc('\n', out);
}

/* NULL when the partition lacks it. */
static const double *find_stat(const co_partition *p, const char *name)
{
    for (size_t i = 0; i < p->n_stats; i++)
        if (strcmp(p->stat_name[i], name) == 0) return &p->stat[i];
    return NULL;
}

static void print_sizes(FILE *out, const co_partition *p)
{
    static const char *const names[] = {"size_min", "size_p10", "size_p20", "size_p30",
                                        "size_p40", "size_p50", "size_p60", "size_p70",
                                        "size_p80", "size_p90", "size_max"};
    fprintf(out, "  %-16s", "sizes");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const double *value = find_stat(p, names[i]);
        if (value) fprintf(out, " %s %.0f", names[i] + strlen("size_"), *value);
    }
    fputc('\n', out);
}

static void print_skew(FILE *out, const co_partition *p)
{
    static const struct {
        const char *name, *label;
    } skew[] = {{"size_gini", "Gini"},
                {"size_cv", "variation"},
                {"size_top1", "part of the largest 1 %"},
                {"classes_effective_mean", "effective classes a device"}};
    const char *separator = "";
    fprintf(out, "  %-16s ", "skew");
    for (size_t i = 0; i < sizeof skew / sizeof *skew; i++) {
        const double *value = find_stat(p, skew[i].name);
        if (!value) continue;
        fprintf(out, "%s%s %.4g", separator, skew[i].label, *value);
        separator = ", ";
    }
    fputc('\n', out);
}

/* One line of a distance between labels, when the partition has it. */
static void print_distance(FILE *out, const co_partition *p, const char *label, const char *name)
{
    static const char *const parts[] = {"mean", "p10", "p50", "p90"};
    char full[32];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(full, sizeof full, "%s_%s", name, parts[i]);
        const double *value = find_stat(p, full);
        if (!value) continue;
        if (i == 0) fprintf(out, "  %-16s", label);
        fprintf(out, " %s %.4g", parts[i], *value);
    }
    snprintf(full, sizeof full, "%s_mean", name);
    if (find_stat(p, full)) fputc('\n', out);
}

static void print_distances(FILE *out, const co_partition *p)
{
    const double *n_pairs = find_stat(p, "n_pairs");
    print_distance(out, p, "JS to all", "js_global");
    print_distance(out, p, "EMD to all", "emd_global");
    print_distance(out, p, "JS of pairs", "js_pair");
    print_distance(out, p, "EMD of pairs", "emd_pair");
    if (find_stat(p, "js_global_mean"))
        co_print_field(
            out, "distances",
            "JS: Jensen-Shannon distance = square root of the divergence, natural logarithm (0 to "
            "0.8326); EMD: sum |p - q| (0 to 2)");
    if (n_pairs)
        co_print_field(out, "pairs", "%.0f%s", *n_pairs,
                       *n_pairs == 10000.0 ? ", drawn from all" : "");
}

void co_show_partition(FILE *out, const co_partition *p)
{
    int64_t empty = 0;
    for (int64_t k = 0; k < p->n_devices; k++) empty += train_size(p, k) == 0;
    co_print_field(out, "method", "%s", p->method ? p->method : "unknown");
    co_print_field(out, "devices", "%" PRId64 ", %" PRId64 " of them without training examples",
                   p->n_devices, empty);
    co_print_field(out, "examples", "%" PRId64 " train, %" PRId64 " test, %" PRId64 " unassigned%s",
                   p->train_offsets[p->n_devices],
                   p->test_offsets ? p->test_offsets[p->n_devices] : 0, p->n_unassigned,
                   p->overlap ? "; an example may stand at several devices" : "");
    if (p->period) co_print_field(out, "arrival", "in %" PRId64 " periods", p->n_periods);
    print_sizes(out, p);
    print_skew(out, p);
    print_distances(out, p);
    if (p->n_devices > 0) print_histogram(out, p);
    if (p->data_digest[0]) co_print_field(out, "data digest", "%s", p->data_digest);
    if (p->digest[0]) co_print_field(out, "digest", "%s", p->digest);
}

static void print_indented(FILE *out, const char *label, const char *yaml)
{
    for (const char *line = yaml; *line;) {
        const int n = (int)strcspn(line, "\n");
        co_print_field(out, line == yaml ? label : "", "%.*s", n, line);
        line += n + (line[n] == '\n');
    }
}

static co_status text(const co_file *file, FILE *out)
{
    co_partition p = {0};
    char *config = NULL;
    co_status st = co_partition_read(co_file_path(file), NULL, &p);
    if (st == CO_OK && co_file_has_attr(file, "config"))
        st = co_file_get_text(file, "config", &config);
    p.digest[0] = '\0'; /* show prints it for every kind of file */
    if (st == CO_OK) {
        co_show_partition(out, &p);
        if (config) print_indented(out, "options", config);
    }
    co_free(config);
    co_partition_fini(&p);
    return st;
}

static co_status json_stats(const co_file *file, co_json *json)
{
    co_partition p = {0};
    CO_TRY(co_partition_read(co_file_path(file), NULL, &p));
    co_json_open(json, "stats", '{');
    for (size_t i = 0; i < p.n_stats; i++) co_json_real(json, p.stat_name[i], p.stat[i]);
    co_json_close(json, '}');
    co_partition_fini(&p);
    return CO_OK;
}

const co_view co_view_partition = {.format = "cohort-partition", .text = text, .json = json_stats};
