/* aggregators/rules/list.h - the members of the kind local rule. */
X(sgd)
X(prox)
X(scaffold)
X(feddyn)
