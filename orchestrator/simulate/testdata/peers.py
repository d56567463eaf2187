"""Runs the schedulers of pytest-split and pytest-xdist, as published, on
simulated workers, and writes the makespans to peers.json.

    pip install pytest-split==0.10.0 pytest-xdist==3.8.0
    python peers.py ../../../testdata/durations > peers.json
"""

import gzip
import heapq
import itertools
import json
import sys

import xdist.scheduler.load
import xdist.scheduler.loadscope
import xdist.scheduler.worksteal
from pytest_split.algorithms import DurationBasedChunksAlgorithm, LeastDurationAlgorithm
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, LoadScheduling, WorkStealingScheduling


class Item:
    def __init__(self, nodeid):
        self.nodeid = nodeid

    def __str__(self):
        return self.nodeid


class Config:
    class option:
        loadscopereorder = True

    def getoption(self, name):
        return None

    def getvalue(self, name):
        return None


class Gateway:
    def __init__(self, i):
        self.id = f"gw{i}"


class Node:
    """A worker as xdist/remote.py runs it: a test starts when the next one is
    known, or when no more will come."""

    def __init__(self, world, i):
        self.world, self.gateway = world, Gateway(i)
        self.queue, self.running, self.shutting_down = [], None, False

    def send_runtest_some(self, indices):
        self.queue.extend(indices)
        self.world.begin(self)

    def shutdown(self):
        self.shutting_down = True
        self.world.begin(self)

    def send_steal(self, indices):
        # It is answered as soon as what happens now has been dealt with.
        self.world.later(0, lambda: self.world.stolen(self, set(indices)))


class World:
    def __init__(self, ids, times, workers, scheduling):
        self.ids, self.times, self.now, self.events = ids, times, 0.0, []
        self.count = itertools.count()
        self.nodes = [Node(self, i) for i in range(workers)]
        for module in (xdist.scheduler.load, xdist.scheduler.loadscope, xdist.scheduler.worksteal):
            module.parse_tx_spec_config = lambda config: self.nodes
        self.sched = scheduling(Config(), Producer("none", enabled=False))
        for n in self.nodes:
            self.sched.add_node(n)
        for n in self.nodes:
            self.sched.add_node_collection(n, ids)
        self.sched.schedule()
        while self.events:
            self.now, _, do = heapq.heappop(self.events)
            do()

    def later(self, delay, do):
        heapq.heappush(self.events, (self.now + delay, next(self.count), do))

    def begin(self, node):
        if node.running is not None or not node.queue:
            return
        if len(node.queue) == 1 and not node.shutting_down:
            return
        node.running = node.queue.pop(0)
        self.later(self.times[node.running], lambda: self.finish(node))

    def finish(self, node):
        test, node.running = node.running, None
        self.end = self.now
        self.sched.mark_test_complete(node, test, self.times[test])
        self.begin(node)

    def stolen(self, node, indices):
        # xdist/remote.py, steal: all of them, or none when some were taken
        # out of the queue. The test that runs and the next one were.
        back = [i for i in node.queue[0 if node.running is None else 1 :] if i in indices]
        if len(back) != len(indices):
            back = []
        node.queue = [i for i in node.queue if i not in back]
        self.sched.remove_pending_tests_from_node(node, back)
        self.begin(node)


def main(root):
    out = {}
    for suite in ("onegov", "pgmpy", "hypha", "pymc_marketing"):
        with gzip.open(f"{root}/{suite}.json.gz") as f:
            durations = json.load(f)
        ids = sorted(durations)
        times = [durations[i] for i in ids]
        items = [Item(i) for i in ids]
        for workers in (2, 4, 8, 16, 32, 64):
            row = {}
            for name, alg in (("pytest-split chunks", DurationBasedChunksAlgorithm()), ("pytest-split least_duration", LeastDurationAlgorithm())):
                row[name] = max(g.duration for g in alg(workers, items, durations))
            for name, sched in (("xdist load", LoadScheduling), ("xdist loadfile", LoadFileScheduling), ("xdist worksteal", WorkStealingScheduling)):
                row[name] = World(ids, times, workers, sched).end
            out.setdefault(suite, {})[workers] = {k: round(v, 6) for k, v in row.items()}
    json.dump(out, sys.stdout, indent=1)
    print()


main(sys.argv[1])
