"""What people call a run, a metric, a model: found, or refused with what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from modelbook import query
from modelbook.pages import rundata, text
from modelbook.pages.index import Index, best
from modelbook.records import MetricInfo, Model, ModelVersion, Run, Value

BEST = "best"
_QUERY = re.compile(r"[<>=:~!()]")


class Unknown(Exception):
    """Nothing has that name. `at` is the key at fault, if it is another than the one that was looked at."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def close(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or nothing."""
    found = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(text.cut(text.line(one), 80) for one in found)}?" if found else ""


class Chooser:
    """Finds runs, metrics and models of a Catalog by what people call them."""

    def __init__(self, index: Index) -> None:
        self.index = index

    @cached_property
    def columns(self) -> list[query.Column]:
        """The columns of the runs table; row n is run n of the Catalog."""
        return query.read_columns(rundata.columns_of(self.index))

    def rows(self, where: str) -> list[int]:
        """Rows of the runs that a query finds, newest first.

        Raises:
            BadQuery: it cannot be understood.
        """
        test = query.compile_query(where, self.columns)
        return [row for row in range(len(self.index.catalog.runs)) if test(row)]

    def runs(self, where: str) -> list[Run]:
        """The runs that a query finds, newest first."""
        return [self.index.catalog.runs[row] for row in self.rows(where)]

    def run(self, name: str, metric: str = "") -> Run:
        """A run: by name, id, `best`, `best NAME`, MODEL@VERSION, MODEL@ENVIRONMENT, or a query for one.

        Args:
            metric: what `best` means, in place of the headline metric.

        Raises:
            Unknown: no run is called that, or several are.
            BadQuery: it is a query that cannot be understood.
        """
        word, _, rest = name.partition(" ")
        if word == BEST:
            return self._best(rest.strip(), metric)
        if "@" in name and self._model_of(name):
            return self._registered(name)
        found = self._named(name)
        if found is None and _QUERY.search(name):
            matching = self.runs(name)
            if len(matching) == 1:
                return matching[0]
            raise Unknown(f"the query {name!r} finds {len(matching)} runs, expected one")
        if found is None:
            known = [*(run.name for run in self.index.catalog.runs), BEST]
            hint = close(name, known) or "a run's name or id, best, MODEL@VERSION or a query is expected"
            raise Unknown(f"no run is called {name!r}", hint)
        return found

    def _named(self, name: str) -> Run | None:
        """By id, its start, name or DVC's name; of runs with one name a current one, else the newest."""
        runs = self.index.catalog.runs
        if name in self.index.runs:
            return self.index.runs[name]
        same = [run for run in runs if name in (run.name, run.label)]
        if same:
            return next((run for run in same if run.id in self.index.current), same[0])
        begun = [run for run in runs if len(name) >= 4 and run.id.startswith(name)]
        return begun[0] if len(begun) == 1 else None

    def _best(self, of: str, metric: str) -> Run:
        """The best current run of a pipeline or experiment, or of the only pipeline there is."""
        named = [run for run in self.index.catalog.runs if not of or of in (run.pipeline, run.experiment)]
        if not named:
            known = [info.name for info in self.index.pipelines] + list(self.index.experiments)
            raise Unknown(f"no run is of a pipeline or experiment {of!r}", close(of, known))
        info = self.info(metric) if metric else self._headline(named)
        if info.direction is None:
            raise Unknown(f"nobody says which way {info.name} is better", "declare it in mlproject.yaml")
        current = [run for run in named if run.id in self.index.current]
        found = best(current, info) or best(named, info)
        if found is None:
            raise Unknown(f"no run has a number for {info.name}", "" if of else "name a pipeline: best NAME")
        return found

    def _headline(self, runs: Sequence[Run]) -> MetricInfo:
        pipelines = sorted({run.pipeline for run in runs if run.pipeline in self.index.headlines})
        if len(pipelines) != 1:
            names = " or ".join(f"best {name}" for name in pipelines[:4])
            raise Unknown(
                "best is of one pipeline" if pipelines else "no pipeline has a headline metric", names
            )
        return self.index.headlines[pipelines[0]]

    def info(self, metric: str) -> MetricInfo:
        """How to read a metric that some run has.

        Raises:
            Unknown: none has it.
        """
        if metric not in self.index.infos:
            raise Unknown(f"no run has a metric {metric!r}", close(metric, self.index.infos))
        return self.index.infos[metric]

    def value(self, run: Run, metric: str) -> Value:
        """A metric of a run.

        Raises:
            Unknown: it has none of that name.
        """
        found = run.metric(metric)
        if found is None:
            hint = close(metric, (value.name for value in run.metrics))
            raise Unknown(f"run {text.line(run.name)} has no metric {metric!r}", hint)
        return found

    def _model_of(self, name: str) -> Model | None:
        wanted = name.partition("@")[0]
        return self.index.catalog.model(wanted)

    def model(self, name: str) -> tuple[Model, ModelVersion | None]:
        """A model and the version that is named, or (for a model alone) None.

        Raises:
            Unknown: there is no such model, version or environment.
        """
        found = self._model_of(name)
        if found is None:
            known = [model.name for model in self.index.catalog.models]
            raise Unknown(
                f"no model is called {name.partition('@')[0]!r}", close(name.partition("@")[0], known)
            )
        _, at, wanted = name.partition("@")
        if not at:
            return found, None
        version = dict(found.info.environments).get(wanted, wanted)
        item = next((item for item in found.versions if item.version == version), None)
        if item is None:
            known = [item.version for item in found.versions] + [
                place for place, _ in found.info.environments
            ]
            hint = close(wanted, known) or f"it has {', '.join(known[:8])}" * bool(known)
            raise Unknown(f"{text.line(found.name)} has no version or environment {wanted!r}", hint)
        return found, item

    def _registered(self, name: str) -> Run:
        _, version = self.model(name)
        run = self.index.runs.get(version.run) if version else None
        if run is None:
            reason = (version.reason if version else "") or "no commit holds its run"
            raise Unknown(f"{text.line(name)}: {reason}")
        return run
