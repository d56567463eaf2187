"""How long pytest-split's own code plans for, beside ours.

planning.py DIR: DIR has suites as pytest-split keeps them (N.json, N tests), and the output of BenchmarkBalance on the same
suites (ours). Prints Markdown, medians of five.
"""

import importlib.metadata
import json
import os
import re
import statistics
import sys
import time

from pytest_split.algorithms import DurationBasedChunksAlgorithm, LeastDurationAlgorithm

GROUPS, ROUNDS = 64, 5
GOALS = {100_000: 20, 1_000_000: 40}


class Item:
    """What the algorithms read of a pytest item."""

    def __init__(self, nodeid):
        self.nodeid = nodeid

    def __str__(self):
        return self.nodeid


def median(plan, items, durations):
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        plan(GROUPS, items, durations)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def ours(path):
    took = {}
    with open(path) as f:
        for line in f:
            m = re.match(r"BenchmarkBalance/(\d+)\S*\s+\d+\s+(\d+) ns/op", line)
            if m:
                took.setdefault(int(m[1]), []).append(int(m[2]) / 1e9)
    return {n: statistics.median(t) for n, t in took.items()}


def clock(seconds):
    return "%.2f s" % seconds if seconds >= 1 else "%.1f ms" % (1000 * seconds)


def main(work):
    version = importlib.metadata.version("pytest-split")
    print("\n### Planning for %d workers, beside pytest-split %s as published, medians of %d\n" % (GROUPS, version, ROUNDS))
    print("| tests | shardyard | duration_based_chunks | ratio | least_duration | ratio | goal |\n|---|---|---|---|---|---|---|")
    for n, mine in sorted(ours(os.path.join(work, "ours")).items()):
        with open(os.path.join(work, "%d.json" % n)) as f:
            durations = json.load(f)
        items = [Item(i) for i in durations]
        chunks = median(DurationBasedChunksAlgorithm(), items, durations)
        least = median(LeastDurationAlgorithm(), items, durations)
        goal = "%d x: %s" % (GOALS[n], "met" if least >= GOALS[n] * mine else "missed") if n in GOALS else ""
        print("| %s | %s | %s | %.0f x | %s | %.0f x | %s |" % (format(n, ","), clock(mine), clock(chunks), chunks / mine, clock(least), least / mine, goal))
    print("\nThe goal is for least_duration, which balances as ours does. pytest-split plans once in every shard; ours once in a run.")


main(sys.argv[1])
