"""What several benchmarks do alike."""

import glob, os, sys, time


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def waiting(bench, state, n):
    """Waits until n workers wait for a run, of which the state directory tells."""
    for _ in range(600):
        if len(glob.glob(state + "/shardyard/docker/pool-*.free")) >= n:
            return
        time.sleep(0.1)
    sys.exit("%s: no %d workers wait for the next run" % (bench, n))
