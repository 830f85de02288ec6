"""What real public repositories taught, each as a small history of its own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pygit2
import pytest
from click.testing import CliRunner

from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history, pages
from modelbook.cli import main
from modelbook.errors import UnsupportedRepository
from modelbook.history import yaml12
from modelbook.pages import drawings
from modelbook.records import Catalog

A, B = "a" * 32, "b" * 32
PNG = b"\x89PNG\r\n\x1a\n"


def built(repo: GitRepo) -> Catalog:
    return catalog.build(history.read(repo.path))


def composed(repo: GitRepo) -> dict[str, pages.Page]:
    opened = history.Repository(repo.path)
    return {page.path: page for page in pages.compose(built(repo), opened.blob)}


# -- a dvc.yaml that was edited after the run


def test_an_output_whose_declaration_was_moved_is_shown_as_the_run_made_it(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "dvc.yaml": "stages:\n  report:\n    cmd: run\n    outs: [reports/new/report.html, kept.csv]\n",
            "dvc.lock": lock(entry("report", outs={"reports/report.html": A, "kept.csv": B})),
        }
    )
    outs = {out.path: (out.md5, str(out.state)) for out in built(repo).runs[0].artifacts}
    assert outs == {
        "reports/new/report.html": (None, "never"),
        "reports/report.html": (A, "present"),
        "kept.csv": (B, "present"),
    }


# -- remotes that keep versions themselves


def listed(*files: tuple[str, str, int]) -> str:
    lines = [
        f"  - relpath: {path}\n    md5: {md5}\n    size: {size}\n    cloud:\n      s3:\n"
        f"        etag: 08{number}eae4e7c9a785031001\n        version_id: '171219993606272{number}'\n"
        for number, (path, md5, size) in enumerate(files)
    ]
    return "outs:\n- hash: md5\n  path: images\n  files:\n" + "".join(lines)


def test_a_folder_listed_file_by_file_is_summed_up_as_dvc_does(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"data/images.dvc": listed(("b.png", B, 20), ("-4L-Z1.png", A, 3))})
    dataset = built(repo).datasets[0]
    rows = json.dumps([{"md5": A, "relpath": "-4L-Z1.png"}, {"md5": B, "relpath": "b.png"}])
    assert dataset.md5 == hashlib.md5(rows.encode()).hexdigest() + ".dir"
    assert (dataset.path, dataset.size, dataset.nfiles) == ("data/images", 23, 2)


def test_long_lists_of_files_need_no_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    text = listed(("-4L-Z1.png", A, 3), ("9Oabc_x-1.jpg", B, 4))
    wanted = yaml12.load_exactly(text)
    monkeypatch.setattr(yaml12, "load_exactly", lambda text: pytest.fail(f"asked ruamel for {text!r}"))
    assert yaml12.load(text) == wanted


NEARLY = [
    "1e5",
    "1E5",
    "0x1f",
    "0o17",
    "0b11",
    "-0x1f",
    "1_000",
    "12e",
    "1e",
    "2001-12-14",
    "08ab",
    "-4L",
    "1.e5",
    "./a",
    "-.inf",
    ".5",
    "1.5.2",
    "3rd",
    "1:30",
]
QUOTED = ["'it''s'", "''", "'a'", '"a b"', '"a\\tb"', "'a' # said"]


@pytest.mark.parametrize("scalar", [*NEARLY, *QUOTED])
def test_scalars_that_nearly_are_numbers_mean_what_they_mean_to_dvc(scalar: str) -> None:
    text = f"k: {scalar}\n"
    assert repr(yaml12.load(text)) == repr(yaml12.load_exactly(text))


# -- values that only placeholders use


def test_a_file_of_variables_is_a_file_of_params(tmp_path: Path) -> None:
    text = "vars:\n- ../configs/all.yaml\nstages:\n  fit:\n    cmd: fit --depth ${depth}\n"
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"pipelines/dvc.yaml": text, "configs/all.yaml": "depth: 3\n"})
    shown = history.read_one(repo.path, "HEAD")
    assert [(value.path, value.name, value.value) for value in shown.params] == [
        ("configs/all.yaml", "depth", 3)
    ]
    assert shown.stages[0].cmd == "fit --depth 3"


# -- DVCLive without a pipeline


LIVE = """
metrics: [dvclive/metrics.json]
params: [dvclive/params.yaml]
plots:
- dvclive/plots/metrics: {x: step}
"""


def live(accuracy: float, depth: int) -> dict[str, str]:
    return {
        "dvc.yaml": LIVE,
        "dvclive/metrics.json": json.dumps({"F1 score": accuracy}),
        "dvclive/params.yaml": f"depth: {depth}\n",
        "dvclive/plots/metrics/F1 score.tsv": f"step\tF1 score\n0\t0.1\n1\t{accuracy}\n",
    }


def test_what_dvclive_logged_without_a_pipeline_is_a_run_for_each_result(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    first = repo.commit(live(0.5, 3), "try")
    repo.commit({"README.md": "hello"}, "say")
    repo.commit(live(0.6, 4), "better")
    made = built(repo)
    assert [(run.commit, run.name, len(run.commits)) for run in made.runs] == [
        (made.head, made.project.name, 1),
        (first, made.project.name, 2),
    ]
    newest = made.runs[0]
    assert [(value.name, value.value) for value in newest.metrics] == [("F1 score", 0.6)]
    assert [(value.name, value.value) for value in newest.params] == [("depth", 4)]
    assert [plot.name for plot in newest.plots] == ["dvclive/plots/metrics/F1 score.tsv"]
    assert made.experiments[0].current == (newest.id,)


def test_a_logged_run_does_not_claim_that_a_command_makes_it_again(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    sha = repo.commit(live(0.5, 3))
    page = next(page for path, page in composed(repo).items() if path.startswith("runs/") and page.bulk)
    assert page.context.command == f"git checkout {sha[:12]}"
    assert page.context.headline.name == "F1 score"


def test_an_experiment_ref_with_results_and_no_lock_is_a_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    base = repo.commit({"dvc.yaml": "stages: {}\n"})
    sha = repo.commit(live(0.7, 2), parents=[base], ref=f"refs/exps/{base[:2]}/{base[2:]}/lone-wolf")
    assert [(run.commit, run.refs) for run in built(repo).runs] == [(sha, ("exps/lone-wolf",))]


def test_a_notebook_beside_a_pipeline_and_each_of_several_loggers_is_a_run_of_its_own(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    item = "stages:\n  fit:\n    foreach: [a]\n    do:\n      cmd: run\n      outs: [out/${item}]\n"
    repo.commit(
        {
            "dvc.yaml": item,
            "dvc.lock": lock(entry("fit@a", outs={"out/a": A})),
            "one/dvclive/metrics.json": '{"loss": 1}',
            "two/dvclive/metrics.json": '{"loss": 2}',
        }
    )
    assert sorted(run.name for run in built(repo).runs) == ["a", "one", "two"]


def test_metrics_of_a_pipeline_are_no_second_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit(
        {
            "dvc.yaml": f"{LIVE}stages:\n  train:\n    cmd: run\n    outs: [model.pkl]\n",
            "dvc.lock": lock(entry("train", outs={"model.pkl": A})),
            "dvclive/metrics.json": '{"loss": 1}',
            "dvclive/params.yaml": "depth: 3\n",
        }
    )
    runs = built(repo).runs
    assert [len(run.stages) for run in runs] == [1]
    assert [value.name for value in runs[0].metrics] == ["loss"]


def test_results_of_stages_whose_lock_was_never_committed_are_a_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    text = "stages:\n  train:\n    cmd: run\n    metrics:\n    - out/metrics.json: {cache: false}\n"
    repo.commit({"dvc.yaml": text, "out/metrics.json": '{"auc": 0.9}'})
    (run,) = built(repo).runs
    assert ([stage.address for stage in run.stages], [value.value for value in run.metrics]) == (
        ["train"],
        [0.9],
    )


def test_a_file_called_metrics_without_a_number_is_no_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"web/metrics.json": '{"title": "Metrics"}'})
    assert built(repo).runs == ()


# -- hundreds of runs with images of their own


def test_images_are_left_out_by_name_once_the_site_has_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawings.Album.__init__, "__defaults__", (10,))
    repo = GitRepo(tmp_path, bare=True)
    text = "plots:\n- image.png\nmetrics:\n- metrics.json\n"
    for number in range(3):
        image = PNG + bytes([number // 2]) * 8
        repo.commit({"dvc.yaml": text, "metrics.json": json.dumps({"loss": number}), "image.png": image})
    shown = {page.context.id: page.context.plots[0] for page in composed(repo).values() if page.bulk == "run"}
    newest, *older = [shown[run.id] for run in built(repo).runs]
    assert newest.image is not None
    assert [(item.image, item.state) for item in older] == [(None, "not_shown")] * 2
    assert "git show" in older[0].reason


def test_an_image_that_is_already_in_costs_nothing_more() -> None:
    album = drawings.Album(10)
    album.take("a", 10)
    assert (album.full("a"), album.full("b")) == (False, True)


# -- Git's own odd corners


def test_a_repository_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.git.config["core.repositoryformatversion"] = "1"
    repo.git.config["extensions.objectformat"] = "sha256"
    with pytest.raises(UnsupportedRepository, match="object format"):
        history.Repository(tmp_path)


def lose(repo: GitRepo, sha: str) -> None:
    (repo.path / "objects" / sha[:2] / sha[2:]).unlink()


def test_a_missing_commit_hides_only_what_it_leads_to(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    base = repo.commit({"README.md": "old"})
    lost = repo.commit(live(0.5, 3))
    newer = repo.commit(live(0.6, 3))
    side = repo.commit(live(0.7, 3), parents=[base], ref="refs/heads/side")
    lose(repo, lost)
    found = history.read(repo.path)
    assert [snapshot.commit.sha for snapshot in found.snapshots] == [side, newer, base]
    assert [lost[:7] in problem.reason for problem in found.problems] == [True]


def test_replaced_objects_are_said_to_be_read_as_first_committed(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    first, second = repo.commit(live(0.5, 3)), repo.commit(live(0.6, 3))
    repo.ref(f"refs/replace/{second}", first)
    found = history.read(repo.path)
    assert found.snapshots[0].metrics[0].value == 0.6
    assert ["git replace" in problem.reason for problem in found.problems] == [True]


def test_a_message_is_read_in_the_encoding_it_names(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    tree = repo.git[repo.commit(live(0.5, 3))].peel(pygit2.Tree).id
    for encoding, said in ((b"ISO-8859-1", "caf\u00e9"), (b"x-nonsense", "caf\ufffd")):
        who = b"Ada <a@b> 1700000000 +9999"
        text = b"tree %s\nauthor %s\ncommitter %s\nencoding %s\n\ncaf\xe9" % (
            str(tree).encode(),
            who,
            who,
            encoding,
        )
        sha = repo.git.odb.write(pygit2.enums.ObjectType.COMMIT, text)
        assert history.read_one(repo.path, str(sha)).commit.subject == said


def test_names_and_texts_that_are_no_unicode_are_shown_as_far_as_they_go(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    text = json.dumps({"a": "\ud800", "\udc00": 1})
    sha = repo.commit({"dvc.yaml": "metrics: [m.json]\n", "m.json": text})
    blob = repo.git.create_blob(f"outs:\n- md5: {A}\n  path: x\n".encode())
    rows = b"".join(
        b"%o %s\0%s" % (item.filemode, str(item.name).encode(), item.id.raw)
        for item in repo.git[sha].peel(pygit2.Tree)
    )
    tree = repo.git.odb.write(pygit2.enums.ObjectType.TREE, b"100644 caf\xe9.dvc\0" + blob.raw + rows)
    who = pygit2.Signature("Ada", "a@b", 1_700_000_900, 0)
    repo.git.create_commit("refs/heads/odd", who, who, "odd", tree, [])
    done = CliRunner().invoke(main, ["show", "odd", "--json", "--repo", str(repo.path)])
    shown = json.loads(done.stdout)
    assert [(item["name"], item["value"]) for item in shown["metrics"]] == [("a", "?"), ("?", 1)]
    assert [item["file"] for item in shown["datasets"]] == ["caf\ufffd.dvc"]


# -- values


def test_an_alias_is_the_same_value_under_its_own_name(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"dvc.yaml": "metrics: [m.yaml]\n", "m.yaml": "a: &x {b: 1}\nc: *x\n"})
    assert [value.name for value in history.read_one(repo.path, "HEAD").metrics] == ["a.b", "c.b"]


def test_a_bomb_of_lists_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 18))]
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"dvc.yaml": "metrics: [m.yaml]\n", "m.yaml": "\n".join(lines)})
    (value,) = history.read_one(repo.path, "HEAD").metrics
    assert value.reason == "more than 200,000 values"


# -- data from elsewhere


@pytest.mark.parametrize(
    ("dep", "source", "revision"),
    [
        ("path: https://example.org/a.csv\n  etag: '\"abc\"'", "https://example.org/a.csv", "abc"),
        ("path: s3://bucket/a\n  etag: e\n  version_id: v.1", "s3://bucket/a", "v.1"),
        ("path: hdfs://host/a\n  checksum: 00ff", "hdfs://host/a", "00ff"),
        ("db: {connection: main, query: select 1}", "main: select 1", ""),
        ("db: {connection: main, table: users}", "main: users", ""),
    ],
)
def test_where_data_comes_from_and_in_which_version(
    dep: str, source: str, revision: str, tmp_path: Path
) -> None:
    repo = GitRepo(tmp_path, bare=True)
    repo.commit({"raw/a.dvc": f"deps:\n- {dep}\nouts:\n- md5: {A}\n  path: a\n"})
    (dataset,) = built(repo).datasets
    assert (dataset.path, dataset.source, dataset.revision) == ("raw/a", source, revision)


def test_addresses_of_things_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True)
    made = lock(entry("fit", deps={"s3://bucket/raw": A}, outs={"remote://store/model": B}))
    text = "stages: {fit: {cmd: run, wdir: src, deps: ['s3://bucket/raw'], outs: ['remote://store/model']}}\n"
    repo.commit({"dvc.yaml": text, "dvc.lock": made})
    (stage,) = history.read_one(repo.path, "HEAD").stages
    assert [dep.path for dep in stage.deps] == ["s3://bucket/raw"]
    assert [(out.path, out.md5) for out in stage.outs] == [("remote://store/model", B)]
