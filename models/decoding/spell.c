/* models/decoding/spell.c - as the decoders of transformers join tokens (WordPiece with its clean
 * up, special tokens skipped). Cost: linear. */
#include "models/decoding/spell.h"
#include "core/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_mark(const char *name)
{
    static const char *const marks[] = {"[CLS]", "[SEP]", "[PAD]", "[UNK]",  "[MASK]", "<s>",
                                        "</s>",  "<pad>", "<unk>", "<mask>", "<sep>"};
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++)
        if (strcmp(name, marks[k]) == 0) return true;
    return false;
}

/* One character of UTF-8. */
static bool is_letter(const char *name)
{
    size_t n = 1;
    while (name[0] && ((unsigned char)name[n] & 0xc0) == 0x80) n++;
    return name[0] && name[n] == 0;
}

static bool is_byte(const char *name)
{
    return strlen(name) == 4 && name[0] == '0' && name[1] == 'x' &&
           strspn(name + 2, "0123456789abcdef") == 2;
}

static co_spelling look_at(const co_speller *s)
{
    bool pieces = false, letters = true, bytes = true;
    if (!s->names) return CO_SPELL_NUMBERS;
    for (size_t k = 0; k < s->n; k++) {
        if (s->is_mark[k]) continue;
        pieces = pieces || (strncmp(s->names[k], "##", 2) == 0 && s->names[k][2]);
        letters = letters && is_letter(s->names[k]);
        bytes = bytes && is_byte(s->names[k]);
    }
    return bytes     ? CO_SPELL_BYTES
           : letters ? CO_SPELL_LETTERS
           : pieces  ? CO_SPELL_PIECES
                     : CO_SPELL_WORDS;
}

co_status co_speller_init(co_speller *s, char *const *names, size_t n)
{
    *s = (co_speller){.names = names, .n = n, .is_mark = co_calloc(n, sizeof *s->is_mark)};
    if (!s->is_mark) return CO_FAIL(CO_ENOMEM, "names of %zu tokens", n);
    for (size_t k = 0; names && k < n; k++) s->is_mark[k] = is_mark(names[k]);
    s->spelling = look_at(s);
    return CO_OK;
}

void co_speller_fini(co_speller *s)
{
    co_free(s->is_mark);
    *s = (co_speller){0};
}

static void spell_one(const co_speller *s, int32_t token, bool first, co_text *text)
{
    char number[16];
    const char *name = s->names ? s->names[token] : number;
    bool joined = first;
    if (!s->names) snprintf(number, sizeof number, "%d", (int)token);
    switch (s->spelling) {
    case CO_SPELL_BYTES: {
        const char byte = (char)strtol(name, NULL, 16);
        co_text_bytes(text, &byte, 1);
        return;
    }
    case CO_SPELL_LETTERS: joined = true; break;
    case CO_SPELL_PIECES:
        if (strchr(".,?!", name[0]) && name[0]) joined = true;
        if (!first && strncmp(name, "##", 2) == 0) joined = true, name += 2;
        break;
    default: break;
    }
    if (!joined) co_text_add(text, " ");
    co_text_add(text, name);
}

void co_spell(const co_speller *s, const int32_t *tokens, size_t n, co_text *text)
{
    bool first = true;
    for (size_t k = 0; k < n; k++) {
        CO_ASSERT(tokens[k] >= 0 && (size_t)tokens[k] < s->n);
        if (s->is_mark[tokens[k]]) continue;
        spell_one(s, tokens[k], first, text);
        first = false;
    }
}
