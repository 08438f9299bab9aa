"""What tests/campaign/flower_partition.sh starts.

    flower_partition.py simulate LISTS.json PART.h5   Flower's clients hold the lists; what they answer is what PART.h5 says
    flower_partition.py deal LISTS.json               flwr-datasets deals data.h5 to five
    flower_partition.py check LISTS.json PART.h5 RUN  cohort's partition and run have those lists
"""
import json
import sys
import time

import h5py
import numpy as np

with h5py.File("data.h5") as f:
    x, y = f["x"][:].astype(np.float64), f["y"][:]


def part_lists(path):
    with h5py.File(path) as f:
        return np.split(f["train/examples"][:], f["train/offsets"][1:-1])


def file_lists(path):
    with open(path) as file:
        lists = json.load(file)
    return [np.array(ids["train"] if isinstance(ids, dict) else ids, np.int64) for _, ids in sorted(lists.items(), key=lambda e: int(e[0]))]


def simulate(lists, part):
    from flwr.app import ArrayRecord, Message, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp
    from flwr.simulation import run_simulation
    client, server, answers = ClientApp(), ServerApp(), {}

    @client.query()
    def answer(message, context):
        k = int(context.node_config["partition-id"])
        ids = file_lists(lists)[k]
        return Message(RecordDict({"held": ArrayRecord([np.array([k]), ids, x[ids].sum(0)])}), reply_to=message)

    @server.main()
    def ask(grid, context):
        nodes, end = [], time.monotonic() + 120
        while len(nodes) < len(want) and time.monotonic() < end:
            nodes = list(grid.get_node_ids())
            time.sleep(0.2)
        asked = [Message(RecordDict(), dst_node_id=node, message_type="query") for node in nodes]
        for reply in grid.send_and_receive(asked, timeout=200):
            if reply.has_error():
                print(f"a client failed: {reply.error}")
                continue
            k, ids, total = reply.content["held"].to_numpy_ndarrays()
            answers[int(k[0])] = ids, total

    want = part_lists(part)
    run_simulation(server_app=server, client_app=client, num_supernodes=len(want),
                   backend_config={"init_args": {"num_cpus": 1, "include_dashboard": False}, "client_resources": {"num_cpus": 1, "num_gpus": 0.0}})
    assert sorted(answers) == list(range(len(want))), f"answers of {sorted(answers)}"
    for k, ids in enumerate(want):
        assert (answers[k][0] == ids).all() and (answers[k][1] == x[ids].sum(0)).all(), f"client {k} holds something else"
    print(f"Flower: {len(want)} clients hold {[len(i) for i in want]} examples, as the partition says; sums {sum(a[1] for a in answers.values())}")


def deal(lists):
    from datasets import Dataset
    from flwr_datasets.partitioner import DirichletPartitioner
    p = DirichletPartitioner(5, "y", 0.5, 5, False, seed=11)
    p.dataset = Dataset.from_dict({"y": y, "id": np.arange(len(y))})
    with open(lists, "w") as file:
        json.dump({str(k): [int(i) for i in p.load_partition(k)["id"]] for k in range(5)}, file)


def check(lists, part, run, digest):
    want, have = file_lists(lists), part_lists(part)
    assert len(want) == len(have)
    for k, (a, b) in enumerate(zip(want, have)):
        assert (np.sort(a) == b).all() and (x[np.sort(a)].sum(0) == x[b].sum(0)).all(), f"device {k} holds something else"
    with h5py.File(run) as f:
        assert f.attrs["partition_digest"].decode() == digest, "the run's partition is another"
    print(f"cohort: {len(have)} devices hold {[len(i) for i in have]} examples, as flwr-datasets dealt them")


{"simulate": simulate, "deal": deal, "check": check}[sys.argv[1]](*sys.argv[2:])
