/* core/plugin.c - finding plug-ins by name, and the nearest of known words.
 *
 * Distance: insertions, deletions, substitutions and swaps of neighbours, each letter edited once
 * (Damerau 1964, in the form of optimal string alignment); letters are compared without case.
 * O(length^2) time. Near: at most 2 or a third of the longer word's length, and not every letter
 * changed. */
#include "core/config.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 64 /* longer words have no neighbours: nobody mistypes them */

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = up[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            row[j] = least(row[j], 1 + least(up[j], row[j - 1]));
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                row[j] = least(row[j], 1 + up2[j - 2]);
        }
    }
    return rows[n % 3][m];
}

const char *co_nearest(const char *word, const char *const *words)
{
    const char *nearest = NULL;
    const size_t n = strlen(word);
    size_t best = LONGEST;
    if (n > LONGEST) return NULL;
    for (; *words; words++) {
        const size_t m = strlen(*words), longer = m > n ? m : n;
        if (m > LONGEST) continue;
        const size_t distance = edit_distance(word, n, *words, m);
        const size_t limit = longer / 3 > 2 ? longer / 3 : 2;
        if (distance > limit || distance >= longer || distance >= best) continue;
        best = distance;
        nearest = *words;
    }
    return nearest;
}

/* The first word in byte order that comes after `last` (NULL: of all). */
static const char *following(const char *last, const char *const *words)
{
    const char *next = NULL;
    for (; *words; words++)
        if ((!last || strcmp(*words, last) > 0) && (!next || strcmp(*words, next) < 0))
            next = *words;
    return next;
}

void co_suggest(const char *word, const char *const *words, char *text, size_t size)
{
    static const char cut[] = ", ..)";
    const char *nearest = co_nearest(word, words), *separator = "";
    CO_ASSERT(size >= 2 * LONGEST);
    int n = nearest ? snprintf(text, size, "; did you mean %s? (known: ", nearest)
                    : snprintf(text, size, " (known: ");
    size_t used = (size_t)n;
    for (const char *w = following(NULL, words); w; w = following(w, words), separator = ", ") {
        if (used + strlen(separator) + strlen(w) + sizeof cut > size) {
            snprintf(text + used, size - used, "%s", cut);
            return;
        }
        n = snprintf(text + used, size - used, "%s%s", separator, w);
        used += (size_t)n;
    }
    snprintf(text + used, size - used, "%s)", *separator ? "" : "none");
}

const co_plugin *co_plugin_find(const co_kind *kind, const char *name)
{
    co_count_lookup();
    const char *names[256];
    char suggestion[512];
    size_t n = 0;
    for (; kind->members[n]; n++) {
        if (strcmp(kind->members[n]->name, name) == 0) return kind->members[n];
        CO_ASSERT(n + 1 < sizeof names / sizeof *names);
        names[n] = kind->members[n]->name;
    }
    names[n] = NULL;
    co_suggest(name, names, suggestion, sizeof suggestion);
    co_fail(CO_EUSAGE, "unknown %s '%.64s'%s", kind->name, name, suggestion);
    return NULL;
}
