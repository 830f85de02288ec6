"""Logistic regression on polynomial features, by gradient descent. Needs nothing but Python."""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
from pathlib import Path

Row = tuple[list[float], int]


def features(x: float, y: float, degree: int) -> list[float]:
    """1, x, y, xx, xy, yy, ... up to the degree."""
    return [x ** (total - power) * y**power for total in range(degree + 1) for power in range(total + 1)]


def probability(weights: list[float], row: list[float]) -> float:
    """How sure the model is that a point lies on moon 1."""
    score = sum(weight * value for weight, value in zip(weights, row, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def log_loss(weights: list[float], rows: list[Row]) -> float:
    """Mean surprise at the right answers, in nats."""
    return -sum(math.log(p if moon else 1 - p) for p, moon in _answers(weights, rows)) / len(rows)


def accuracy(weights: list[float], rows: list[Row]) -> float:
    """Share of the points that are put on the right moon."""
    return sum((p >= 0.5) == bool(moon) for p, moon in _answers(weights, rows)) / len(rows)


def _answers(weights: list[float], rows: list[Row]) -> list[tuple[float, int]]:
    return [(probability(weights, row), moon) for row, moon in rows]


def fit(rows: list[Row], learning_rate: float, epochs: int, l2: float) -> tuple[list[float], list[float]]:
    """Weights after all epochs, and the loss after each."""
    weights = [0.0] * len(rows[0][0])
    losses = []
    for _ in range(epochs):
        slopes = [l2 * weight for weight in weights]
        for row, moon in rows:
            error = (probability(weights, row) - moon) / len(rows)
            slopes = [slope + error * value for slope, value in zip(slopes, row, strict=True)]
        weights = [weight - learning_rate * slope for weight, slope in zip(weights, slopes, strict=True)]
        losses.append(log_loss(weights, rows))
    return weights, losses


def main() -> None:
    """Train, measure, and write the model, its metrics and its learning curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    params = json.loads(options.params.read_text())
    model = params["model"]
    with options.data.open() as file:
        rows = [
            (features(float(row["x"]), float(row["y"]), model["degree"]), int(row["moon"]))
            for row in csv.DictReader(file)
        ]
    random.Random(params["seed"]).shuffle(rows)  # noqa: S311
    test, train = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    weights, losses = fit(train, model["learning_rate"], model["epochs"], model["l2"])
    write(options.out, model["degree"], weights, losses, test)


def write(out: Path, degree: int, weights: list[float], losses: list[float], test: list[Row]) -> None:
    """Write all results to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    weights = [round(weight, 9) for weight in weights]
    (out / "model.json").write_text(json.dumps({"degree": degree, "weights": weights}, indent=2) + "\n")
    metrics = {"accuracy": accuracy(weights, test), "log_loss": round(log_loss(weights, test), 6)}
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    with (out / "loss.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", "loss"])
        writer.writerows([epoch, round(loss, 6)] for epoch, loss in enumerate(losses, 1))


if __name__ == "__main__":
    main()
