/* io/tokenisers/tokens.c - what tokenisers share: the clean name of a token, a list of subwords. */
#include "core/memory.h"
#include "core/text.h"
#include "io/tokenisers/tokeniser.h"
#include <string.h>

size_t co_token_clean(const char *text, size_t n, bool lowercase, char *name, co_token_flaws *flaws)
{
    static const char unknown[] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */
    size_t used = 0, at = 0;
    uint32_t code;
    while (at < n && used < CO_TOKEN_BYTES) {
        const size_t bytes = text[at] ? co_utf8_decode(text + at, n - at, &code) : 0;
        if (bytes) {
            if (used + bytes > CO_TOKEN_BYTES) break;
            memcpy(name + used, text + at, bytes);
            if (lowercase && text[at] >= 'A' && text[at] <= 'Z') name[used] = (char)(text[at] + 32);
        } else {
            if (used + sizeof unknown > CO_TOKEN_BYTES) break;
            memcpy(name + used, unknown, sizeof unknown);
            flaws->n_bad++;
        }
        used += bytes ? bytes : sizeof unknown;
        at += bytes ? bytes : 1;
    }
    flaws->n_cut += at < n;
    return used;
}

co_status co_subwords_add(co_subwords *s, int32_t id, size_t start, size_t end)
{
    if (co_reserve((void **)&s->id, &s->id_room, s->n + 1, sizeof *s->id) ||
        co_reserve((void **)&s->start, &s->start_room, s->n + 1, sizeof *s->start) ||
        co_reserve((void **)&s->end, &s->end_room, s->n + 1, sizeof *s->end))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu tokens", s->n);
    s->id[s->n] = id;
    s->end[s->n] = (int64_t)end;
    s->start[s->n++] = (int64_t)start;
    return CO_OK;
}

void co_subwords_fini(co_subwords *s)
{
    co_free(s->id);
    co_free(s->start);
    co_free(s->end);
    *s = (co_subwords){0};
}
