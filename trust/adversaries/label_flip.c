/* trust/adversaries/label_flip.c - trains on wrong labels: class y of C becomes C - 1 - y.
 * Source: Karimireddy, He, Jaggi, ICLR 2022, arXiv:2006.09365, section 6 (9 - y on MNIST). */
#include "trust/adversaries/attack.h"

const co_attack co_attack_label_flip = {.name = "label_flip",
                                        .summary = "trains on labels classes - 1 - y",
                                        .source = "Karimireddy et al. 2022, arXiv:2006.09365",
                                        .flips_labels = true};
