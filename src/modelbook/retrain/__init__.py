"""Whether a model is to be trained again, on what, and whether the new one is better. Pure.

    decide(policy, facts) -> Decision          before anything is trained
    judge(policy, champion, challengers) -> Verdict   when all were judged on the same data

Whoever carries it out, and whoever shows what became of it, asks the same two questions.
"""

from __future__ import annotations

from modelbook.retrain.decide import Decision, Facts, Training, champion_at, decide
from modelbook.retrain.judge import Judged, judge
from modelbook.retrain.schedule import due

__all__ = ["Decision", "Facts", "Judged", "Training", "champion_at", "decide", "due", "judge"]
