"""Draw points of two interleaving half moons. Needs nothing but Python."""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
from pathlib import Path


def points(count: int, noise: float, seed: int) -> list[tuple[float, float, int]]:
    """(x, y, moon) of points that alternate between the moons."""
    draw = random.Random(seed)  # noqa: S311
    drawn = []
    for index in range(count):
        moon, angle = index % 2, math.pi * draw.random()
        x = math.cos(angle) if moon == 0 else 1 - math.cos(angle)
        y = math.sin(angle) if moon == 0 else 0.5 - math.sin(angle)
        drawn.append((round(x + draw.gauss(0, noise), 6), round(y + draw.gauss(0, noise), 6), moon))
    return drawn


def main() -> None:
    """Write the points to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    data = json.loads(options.params.read_text())["data"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["x", "y", "moon"])
        writer.writerows(points(data["points"], data["noise"], data["seed"]))


if __name__ == "__main__":
    main()
