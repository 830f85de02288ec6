/* What changed between any two commits, branches, tags, or versions and environments of models.

   On the page (core.js, runs-model.js, compare-data.js, changes-data.js first):

     <div data-modelbook-changes data-root="../../" data-runs="../../assets/data/run-index.js"
          data-commits="../../assets/data/commits.js"></div>

   The address says what is compared, #base=NAME&head=NAME, where a name is the beginning of a sha, a branch, a tag,
   MODEL@VERSION or MODEL@ENVIRONMENT. Two versions of models are the commits that made their runs, and those runs
   are compared with each other whatever they are called. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var model = Modelbook.model;
  var el = Modelbook.element;
  var MOST_RUNS = 60;
  var MOST_COLUMNS = 10;
  var MOST_OFFERED = 500;

  function Changes(box) {
    this.box = box;
    this.root = box.dataset.root || "";
    var self = this;
    Modelbook.changes.open(this.root, box.dataset.runs, box.dataset.commits, function (book, error) {
      if (error) {
        box.replaceChildren(el("p", { class: "mb-empty", role: "alert" }, "The list of commits could not be loaded: " + error.message));
        return;
      }
      self.book = book;
      self.build();
      self.read();
      window.addEventListener("hashchange", function () { self.read(); });
    });
  }

  Changes.prototype.build = function () {
    var self = this;
    var book = this.book;
    var names = el("datalist", { id: "mb-revisions" });
    function offer(value, label) { names.append(el("option", { value: value, label: label })); }
    book.models.forEach(function (one) {
      one[1].forEach(function (version) {
        offer(one[0] + "@" + version[0], "model version" + (version[3].length ? ", in " + version[3].join(", ") : ""));
        version[3].forEach(function (environment) { offer(one[0] + "@" + environment, "environment, now " + version[0]); });
      });
    });
    book.refs.forEach(function (ref) { offer(ref[0], "branch or tag, " + book.commits[ref[1]][0].slice(0, 7)); });
    book.commits.slice(-MOST_OFFERED).reverse().forEach(function (commit) { offer(commit[0], commit[2].slice(0, 10) + " " + commit[3]); });
    function field(label, key) {
      var input = el("input", {
        type: "text", class: "mb-input", list: "mb-revisions", autocomplete: "off", spellcheck: "false", placeholder: "commit, branch, tag or model@version",
        change: function () { self.go(); }
      });
      self[key] = input;
      return el("label", { class: "mb-choice" }, el("span", {}, label), input);
    }
    var swap = el("button", { type: "button", class: "mb-tool", "aria-label": "Swap the two", title: "Swap the two", click: function () {
      var base = self.base.value;
      self.base.value = self.head.value;
      self.head.value = base;
      self.go();
    } }, "⇄");
    this.out = el("div", { "aria-live": "polite" });
    this.box.replaceChildren(el("div", { class: "mb-row mb-compare-bar" }, field("From ", "base"), swap, field("to ", "head")), names, this.out);
  };

  Changes.prototype.go = function () {
    var state = new URLSearchParams();
    if (this.base.value) state.set("base", this.base.value);
    if (this.head.value) state.set("head", this.head.value);
    var text = "#" + state.toString();
    if (text !== location.hash) location.hash = text;
    else this.read();
  };

  Changes.prototype.read = function () {
    var state = new URLSearchParams(location.hash.slice(1));
    this.base.value = state.get("base") || "";
    this.head.value = state.get("head") || "";
    document.querySelectorAll(".mb-offers").forEach(function (part) { part.hidden = Boolean(state.get("base") && state.get("head")); });
    var missing = ["base", "head"].filter(function (key) { return state.get(key) && !this.book.resolve(state.get(key)); }, this);
    if (missing.length) {
      this.say(missing.map(function (key) {
        return "“" + state.get(key).slice(0, 80) + "” is no commit, branch, tag or model version of this site, or the beginning of several commits.";
      }).join(" "));
      return;
    }
    var base = this.book.resolve(state.get("base"));
    var head = this.book.resolve(state.get("head"));
    if (!base || !head) {
      this.say("Choose two: a commit, branch, tag, model@version or model@environment on each side.");
      return;
    }
    if (base.commit < 0 || head.commit < 0) {
      this.say((base.commit < 0 ? base : head).label + " has no run in this history, so what it was made from is not known.");
      return;
    }
    this.show(base, head);
  };

  Changes.prototype.say = function (text) {
    this.asked = {};
    this.out.replaceChildren(el("p", { class: "mb-empty", role: "alert" }, text));
  };

  Changes.prototype.show = function (base, head) {
    var self = this;
    var asked = (this.asked = {});
    this.out.replaceChildren(el("p", { class: "mb-note" }, "Loading…"));
    function failed(error) { self.say("The data of these commits could not be loaded: " + error.message); }
    this.book.holds(base.commit, function (old, error) {
      if (self.asked !== asked) return;
      if (error) { failed(error); return; }
      self.book.holds(head.commit, function (now, missing) {
        if (self.asked !== asked) return;
        if (missing) { failed(missing); return; }
        var matched = Modelbook.changes.matched(old.runs, now.runs);
        self.forced(matched, base, head);
        var pairs = matched.renamed.concat(matched.changed).slice(0, MOST_RUNS);
        var ids = pairs.reduce(function (all, pair) { return all.concat([pair[0][0], pair[1][0]]); }, []);
        Modelbook.compare.load(ids, self.root, function (facts) {
          if (self.asked !== asked) return;
          self.out.replaceChildren.apply(self.out, self.parts(base, head, old, now, matched, facts));
        });
      });
    });
  };

  /* The runs of two model versions are a pair whatever they are called. */
  Changes.prototype.forced = function (matched, base, head) {
    if (!base.run || !head.run || base.run === head.run) return;
    var book = this.book;
    var pair = [base, head].map(function (one) { return book.runs[book.byRun.get(one.run)]; });
    if (!pair[0] || !pair[1]) return;
    function other(one) { return one[0][0] !== pair[0][0] && one[1][0] !== pair[1][0]; }
    matched.changed = matched.changed.filter(other);
    matched.renamed = [pair].concat(matched.renamed.filter(other));
    matched.added = matched.added.filter(function (run) { return run[0] !== pair[1][0]; });
    matched.removed = matched.removed.filter(function (run) { return run[0] !== pair[0][0]; });
  };

  Changes.prototype.parts = function (base, head, old, now, matched, facts) {
    var self = this;
    var count = matched.changed.length + matched.renamed.length;
    var parts = [this.ends(base, head)];
    function part(id, title, content) {
      if (content) parts.push(el("h2", { id: id }, title), content);
    }
    if (base.commit === head.commit && base.run === head.run) {
      return parts.concat(el("p", { class: "mb-empty" }, "Both are the same commit."));
    }
    var words = [[count, "changed"], [matched.added.length, "new"], [matched.removed.length, "gone"], [matched.same.length, "the same"]]
      .filter(function (pair) { return pair[0]; }).map(function (pair) { return pair[0] + " " + pair[1]; });
    parts.push(el("p", { class: "mb-note" }, "Runs: " + (words.join(", ") || "none")));
    if (count) {
      var table = this.table(facts);
      part("runs", "Metrics", this.metrics(table, matched.renamed.concat(matched.changed)));
      part("params", "Params", this.params(table));
    }
    if (matched.added.length) part("added", "New runs", this.names("New runs", matched.added));
    if (matched.removed.length) part("removed", "Runs that went", this.names("Runs that went", matched.removed));
    var code = el("div", {}, el("p", { class: "mb-note" }, "Loading…"));
    part("code", "Code", code);
    this.book.code(base.commit, head.commit, function (found, error) {
      code.replaceChildren(error ? el("p", { class: "mb-empty" }, "What the commits between changed could not be loaded.") : Modelbook.changes.files(found));
    });
    part("data", "Data", this.data(old, now));
    part("pipeline", "Pipeline", this.graph(old, now));
    part("environment", "Environment", this.environment(old, now));
    part("specs", "Specs", rows("Specs", ["spec", "change"], Modelbook.changes.pairs(old.specs, now.specs).map(function (pair) { return [pair[0], says(pair)]; })));
    part("models", "Models", this.registry(old, now));
    return parts;
  };

  function says(pair) { return !pair[1] ? "added" : !pair[2] ? "removed" : "edited"; }

  Changes.prototype.ends = function (base, head) {
    var self = this;
    function end(one) {
      var commit = self.book.commits[one.commit];
      var link = el("a", { href: self.root + "commits/" + encodeURIComponent(commit[0]) + "/index.html", class: "mb-sha", title: commit[3] }, commit[0].slice(0, 7));
      var label = one.label !== commit[0].slice(0, 7) ? one.label + " " : "";
      return el("span", {}, el("b", {}, label), link, el("span", { class: "mb-note" }, " " + commit[2].slice(0, 10) + " " + commit[3]));
    }
    return el("p", { class: "mb-ends" }, end(base), " → ", end(head));
  };

  /* A table of plain cells; a cell is a text, an element, or {text, title, tone}. None for no rows. */
  function rows(caption, names, list, numbers, look) {
    if (!list.length) return null;
    var most = 200;
    var body = el("tbody", {});
    list.slice(0, most).forEach(function (cells) {
      var line = el("tr", {});
      cells.forEach(function (cell, at) {
        var content = cell instanceof Node ? cell : el("span", { title: cell.title || null, class: cell.tone || null }, cell.text === undefined ? String(cell) : cell.text);
        line.append(el(at ? "td" : "th", { scope: at ? null : "row", class: (numbers || []).indexOf(at) >= 0 ? "mb-num" : null }, content));
      });
      body.append(line);
    });
    var head = el.apply(null, ["tr", {}].concat(names.map(function (name, at) {
      return el("th", { scope: "col", class: (numbers || []).indexOf(at) >= 0 ? "mb-num" : null }, name);
    })));
    var region = el("div", { class: "mb-scroll", role: "region", tabindex: "0", "aria-label": caption },
      el("table", { class: "mb-table " + (look || "mb-fit") }, el("caption", {}, caption), el("thead", {}, head), body));
    return list.length <= most ? region : el("div", {}, region, el("p", { class: "mb-note" }, "and " + (list.length - most) + " more"));
  }

  /* ---- runs ---- */

  Changes.prototype.table = function (facts) {
    var pairs = [];
    for (var at = 0; at + 1 < facts.length; at += 2) if (facts[at] && facts[at + 1]) pairs.push([facts[at], facts[at + 1]]);
    var flat = pairs.reduce(function (all, pair) { return all.concat(pair); }, []);
    return { pairs: pairs, data: model.read(Modelbook.compare.table(flat, this.book.index)) };
  };

  function differs(column, at) {
    return model.varies(column, [2 * at, 2 * at + 1]);
  }

  Changes.prototype.runLink = function (id, name) {
    return el("a", { href: this.root + "runs/" + encodeURIComponent(id) + "/index.html", title: "run " + id }, name || id);
  };

  Changes.prototype.metrics = function (table, all) {
    var self = this;
    var box = el("div", {});
    var pipelines = Array.from(new Set(table.pairs.map(function (pair) { return pair[1].pipeline; }))).sort();
    pipelines.forEach(function (pipeline) {
      var places = table.pairs.map(function (_, at) { return at; }).filter(function (at) { return table.pairs[at][1].pipeline === pipeline; });
      var moved = table.data.columns.filter(function (column) {
        return column.group === "Metrics" && places.some(function (at) { return differs(column, at); });
      });
      var shown = moved.slice(0, MOST_COLUMNS);
      var headline = self.book.index.headlines[pipeline];
      if (pipeline) box.append(el("h3", {}, pipeline));
      if (!moved.length) {
        box.append(el("p", { class: "mb-note" }, places.length + (places.length === 1 ? " run was" : " runs were") + " made anew, and no metric changed."));
        return;
      }
      var names = ["run", "verdict"].concat(shown.map(function (column) {
        return column.label + (column.direction === "maximize" ? " ↑" : column.direction === "minimize" ? " ↓" : "");
      }), ["runs"]);
      box.append(rows("Metrics of " + (pipeline || "runs"), names, places.map(function (at) {
        var pair = table.pairs[at];
        var name = pair[0].name === pair[1].name ? pair[1].name : pair[1].name + ", was " + pair[0].name;
        return [self.runLink(pair[1].id, name), verdict(table.data, headline, moved, at)].concat(shown.map(function (column) { return movedCell(column, at); }), [
          el("a", { href: self.root + "compare/index.html#runs=" + pair[0].id + "," + pair[1].id, "aria-label": "Compare the two runs of " + name }, "compare")
        ]);
      }), shown.map(function (_, at) { return at + 2; }), "mb-moved"));
      if (moved.length > shown.length) {
        box.append(el("p", { class: "mb-note" }, moved.length - shown.length + " more metrics changed: compare the two runs to see them."));
      }
    });
    if (all.length > table.pairs.length) box.append(el("p", { class: "mb-note" }, "and " + (all.length - table.pairs.length) + " more runs that changed: the runs table has all of them."));
    return box;
  };

  /* A metric as it is, and how far it moved. */
  function movedCell(column, at) {
    var row = 2 * at + 1;
    var state = column.state(row);
    var cell = el("span", {}, el("span", { class: "mb-value" + (state ? " mb-" + state[0].replace(/_/g, "-") : ""), title: state ? model.stateTitle(state) : null },
      state ? state[0].replace(/_/g, " ") : column.text(row) || "–"));
    var before = column.state(row - 1) ? column.state(row - 1)[0].replace(/_/g, " ") : column.text(row - 1) || "not there";
    var delta = Modelbook.compare.delta(column, row, row - 1);
    if (delta) {
      cell.append(" ", el("span", { class: "mb-delta" + (delta.tone ? " mb-" + delta.tone : ""), title: "before " + before + (delta.says ? "; " + delta.says : "") },
        (delta.delta > 0 ? "▲ " : "▼ ") + delta.text));
    } else if (differs(column, at)) cell.append(" ", el("span", { class: "mb-delta" }, "was " + before));
    return cell;
  }

  function verdict(data, headline, moved, at) {
    var counts = { better: 0, worse: 0 };
    moved.forEach(function (column) {
      var delta = Modelbook.compare.delta(column, 2 * at + 1, 2 * at);
      if (delta && delta.says) counts[delta.says] += 1;
    });
    var column = headline && data.byKey.get("Metrics." + headline);
    var main = column && Modelbook.compare.delta(column, 2 * at + 1, 2 * at);
    var word = main && main.says ? main.says : column ? "no change" : "–";
    var title = (headline ? "by " + headline + "; " : "") + "of all metrics " + counts.better + " better, " + counts.worse + " worse";
    return el("span", { title: title }, el("b", { class: main && main.tone ? "mb-" + main.tone : null }, word),
      el("span", { class: "mb-note" }, counts.better || counts.worse ? " " + counts.better + " better, " + counts.worse + " worse" : ""));
  }

  Changes.prototype.params = function (table) {
    var groups = new Map();
    table.data.columns.forEach(function (column) {
      if (column.group !== "Params") return;
      table.pairs.forEach(function (pair, at) {
        if (!differs(column, at)) return;
        var values = [2 * at, 2 * at + 1].map(function (row) { return column.state(row) ? column.state(row)[0].replace(/_/g, " ") : column.raw(row) === null ? "–" : column.text(row); });
        var key = JSON.stringify([column.label, values]);
        if (!groups.has(key)) groups.set(key, { name: column.label, values: values, runs: [] });
        groups.get(key).runs.push(pair[1]);
      });
    });
    var self = this;
    return rows("Params that changed", ["param", "before", "after", "in"], Array.from(groups.values()).map(function (group) {
      var names = group.runs.map(function (run) { return run.name; });
      var where = names.length === 1 ? self.runLink(group.runs[0].id, names[0]) : { text: names.length + " runs: " + names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : ""), title: names.join(", ").slice(0, 1000) };
      return [group.name].concat(group.values.map(function (value) { return { text: value.length > 200 ? value.slice(0, 199) + "…" : value, title: value }; }), [where]);
    }));
  };

  Changes.prototype.names = function (caption, runs) {
    var self = this;
    var index = this.book.index;
    return rows(caption, ["run", "experiment", "pipeline"], runs.map(function (run) {
      return [self.runLink(run[0], run[1]), index.experiments[run[2]] || "–", index.pipelines[run[3]] || "–"];
    }));
  };

  /* ---- what they were made from ---- */

  Changes.prototype.data = function (old, now) {
    function hash(fact) { return fact && fact[1] ? { text: fact[1].slice(0, 12), title: fact[1] } : "–"; }
    function size(fact) { return (fact && Modelbook.compare.bytes(fact[2])) || "–"; }
    return rows("Data that changed", ["dataset", "change", "MD5 before", "MD5 after", "size before", "size after"],
      Modelbook.changes.pairs(old.datasets, now.datasets).map(function (pair) {
        return [pair[0], says(pair).replace("edited", "changed"), hash(pair[1]), hash(pair[2]), size(pair[1]), size(pair[2])];
      }), [4, 5]);
  };

  Changes.prototype.graph = function (old, now) {
    var found = [];
    var both = new Set(now.stages.map(function (stage) { return stage[0]; }));
    both = new Set(old.stages.map(function (stage) { return stage[0]; }).filter(function (name) { return both.has(name); }));
    Modelbook.changes.pairs(old.stages, now.stages).forEach(function (pair) {
      if (!pair[1] || !pair[2]) found.push([pair[0], says(pair), (pair[1] || pair[2])[1] || "–"]);
      else if (pair[1][1] !== pair[2][1]) found.push([pair[0], "command", pair[1][1] + " → " + pair[2][1]]);
    });
    var before = Modelbook.changes.edges(old.stages);
    var after = Modelbook.changes.edges(now.stages);
    function edge(word, one, other) {
      Array.from(one).filter(function (key) {
        return !other.has(key) && key.split("\0").every(function (name) { return both.has(name); });
      }).sort().forEach(function (key) {
        var ends = key.split("\0");
        found.push([ends[1], word, "what " + ends[0] + " writes"]);
      });
    }
    edge("now reads", after, before);
    edge("no longer reads", before, after);
    return rows("The pipeline", ["stage", "change", "what"], found);
  };

  Changes.prototype.environment = function (old, now) {
    if (!old.environments.length || !now.environments.length) return null;
    var before = machine(old.environments);
    var after = machine(now.environments);
    var names = Array.from(new Set(Array.from(before.keys()).concat(Array.from(after.keys()))));
    function shown(set) { return Array.from(set || []).sort().join(", ") || "–"; }
    return rows("What it ran on", ["what", "before", "after"], names.map(function (name) {
      return [name, shown(before.get(name)), shown(after.get(name))];
    }).filter(function (row) { return row[1] !== row[2]; }));
  };

  function machine(environments) {
    var found = new Map();
    function put(name, value) {
      if (value === null || value === undefined || value === "") return;
      if (!found.has(name)) found.set(name, new Set());
      found.get(name).add(String(value));
    }
    environments.forEach(function (one) {
      ["Python", "platform", "CPU", "cores"].forEach(function (name, at) { put(name, one[at]); });
      put("memory", Modelbook.compare.bytes(one[4]));
      put("GPU", one[5].join(", "));
    });
    var packages = new Map();
    environments.forEach(function (one) {
      one[6].forEach(function (pair) { packages.set(pair[0], (packages.get(pair[0]) || []).concat(pair[1])); });
    });
    Array.from(packages.keys()).sort().forEach(function (name) { packages.get(name).forEach(function (version) { put("package " + name, version); }); });
    return found;
  }

  Changes.prototype.registry = function (old, now) {
    function flat(models) {
      var found = [];
      models.forEach(function (one) {
        one[1].forEach(function (version) { found.push([one[0] + " " + version[0], "version", version[1]]); });
        one[2].forEach(function (environment) { found.push([one[0] + " in " + environment[0], "environment", environment[1]]); });
      });
      return found;
    }
    return rows("Models", ["what", "before", "after"], Modelbook.changes.pairs(flat(old.models), flat(now.models)).map(function (pair) {
      return [pair[0], pair[1] ? pair[1][2] : "–", pair[2] ? pair[2][2] : "–"];
    }));
  };

  document.querySelectorAll("[data-modelbook-changes]").forEach(function (box) { box.changes = new Changes(box); });
})();
