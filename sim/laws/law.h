/* sim/laws/law.h - kind speed_law: how much slower than the median device each device is, in
 * training or on its link.
 *
 * Every device draws its own factor, keyed by (seed, device), when it is asked for: nothing is
 * kept. The median of a law is 1; the section's `median` scales it. Own log and exp alone
 * (core/elementary.h), so that a factor has the same bits everywhere. Adding one: a file
 * sim/laws/<name>.c with the table co_law_<name>, and a line in list.h; pareto.c is the simplest
 * that draws. */
#pragma once
#include "core/config.h"
#include "core/random.h"

enum { CO_LAW_OPTIONS = 4 };

typedef struct {
    CO_PLUGIN_FIELDS; /* params: numbers (CO_REAL) with a default, at most CO_LAW_OPTIONS */
    bool is_traced;   /* the trace says it of each device; no factor */
    /* Above 0, with median 1. option: values of params, in their order. Local. */
    double (*factor)(const double *option, co_stream *draws);
} co_law;

extern const co_kind co_kind_speed_law;
const co_law *co_law_find(const char *name);

/* A law with its options, as a key of section clock asks for it. law NULL: the key is absent. */
typedef struct {
    const co_law *law;
    double median, option[CO_LAW_OPTIONS];
} co_law_use;

/* Section `key` of `section`: a number (every device the same), the name of a law, or a map {name,
 * median, options}, which a name is turned into. needs_median: it has no default. CO_EUSAGE.
 * Local. */
co_status co_law_read(const co_config *section, const char *key, bool needs_median,
                      co_law_use *use);
/* A device's factor; which: of several such laws. For laws that are not traced. Local. */
double co_law_factor(const co_law_use *use, uint64_t seed, int64_t device, uint64_t which);
