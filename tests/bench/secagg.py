#!/usr/bin/env python3
"""Seconds of the processor of Flower's SecAgg+ for one round, to set beside `cohort_secagg` (tests/bench/secagg.c) and `cohort run`.

    python secagg.py DEVICES VALUES [SHARES [THRESHOLD]]

Its own workflow of the server and its own mod of the clients, in one process and without a network: a grid hands every message
to the client that it is for. Clients train nothing; each gives VALUES floats. SHARES: of a secret, its device's own included
(default: DEVICES, the complete graph). Prints a line a stage and a line in all. Needs pip install flwr.
"""
import copy
import sys
import time

import flwr.compat.common.recorddict_compat as compat
import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import Code, FitIns, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import ServerConfig
from flwr.server.compat.legacy_context import LegacyContext
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key
from flwr.supercore.task_identity import TaskIdentity


def context(node):
    return Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})


class Proxy:
    """What the server knows of a client."""

    def __init__(self, node):
        self.node_id, self.cid = node, str(node)


class Clients:
    """Grid, client manager and strategy: all that the workflow asks for."""

    def __init__(self, n, values):
        self.proxies = [Proxy(k + 1) for k in range(n)]
        self.contexts = {p.node_id: context(p.node_id) for p in self.proxies}
        rng = np.random.default_rng(1)
        self.updates = {p.node_id: rng.uniform(-1, 1, values).astype(np.float32) for p in self.proxies}
        self.seconds, self.mean = [], None

    def num_available(self):
        return len(self.proxies)

    def configure_fit(self, server_round, parameters, client_manager):
        return [(p, FitIns(parameters, {})) for p in self.proxies]

    def aggregate_fit(self, server_round, results, failures):
        self.mean = parameters_to_ndarrays(results[0][1].parameters)[0]
        return results[0][1].parameters, {}

    def train(self, msg, ctxt):
        parameters = ndarrays_to_parameters([self.updates[msg.metadata.dst_node_id]])
        result = FitRes(Status(Code.OK, ""), parameters, 1, {})
        return Message(compat.fitres_to_recorddict(result, False), reply_to=msg)

    def send_and_receive(self, messages, timeout=None):
        messages = [copy.deepcopy(msg) for msg in messages]  # clients take theirs apart
        began = time.process_time()
        replies = []
        for msg in messages:
            node = msg.metadata.dst_node_id
            replies.append(secaggplus_mod(msg, self.contexts[node], self.train))
        self.seconds.append(time.process_time() - began)
        return replies


def main():
    n, values = int(sys.argv[1]), int(sys.argv[2])
    shares = int(sys.argv[3]) if len(sys.argv) > 3 else n
    threshold = int(sys.argv[4]) if len(sys.argv) > 4 else 2 * shares // 3 + 1
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 0
    clients = Clients(n, values)
    state = RecordDict()
    state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({Key.CURRENT_ROUND: 1, Key.START_TIME: 0.0})
    parameters = ndarrays_to_parameters([np.zeros(values, np.float32)])
    state.array_records[MAIN_PARAMS_RECORD] = compat.parameters_to_arrayrecord(parameters, False)
    legacy = LegacyContext(context=context(0), config=ServerConfig(num_rounds=1), strategy=clients, client_manager=clients)
    legacy.state = state
    began = time.process_time()
    SecAggPlusWorkflow(shares, threshold, max_weight=1.0)(clients, legacy)
    whole = time.process_time() - began
    error = np.abs(clients.mean - np.mean(list(clients.updates.values()), axis=0)).max()
    print(f"{n} devices, {shares} shares, threshold {threshold}, {values} values; largest error of the mean {error:.2g}")
    for name, seconds in zip(("setup", "shares", "masked vectors", "unmask"), clients.seconds):
        print(f"devices, {name}: {seconds:.3f} s")
    print(f"server: {whole - sum(clients.seconds):.3f} s\nall: {whole:.3f} s")


if __name__ == "__main__":
    main()
