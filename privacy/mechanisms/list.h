/* privacy/mechanisms/list.h - the members of the kind mechanism. */
X(none)
X(gaussian)
X(discrete_gaussian)
X(laplace)
X(ddgauss)
X(skellam)
X(tree)
X(banded)
