/* io/readers/labelled.h - texts with a class each under construction. Local. */
#pragma once
#include "io/readers/members.h"
#include "io/readers/texts.h"

typedef struct {
    co_texts texts;
    char **label;   /* [texts.n] */
    uint8_t *split; /* [texts.n] */
    co_members users;
    int32_t *user; /* [texts.n] where they have one */
    size_t label_room, split_room, user_room;
} co_labelled;
/* One more, of that class and user (NULL, for all of them: of none). */
co_status co_labelled_add(co_labelled *labelled, const char *text, const char *label, uint8_t split,
                          const char *user);
/* Makes them a data set: classification by labels.h; lm without labels. text, y, split, user. */
co_status co_labelled_give(co_labelled *labelled, const char *where, co_dataset *data);
void co_labelled_fini(co_labelled *labelled);
