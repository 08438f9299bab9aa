/* aggregators/servers/list.h - the members of the kind server optimiser. */
X(sgd)
X(adagrad)
X(adam)
X(yogi)
