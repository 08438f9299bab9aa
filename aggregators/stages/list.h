/* aggregators/stages/list.h - the members of the kind transform. */
X(clip)
X(momentum)
X(local_gaussian)
X(local_laplace)
X(privunit)
