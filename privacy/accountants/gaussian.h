/* privacy/accountants/gaussian.h - closed forms around the Gaussian mechanism. All calls are Local.
 *
 * mu = sensitivity / standard deviation of one release, or of a whole run: n releases of noise
 * multipliers z_i are together one with mu^2 = sum z_i^-2. */
#pragma once

/* exp(x^2) erfc(x), relative error below 1e-14 for x >= 0; for x < 0 it overflows below -26. */
double co_erfcx(double x);

/* Exact privacy curve of the Gaussian mechanism (Balle and Wang 2018, arXiv:1805.06530, Theorem 8).
 */
double co_gaussian_log_delta(double mu,
                             double epsilon); /* natural logarithm; mu > 0, epsilon >= 0 */
double co_gaussian_delta(double mu, double epsilon);
double co_gaussian_epsilon(double mu, double delta); /* rounded up; delta 0: INFINITY */
double co_gaussian_sigma(double epsilon,
                         double delta); /* smallest 1 / mu, rounded up; delta in (0, 1) */

/* rho-zCDP to (epsilon, delta): the least of the improved conversion over all real orders. The
 * Gaussian mechanism has rho = mu^2 / 2. */
double co_zcdp_delta(double rho, double epsilon);
double co_zcdp_epsilon(double rho, double delta);
double co_zcdp_rho(double epsilon, double delta); /* largest rho, rounded down */

/* AN APPROXIMATION, NOT A BOUND: mu of the central limit theorem for n_rounds of Poisson-subsampled
 * Gaussian (Bu et al. 2020, arXiv:1911.11607, Corollary 5.4). */
double co_gdp_mu(double rate, double noise_multiplier, double n_rounds);

/* Noise multiplier for the vector when a count with sensitivity 1/2 and standard deviation
 * count_std is released with it and both shall cost what one release of noise multiplier z does:
 * (z^-2 - (2 count_std)^-2)^-1/2. NAN when the count alone costs more. Andrew et al. 2021,
 * arXiv:1905.03871, Theorem 1. */
double co_adaptive_clip_noise(double z, double count_std);
