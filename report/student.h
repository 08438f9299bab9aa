/* report/student.h - Student's t distribution, for intervals and paired tests. Local. */
#pragma once

/* P(T > t) + P(T < -t) with `freedom` > 0 degrees of freedom, t >= 0. */
double co_student_two_sided(double t, double freedom);
/* t such that P(|T| > t) = p, 0 < p < 1. */
double co_student_quantile(double p, double freedom);
