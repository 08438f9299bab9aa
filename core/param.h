/* core/param.h - entries of option tables, for those who check values. All calls are Local. */
#pragma once
#include "core/config.h"

#define CO_WORDS 64        /* most words of a CO_CHOICE */
#define CO_WORDS_TEXT 1024 /* most bytes of them together */

bool co_param_is_list(const co_param *param);
co_type co_param_element(co_type type); /* CO_INT for CO_INTS ..; the type itself for others */
bool co_param_contains(const co_param *param,
                       double value); /* within the range, or there is none */
/* The words of a CO_CHOICE as an array that ends with NULL; buffer holds them. */
void co_param_words(const char *words, char buffer[CO_WORDS_TEXT], const char *out[CO_WORDS + 1]);
/* The default as a node marked is_default. NULL: out of memory. */
co_node *co_param_default_node(const co_param *param);
