/* Targets, answers and spans beside texts: what training sees of them, and what a file must not
 * hold. */
#include "io/data/dataset.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>

enum { N = 3, T = 8 };

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
}
TestSuite(pairs, .fini = end);

/* Everything a test may spoil; the pointers of `data` lead here. */
typedef struct {
    co_dataset data;
    int32_t tokens[T], target_tokens[9], span[2 * N], question[N], token_char[2 * T], y[N], tag[T];
    int64_t offsets[N + 1], target_offsets[N + 1], text_offsets[N + 1], answer_offsets[N + 1],
        answer_bounds[3];
    uint8_t text[12], answers[5], split[N];
    char *vocab[4], *target_vocab[5];
} pairs;

static void start(pairs *p, co_data_task task)
{
    *p = (pairs){.tokens = {0, 1, 2, 3, 0, 1, 2, 3},
                 .target_tokens = {1, 4, 2, 1, 2, 1, 3, 3, 2},
                 .span = {1, 2, -1, -1, 0, 0},
                 .question = {0, 0, 1},
                 .token_char = {-1, -1, 0, 2, 2, 4, -1, -1, 0, 4, -1, -1, 0, 0, 1, 4},
                 .offsets = {0, 4, 6, 8},
                 .target_offsets = {0, 3, 5, 9},
                 .text_offsets = {0, 4, 8, 12},
                 .text = "abcdabcdefgh",
                 .answers = "abcde",
                 .answer_offsets = {0, 1, 1, 2},
                 .answer_bounds = {0, 4, 5},
                 .vocab = {"<unk>", "a", "b", "c"},
                 .target_vocab = {"<unk>", "<s>", "</s>", "x", "y"}};
    p->data = (co_dataset){.n = N,
                           .task = task,
                           .n_vocab = 4,
                           .n_tokens = T,
                           .tokens = p->tokens,
                           .token_offsets = p->offsets,
                           .vocab = p->vocab,
                           .text = p->text,
                           .text_offsets = p->text_offsets,
                           .n_answers = 2,
                           .n_answer_bytes = 5,
                           .answers = p->answers,
                           .answer_offsets = p->answer_offsets,
                           .answer_bounds = p->answer_bounds,
                           .split = p->split};
    if (task == CO_DATA_SPAN) {
        p->data.span = p->span;
        p->data.question = p->question;
        p->data.n_questions = 2;
        p->data.token_char = p->token_char;
    } else {
        p->data.n_target_tokens = 9;
        p->data.target_tokens = p->target_tokens;
        p->data.target_offsets = p->target_offsets;
        p->data.n_target_vocab = 5;
        p->data.target_vocab = p->target_vocab;
    }
}

static const char *path(void)
{
    static char name[1024];
    if (!*name) snprintf(name, sizeof name, "%s", scratch_file("pairs.h5"));
    return name;
}

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

/* Writing says so, and names the file. */
static void refused(pairs *p, const char *words)
{
    cr_assert_eq(co_dataset_write(&p->data, path(), 1, ""), CO_EDATA, "%s", words);
    cr_assert(strstr(co_status_message(), words), "'%s' in '%s'", words, co_status_message());
    cr_assert(strstr(co_status_message(), path()));
}

/* ---- targets ---- */

Test(pairs, a_decoder_reads_all_of_a_target_but_its_last_and_predicts_all_but_its_first)
{
    pairs p;
    start(&p, CO_DATA_SEQ2SEQ);
    const int64_t ids[] = {2, 0};
    int64_t offsets[3];
    int32_t tokens[5], y[5];
    cr_assert_eq(co_dataset_target_rows(&p.data, 0), 2);
    cr_assert_eq(co_dataset_rows(&p.data, 0), 4, "all of the source is read");
    co_dataset_gather_targets_text(&p.data, ids, 2, offsets, tokens, y);
    cr_assert_arr_eq(offsets, ((int64_t[]){0, 3, 5}), sizeof offsets);
    cr_assert_arr_eq(tokens, ((int32_t[]){1, 3, 3, 1, 4}), sizeof tokens);
    cr_assert_arr_eq(y, ((int32_t[]){3, 3, 2, 4, 2}), sizeof y);
}

Test(pairs, targets_have_words_of_their_own_or_those_of_the_sources)
{
    pairs p;
    co_dataset back;
    start(&p, CO_DATA_SEQ2SEQ);
    must(co_dataset_write(&p.data, path(), 1, ""));
    must(co_dataset_read(path(), &back));
    cr_assert_eq(back.n_target_vocab, 5);
    cr_assert_str_eq(co_dataset_target_names(&back)[4], "y");
    co_dataset_fini(&back);
    p.data.target_vocab = NULL; /* a size without names */
    must(co_dataset_write(&p.data, path(), 1, ""));
    must(co_dataset_read(path(), &back));
    cr_assert(back.n_target_vocab == 5 && !co_dataset_target_names(&back));
    co_dataset_fini(&back);
    p.target_tokens[1] = 3;
    p.data.n_target_vocab = 4; /* the same words */
    must(co_dataset_write(&p.data, path(), 1, ""));
    must(co_dataset_read(path(), &back));
    cr_assert_eq(back.n_target_vocab, 4);
    cr_assert_eq(co_dataset_target_names(&back), back.vocab);
    co_dataset_fini(&back);
}

Test(pairs, bad_targets_are_refused)
{
    pairs p;
    start(&p, CO_DATA_SEQ2SEQ);
    p.target_offsets[1] = 4;
    refused(&p, "target of example 1 has 1 tokens; 2 at least");
    start(&p, CO_DATA_SEQ2SEQ);
    p.target_tokens[4] = 5;
    refused(&p, "target_tokens, row 4 is 5; there are 5 words");
    start(&p, CO_DATA_SEQ2SEQ);
    p.target_offsets[3] = 8;
    refused(&p, "target_offsets ends with 8; there are 9 elements");
    start(&p, CO_DATA_SEQ2SEQ);
    p.data.n_target_tokens = 0;
    refused(&p, "its task is seq2seq, but it holds no target_tokens");
    start(&p, CO_DATA_SEQ2SEQ);
    p.data.n_vocab = 0;
    p.data.n_tokens = 0;
    refused(&p, "holds neither x, tokens nor y");
}

/* ---- answers ---- */

Test(pairs, bad_answers_are_refused)
{
    pairs p;
    start(&p, CO_DATA_SEQ2SEQ);
    p.answer_offsets[2] = 0;
    refused(&p, "answer_offsets, row 2 is 0, less than the one before");
    start(&p, CO_DATA_SEQ2SEQ);
    p.answer_offsets[3] = 1;
    refused(&p, "answer_offsets ends with 1; there are 2 elements");
    start(&p, CO_DATA_SEQ2SEQ);
    p.answer_bounds[2] = 6;
    refused(&p, "answer_bounds ends with 6; there are 5 elements");
}

/* ---- spans ---- */

Test(pairs, a_window_without_the_answer_points_to_its_first_token)
{
    pairs p;
    co_dataset back;
    start(&p, CO_DATA_SPAN);
    must(co_dataset_write(&p.data, path(), 1, ""));
    must(co_dataset_read(path(), &back));
    const int64_t ids[] = {1, 0};
    int64_t offsets[3];
    int32_t tokens[6], y[4];
    co_dataset_gather_tokens(&back, ids, 2, offsets, tokens, y);
    cr_assert_arr_eq(offsets, ((int64_t[]){0, 2, 6}), sizeof offsets);
    cr_assert_arr_eq(y, ((int32_t[]){0, 0, 1, 2}), sizeof y);
    cr_assert_eq(back.n_text, 12, "the context is read");
    cr_assert_arr_eq(back.text, p.text, 12);
    co_dataset_fini(&back);
}

Test(pairs, bad_spans_are_refused)
{
    pairs p;
    start(&p, CO_DATA_SPAN);
    p.span[1] = 4;
    refused(&p, "span, row 0 is 1 to 4; the window has 4 tokens");
    start(&p, CO_DATA_SPAN);
    p.span[0] = 3;
    refused(&p, "span, row 0 is 3 to 2; first and last token are wanted");
    start(&p, CO_DATA_SPAN);
    p.span[2] = -1, p.span[3] = 0;
    refused(&p, "span, row 1 is -1 to 0; first and last token are wanted");
    start(&p, CO_DATA_SPAN);
    p.question[1] = 1, p.question[2] = 0;
    refused(&p, "question, row 2 is 0, less than the one before");
    start(&p, CO_DATA_SPAN);
    p.question[2] = 2;
    refused(&p, "question, row 2 is 2; there are 2 questions");
    start(&p, CO_DATA_SPAN);
    p.token_char[9] = 5;
    refused(&p, "token_char, row 4 is 0 to 5; the text of example 1 has 4 bytes");
    start(&p, CO_DATA_SPAN);
    p.token_char[2] = 3;
    refused(&p, "token_char, row 1 is 3 to 2");
    start(&p, CO_DATA_SPAN);
    p.data.span = NULL;
    refused(&p, "its task is span, but it holds no span");
    start(&p, CO_DATA_SPAN);
    p.data.question = NULL;
    refused(&p, "its task is span, but it holds no question");
}

/* ---- classes and tags ---- */

Test(pairs, joint_wants_a_class_an_example_and_a_tag_a_token)
{
    static char *classes[] = {"ask", "tell"}, *tags[] = {"O", "B-A", "I-A"};
    pairs p;
    start(&p, CO_DATA_JOINT);
    p.data.n_target_tokens = 0;
    p.data.n_answers = 0;
    p.data.n_classes = 2;
    p.data.n_tags = 3;
    p.data.classes = classes;
    p.data.tags = tags;
    refused(&p, "its task is joint, but it holds no token_y");
    p.data.token_y = p.tag;
    refused(&p, "its task is joint, but it holds no y");
    p.data.y = p.y;
    p.tag[5] = 3;
    refused(&p, "token_y, row 5 is 3; there are 3 tags");
    p.tag[5] = 2;
    p.y[1] = 2;
    refused(&p, "y, row 1 is 2; there are 2 classes");
    p.y[1] = 1;
    must(co_dataset_write(&p.data, path(), 1, ""));
}
