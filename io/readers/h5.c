/* io/readers/h5.c - a data set that somebody made by hand with h5py: read, checked, and sealed when
 * it is written again. x, tokens and raw text, of any layout that HDF5 reads, are copied in blocks
 * of 512 KiB, or of a row of their chunks up to 256 MiB. */
#include "io/readers/columns.h"
#include "io/readers/reader.h"

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    (void)opt;
    if (n_sources != 1) return CO_FAIL(CO_EUSAGE, "h5 takes one file, %zu were given", n_sources);
    CO_TRY(co_dataset_open(sources[0], data));
    return data->source ? CO_OK : co_columns_source(data, "h5", sources, 1);
}

static const char format[] =
    "What the file may hold, for n examples; all but x (or tokens) may be left out:\n"
    "  x            [n, ..] u8 or f32, images [n, channel, row, column]; its attributes scale and "
    "shift, each one number or one a\n"
    "               channel: value = x scale + shift (u8: 1/255 and 0, f32: 1 and 0)\n"
    "  y            [n] i32, classes 0, 1 ..; the file's attribute task: classification, lm, "
    "tagging, seq2seq, span or joint; regression: [n, k] f32, k numbers;\n"
    "               multilabel: [n, k] u8, 0 or 1 for each of k labels. Alone it does to make "
    "partitions\n"
    "  classes      [c] str, their names, or those of the k columns\n"
    "  split        [n] u8: 0 train, 1 test, 2 validation\n"
    "  user, group  [n] i32: whose example it is, and of which group; user_name, group_name [..] "
    "str\n"
    "  tokens       [t] i32 instead of x, with token_offsets [n + 1] i64; vocab [v] str, or its "
    "size "
    "alone, vocab_size [1] (else the\n"
    "               largest token and one more); token_y [t] i32 for tagging, -1: no label, not "
    "scored\n"
    "  text         [bytes] u8, the raw text, with text_offsets [n + 1] i64\n"
    "  chars        [c] i32, letters of the tokens, with char_offsets [t + 1] i64 and char_vocab "
    "str\n"
    "Task seq2seq, a target for each text:\n"
    "  target_tokens [m] i32, with target_offsets [n + 1] i64: each with its marks before and "
    "behind; target_vocab str, or its size\n"
    "               target_vocab_size [1] (else those of vocab); answers [bytes] u8, the "
    "references "
    "of all, with answer_bounds [a + 1] and\n"
    "               answer_offsets [n + 1] i64: references of example i\n"
    "Task span, an answer in each text; an example is a window of one (question, separator, part "
    "of "
    "the context):\n"
    "  span         [n, 2] i32, first and last token of the answer, -1 -1: not in this window\n"
    "  question     [n] i32, of which question, ascending; question_name str; question_text u8 "
    "with "
    "question_bounds [q + 1] i64\n"
    "  token_char   [t, 2] i32, first byte of the text that a token is from, and the one behind "
    "the "
    "last; -1 -1: of none. text is needed\n"
    "  answers      as above, all that are accepted, at the first window of a question\n"
    "Task joint, a class y an example and a tag token_y a token:\n"
    "  tags         [k] str, names of the tags\n"
    "Contiguous, chunked or packed with gzip; x, tokens and text are copied in blocks and may be "
    "larger than the memory. Links are followed.\n";

const co_reader co_reader_h5 = {.name = "h5",
                                .summary =
                                    "seals a data set made by hand in HDF5 (x, y, split, user ..)",
                                .usage = "h5 FILE",
                                .format = format,
                                .read = read};
