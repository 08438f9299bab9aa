/* models/optimizers/list.h - the members of the kind local optimiser. */
X(sgd)
X(adam)
X(adamw)
X(adagrad)
X(rmsprop)
