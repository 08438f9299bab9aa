"""tests/reference/examples.py - epsilon of single devices' steps under local.dp, by dp_accounting.

    python examples.py make > examples.txt     24 schedules, the file that tests/privacy/test_example.c reads
    python examples.py random N SEED           N more, on stdout (tests/campaign/example_epsilon.sh)

A device of n examples makes `events` steps of Poisson batches of an expected size; the noise multiplier is z decay^e in epoch e, an epoch
being ceil(n / batch) steps. With `shuffle` an event is an epoch, of noise z / 2 decay^e (one example is replaced), without sampling.
Line: sampling n batch z decay events delta epsilon by PLD, epsilon by RDP at dp_accounting's orders. Needs dp-accounting."""
import math
import random
import sys

import dp_accounting
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant


def events_of(sampling, n, batch, z, decay, events):
    epoch = -(-n // batch)
    span = 1 if sampling == "shuffle" else epoch
    done, e = 0, 0
    while done < events:
        count = min(span, events - done)
        noise = z
        for _ in range(e):
            noise *= decay
        if sampling == "shuffle":
            yield dp_accounting.GaussianDpEvent(noise / 2), count
        else:
            yield dp_accounting.PoissonSampledDpEvent(batch / n, dp_accounting.GaussianDpEvent(noise)), count
        done, e = done + count, e + 1


def epsilon(accountant, schedule, delta):
    for event, count in events_of(*schedule):
        accountant.compose(event, count)
    return accountant.get_epsilon(delta)


def line(sampling, n, batch, z, decay, events, delta):
    schedule = (sampling, n, batch, z, decay, events)
    neighbours = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    grid = 1e-5 if batch / n < 1e-3 else 1e-4  # rounded up: many steps of little loss would be told too dear
    pld = epsilon(PLDAccountant(neighbours, grid), schedule, delta)
    rdp = epsilon(RdpAccountant(None, neighbours), schedule, delta)
    print(sampling, n, batch, repr(z), repr(decay), events, repr(delta), repr(float(pld)), repr(float(rdp)), flush=True)


def make():
    for n in (100, 317, 2000, 60000):
        for batch, z, decay, epochs in ((10, 1.0, 1.0, 3), (16, 0.8, 0.95, 4.5), (64, 1.6, 0.9, 6), (50, 2.5, 0.8, 10)):
            line("poisson", n, batch, z, decay, math.ceil(epochs * n / batch), 1e-5)
    line("poisson", 20, 16, 3.0, 1.0, 7, 1e-3)
    line("poisson", 12, 12, 4.0, 0.9, 5, 1e-4)
    line("poisson", 500, 5, 0.6, 1.0, 250, 1e-6)
    line("poisson", 1000, 8, 1.1, 0.99, 1000, 1e-6)
    line("shuffle", 100, 10, 5.0, 1.0, 4, 1e-5)
    line("shuffle", 333, 32, 8.0, 0.9, 6, 1e-5)
    line("shuffle", 50, 50, 3.0, 1.0, 1, 1e-4)
    line("shuffle", 5000, 64, 20.0, 0.95, 20, 1e-6)


def draw(n_lines, seed):
    rng = random.Random(seed)
    for _ in range(n_lines):
        n = int(math.exp(rng.uniform(math.log(20), math.log(20000))))
        batch = max(1, int(n * math.exp(rng.uniform(math.log(0.002), 0))))
        sampling = rng.choice(["poisson", "poisson", "poisson", "shuffle"])
        epochs = rng.uniform(0.5, 8)
        events = max(1, round(epochs)) if sampling == "shuffle" else math.ceil(epochs * n / batch)
        z = math.exp(rng.uniform(math.log(0.7), math.log(6))) * (3 if sampling == "shuffle" else 1)
        line(sampling, n, batch, z, rng.choice([1.0, 0.99, 0.95, 0.9, 0.8]), events, rng.choice([1e-4, 1e-5, 1e-6]))


if __name__ == "__main__":
    make() if sys.argv[1] == "make" else draw(int(sys.argv[2]), int(sys.argv[3]))
