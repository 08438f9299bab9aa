/* tests/models/test_spell.c - tokens become text again: pieces of words as the tokenizers of
 * transformers decode them, words, letters, bytes and numbers. */
#include "models/decoding/spell.h"
#include "core/memory.h"
#include <criterion/criterion.h>
#include <string.h>

/* The names one by one, and what they spell; `more` makes the vocabulary what it is. */
static void spell(const char *const *names, size_t n, const char *more, const char *wanted)
{
    char *vocabulary[32];
    int32_t tokens[32];
    co_speller speller;
    co_text text = {0};
    for (size_t k = 0; k < n; k++) vocabulary[k] = (char *)names[k], tokens[k] = (int32_t)k;
    vocabulary[n] = (char *)more;
    cr_assert_eq(co_speller_init(&speller, vocabulary, n + 1), CO_OK);
    co_spell(&speller, tokens, n, &text);
    cr_expect_str_eq(text.data ? text.data : "", wanted);
    co_text_fini(&text);
    co_speller_fini(&speller);
    cr_expect_eq(co_memory_blocks(), 0);
}
#define SPELL(more, wanted, ...)                                                                   \
    spell((const char *const[]){__VA_ARGS__},                                                      \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), more, wanted)

Test(spell, pieces_as_tokenizers_decode_them)
{
    SPELL("##x", "a man, in a red - striped shirt isn ' t cooking!", "[CLS]", "a", "man", ",", "in",
          "a", "red", "-", "striped", "shirt", "isn", "'", "t", "cooking", "!", "[SEP]", "[PAD]");
    SPELL("##x", "hello.. what? 3, 000. 50 unbelievably", "[CLS]", "hello", ".", ".", "what", "?",
          "3", ",", "000", ".", "50", "[UNK]", "un", "##bel", "##ie", "##va", "##bly", "[SEP]");
    SPELL("##x", "...", "[CLS]", ".", ".", ".", "[SEP]");
    SPELL("##x", "##ie a", "##ie", "a"); /* no word in front: it stays as it is */
}

Test(spell, words_letters_bytes)
{
    SPELL("word", "ein Haus , das", "<s>", "ein", "Haus", ",", "<unk>", "das", "</s>");
    SPELL("z", "aß c", "a", "ß", " ", "c");
    SPELL("0xff", "A\xc3\x9f", "<unk>", "0x41", "0xc3", "0x9f");
    SPELL("word", "", "<s>", "</s>");
}

Test(spell, numbers_where_there_are_no_names)
{
    const int32_t tokens[] = {4, 0, 12};
    co_speller speller;
    co_text text = {0};
    cr_assert_eq(co_speller_init(&speller, NULL, 13), CO_OK);
    co_spell(&speller, tokens, 3, &text);
    cr_expect_str_eq(text.data, "4 0 12");
    co_text_fini(&text);
    co_speller_fini(&speller);
}
