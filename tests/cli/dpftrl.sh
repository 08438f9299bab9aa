#!/bin/bash
# tests/cli/dpftrl.sh - correlated noise (tree, banded) as a user sees it: the same bits on 1 to 4 ranks and after a kill and a resume,
# growth, ledger and statement, a matrix from a file, what is refused, and cohort account.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py
cat > e.yaml <<'Y'
name: dpftrl
rounds: 12
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 20}
model: {name: mlp, hidden: [60]}
devices: {per_round: 4, min_separation: 5}
local: {batch: 8, lr: 0.05}
eval: {every: 6}
privacy: {mechanism: tree, clip: 0.5, noise_multiplier: 2, delta: 1e-3}
output: {dir: out, checkpoint_every: 3}
Y
banded="privacy={mechanism: banded, clip: 0.5, noise_multiplier: 2, delta: 1e-3, bands: 5}"

# the same bits on any number of ranks
for kind in privacy.restart_every=5 "$banded"; do
    for n in 1 2 3 4; do
        on $n run e.yaml "$kind" output.dir=k$n --overwrite > text 2>&1 || fail "$kind on $n ranks: $(cat text)"
        for f in run.h5 ckpt-00000012.h5; do [ "$(digest k$n/$f)" = "$(digest k1/$f)" ] || fail "$kind: $f differs on $n ranks"; done
    done
done

# stopped and resumed on other ranks: the noise of the steps before is made again
for kind in privacy.restart_every=4 "$banded"; do
    slow="rounds=40 data.size=60"
    on 2 run e.yaml $slow "$kind" output.dir=whole --overwrite > text 2>&1 || fail "undisturbed run: $(cat text)"
    rm -rf killed
    on 1 run e.yaml $slow "$kind" output.dir=killed > /dev/null 2>&1 &
    job=$!
    for _ in $(seq 400); do ls killed/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.02; done
    kill -TERM $job && wait $job 2> /dev/null
    [ ! -e killed/ckpt-00000040.h5 ] || echo "note: it was over before it was stopped"
    on 3 run e.yaml $slow "$kind" output.dir=killed --resume > text 2>&1 || fail "resume: $(cat text)"
    for f in run.h5 ckpt-00000040.h5; do [ "$(digest killed/$f)" = "$(digest whole/$f)" ] || fail "$kind: $f differs after a resume"; done
done

# a run may grow: a tree as it is, a matrix up to the horizon that it was made for
good run e.yaml rounds=12 output.dir=g
good run e.yaml rounds=7 output.dir=g2
good run e.yaml rounds=12 output.dir=g2 --resume
[ "$(digest g/run.h5)" = "$(digest g2/run.h5)" ] || fail "a tree that grew is another"
good run e.yaml rounds=7 "$banded" output.dir=g3
refused 2 'another matrix of noise: it follows from horizon' run e.yaml rounds=12 "$banded" output.dir=g3 --resume
good run e.yaml "$banded" privacy.horizon=12 output.dir=g4
good run e.yaml rounds=7 "$banded" privacy.horizon=12 output.dir=g5
good run e.yaml "$banded" privacy.horizon=12 output.dir=g5 --resume
[ "$(digest g4/run.h5)" = "$(digest g5/run.h5)" ] || fail "a matrix of the same horizon gives another run"

# the ledger as it happens: what account says of the rounds and participations so far, round by round
"$python" - "$COHORT" <<'P' || fail "the ledger is not what account says"
import h5py, json, subprocess, sys
p = h5py.File("g/run.h5")["privacy"]
e, parts = p["epsilon"][:], p["participations"][:]
assert (e[1:] >= e[:-1]).all() and parts[0] == 1 and 2 <= parts[-1] <= 3, (e, parts)
for t in (0, 6, 11):
    words = f"mechanism=tree noise_multiplier=2 delta=1e-3 separation=5 rounds={t + 1} participations={parts[t]}".split()
    said = json.loads(subprocess.run([sys.argv[1], "account", *words, "--json"], capture_output=True, check=True).stdout)
    assert said["epsilon_lower"] * 0.9999 <= e[t] <= said["epsilon"] * 1.005, (t, e[t], said)
P
"$COHORT" show g/run.h5 > report
for words in 'correlated|one Gaussian release' 'at most [23] of them so far, 5 or more apart' 'sensitivity\^2' 'none claimed' 'a binary tree over steps'; do
    grep -qE "$words" report || fail "no '$words' in the report: $(cat report)"
done

# a target for the noise; a matrix from a file: the identity is noise of each round by itself
good run e.yaml "privacy={mechanism: banded, clip: 0.5, epsilon: 6, delta: 1e-3, bands: 5}" output.dir=t
"$python" -c "import h5py, sys; e = h5py.File('t/run.h5')['privacy/epsilon'][-1]; sys.exit(not 5.99 < e <= 6)" || fail "epsilon of a target"
echo 1 > one.txt
good run e.yaml "$banded" privacy.matrix=one.txt output.dir=one
good run e.yaml "$banded" privacy.bands=1 output.dir=bands1
"$python" -c "
import h5py, sys
a, b = (h5py.File(f'{d}/run.h5')['rounds/model_digest'][:] for d in ('one', 'bands1'))
sys.exit(not (a == b).all())" || fail "a matrix of 1 is not that of one band"

# refused before the first round
rm -rf out
refused 2 'bands: 6, but steps of one device are only 5 apart' run e.yaml "$banded" privacy.bands=6
refused 2 'secure: true takes' run e.yaml privacy.secure=true
refused 2 'clip_quantile' run e.yaml privacy.clip_quantile=0.5
refused 2 'noise_cohort' run e.yaml privacy.noise_cohort=100 privacy.noise_population=1e6
refused 2 'made for 5 rounds, and there are 12' run e.yaml "$banded" privacy.horizon=5
refused 3 'one.txt: the first coefficient is -1' run e.yaml "$banded" privacy.matrix=one.txt < <(echo -1 > one.txt)
refused 4 'nowhere.txt' run e.yaml "$banded" privacy.matrix=nowhere.txt
[ ! -e out ] || fail "something was written by a refused run"

# account: Gboard's published tuple (Xu et al. 2023, arXiv:2305.18465, Table 2): zCDP 0.81, epsilon 8.90
said() { "$COHORT" account "$@" --json > answer 2> text || fail "account $*: $(cat text)"; }
said mechanism=tree noise_multiplier=7 rounds=2000 separation=313 participations=6 delta=1e-10 accountant=rdp
"$python" -c "
import json, sys
d = json.load(open('answer'))
sys.exit(not (d['sensitivity_squared'] == 79 and round(79 / 98, 2) == 0.81 and round(d['epsilon'], 2) == 8.9))" || fail "Gboard's: $(cat answer)"
said mechanism=banded epsilon=8 rounds=100 separation=8 bands=8 delta=1e-6
"$python" -c "
import json, sys
d = json.load(open('answer'))
sys.exit(not (d['sensitivity_squared'] == 13 and 7.99 < d['epsilon'] <= 8 and abs(d['prefix_mean'] / 9.5113 - 1) < 1e-3))" || fail "banded: $(cat answer)"
refused 2 'needs separation=' account mechanism=tree noise_multiplier=1 delta=1e-6
refused 2 'bands says nothing beside mechanism=tree' account mechanism=tree noise_multiplier=1 delta=1e-6 separation=4 bands=4
refused 2 'separation says nothing beside mechanism=gaussian' account mechanism=gaussian noise_multiplier=1 delta=1e-6 separation=4
refused 2 'no amplification by sampling is claimed' account mechanism=tree noise_multiplier=1 delta=1e-6 separation=4 sampling=poisson rate=0.1
[ $failures -eq 0 ] && echo "correlated noise: all good"
exit $((failures > 0))
