/* sim/selectors/list.h - the members of the kind selector. */
X(uniform)
X(poisson)
X(weighted)
X(mixture)
X(top_m)
X(available)
X(oort)
X(power_of_choice)
