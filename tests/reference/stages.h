/* tests/reference/stages.h - made by stages.py. */
#pragma once
enum { N_ROUNDED = 980774 };
static const unsigned long long half_hash = 0x6a8cab66722e3ec7;
static const unsigned long long bf16_hash = 0x2b619e327cac234a;
/* Least Frobenius distance of a matrix of that shape from those of rank r. */
static const struct {
    unsigned rows, cols, rank;
    double error;
} best_ranks[] = {
    {60, 78, 1, 9.5033157136},   {60, 78, 2, 8.17456653588},  {60, 78, 4, 6.51209539598},
    {60, 78, 8, 4.68047480207},  {100, 30, 1, 4.79329777484}, {100, 30, 2, 3.71222989291},
    {100, 30, 4, 2.53753325187}, {100, 30, 8, 1.47135199464},
};
