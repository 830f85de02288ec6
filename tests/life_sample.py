"""A small project as a Git repository, in which models can be registered and promoted."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

from click.testing import CliRunner, Result

from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history, spec, stages
from modelbook.cli import main
from modelbook.records import Catalog, Model

PROJECT = """\
name: shop   # a comment
metrics:
  auc: {direction: maximize, gates: {floor: 0.5, max_regression: 0.01}}

pipelines:
  p:
    metric: auc
    stages:
      train:
        cmd: python train.py --out out/${run}
        deps: [train.py]
        outs: ["out/${run}/model.bin"]
        metrics: ["out/${run}/metrics.json"]

models:
  m:
    pipeline: p
    artifact: out/${run}/model.bin

    # below
"""
PLACES = """\
environments:
  dev: {}
  prod: {requires: [%s]}
"""
CARD = "pipeline: p\ncard:\n" + "".join(
    f"  {name}: Some words.\n"
    for name in (
        "intended_use",
        "out_of_scope",
        "training_data",
        "evaluation_data",
        "factors",
        "limitations",
        "ethical_considerations",
        "caveats",
    )
)


class Shop:
    """The repository, with what tests ask of it.

    Args:
        scores: run -> its metric. places: more of mlproject.yaml.
    """

    def __init__(self, path: Path, scores: dict[str, float], places: str = "", spec_text: str = "") -> None:
        self.repo = GitRepo(path)
        self.path = path
        self.repo.git.config["user.name"] = "Ada"
        self.repo.git.config["user.email"] = "ada@example.org"
        files = {"mlproject.yaml": PROJECT + places, "train.py": "pass\n"}
        files |= {f"experiments/{name}.yaml": spec_text or "pipeline: p\n" for name in scores}
        self.repo.write(files)
        stages.sync(spec.load(path))
        files["dvc.yaml"] = (path / "dvc.yaml").read_text()
        self.repo.commit(files, "Plan")
        self.train(scores)

    def train(self, scores: dict[str, float]) -> str:
        """Commit results of runs."""
        files = {f"out/{name}/metrics.json": f'{{"auc": {score}}}' for name, score in scores.items()}
        files |= {f"out/{name}/model.bin": f"model {score}" for name, score in scores.items()}
        made = {path: md5(text.encode()).hexdigest() for path, text in files.items()}
        entries = [
            entry(
                f"p-train@{name}",
                cmd=f"train {name}",
                outs={path: digest for path, digest in made.items() if path.startswith(f"out/{name}/")},
            )
            for name in scores
        ]
        sha = self.repo.commit({**files, "dvc.lock": lock(*entries)}, "Train")
        self.repo.checkout()
        return sha

    def commit(self, message: str = "Promote") -> str:
        """Commit mlproject.yaml as it is in the working tree."""
        sha = self.repo.commit({"mlproject.yaml": self.text}, message)
        self.repo.checkout()
        return sha

    @property
    def text(self) -> str:
        """What mlproject.yaml says."""
        return (self.path / "mlproject.yaml").read_text()

    def edit(self, old: str, new: str) -> None:
        """Change mlproject.yaml by hand."""
        assert old in self.text
        (self.path / "mlproject.yaml").write_text(self.text.replace(old, new))

    def catalog(self) -> Catalog:
        """All that the history says now."""
        return catalog.build(history.read(self.path))

    def model(self) -> Model:
        """The model."""
        return self.catalog().models[0]

    def run(self, name: str) -> str:
        """The id of the newest run of a name."""
        return next(run.id for run in self.catalog().runs if run.name == name)

    def call(self, *args: str) -> Result:
        """A command here."""
        return CliRunner().invoke(main, [args[0], "--repo", str(self.path), *args[1:]])

    def ok(self, *args: str) -> str:
        """The output of a command that must do well."""
        result = self.call(*args)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *args: str) -> str:
        """What a command says that must end with status 1."""
        result = self.call(*args)
        assert result.exit_code == 1, result.output
        return result.stderr

    def wrong(self, *args: str) -> str:
        """What a command says that must end with status 2."""
        result = self.call(*args)
        assert result.exit_code == 2, result.output
        return result.stderr
