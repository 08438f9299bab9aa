#!/bin/bash
# tests/campaign/four_tasks.sh - federated language work over four tasks, as Lin et al. (FedNLP, arXiv:2104.08815) compare it: classes
# (20 Newsgroups, accuracy), tags (WNUT17, entity F1; a chain over a BiLSTM with letters), spans (SQuAD v1.1's dev part, 8 articles held
# out, F1), texts from texts (Multi30k English-German, BLEU, greedy). 100 devices, 10 a round, 1 epoch each, EPOCHS passes over the data
# in all; central: one device that goes through as many examples, an epoch a round. Skew: Dirichlet over classes, sets of entity types,
# articles; seq2seq: over clusters of hidden states. Rates: of three to five for SGD and for AdamW the best on a validation split (a tenth
# of the training examples; WNUT17's dev part) after a quarter of the rounds, for central training and for the uniform partition, which
# serves for all others; kept in SIZE/TASK-PARTITION-OPTIMISER.rate.
#   SIZE=small  models of our own of about 1 M parameters; central, uniform, 0.1 x FedAvg, FedOPT. An hour and a half on a
#               free core, of which 30 minutes choose rates
#   SIZE=full   MiniLM where a pretrained encoder serves (not for tags, whose letters are the point), a transformer of 3+3 layers; central,
#               uniform, alpha 1, 0.1, sizes by Dirichlet(1) x FedAvg, FedProx (both SGD on devices), FedOPT (AdamW on devices).
#               About 27 hours on 2 cores
# The hours that are left are told at the start. TASKS ("news tags span pairs"), SEED (1), EPOCHS, WRITTEN (texts for BLEU), WORDS (more
# words for every run). Expected, after Lin et al.: central far ahead; uniform > 1 > 0.1; quantity near uniform; FedOPT ahead of FedAvg
# but on seq2seq.
. "$(dirname "$0")/common.sh"
size=${SIZE:-small} seed=${SEED:-1} minilm=
case $size in
small) written=${WRITTEN:-500} partitions="uniform 0.1" algorithms="fedavg fedopt" ;;
full) written=${WRITTEN:-1000} partitions="uniform 1 0.1 quantity" algorithms="fedavg fedprox fedopt" ;;
*) echo "SIZE is small or full, not $size"; exit 2 ;;
esac
if [ "$size" = full ]; then . "$top/tests/campaign/minilm.sh"; fi
tasks=${TASKS:-news tags span pairs}
export LIMIT=${LIMIT:-36000}
texts=$shared/data/seq2seq/multi30k
mkdir -p "$size"

# Of task $1: data, import, model, passes, batch, rates of SGD and AdamW to choose from, examples of an evaluation, seconds of a pass on
# one core, the metric that the rates are chosen by
setting() {
    sgd=() adamw=(local.weight_decay=0.01) evaluation=(eval.max_examples=1500)
    local pieces=(${minilm:+tokens=wordpiece "vocab=$minilm/vocab.txt"})
    case $1 in
    news)
        import=(newsgroups "$shared/data/text_classification/20news-bydate.tar.gz") metric=accuracy
        if [ "$size" = small ]; then
            import+=(min_count=5 max_tokens=400) model='{name: bow, embedding: 32}'
            epochs=20 batch=16 sgd_rates="2 6 20 60" adamw_rates="0.003 0.01 0.03 0.1 0.3" seconds=5
        else
            import+=("${pieces[@]}" max_tokens=256) model="{from: $minilm}"
            epochs=3 batch=32 sgd_rates="0.03 0.1 0.3" adamw_rates="0.00002 0.00005 0.00015" seconds=2000
        fi ;;
    tags)
        local dir=$shared/data/tagging/wnut17
        import=(conll train="$dir/wnut17train.conll" dev="$dir/emerging.dev.conll" test="$dir/emerging.test.annotated" min_count=2 chars=true)
        model='{name: bilstm, embedding: 100, units: 128, head: crf, chars: cnn, dropout: 0.3}' metric=entity_f1
        epochs=20 batch=8 sgd=(local.clip_grad=5) sgd_rates="0.1 0.3 1 3" adamw_rates="0.001 0.003 0.01" seconds=4 ;;
    span)
        import=(squad "$shared/data/qa/squad_dev-v1.1.json" test_articles=8) metric=f1
        if [ "$size" = small ]; then
            import+=(min_count=3 max_tokens=200 stride=64) evaluation=(eval.max_examples=1000)
            model='{name: bilstm, embedding: 64, units: 64}'
            epochs=8 batch=16 sgd=(local.clip_grad=5) sgd_rates="0.1 0.3 1 3" adamw_rates="0.001 0.003 0.01" seconds=14
        else
            import+=("${pieces[@]}" max_tokens=384 stride=128) model="{from: $minilm, separator: 102}"
            epochs=2 batch=16 sgd=(local.clip_grad=1) sgd_rates="0.02 0.05 0.15" adamw_rates="0.00002 0.00005 0.00015" seconds=1800
        fi ;;
    pairs)
        import=(pairs source="$texts/train.en.gz" target="$texts/train.de.gz" test_source="$texts/test_2016_flickr.en.gz"
            test_target="$texts/test_2016_flickr.de.gz" min_count=4 lowercase=false)
        model='{name: seq2seq_transformer, layers: 2, hidden: 96, heads: 4, tied: output}' metric=loss
        epochs=6 batch=16 sgd=(local.clip_grad=1) sgd_rates="0.2 0.5 1 2" adamw_rates="0.0005 0.001 0.003" seconds=60
        [ "$size" = small ] || { model='{name: seq2seq_transformer, layers: 3, hidden: 256, heads: 8, tied: output}'; epochs=8 seconds=250; }
        ;;
    *) echo "no task $1; there are news, tags, span, pairs"; exit 2 ;;
    esac
    epochs=${EPOCHS:-$epochs}
}

cells() { # lines of task, partition, algorithm; central ones first, for clusters need a model
    local task partition algorithm
    for task in $tasks; do
        for partition in central $partitions; do
            for algorithm in $algorithms; do
                [ "$partition $algorithm" = "central fedprox" ] || echo "$task $partition $algorithm"
            done
        done
    done
}
hours() { # of the cells that are not done
    local total=0 task partition algorithm
    while read -r task partition algorithm; do
        [ ! -e "$size/$task-$partition-$algorithm.done" ] || continue
        setting "$task"
        total=$((total + seconds * epochs / ($([ "$partition" = central ] && echo 1 || echo "$ranks"))))
        [ "$partition" = 0.1 ] || [ -e "$size/$task-$partition-adamw.rate" ] || total=$((total + 7 * seconds * epochs / 8))
    done < <(cells)
    $python -c "print(f'{$total / 3600:.1f}')"
}
data() { # NAME words..: imports what setting says
    local file=$size/$1.h5
    shift
    [ -e "$file" ] || "$cohort" import "${import[@]}" "$@" -o "$file" > last.log || { tail -n 5 last.log; exit 1; }
}
choose() { # TASK PARTITION OPTIMISER rates..: leaves the best of the rates in SIZE/TASK-PARTITION-OPTIMISER.rate
    local task=$1 partition=$2 optimiser=$3 rate kept=$size/$1-$2-$3.rate tries=$size/tune/$1-$2-$3- on=$ranks
    local rounds=$((10 * epochs / 4)) devices=100
    shift 3
    [ ! -e "$kept" ] || return 0
    local words=(data.file="$size/$task-tune.h5" "model=$model" local.batch="$batch" seed="$seed" local.optimizer="$optimiser" "${evaluation[@]}")
    if [ "$partition" = central ]; then rounds=$(((epochs + 3) / 4)) devices=1 on=1 words+=(devices.per_round=1); fi
    if [ "$optimiser" = adamw ]; then words+=("${adamw[@]}"); else words+=("${sgd[@]}"); fi
    words+=(partition="{method: iid, devices: $devices}" rounds="$rounds" eval.every="$rounds")
    if [ "$task" = tags ]; then data tags-tune; else data "$task-tune" validation_fraction=0.1; fi
    for rate; do
        # a rate that diverges is not the best; whatever else goes wrong ends the campaign
        (ranks=$on train "$size/base.yaml" "${words[@]}" local.lr="$rate" output.dir="$tries$rate") || grep -q finite last.log || exit 1
    done
    $python - "$metric" "$rounds" "$tries" "$@" > "$kept.part" <<'P'
import sys
import h5py
import numpy as np
metric, rounds, stem, *rates = sys.argv[1:]


def rank(rate):
    with h5py.File(f"{stem}{rate}/run.h5") as h:
        last = np.flatnonzero(h["eval/split"][:] == 2)[-1]
        at, value, loss = (h["eval/" + k][:][last] for k in ("round", metric, "loss"))
    print(f"{stem}{rate}: {metric} {value:.4f}, loss {loss:.4f} on the validation split after round {at}", file=sys.stderr)
    done = at == int(rounds) and np.isfinite(loss)
    return (-value if metric == "loss" else value, -loss) if done else (-np.inf, -np.inf)


print(max(rates, key=rank))
P
    mv "$kept.part" "$kept"
    echo "$task, $partition: rate $(cat "$kept") for $optimiser, of $*"
}
features() { # FILE: of each source what MiniLM says, or the encoder of the central model
    [ ! -e "$1" ] || return 0
    if [ "$size" = full ]; then
        local words=("${import[@]/min_count=4/tokens=wordpiece}")
        "$cohort" import "${words[@]/lowercase=false/lower=true}" vocab="$minilm/vocab.txt" -o "$size/pieces.h5" --overwrite > last.log
        printf '%s\n' "rounds: 1" "data: {file: $size/pieces.h5}" "partition: {method: iid, devices: 1}" "model: {from: $minilm, head: none}" \
            "devices: {per_round: 1}" > "$size/meaning.yaml"
        mpirun -n "$ranks" "$cohort" predict "$size/meaning.yaml" "$size/pieces.h5" -o "$1.part" output=hidden split=train --overwrite >> last.log 2>&1 ||
            { tail -n 5 last.log; exit 1; }
    else
        mpirun -n "$ranks" "$cohort" predict "$(ls "$size"/pairs-central-fedopt/ckpt-*.h5 | tail -n 1)" "$size/pairs.h5" -o "$1.part" output=hidden \
            tap=encoder.norm split=train --overwrite > last.log 2>&1 || { tail -n 5 last.log; exit 1; }
    fi
    mv "$1.part" "$1"
}

echo "four_tasks, $size: $(cells | wc -l) cells, about $(hours) hours on $ranks ranks for those that are not done"
cat > "$size/base.yaml" <<Y
data: {file: none}
devices: {select: uniform, per_round: 10}
local: {epochs: 1}
output: {checkpoint_every: 1, keep: 1}
Y
while read -r -u 3 task partition algorithm; do
    setting "$task"
    cell=$size/$task-$partition-$algorithm
    [ ! -e "$cell.done" ] || continue
    data "$task"
    like=uniform
    [ "$partition" != central ] || like=central
    # shellcheck disable=SC2086
    { choose "$task" $like sgd $sgd_rates; choose "$task" $like adamw $adamw_rates; }
    sgd+=(local.lr="$(cat "$size/$task-$like-sgd.rate")") adamw+=(local.lr="$(cat "$size/$task-$like-adamw.rate")")
    words=(name="$task-$partition-$algorithm" data.file="$size/$task.h5" "model=$model" local.batch="$batch" seed="$seed" "${evaluation[@]}")
    case $algorithm in
    fedopt) words+=(local.optimizer=adamw "${adamw[@]}") ;;
    fedprox) words+=("${sgd[@]}" algorithm=fedprox local.mu=0.01) ;;
    *) words+=("${sgd[@]}") ;;
    esac
    case $partition in
    central) part="{method: iid, devices: 1}" ;;
    uniform) part="{method: iid, devices: 100}" ;;
    quantity) part="{method: quantity, devices: 100, beta: 1}" ;;
    *)
        part="{method: dirichlet, devices: 100, alpha: $partition}"
        if [ "$task" = pairs ]; then
            features "$size/meaning.h5"
            part="{method: cluster, features: $size/meaning.h5, clusters: 10, devices: 100, alpha: $partition}"
        fi ;;
    esac
    rounds=$((10 * epochs)) every=$((2 * epochs)) on=$ranks
    if [ "$partition" = central ]; then rounds=$epochs every=1 on=1 words+=(devices.per_round=1); fi
    [ "$task" != pairs ] || words+=("eval.generate={every: $rounds, max_length: 60, max_examples: $written}")
    # shellcheck disable=SC2086
    ranks=$on train "$size/base.yaml" "${words[@]}" "partition=$part" rounds=$rounds eval.every=$every output.dir="$cell" ${WORDS:-}
    touch "$cell.done"
done 3< <(cells)

$python - "$size" "$tasks" "$partitions" "$algorithms" <<'P'
import sys
import h5py
size, tasks, partitions, algorithms = sys.argv[1], *(w.split() for w in sys.argv[2:])
metric = {"news": "accuracy", "tags": "entity_f1", "span": "f1", "pairs": "bleu"}
partitions = ["central"] + partitions


def score(task, partition, algorithm):
    if (partition, algorithm) == ("central", "fedprox"):
        return None
    with h5py.File(f"{size}/{task}-{partition}-{algorithm}/run.h5") as h:
        values = h["eval/" + metric[task]][:][h["eval/split"][:] == 1]
    return values[-1] * (1 if metric[task] == "bleu" else 100)


table = {(t, p, a): score(t, p, a) for t in tasks for p in partitions for a in algorithms}
print("| task | partition | " + " | ".join(algorithms) + " |\n|---|---|" + "---|" * len(algorithms))
for t in tasks:
    for p in partitions:
        cells = ("-" if table[t, p, a] is None else f"{table[t, p, a]:.2f}" for a in algorithms)
        print(f"| {t}, {metric[t]} | {p} | " + " | ".join(cells) + " |")


def where(holds):
    return ", ".join(t for t in tasks if holds(t)) or "none"


best = {(t, p): max(table[t, p, a] for a in algorithms if table[t, p, a] is not None) for t in tasks for p in partitions}
said = [
    "central ahead: " + where(lambda t: best[t, "central"] > max(best[t, p] for p in partitions[1:])),
    "uniform > 0.1: " + where(lambda t: best[t, "uniform"] > best[t, "0.1"]),
    "FedOPT ahead of FedAvg, uniform: " + where(lambda t: table[t, "uniform", "fedopt"] > table[t, "uniform", "fedavg"]),
    "FedOPT ahead of FedAvg, 0.1: " + where(lambda t: table[t, "0.1", "fedopt"] > table[t, "0.1", "fedavg"]),
]
if "quantity" in partitions:
    said.insert(2, "uniform > 1 > 0.1: " + where(lambda t: best[t, "uniform"] > best[t, "1"] > best[t, "0.1"]))
    said.insert(3, "quantity within a tenth of uniform: " + where(lambda t: abs(best[t, "quantity"] - best[t, "uniform"]) < 0.1 * best[t, "uniform"]))
print(f"RESULT four_tasks ({size}):", "; ".join(said))
P
