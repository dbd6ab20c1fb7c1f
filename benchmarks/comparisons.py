#!/usr/bin/env python3
"""How often `farm results compare` is right where processes come in two kinds: simulates, and prints docs/compare.md's table.

    .venv/bin/python benchmarks/comparisons.py [--simulations 2000]

An attempt is 5 % faster or slower than the case, by a fair coin, and 0.5 % from that by a normal distribution; its 60 samples
have an exponential tail of 0.3 %.
"""

from __future__ import annotations

import argparse

import numpy as np

from orchestrator.analysis.significance import LEVEL, difference


def attempts(random: np.random.Generator, count: int, scale: float) -> list[np.ndarray]:
    """Return the samples of ``count`` attempts in ns."""
    modes = random.choice([0.95, 1.05], size=(count, 1)) * random.normal(1, 0.005, size=(count, 1))
    return list(1e6 * scale * modes * (1 + 0.003 * random.exponential(size=(count, 60))))


def rates(count: int, scale: float, simulations: int) -> tuple[float, float]:
    """Return how often a difference is called one, and how often the interval holds the true ratio."""
    random = np.random.default_rng(0)
    called = held = 0
    for seed in range(simulations):
        found = difference(attempts(random, count, 1.0), attempts(random, count, scale), seed)
        called += found.p_value <= LEVEL
        held += found.interval is not None and found.interval.low <= scale <= found.interval.high
    return called / simulations, held / simulations


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--simulations", type=int, default=2000)
    simulations = options.parse_args().simulations
    print("| attempts a side | B takes | called a difference | interval holds the truth |")
    print("|---:|---:|---:|---:|")
    for count in (5, 7, 10):
        for scale in (1.0, 1.05, 1.15):
            called, held = rates(count, scale, simulations)
            print(f"| {count} | {scale:.2f}× | {called:.1%} | {held:.1%} |")


if __name__ == "__main__":
    main()
