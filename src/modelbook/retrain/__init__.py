"""Whether a model is to be trained again, on what, and whether the new one is better. Pure.

    champion(model, policy) -> ModelVersion    whom a challenger has to beat
    decide(policy, facts) -> Decision          before anything is trained
    judge(policy, infos, champion, challengers) -> Judged   when all were judged on the same data

Whoever carries it out, and whoever shows what became of it, asks the same questions.
"""

from __future__ import annotations

from modelbook.retrain.decide import Decision, Facts, Training, champion, champion_at, decide, trained_on
from modelbook.retrain.judge import Judged, judge
from modelbook.retrain.schedule import due

__all__ = [
    "Decision",
    "Facts",
    "Judged",
    "Training",
    "champion",
    "champion_at",
    "decide",
    "due",
    "judge",
    "trained_on",
]
