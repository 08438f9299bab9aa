/* models/kernels/plain.c - the kernels for any processor. */
#define NAME "plain"
#define TABLE co_kernels_plain
#include "models/kernels/table.inc"
