"""Recall and precision on programs with one known fault, healthy programs flagged, and what watching costs.

`python -m benchmarks.debugger [--quick] [--seeds N] [--tell]`. Thresholds were chosen on seeds below TEST_SEED; what is
reported here runs on seeds from it on. Overhead is CPU time of a small training, watched against unwatched, in turns; beside
it W&B's `wandb.watch(log="all")` in an environment of its own, offline.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from benchmarks._peers import PeerMissing, peer_python
from benchmarks.debugger import overhead

TEST_SEED = 1_000
RECALL_MIN = 0.9
PRECISION_MIN = 0.9
FLAGGED_SHARE_MAX = 0.02
OVERHEAD_MAX = 0.10


def peer_overhead(rounds: int) -> float | str:
    try:
        python = peer_python("wandb", "wandb", "torch", "numpy")
    except PeerMissing as error:
        return f"not installed here: {error}"
    script = Path(overhead.__file__)
    done = subprocess.run([python, str(script), "wandb", str(rounds)], capture_output=True, text=True, timeout=900)
    return json.loads(done.stdout.splitlines()[-1])["overhead"] if done.returncode == 0 else done.stderr[-300:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--tell", action="store_true", help="each program that was judged wrongly")
    options = parser.parse_args()

    import torch

    from benchmarks.debugger.faulty import FAULTY
    from benchmarks.debugger.healthy import HEALTHY
    from benchmarks.debugger.score import score

    torch.set_num_threads(1)
    seeds = range(TEST_SEED, TEST_SEED + (options.seeds or (1 if options.quick else 10)))
    result = score(FAULTY, HEALTHY, seeds, tell=print if options.tell else lambda _: None)
    rounds = 3 if options.quick else 9
    own = overhead.measure("gureum", rounds)
    figures = {
        **result.figures(),
        "missed": {name: f"{hits}/{of}" for name, (hits, of) in result.by_rule.items() if hits < of},
        "overhead": own,
        "overhead_wandb": None if options.quick else peer_overhead(rounds),
    }
    goals = {
        "recall": f">= {RECALL_MIN}",
        "precision": f">= {PRECISION_MIN}",
        "healthy_flagged": f"<= {FLAGGED_SHARE_MAX:.0%}",
        "overhead": f"<= {OVERHEAD_MAX}",
    }
    holds = (
        figures["recall"] >= RECALL_MIN
        and figures["precision"] >= PRECISION_MIN
        and result.flagged <= FLAGGED_SHARE_MAX * result.healthy
        and own <= OVERHEAD_MAX
    )
    print(json.dumps({"name": "debugger", "figures": figures, "goals": goals, "holds": holds}))


if __name__ == "__main__":
    main()
