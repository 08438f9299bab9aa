/* sim/wires/list.h - the members of the kind wire. */
X(sum)
X(rows)
X(ring)
X(edges)
