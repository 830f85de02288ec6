/* The facts of single runs, and runs side by side as a table. No looks.

   A run's data, runs/ID/data.js beside its page, is one call, Modelbook.data("run:ID", JSON); the JSON is

     {"version": 1, "id": "0123456789ab", "name": "gbm", "experiment": "gbm", "pipeline": "flights",
      "commit": "40 digits", "date": "ISO 8601", "author": "Ada", "tags": ["baseline"],
      "params": [["lr", 0.1], ["C", null, "unreadable", "line 3: no JSON"]],    name, value[, state, reason]
      "metrics": [["auc", 0.74], ["loss", "NaN"]],        NaN and the infinities are their names
      "environments": [{"stage": "train@gbm", "python": "3.11.9", "platform": "...", "cpu": "...", "cores": 8,
                        "memory": BYTES, "gpus": ["..."], "seconds": 83.4, "peak": BYTES, "packages": 0}],
      "packages": [[["numpy", "2.1.0"]]],                 sets of packages, which environments name by number
      "datasets": [["data/raw.csv", MD5, BYTES, FILES]],  null for what is not known; so "artifacts"
      "artifacts": [["results/gbm/model.skops", MD5, BYTES, FILES]],
      "stages": [["train@gbm", "python train.py", LOCK]], in the order they ran; the digest of the lock entry
      "plots": [{"id": "plot-roc", "title": "ROC curve", "source": "results/gbm/roc.csv",
                 "figure": {"data": [...], "layout": {...}}},
                {"id": "plot-x", "title": "x", "image": "assets/plots/BLOB.png"},    from the site's root
                {"id": "plot-y", "title": "y", "state": "not_pulled", "reason": "..."}]}

   All runs in a line each, assets/data/run-index.js, is Modelbook.data("run-index", JSON):

     {"version": 1, "experiments": ["gbm"], "pipelines": ["flights"],
      "runs": [["0123456789ab", "gbm", 0, 0, 12]],        oldest first: id, name, number of its experiment, of its
                                                          pipeline, of its commit in commits.js; so runs have numbers
      "metrics": {"auc": {"direction": "maximize", "guessed": true, "format": ".4f", "unit": "", "description": "",
                          "atol": 0, "rtol": 0, "min_delta": 0}},   see judge.js; what is empty or 0 is left out
      "headlines": {"flights": "auc"}}                    the metric that a pipeline is judged by

   Modelbook.compare.load(ids, root, done)     done([facts or null]); root leads to the site's root
   Modelbook.compare.table(facts, index)       what runs-model.js reads: a row for each run, a column for each fact
   Modelbook.compare.delta(column, row, base)  {text, tone} of a number against another row's, or null */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;

  function load(ids, root, done) {
    var left = ids.length;
    var found = new Array(ids.length).fill(null);
    if (!left) done(found);
    ids.forEach(function (id, at) {
      Modelbook.load("run:" + id, root + "runs/" + encodeURIComponent(id) + "/data.js", function (value) {
        found[at] = value || null;
        left -= 1;
        if (!left) done(found);
      });
    });
  }

  function bytes(count) {
    if (typeof count !== "number") return "";
    var units = ["B", "kB", "MB", "GB", "TB"];
    var at = 0;
    while (count >= 999.5 && at < units.length - 1) { count /= 1000; at += 1; }
    return (at === 0 || count >= 100 ? count.toFixed(0) : count.toFixed(1)) + " " + units[at];
  }

  /* A path or address without the run's own name in it, so that those of two runs meet. */
  function common(path, name) {
    if (!name) return path;
    return path.split(/([/@.])/).map(function (part) { return part === name ? "*" : part; }).join("")
      .split("/" + name + "/").join("/*/").replace("@" + name, "@*");
  }

  function content(file) {
    var size = bytes(file[2]);
    return (file[1] ? file[1].slice(0, 10) : "no hash") + (size ? " · " + size : "");
  }

  function unique(values) {
    return Array.from(new Set(values.filter(function (value) { return value !== undefined && value !== "" && value !== null; })));
  }

  function Columns(count) {
    var byKey = new Map();
    this.list = [];
    this.put = function (group, key, row, value, more) {
      var id = group + "." + key;
      var column = byKey.get(id);
      if (!column) {
        column = Object.assign({ key: id, label: key, group: group, kind: "text", values: new Array(count).fill(null), states: {}, titles: {} }, more);
        byKey.set(id, column);
        this.list.push(column);
      }
      column.values[row] = value;
      return column;
    };
  }

  function values(columns, group, kind, row, rows, infos) {
    rows.forEach(function (value) {
      var info = (infos && infos[value[0]]) || {};
      var column = columns.put(group, value[0], row, value[1], {
        kind: kind, unit: info.unit, format: info.format, direction: info.direction, guessed: info.guessed, description: info.description,
        atol: info.atol, rtol: info.rtol, min_delta: info.min_delta
      });
      if (value.length > 2) column.states[row] = [value[2], value[3] || ""];
    });
  }

  function about(columns, row, run) {
    columns.put("Run", "experiment", row, run.experiment);
    columns.put("Run", "pipeline", row, run.pipeline);
    columns.put("Run", "commit", row, run.commit.slice(0, 7));
    columns.put("Run", "date", row, run.date.slice(0, 16).replace("T", " ") || null);
    columns.put("Run", "author", row, run.author || null);
    columns.put("Run", "tags", row, run.tags.join(", ") || null);
  }

  function environment(columns, row, run) {
    var all = run.environments;
    function put(label, values, more) { if (values.length) columns.put("Environment", label, row, values.join(", "), more); }
    function each(key) { return unique(all.map(function (item) { return item[key]; })); }
    function numbers(key) { return all.map(function (item) { return item[key]; }).filter(function (value) { return typeof value === "number"; }); }
    put("Python", each("python"));
    put("platform", each("platform"));
    put("CPU", each("cpu"));
    put("cores", each("cores"));
    put("memory", unique(numbers("memory").map(bytes)));
    put("GPU", unique(all.map(function (item) { return (item.gpus || []).join(", "); })));
    var seconds = numbers("seconds");
    var peaks = numbers("peak");
    if (seconds.length) {
      columns.put("Environment", "wall time", row, seconds.reduce(function (sum, value) { return sum + value; }, 0),
        { kind: "number", unit: "s", format: ".1f" });
    }
    if (peaks.length) columns.put("Environment", "peak memory", row, Math.max.apply(null, peaks) / 1e6, { kind: "number", unit: "MB", format: ".1f" });
    packages(columns, row, run);
  }

  function packages(columns, row, run) {
    var versions = new Map();
    run.packages.forEach(function (set) {
      set.forEach(function (pair) { versions.set(pair[0], unique((versions.get(pair[0]) || []).concat(pair[1]))); });
    });
    versions.forEach(function (found, name) { columns.put("Packages", name, row, found.join(", ")); });
  }

  function files(columns, group, row, list, name) {
    list.forEach(function (file) {
      var column = columns.put(group, common(file[0], name), row, content(file));
      column.titles[row] = file[0] + (file[1] ? "\nMD5 " + file[1] : "") + (file[3] ? "\n" + file[3] + " files" : "");
    });
  }

  function stages(columns, row, run) {
    run.stages.forEach(function (stage) {
      var label = common(stage[0], run.name);
      var column = columns.put("Stages", label, row, stage[2] ? stage[2].slice(0, 10) : "never ran");
      column.titles[row] = stage[0] + "\n" + stage[1];
      columns.put("Commands", label, row, stage[1].split(run.name).join("*"));
    });
  }

  /* Headline, then declared metrics, then the rest. */
  function byWeight(index, runs) {
    var headlines = runs.map(function (run) { return index.headlines[run.pipeline]; });
    var declared = Object.keys(index.metrics);
    function weight(column) {
      if (headlines.indexOf(column.label) >= 0) return -1;
      var info = index.metrics[column.label] || {};
      return info.direction && !info.guessed ? 0 : info.direction ? 1 : 2;
    }
    return function (a, b) {
      return weight(a) - weight(b) || declared.indexOf(a.label) - declared.indexOf(b.label) || (a.label < b.label ? -1 : 1);
    };
  }

  var ORDER = ["Run", "Metrics", "Params", "Data", "Artifacts", "Stages", "Commands", "Environment", "Packages"];

  function table(runs, index) {
    var columns = new Columns(runs.length);
    runs.forEach(function (run, row) {
      about(columns, row, run);
      values(columns, "Metrics", "metric", row, run.metrics, index.metrics);
      values(columns, "Params", "param", row, run.params, null);
      files(columns, "Data", row, run.datasets, "");
      files(columns, "Artifacts", row, run.artifacts, run.name);
      stages(columns, row, run);
      environment(columns, row, run);
    });
    var weight = byWeight(index, runs);
    columns.list.sort(function (a, b) {
      return ORDER.indexOf(a.group) - ORDER.indexOf(b.group)
        || (a.group === "Metrics" ? weight(a, b) : a.group === "Params" || a.group === "Packages" ? (a.label < b.label ? -1 : 1) : 0);
    });
    return { rows: runs.length, ids: runs.map(function (run) { return run.id; }), columns: columns.list };
  }

  /* How far a number is from another, by the column's direction: better is ▲ good, worse is ▼ bad. */
  function change(now, then, column) {
    var delta = now - then;
    if (!Number.isFinite(delta) || delta === 0) return null;
    var format = column.format || "";
    var text = Modelbook.model.formatted(delta, format);
    if (!/[1-9]/.test(text)) text = Modelbook.model.formatted(delta, "");
    if (delta > 0) text = "+" + text.replace(/^\+/, "");
    var better = Modelbook.judge.better(column, then, now);
    return {
      delta: delta,
      text: Modelbook.model.withUnit(text, column.unit),
      tone: better === null ? "" : better ? "good" : "bad",
      says: better === null ? "" : better ? "better" : "worse"
    };
  }

  function delta(column, row, base) {
    if (!column.numeric || row === base) return null;
    return change(column.number(row), column.number(base), column);
  }

  Modelbook.compare = { load: load, table: table, delta: delta, change: change, bytes: bytes, common: common };
})();
