/* io/writers/list.h - the members of the kind writer. */
X(json)
X(csv)
X(npz)
X(fednlp)
X(tff)
X(vertical)
X(weights)
