"""Learning curves, logged with DVCLive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.files import DIGITS


def log_curve(folder: Path, steps: Iterable[Mapping[str, float]]) -> None:
    """Log one point per step, under names such as `valid/log_loss`, in DVCLive's own layout.

    DVCLive is told to do nothing else: no experiment of its own, no dvc.yaml, no report, no network.
    """
    os.environ["DVC_STUDIO_OFFLINE"] = "true"
    from dvclive.live import (
        Live,
    )  # here, because it loads dvc, which costs a second in programs that log nothing

    with Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False) as live:
        for number, values in enumerate(steps):
            live.step = number
            for name, value in values.items():
                live.log_metric(name, round(float(value), DIGITS))
