/* partition/list.h - the members of the kind partitioner. */
X(iid)
X(dirichlet)
X(shards)
X(classes)
X(quantity)
X(natural)
