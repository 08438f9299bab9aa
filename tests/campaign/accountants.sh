#!/bin/bash
# tests/campaign/accountants.sh - `cohort account` beside Google's dp_accounting: the same question of 10,000 Poisson-sampled
# Gaussian rounds (rate 0.01, noise 1, delta 1e-6) by RDP and by PLD, in turn, medians of 5. DP_PYTHON: a Python that has it.
# Expected: RDP answers alike to 1e-3 (ours takes the best real order), the PLD bounds hold dp_accounting's answer between them to 1e-3, and ours are faster.
. "$(dirname "$0")/common.sh"
theirs=${DP_PYTHON:-$python}
"$theirs" -c 'import dp_accounting' 2> /dev/null || { echo "skipped: $theirs has no dp_accounting"; exit 77; }
COHORT=$cohort "$theirs" - << 'P'
import json, os, statistics, subprocess, time
import dp_accounting as dp
from dp_accounting import pld, rdp
event = dp.SelfComposedDpEvent(dp.PoissonSampledDpEvent(0.01, dp.GaussianDpEvent(1.0)), 10000)
def ours(accountant):
    words = "account mechanism=gaussian noise_multiplier=1 delta=1e-6 rounds=10000 sampling=poisson rate=0.01 --json".split()
    said = json.loads(subprocess.run([os.environ["COHORT"], *words, "accountant=" + accountant], capture_output=True, check=True).stdout)
    return said["epsilon"], said["epsilon_lower"]
def other(make):
    accountant = make()
    accountant.compose(event)
    return accountant.get_epsilon(1e-6), None
ways = {"cohort rdp": lambda: ours("rdp"), "dp_accounting rdp": lambda: other(rdp.RdpAccountant),
        "cohort pld (upper and lower)": lambda: ours("pld"),
        "dp_accounting pld 1e-4": lambda: other(lambda: pld.PLDAccountant(value_discretization_interval=1e-4)),
        "dp_accounting pld 1e-5": lambda: other(lambda: pld.PLDAccountant(value_discretization_interval=1e-5))}
seconds, answer = {n: [] for n in ways}, {}
for turn in range(5):
    for name, ask in ways.items():
        if turn > 1 and name.endswith("1e-5"): continue
        start = time.perf_counter()
        answer[name] = ask()
        seconds[name].append(time.perf_counter() - start)
for name in ways:
    print(f"{name:30s} epsilon {answer[name][0]:.6f}  {1e3 * statistics.median(seconds[name]):8.1f} ms")
upper, lower = answer["cohort pld (upper and lower)"]
inside = all(lower - 1e-3 * lower <= answer[f"dp_accounting pld {s}"][0] <= upper * 1.001 for s in ("1e-5",))
alike = abs(answer["cohort rdp"][0] / answer["dp_accounting rdp"][0] - 1) < 1e-3 and answer["cohort rdp"][0] <= answer["dp_accounting rdp"][0] * (1 + 1e-9)
times = ", ".join(f"{n} {1e3 * statistics.median(s):.1f} ms" for n, s in seconds.items())
print(f"RESULT accountants: {times}; PLD {lower:.6f} .. {upper:.6f}, {'ok' if inside and alike else 'NOT alike'}")
P
