"""The shape of `mlproject.yaml` and of an experiment spec: strict wishes.

Every model forbids unknown keys and coerces nothing, so that a typo is an error at its line and never a
default. The descriptions become the help that editors show.
"""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from modelbook.spec.placeholders import names_in

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
RUN_ID = re.compile(r"[0-9a-f]{12}")
PACKAGE = "package"
"""Name of the stage that `package:` adds to a pipeline."""
CRON = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of the month": (1, 31),
    "month": (1, 12),
    "day of the week": (0, 7),
}
"""Field of a schedule -> its least and greatest number."""
CARD_SECTIONS = (
    "intended_use",
    "out_of_scope",
    "limitations",
    "ethical_considerations",
    "training_data",
    "evaluation_data",
    "factors",
    "caveats",
)
"""The sections every model card should have; a card may have others."""
TOLD = ("package", "version", "model", "environment", "run")
"""Placeholders of what a deployment runs or asks."""

SCORED = ("model", "data", "out")
"""Placeholders of what judges a model on a period."""


def fault(
    message: str, hint: str = "", *, below: tuple[str | int, ...] = (), key: bool = False
) -> PydanticCustomError:
    """An error of ours that carries a hint to where all errors are located.

    Args:
        below: steps from the value that pydantic looks at to the one at fault; key: its key is at fault.
    """
    return PydanticCustomError(
        "modelbook", "{text}", {"text": message, "hint": hint, "below": below, "key": key}
    )


def name_like(text: str) -> str:
    """The nearest valid name, for a hint; empty when there is none."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")


def _name(value: str) -> str:
    if NAME.fullmatch(value):
        return value
    like = name_like(value)
    hint = f"did you mean {like}?" if like else ""
    raise fault(f"{value!r} is no name: expected lower-case letters, digits, - and _", hint)


def _version(value: str) -> str:
    if VERSION.fullmatch(value):
        return value
    numbers = re.findall(r"\d+", value)[:3]
    like = "v" + ".".join(str(int(number)) for number in [*numbers, "0", "0"][:3]) if numbers else ""
    hint = f"did you mean {like}?" if like else ""
    raise fault(f"expected a version like v1.2.3, found {value!r}", hint)


def _run_id(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise fault(
            f"expected a run id in quotes, found the number {value}", "YAML read its digits as a number"
        )
    if isinstance(value, str) and not RUN_ID.fullmatch(value):
        raise fault(f"expected a run id of 12 hex digits, found {value!r}", "`modelbook runs` lists them")
    return value


def _filled(value: str) -> str:
    if value.strip():
        return value
    raise fault("expected some text, found an empty string")


def _inside(value: str) -> str:
    """A path relative to the project's root that stays inside it."""
    parts = value.split("/")
    if "\\" in value:
        raise fault(f"{value!r} has a backslash", f"did you mean {value.replace(chr(92), '/')}?")
    if not value or value.startswith("/") or re.match(r"[A-Za-z]:", value) or ".." in parts:
        raise fault(f"expected a path inside the repository, found {value!r}")
    return value


def _server_folder(value: str) -> str:
    """A folder of its own: absolute, for it is a server's, or inside the repository."""
    parts = value.split("/")
    if not value.startswith("/"):
        _inside(value)
    if ".." in parts or parts[0].startswith("~") or not set(parts) - {"", "."} or "\0" in value:
        raise fault(f"expected a folder, absolute or inside the repository, found {value!r}")
    return value


def _told(value: str) -> str:
    """A text whose placeholders are those of a deployment."""
    unknown = [name for name in names_in(value) if name not in TOLD]
    if unknown:
        raise fault(f"unknown placeholder ${{{unknown[0]}}}", f"expected one of {', '.join(TOLD)}")
    return value


def _argv(value: str) -> str:
    """A command that can be split into words."""
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise fault(f"the command can't be split into words: {str(error).lower()}") from None
    if not words or not words[0]:
        raise fault("expected a command, found none")
    if names_in(words[0]):
        raise fault(f"the program can't be a placeholder, found {words[0]}")
    for word in words:
        _told(word)
    return value


def _web_address(value: str) -> str:
    if not re.match(r"https?://[^\s/]", value) or re.search(r"[\s\x00-\x1f]", value):
        raise fault(f"expected an address such as http://localhost:8080/health, found {value!r}")
    return _told(value)


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):  # which is not repeated: it may be the secret itself
        hint = "the address itself is a secret, and does not belong into a file"
        raise fault("expected the name of an environment variable, such as SLACK_WEBHOOK_URL", hint)
    return value


def _image_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*", value):
        raise fault(f"expected an image such as python:3.12-slim, found {value!r}")
    return value


def _cron(value: str) -> str:
    """Five fields, each of numbers, ranges, steps and lists of them."""
    fields = value.split()
    if len(fields) != len(CRON):
        raise fault(f"expected five fields as cron has them, found {value!r}", "such as 0 6 1 * *")
    for text, (name, (low, high)) in zip(fields, CRON.items(), strict=True):
        if not cron_field(text, low, high):
            raise fault(
                f"{text!r} is no {name}", f"expected numbers from {low} to {high}, *, a-b, */n or lists"
            )
    return value


def cron_field(text: str, low: int, high: int) -> frozenset[int]:
    """The numbers that a field of a schedule stands for; none where it cannot be read."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", part)
        if match is None:
            return frozenset()
        first = low if match[1] is None else int(match[1])
        alone = match[1] is not None and match[2] is None and match[3] is None
        last = int(match[2]) if match[2] else first if alone else high
        step = int(match[3]) if match[3] else 1
        if not low <= first <= last <= high or step < 1:
            return frozenset()
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _source(value: str) -> str:
    return value if re.match(r"[a-z0-9]+://", value) else _inside(value)


def _format(value: str) -> str:
    try:
        format(0.5, value)
    except ValueError:
        raise fault(f"{value!r} is no Python number format", "try '.4f' or '.1%'") from None
    return value


def _plain(value: object, below: tuple[str | int, ...] = ()) -> None:
    """Refuse what DVC, JSON and other languages would not read as we do."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _plain_key(key, (*below, key))
            _plain(item, (*below, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _plain(item, (*below, index))
    else:
        _plain_scalar(value, below)


def _plain_scalar(value: object, below: tuple[str | int, ...]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise fault(f"a param must be finite, found {value}", "use null, or a large number", below=below)
    if isinstance(value, date):
        raise fault(f"a param can't be a date, found {value}", f"put it in quotes: '{value}'", below=below)
    if not isinstance(value, str | int | float | None):
        raise fault(f"a param can't be a {type(value).__name__}", below=below)


def _plain_key(key: object, below: tuple[Any, ...]) -> None:
    if not isinstance(key, str):
        message = f"the name of a param must be a string, found {key!r}"
        raise fault(message, f'put it in quotes: "{key}"', below=below, key=True)
    if "." in key:
        first, rest = key.split(".", 1)
        message = f"the name of a param can't have a dot: {key}"
        raise fault(message, f"nest it: {first}: {{{rest}: …}}", below=below, key=True)


def _param(value: object) -> object:
    _plain(value)
    return value


def _params(value: object) -> object:
    if isinstance(value, Mapping):
        _plain(value)
    return value


def _as_commands(value: object) -> object:
    if not isinstance(value, str | list):
        raise fault(f"expected a command or a list of commands, found {value!r}")
    return [value] if isinstance(value, str) else value


def _as_seeds(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise fault(f"expected at least one seed, found {value}", "leave seeds out for a single run")
        return list(range(value))
    return value


def _seeds(value: list[int]) -> list[int]:
    if not value:
        raise fault("expected at least one seed, found an empty list", "leave seeds out for a single run")
    twice = sorted({seed for seed in value if value.count(seed) > 1})
    if twice:
        raise fault(f"seed {twice[0]} is there twice")
    return value


def _as_options(value: object) -> object:
    return {value: {}} if isinstance(value, str) else value


def _one_path(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        raise fault(f"expected one path with its options, found {len(value)} keys", "start a new list item")
    return value


def _as_windows(value: object) -> object:
    found = value if isinstance(value, list) else [value]
    return [{"kind": one} if isinstance(one, str) else one for one in found]


Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})
]
Version = Annotated[
    str, AfterValidator(_version), WithJsonSchema({"type": "string", "pattern": f"^{VERSION.pattern}$"})
]
RunId = Annotated[
    str, BeforeValidator(_run_id), WithJsonSchema({"type": "string", "pattern": f"^{RUN_ID.pattern}$"})
]
Text = Annotated[str, AfterValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
InnerPath = Annotated[str, AfterValidator(_inside), WithJsonSchema({"type": "string", "minLength": 1})]
SourcePath = Annotated[str, AfterValidator(_source), WithJsonSchema({"type": "string", "minLength": 1})]
NumberFormat = Annotated[str, AfterValidator(_format), WithJsonSchema({"type": "string"})]
Command = Annotated[str, AfterValidator(_argv), WithJsonSchema({"type": "string", "minLength": 1})]
WebAddress = Annotated[
    str, AfterValidator(_web_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
Variable = Annotated[
    str,
    AfterValidator(_variable),
    WithJsonSchema({"type": "string", "pattern": f"^{VARIABLE.pattern}$"}),
]
ImageName = Annotated[str, AfterValidator(_image_name), WithJsonSchema({"type": "string", "minLength": 1})]
ServerFolder = Annotated[
    str, AfterValidator(_server_folder), WithJsonSchema({"type": "string", "minLength": 1})
]
Cron = Annotated[str, AfterValidator(_cron), WithJsonSchema({"type": "string", "minLength": 9})]
Tolerance = Annotated[float, Field(ge=0)]
Param = Annotated[Any, BeforeValidator(_param)]
Params = Annotated[dict[str, Any], BeforeValidator(_params)]
Commands = Annotated[
    list[Text], Field(min_length=1), BeforeValidator(_as_commands, json_schema_input_type=str | list[str])
]


class Wish(BaseModel):
    """Base of every spec model: no unknown keys, no coercion, no change after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Gates(Wish):
    """When a change of a metric is good enough, or bad enough to stop."""

    min_delta: Tolerance | None = None
    """A new value must be better than the old one by at least this."""
    max_regression: Tolerance | None = None
    """A new value may be worse than the old one by at most this."""
    atol: Tolerance | None = None
    """Two values that differ by no more than this are equal."""
    rtol: Tolerance | None = None
    """Two values that differ by no more than this share of the old one are equal."""
    floor: float | None = None
    """The value may not be below this."""
    ceiling: float | None = None
    """The value may not be above this."""
    must_not_change: bool = False
    """The value must stay the same, within atol and rtol."""


class MetricSpec(Wish):
    """How to read and judge a metric that stages write."""

    direction: Literal["maximize", "minimize"]
    """Which way is better."""
    unit: str = ""
    """Shown behind the number, such as s or %."""
    format: NumberFormat = ""
    """A Python format spec such as .4f or .1%."""
    description: str = ""
    """What it measures, in a sentence."""
    gates: Gates = Gates()
    """When a change is good or bad enough."""


class Dataset(Wish):
    """Data that comes from outside the pipelines."""

    path: InnerPath
    """Where it lies, relative to the repository's root. Stages name it ${datasets.NAME}."""
    source: str = ""
    """Where it comes from, in words: a package, a database, a person."""
    url: str = ""
    """Where it can be read about or downloaded."""
    license: str = ""
    """An SPDX identifier such as CC0-1.0, or words."""
    description: str = ""
    """What it holds, in a sentence or two."""


class OutOptions(Wish):
    """How DVC keeps an output."""

    cache: bool | None = None
    """Keep it in DVC's cache (true) or in Git (false). By default outs are cached; metrics and plots are in
    Git."""
    persist: bool | None = None
    """Leave the old output in place when the stage starts."""
    push: bool | None = None
    """Let `dvc push` upload it."""
    remote: str | None = None
    """The DVC remote to push it to."""
    desc: str | None = None
    """What it is."""
    type: str | None = None
    """Its type, for people: model, dataset, …"""
    labels: list[str] | None = None
    """Labels, for people."""
    meta: dict[str, Any] | None = None
    """Anything else; DVC keeps it."""


class PlotOptions(OutOptions):
    """How DVC keeps a plot's data, and how to draw it."""

    x: str | None = None
    """The field of the x axis."""
    y: str | None = None
    """The field of the y axis."""
    template: str | None = None
    """linear, simple, smooth, scatter, confusion, confusion_normalized, bar_horizontal or
    bar_horizontal_sorted."""
    title: str | None = None
    """Shown above the plot."""
    x_label: str | None = None
    """What the x axis says."""
    y_label: str | None = None
    """What the y axis says."""
    header: bool | None = None
    """Whether a CSV or TSV file has a header line."""


Out = Annotated[
    dict[InnerPath, OutOptions],
    BeforeValidator(_as_options, json_schema_input_type=str | dict[str, OutOptions]),
    AfterValidator(_one_path),
]
PlotOut = Annotated[
    dict[InnerPath, PlotOptions],
    BeforeValidator(_as_options, json_schema_input_type=str | dict[str, PlotOptions]),
    AfterValidator(_one_path),
]


class Stage(Wish):
    """One step of a pipeline; becomes a DVC stage for every run."""

    desc: str = ""
    """What it does, in a sentence."""
    shared: bool = False
    """Run once for the pipeline, not once for every run."""
    cmd: Commands
    """The command, or a list of commands that run one after the other. Placeholders: ${run}, ${experiment},
    ${pipeline}, ${params} (path of the file with the run's params), ${datasets.NAME}, ${params.KEY}."""
    deps: list[SourcePath] = []
    """Files and folders it reads: code and data."""
    params: list[Text] | None = None
    """Dotted names of the params it depends on; leave out for all, [] for none."""
    outs: list[Out] = []
    """Files and folders it writes: a path, or a path with options."""
    metrics: list[Out] = []
    """JSON, YAML or TOML files with metrics that it writes."""
    plots: list[PlotOut] = []
    """CSV, TSV, JSON or image files that it writes for people to look at."""
    frozen: bool = False
    """Never run it again."""
    always_changed: bool = False
    """Run it every time."""
    meta: dict[str, Any] = {}
    """Anything else; DVC keeps it."""


class Package(Wish):
    """How a pipeline's models become packages, which other tools take as they are."""

    model: InnerPath
    """The model file among the outs of the stages, such as results/${run}/model.skops."""
    flavor: Literal["sklearn", "xgboost"] = "sklearn"
    """What the model file is: sklearn (in skops' format) or xgboost (in its own JSON or UBJSON)."""
    data: InnerPath
    """Rows that the model was not fitted on, Parquet or CSV, with its inputs by name: the input example comes
    from them, and the original and its ONNX form are compared on them."""
    where: dict[Text, str | int | float | bool] = {}
    """Only rows of the data with these values, such as {part: test}."""
    rows: Annotated[int, Field(ge=1)] = 10_000
    """How many rows to compare on, evenly spaced over the data."""
    trusted: list[Text] = []
    """Types in the model file that may be loaded although skops does not know them, such as
    sklearn.tree._tree.Tree."""
    only: list[Text] = []
    """Runs to package, by the name of the run or of its experiment, with * and ?; all by default."""
    out: InnerPath = "results/${run}/package"
    """The folder to write."""
    metrics: InnerPath = "results/${run}/package.json"
    """The metrics file to write: how far ONNX is from the original, and the package's size."""


class Pipeline(Wish):
    """A chain of stages that makes a model and measures it."""

    description: str = ""
    """What it is for, in a sentence or two."""
    datasets: list[str] = []
    """Names of the datasets it starts from."""
    metric: str = ""
    """The headline metric: what its runs are compared by. By default one that its current runs have."""
    params: Params = {}
    """Default params, under those of every experiment."""
    stages: dict[Name, Stage] = Field(min_length=1)
    """The stages by name."""
    package: Package | None = None
    """One more stage, for models that are to be served."""

    @model_validator(mode="after")
    def _check(self) -> Pipeline:
        if self.package is not None and PACKAGE in self.stages:
            message = f"package adds a stage of the name {PACKAGE}, and there is one"
            raise fault(message, "give yours another name", below=("stages", PACKAGE), key=True)
        return self


class Window(Wish):
    """Which periods a challenger is trained on; all are before the one that it is judged on."""

    kind: Literal["expanding", "rolling"]
    """expanding (all periods there are) or rolling (the newest ones)."""
    size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many periods a rolling window has."""

    @model_validator(mode="after")
    def _check(self) -> Window:
        if self.kind == "rolling" and self.size is None:
            raise fault("a rolling window needs a size", "such as {kind: rolling, size: 3}", below=("kind",))
        if self.kind == "expanding" and self.size is not None:
            raise fault("an expanding window has no size", below=("size",), key=True)
        return self


class Scoring(Wish):
    """How any model of this kind is judged on any period: the champion and its challengers alike."""

    cmd: Text
    """The command, one for each model and period. Placeholders: ${model} (the model file), ${data} (the
    period's file), ${out} (the JSON file of metrics that it writes)."""
    deps: list[InnerPath] = []
    """The code it reads besides: when that changes, all is judged again."""

    @model_validator(mode="after")
    def _check(self) -> Scoring:
        found = names_in(self.cmd)
        unknown = [name for name in found if name not in SCORED]
        if unknown:
            hint = f"expected one of {', '.join(SCORED)}"
            raise fault(f"unknown placeholder ${{{unknown[0]}}}", hint, below=("cmd",))
        missing = [name for name in SCORED if name not in found]
        if missing:
            raise fault(f"the command does not say where ${{{missing[0]}}} goes", below=("cmd",))
        return self


class Budget(Wish):
    """How much may be retrained."""

    retrains: Annotated[int, Field(ge=1)] = 4
    """At most so many within `periods`."""
    periods: Annotated[int, Field(ge=1)] = 12
    """The newest periods that are counted."""
    runs: Annotated[int, Field(ge=1)] | None = None
    """At most so many training runs within `periods`; each window is one."""
    hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """No more training once runs within `periods` took so many hours of wall time, as their stages logged it.
    Where a run logged none, nothing more is trained."""
    cool_down: Annotated[int, Field(ge=0)] = 0
    """Periods after a retraining in which there is no other."""


class Retrain(Wish):
    """When a model is trained again, on what, and when the new one takes the place of the old."""

    on: Annotated[list[Literal["breach", "new_data", "schedule"]], Field(min_length=1)]
    """What calls for it: breach (the newest batch of the monitor is in breach), new_data (there are labelled
    periods that nobody was judged on) or schedule."""
    monitor: str = ""
    """The monitor that a breach is of, by name."""
    breach: list[Literal["quality", "drift", "performance"]] = ["quality", "drift", "performance"]
    """Kinds of breaches that count."""
    every: Annotated[int, Field(ge=1)] = 1
    """Of new_data: how many new periods it takes."""
    schedule: Cron | None = None
    """Of schedule: minute, hour, day of the month, month and day of the week in UTC, as cron has them."""
    experiment: str
    """The experiment that is trained again, by name. Every challenger is a new spec that extends it."""
    param: Text
    """Its dotted param that lists the periods to train on."""
    data: InnerPath
    """The labelled data, one file for each period, such as data/labelled/*.parquet. A period is called like
    its file, and periods are in the order of their names."""
    window: Annotated[
        list[Window],
        Field(min_length=1),
        BeforeValidator(_as_windows, json_schema_input_type=str | Window | list[str | Window]),
    ]
    """expanding, or {kind: rolling, size: N}; a list of them makes a challenger of each."""
    metric: str
    """What a challenger must be better in than the champion, on the newest labelled period."""
    gates: dict[Text, Gates] = {}
    """Metric -> gates of the challenger beside the champion, on the same data."""
    evaluate: Scoring
    """How both are judged."""
    budget: Budget = Budget()
    """How often, and how much, it may be trained again."""
    environment: Name | None = None
    """Where the champion is in force; without it, the champion is the newest version."""
    assign: bool = False
    """Put an accepted challenger in force there. By default it is only registered."""

    @model_validator(mode="after")
    def _check(self) -> Retrain:
        if "breach" in self.on and not self.monitor:
            raise fault("on: breach needs a monitor", "name one of monitors:", below=("on",))
        if ("schedule" in self.on) != (self.schedule is not None):
            raise fault(
                "on: schedule and a schedule go together", "such as schedule: 0 6 1 * *", below=("on",)
            )
        if self.assign and self.environment is None:
            raise fault("assign needs an environment", below=("assign",))
        twice = [one for at, one in enumerate(self.window) if one in self.window[:at]]
        if twice:
            raise fault("a window is there twice", below=("window",))
        return self


class Challenge(Wish):
    """What an experiment that `modelbook retrain` wrote is for."""

    model: str
    """The model whose version it would become."""
    champion: str
    """The run that it would take the place of, by name."""
    period: Text
    """The labelled period that both are judged on, and that neither was trained on."""


class Model(Wish):
    """A model that is registered, promoted and deployed under one name."""

    pipeline: str
    """The pipeline whose runs make it."""
    artifact: InnerPath
    """The model file among the pipeline's outs, such as results/${run}/model.skops."""
    description: str = ""
    """What it predicts, in a sentence or two."""
    task: Name | None = None
    """What kind of problem it solves, as the Hugging Face Hub names it: tabular-classification,
    tabular-regression, image-classification, ..."""
    owner: str = ""
    """Who answers for it."""
    license: str = ""
    """Of the model itself: an SPDX identifier such as Apache-2.0, or words."""
    versions: dict[Version, RunId] = {}
    """Registered versions: version -> id of the run it comes from."""
    deprecated: dict[Version, str] = {}
    """Versions that nobody should use any more: version -> why, in a sentence."""
    environments: dict[Name, str] = {}
    """What is in force where: environment -> version."""
    retrain: Retrain | None = None
    """When it is trained again, and when the new one takes the place of the old."""


class Place(Wish):
    """An environment that versions of models are put in force in, such as staging or prod."""

    description: str = ""
    """What it is for, in a sentence."""
    requires: list[Literal["gates", "card", "package", "reproduced"]] = []
    """What a version must have before it may be put in force here: gates (no gate of its metrics fails
    against the version before), card (no section of its model card is missing), package (a stage of its run
    packaged it; `modelbook assign` checks every file of it), reproduced (a record says that it was run again
    and gave the same)."""


class Limits(Wish):
    """How far a measure may go. Higher is worse, unless the warning is the higher of the two."""

    warning: float | None = None
    """From here on somebody should look."""
    breach: float | None = None
    """From here on it is broken."""


class Monitor(Wish):
    """What new data, and the model that is used on them, are watched for."""

    description: str = ""
    """What is watched, in a sentence or two."""
    model: str = ""
    """The model that is watched, by name."""
    environment: Name | None = None
    """The environment that is watched, such as prod: of its versions the site tells which was in force."""
    reference: InnerPath
    """The data that batches are compared with, Parquet or CSV; * and ? stand for several files."""
    batches: InnerPath
    """The batches, each a file, or a folder of files, and called like it: such as data/months/*.parquet."""
    serving_log: bool = False
    """Whether batches are what modelbook serve --log wrote: input.NAME is read as NAME, and an answer of
    several numbers, output.NAME, as output.NAME.0, output.NAME.1 and so on."""
    engine: Literal["duckdb", "datafusion"] = "duckdb"
    """What counts."""
    time: str = ""
    """The column with the time of each row: rows outside of the month or day that a batch is called by are
    told."""
    columns: list[Text] = []
    """The columns to watch; all by default."""
    ignore: list[Text] = []
    """Columns not to watch, such as identifiers."""
    key: list[Text] = []
    """The columns that tell rows apart: two with the same values are duplicates."""
    prediction: str = ""
    """The column with the model's output: a chance between 0 and 1, or a number."""
    target: str = ""
    """The column with the label; empty cells are labels that are still to come."""
    segments: list[Text] = []
    """Columns whose values are judged apart."""
    metrics: dict[Name, Text] = {}
    """Metrics of your own: an aggregate in SQL of p, the prediction, y, the label, and the other columns."""
    quality: dict[Literal["missing", "range", "new_categories", "duplicates", "period"], Limits] = {
        "missing": Limits(warning=0.05, breach=0.2),
        "range": Limits(warning=0.01, breach=0.05),
        "new_categories": Limits(warning=0.01, breach=0.05),
        "duplicates": Limits(warning=0.001, breach=0.01),
    }
    """Limits of shares of rows: more missing values than in the reference, numbers out of its range,
    categories it does not have, rows that are there twice, rows of another time (period)."""
    drift: dict[Literal["psi", "jensen_shannon", "wasserstein", "ks", "cramers_v"], Limits] = {
        "psi": Limits(warning=0.1, breach=0.25)
    }
    """Limits of how far each column may be from the reference."""
    performance: dict[Text, Limits] = {}
    """Limits of metrics: roc_auc, accuracy, log_loss, brier, ece, mae, rmse, bias, and of
    those under metrics."""
    schedule: Cron | None = None
    """When the workflow looks for new batches, as cron has it, in UTC."""
    retention: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many of the newest batches have stages, and pages of their own; older ones keep their line."""
    alerts: list[Name] | None = None
    """Who is told, by the names of alerts; everybody by default."""


class Channel(Wish):
    """Who is told of what monitors find, once each time something begins, gets worse or ends."""

    to: Literal["webhook", "slack", "github-issue"]
    """webhook (JSON), slack (what a Slack-compatible incoming webhook takes) or github-issue (one for each
    monitor, closed when all is well again)."""
    url_from: Variable | None = None
    """Of webhook and slack: the environment variable that holds the address, which is a secret."""
    level: Literal["warning", "breach"] = "warning"
    """How bad it must be: warning for all, breach for breaches alone."""

    @model_validator(mode="after")
    def _check(self) -> Channel:
        if self.to == "github-issue" and self.url_from is not None:
            raise fault(
                "an issue has no url_from", "the workflow's token is used", below=("url_from",), key=True
            )
        if self.to != "github-issue" and self.url_from is None:
            hint = "name the environment variable that holds the address, such as url_from: SLACK_WEBHOOK_URL"
            raise fault(f"{self.to} needs a url_from", hint)
        return self


class Health(Wish):
    """How to see that what was deployed works: one of url and command."""

    url: WebAddress | None = None
    """Answers with a status of 200 to 299 when it is well, such as
    http://localhost:8080/v2/models/${model}/versions/${version}/ready."""
    command: Command | None = None
    """Ends with status 0 when it is well. Placeholders as in the command of a deployment."""
    timeout: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 30.0
    """Seconds to become well; it is asked again until then."""

    @model_validator(mode="after")
    def _check(self) -> Health:
        if (self.url is None) == (self.command is None):
            raise fault("expected one of url and command", "such as url: http://localhost:8080/health")
        return self


class Deployment(Wish):
    """Where a model goes that is in force in an environment: a server's folder, an image, or any program."""

    description: str = ""
    """What uses it, in a sentence."""
    model: str
    """The model, by name."""
    environment: Name
    """The environment: what is in force there is deployed."""
    target: Literal["directory", "docker", "oci", "command"]
    """directory (the package in a folder, and a link that is switched), docker (a folder for `docker build`
    instead of the package), oci (an image in OCI's layout instead) or command (a program that is run)."""
    path: ServerFolder | None = None
    """Of all but a command: the folder, absolute or relative to mlproject.yaml. Its link `current` leads to
    what was written."""
    command: Command | None = None
    """Of a command: what to run. Placeholders: ${package} (a folder), ${version}, ${model}, ${environment},
    ${run}. There is no shell unless you write sh -c."""
    base: ImageName | None = None
    """Of docker: the image to start from, such as python:3.12-slim@sha256:...; by default the official one of
    the Python that the model was made with."""
    health: Health | None = None
    """How to see that it works. When it does not, what was there before is put back."""
    keep: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Of all but a command: how many older releases to keep."""

    @model_validator(mode="after")
    def _check(self) -> Deployment:
        wanted, other = ("command", "path") if self.target == "command" else ("path", "command")
        if getattr(self, wanted) is None:
            raise fault(f"target {self.target} needs a {wanted}", below=("target",))
        none = [other, *(["keep"] if self.target == "command" else [])]
        none += ["base"] if self.target != "docker" else []
        for key in none:
            if key in self.model_fields_set and getattr(self, key) is not None:
                raise fault(f"target {self.target} has no {key}", below=(key,), key=True)
        return self


class Project(Wish):
    """mlproject.yaml: what a team makes, out of what, and how it is judged."""

    name: Text
    """The project's name."""
    description: str = ""
    """What it is for, in a sentence or two."""
    url: str = ""
    """Where the repository is on the web; commits are linked there."""
    datasets: dict[Name, Dataset] = {}
    """Data that comes from outside, by name."""
    metrics: dict[Text, MetricSpec] = {}
    """How to read the metrics, by name."""
    pipelines: dict[Name, Pipeline] = {}
    """The pipelines by name."""
    models: dict[Name, Model] = {}
    """The models by name."""
    environments: dict[Name, Place] = {}
    """The environments by name, and what each requires. When there are any, models may only use these."""
    monitors: dict[Name, Monitor] = {}
    """What is watched after a model is in use, by name."""
    alerts: dict[Name, Channel] = {}
    """Who is told of what monitors find, by name."""
    deployments: dict[Name, Deployment] = {}
    """Where models go that are in force, by name."""
    experiments: InnerPath = "experiments"
    """The folder of the experiment specs."""


class Distribution(Wish):
    """What a random sweep draws a param from; exactly one key."""

    choice: list[Param] | None = Field(default=None, min_length=1)
    """One of these values."""
    integer: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(default=None, alias="int")
    """A whole number between two, both included."""
    uniform: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """A number between two."""
    log_uniform: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """A number between two, evenly over their logarithms."""

    @model_validator(mode="after")
    def _check(self) -> Distribution:
        given = _exactly_one(self)
        if given != "choice":
            low, high = getattr(self, given)
            if low >= high:
                raise fault(f"expected [low, high], found [{low}, {high}]")
            if given == "log_uniform" and low <= 0:
                raise fault(f"log_uniform needs numbers above 0, found {low}")
        return self


class RandomSweep(Wish):
    """Random points of a space."""

    n: Annotated[int, Field(ge=1, le=10_000)]
    """How many points."""
    seed: int = 0
    """Another seed draws other points."""
    space: dict[str, Distribution] = Field(min_length=1)
    """Dotted param -> what to draw it from."""


class Sweep(Wish):
    """Many runs of one experiment; exactly one key."""

    grid: dict[str, Annotated[list[Param], Field(min_length=1)]] | None = Field(default=None, min_length=1)
    """Dotted param -> values; every combination is a run."""
    points: list[Annotated[dict[str, Param], Field(min_length=1)]] | None = Field(
        default=None, alias="list", min_length=1
    )
    """Points, each a mapping of dotted params to values."""
    random: RandomSweep | None = None
    """Points drawn at random, the same ones every time."""

    @model_validator(mode="after")
    def _check(self) -> Sweep:
        _exactly_one(self)
        return self


def _exactly_one(wish: Wish) -> str:
    aliases = {name: field.alias or name for name, field in type(wish).model_fields.items()}
    given = [name for name in aliases if getattr(wish, name) is not None]
    if len(given) != 1:
        found = " and ".join(aliases[name] for name in given) or "none"
        raise fault(f"expected exactly one of {', '.join(aliases.values())}, found {found}")
    return given[0]


def _section(value: str) -> str:
    near = difflib.get_close_matches(_name(value), CARD_SECTIONS, n=1, cutoff=0.85)
    if near and near[0] != value:
        raise fault(f"unknown section {value}", f"did you mean {near[0]}?")
    return value


def _card_kind(value: object) -> str:
    return "<file>" if isinstance(value, str) else "<sections>"


Card = Annotated[
    Annotated[InnerPath, Tag("<file>")]
    | Annotated[dict[Annotated[str, AfterValidator(_section)], str], Tag("<sections>")],
    Discriminator(_card_kind),
]


class Experiment(Wish):
    """An experiment spec: what someone wants to try."""

    name: Name | None = None
    """Its name; the file's name by default."""
    description: str = ""
    """The question it answers, in a sentence or two."""
    pipeline: str | None = None
    """The pipeline it runs; inherited with extends."""
    extends: str | None = None
    """Another experiment, by name or relative path; all but name, description and abstract is inherited."""
    abstract: bool = False
    """Only a base for others, never run."""
    params: Params = {}
    """Params that differ from the pipeline's defaults and from what it extends."""
    sweep: Sweep | None = None
    """Many runs with different params; null drops an inherited sweep."""
    seeds: (
        Annotated[
            list[int],
            AfterValidator(_seeds),
            BeforeValidator(_as_seeds, json_schema_input_type=int | list[int]),
        ]
        | None
    ) = None
    """Seeds to repeat every run with, set as params.seed: a list, or N for 0 to N-1; null drops inherited
    ones."""
    tags: list[Text] = []
    """Words to find it by."""
    owner: str = ""
    """Who answers for it."""
    card: Card = {}
    """Model card prose in Markdown: sections by name, or the path of a Markdown file."""
    challenges: Challenge | None = None
    """Written by `modelbook retrain`: what it is judged against, and on what. Never inherited."""
