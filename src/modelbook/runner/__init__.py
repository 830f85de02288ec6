"""Executes: a stage's command with its log, and DVC's own program, one or many at a time."""

from __future__ import annotations

from modelbook.runner.execute import LOGS, BadKey, execute

__all__ = ["LOGS", "BadKey", "execute"]
