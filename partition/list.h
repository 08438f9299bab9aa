/* partition/list.h - the members of the kind partitioner. */
X(iid)
X(dirichlet)
X(natural)
X(shards)
