/* What commits hold, and what changed between any two of them.

   Every commit in a line, assets/data/commits.js, is Modelbook.data("commits", JSON); the JSON is

     {"version": 1,
      "commits": [["0123456789ab", -1, "2024-03-01T10:00", "Start"]],   oldest first, so commits have numbers: first
                                         12 digits, number of the first parent or -1, date, subject
      "refs": [["main", 5]],             branches and tags, each with its commit
      "models": [["flight-delay", [["v1.1.0", "RUN-ID", 4, ["staging"]]]]],   newest version first: version, run,
                                         number of the commit that made the run (-1: none), environments
      "head": 5,                         where HEAD stands, or the workspace if it differs; -1: nowhere
      "facts": [0, 812], "code": [0, 340]}     the first number of each shard

   Distinct facts, assets/data/facts/N.js, is Modelbook.data("facts:N", [FACT, ...]), numbered through all shards:

     a stage        ["train@gbm", "python train.py", ["data/prepared"], ["model.pkl"]]   reads, writes
     a dataset      ["data/raw.csv", MD5, BYTES, FILES]
     a spec         ["experiments/gbm.yaml", BLOB]
     an environment ["3.11.9", PLATFORM, CPU, CORES, MEMORY, ["GPU"], NUMBER OF A SET OF PACKAGES or null]
     packages       [["numpy", "2.1.0"]]
     a model        ["flight-delay", [["v1.1.0", "RUN-ID"]], [["prod", "v1.0.0"]]]

   A commit's data, commits/SHA/data.js, is Modelbook.data("commit:SHA12", JSON):

     {"version": 1, "sha": "40 digits", "runs": [3, 7], "stages": [0, 1], "datasets": [2], "specs": [], ...}

   where runs are numbers in run-index.js (see compare-data.js) and the rest are numbers of facts.

   What commits did to files, assets/data/code/N.js, is Modelbook.data("code:N", JSON), commits in order:

     {"paths": ["", "src/train.py"],
      "commits": [[[[1, 0, "OLD BLOB", "NEW BLOB", 3, 1, 0]], 12, "why not known"]]}

   that is for each commit [rows, how many files more, reason], the last two left out where there are none; a row is
   number of its path, number of the path it was renamed from (0: none), ids before and after ("" for none), lines
   added and removed (null: not counted), and 1 for binary plus 2 for a file that DVC or a stage writes. It is what
   the commit did against its first parent. So what lies between two commits is the sum along first parents from
   one to the other, and two ids that are equal in the end mean that nothing changed.

   Modelbook.changes.open(root, done)                  done(book, error)
   book.commits, book.refs, book.models, book.runs     as above, by name
   book.resolve(text)                                  {commit, run, label, kind} or null
   book.holds(commit, done)                            done({runs, stages, datasets, specs, environments, models})
   book.code(base, head, done)                         done({files, commits, more, reason})
   Modelbook.changes.files(found, of)                  the same as an element: a sum and tables of files
   Modelbook.changes.summary(found)                    the same in a few words */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;

  function Book(root, commits, index) {
    this.root = root;
    this.commits = commits.commits;
    this.refs = commits.refs;
    this.models = commits.models;
    this.top = commits.head;
    this.starts = { facts: commits.facts, code: commits.code };
    this.index = index;
    this.runs = index.runs;
    this.bySha = new Map(this.commits.map(function (commit, number) { return [commit[0], number]; }));
    this.byRun = new Map(index.runs.map(function (run, number) { return [run[0], number]; }));
  }

  /* HEAD, a sha or its beginning, a branch or tag, MODEL@VERSION or MODEL@ENVIRONMENT. */
  Book.prototype.resolve = function (text) {
    var self = this;
    text = String(text || "").trim();
    if (!text) return null;
    var model = this.version(text);
    if (model) return model;
    if (text === "HEAD" && this.top >= 0) return { commit: this.top, label: text, kind: "ref" };
    var ref = this.refs.find(function (one) { return one[0] === text; });
    if (ref) return { commit: ref[1], label: text, kind: "ref" };
    var start = text.toLowerCase().slice(0, 12);
    if (this.bySha.has(start)) return { commit: this.bySha.get(start), label: start.slice(0, 7), kind: "commit" };
    if (start.length < 4) return null;
    var found = this.commits.filter(function (commit) { return commit[0].indexOf(start) === 0; });
    return found.length === 1 ? { commit: self.bySha.get(found[0][0]), label: found[0][0].slice(0, 7), kind: "commit" } : null;
  };

  Book.prototype.version = function (text) {
    var at = text.lastIndexOf("@");
    if (at < 0) return null;
    var model = this.models.find(function (one) { return one[0] === text.slice(0, at); });
    var word = text.slice(at + 1);
    var version = model && (model[1].find(function (one) { return one[0] === word; })
      || model[1].find(function (one) { return one[3].indexOf(word) >= 0; }));
    if (!version) return null;
    return { commit: version[2], run: version[1], label: model[0] + " " + version[0], kind: "version" };
  };

  /* The shards that hold some numbers, loaded once each; done(error). */
  Book.prototype.shards = function (kind, numbers, done) {
    var starts = this.starts[kind];
    var wanted = Array.from(new Set(numbers.map(function (number) { return place(starts, number); })));
    var left = wanted.length;
    var failed = null;
    if (!left) done(null);
    wanted.forEach(function (shard) {
      Modelbook.load(kind + ":" + shard, this.root + "assets/data/" + kind + "/" + shard + ".js", function (value, error) {
        failed = failed || error;
        left -= 1;
        if (!left) done(failed);
      });
    }, this);
  };

  Book.prototype.row = function (kind, number) {
    var shard = place(this.starts[kind], number);
    var held;
    Modelbook.load(kind + ":" + shard, "", function (value) { held = value; });
    var rows = kind === "code" ? held.commits : held;
    return { row: rows[number - this.starts[kind][shard]], shard: held };
  };

  function place(starts, number) {
    var low = 0;
    var high = starts.length - 1;
    while (low < high) {
      var middle = (low + high + 1) >> 1;
      if (starts[middle] <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  Book.prototype.holds = function (commit, done) {
    var self = this;
    var sha = this.commits[commit][0];
    Modelbook.load("commit:" + sha, this.root + "commits/" + encodeURIComponent(sha) + "/data.js", function (held, error) {
      if (error) { done(null, error); return; }
      var kinds = ["stages", "datasets", "specs", "environments", "models"];
      var numbers = kinds.reduce(function (all, kind) { return all.concat(held[kind] || []); }, []);
      self.shards("facts", numbers, function (missing) {
        if (missing) { done(null, missing); return; }
        var found = { runs: held.runs.map(function (number) { return self.runs[number]; }) };
        kinds.forEach(function (kind) {
          found[kind] = (held[kind] || []).map(function (number) { return self.row("facts", number).row; });
        });
        var sets = found.environments.map(function (one) { return one[6]; }).filter(function (number) { return number !== null; });
        self.shards("facts", sets, function (lost) {
          if (lost) { done(null, lost); return; }
          found.environments = found.environments.map(function (one) {
            return one.slice(0, 6).concat([one[6] === null ? [] : self.row("facts", one[6]).row]);
          });
          done(found, null);
        });
      });
    });
  };

  /* The commits to undo from base, and to do up to head: along first parents to where the two lines meet. */
  Book.prototype.path = function (base, head) {
    var undo = [];
    var redo = [];
    while (base !== head) {
      if (base > head) {
        undo.push(base);
        base = this.commits[base][1];
      } else {
        redo.push(head);
        head = this.commits[head][1];
      }
    }
    return { undo: undo, redo: redo.reverse(), meet: base };
  };

  Book.prototype.code = function (base, head, done) {
    var self = this;
    var path = this.path(base, head);
    this.shards("code", path.undo.concat(path.redo), function (error) {
      if (error) { done(null, error); return; }
      var steps = path.undo.map(function (commit) { return step(self.row("code", commit), true); })
        .concat(path.redo.map(function (commit) { return step(self.row("code", commit), false); }));
      done(composed(steps), null);
    });
  };

  /* One commit's changes forward, or backward. */
  function step(found, back) {
    var paths = found.shard.paths;
    var rows = (found.row[0] || []).map(function (row) {
      var one = { path: paths[row[0]], before: paths[row[1]], old: row[2], now: row[3], added: row[4], removed: row[5],
        binary: Boolean(row[6] & 1), made: Boolean(row[6] & 2) };
      if (!back) return one;
      return { path: one.before || one.path, before: one.before ? one.path : "", old: one.now, now: one.old,
        added: one.removed, removed: one.added, binary: one.binary, made: one.made };
    });
    return { rows: rows, more: found.row[1] || 0, reason: found.row[2] || "" };
  }

  /* The net change of steps one after the other: `ids` has what each path held before all of them and after, which
     decides; `lines` follows files through renames, and is exact where one step touched the file, else summed. */
  function composed(steps) {
    var ids = new Map();
    var lines = new Map();
    var more = 0;
    var reasons = [];
    steps.forEach(function (one) {
      more += one.more;
      if (one.reason && reasons.indexOf(one.reason) < 0) reasons.push(one.reason);
      follow(ids, one.rows);
      count(lines, one.rows);
    });
    return { files: net(ids, lines), commits: steps.length, more: more, reason: reasons.join("; ") };
  }

  /* The files of one step change at once, so what they were is taken down before what they are. */
  function follow(ids, rows) {
    function first(path, id) { if (!ids.has(path)) ids.set(path, { old: id, now: id }); }
    rows.forEach(function (row) { first(row.before || row.path, row.old); });
    rows.forEach(function (row) { first(row.path, ""); });
    rows.forEach(function (row) { if (row.before) ids.get(row.before).now = ""; });
    rows.forEach(function (row) { ids.get(row.path).now = row.now; });
  }

  function count(lines, rows) {
    var was = rows.map(function (row) {
      var key = row.before || row.path;
      return lines.get(key) || { origin: row.old ? key : "", added: 0, removed: 0, steps: 0, counted: true, binary: false };
    });
    rows.forEach(function (row) { if (row.before) lines.delete(row.before); });
    rows.forEach(function (row, at) {
      var old = was[at];
      lines.set(row.path, {
        origin: old.origin, steps: old.steps + 1, binary: old.binary || row.binary, made: row.made,
        counted: old.counted && row.added !== null && row.removed !== null,
        added: old.added + (row.added || 0), removed: old.removed + (row.removed || 0)
      });
    });
  }

  function net(ids, lines) {
    var found = [];
    var moved = new Set();
    ids.forEach(function (id, path) {
      if (id.old === id.now || id.old) return;
      var origin = (lines.get(path) || {}).origin;
      var from = origin && origin !== path && !moved.has(origin) && ids.get(origin);
      if (from && from.old && !from.now) moved.add(origin);
      else origin = "";
      found.push(told(path, origin, origin ? "renamed" : "added", lines.get(path)));
    });
    ids.forEach(function (id, path) {
      if (id.old === id.now || !id.old || moved.has(path)) return;
      found.push(told(path, "", id.now ? "changed" : "removed", lines.get(path)));
    });
    return found.sort(function (a, b) { return a.path < b.path ? -1 : a.path > b.path ? 1 : 0; });
  }

  function told(path, before, kind, held) {
    var known = held && held.counted;
    return {
      path: path, before: before, kind: kind, made: Boolean(held && held.made), binary: Boolean(held && held.binary), steps: held ? held.steps : 1,
      added: known ? held.added : null, removed: known ? held.removed : null
    };
  }

  /* Edges of a pipeline: "writer\0reader" for every stage that reads what another writes. */
  function edges(stages) {
    var owners = new Map();
    stages.forEach(function (stage) { stage[3].forEach(function (path) { owners.set(path, stage[0]); }); });
    var found = new Set();
    stages.forEach(function (stage) {
      stage[2].forEach(function (path) {
        for (var part = path; part; part = part.indexOf("/") < 0 ? "" : part.slice(0, part.lastIndexOf("/"))) {
          if (owners.has(part) && owners.get(part) !== stage[0]) found.add(owners.get(part) + "\0" + stage[0]);
        }
        owners.forEach(function (owner, made) {
          if (owner !== stage[0] && made.indexOf(path + "/") === 0) found.add(owner + "\0" + stage[0]);
        });
      });
    });
    return found;
  }

  /* [key, before, after] of facts that differ, by their first item. */
  function pairs(base, head) {
    var old = new Map(base.map(function (fact) { return [fact[0], fact]; }));
    var now = new Map(head.map(function (fact) { return [fact[0], fact]; }));
    return Array.from(new Set(Array.from(old.keys()).concat(Array.from(now.keys())))).sort().map(function (key) {
      return [key, old.get(key) || null, now.get(key) || null];
    }).filter(function (pair) { return JSON.stringify(pair[1]) !== JSON.stringify(pair[2]); });
  }

  /* Runs of two commits: by pipeline and name; then one that went and one that came of the same experiment. */
  function matched(base, head) {
    function key(run) { return run[3] + "/" + run[1]; }
    var old = new Map(base.map(function (run) { return [key(run), run]; }));
    var result = { same: [], changed: [], renamed: [], added: [], removed: [] };
    head.forEach(function (run) {
      var was = old.get(key(run));
      if (!was) { result.added.push(run); return; }
      old.delete(key(run));
      (was[0] === run[0] ? result.same : result.changed).push([was, run]);
    });
    result.removed = Array.from(old.values());
    result.added = result.added.filter(function (run) {
      function alike(one) { return one[2] === run[2] && one[3] === run[3]; }
      var was = result.removed.filter(function (one) { return one[0] === run[0]; });
      if (!was.length) was = result.removed.filter(alike);
      if (was.length !== 1 || (was[0][0] !== run[0] && result.added.filter(alike).length !== 1)) return true;
      result.removed.splice(result.removed.indexOf(was[0]), 1);
      result.renamed.push([was[0], run]);
      return false;
    });
    return result;
  }

  /* ---- as people see it ---- */

  function files(found, of) {
    var el = Modelbook.element;
    var box = el("div", {});
    var theirs = found.files.filter(function (file) { return !file.made; });
    var made = found.files.filter(function (file) { return file.made; });
    function note(text) { box.append(el("p", { class: "mb-note" }, text)); }
    if (found.reason) note("Not all of it is known: " + found.reason + ".");
    if (!found.files.length) {
      if (!found.reason) note("No file differs.");
      return box;
    }
    note(sum(theirs) || "Only files that DVC and stages write");
    if (theirs.length) box.append(fileTable(theirs, "Files that changed" + (of ? ": " + of : "")));
    if (made.length) {
      box.append(el("details", { class: "mb-data" }, el("summary", {}, made.length + (made.length === 1 ? " file" : " files") + " that DVC and stages write"),
        fileTable(made, "Files that DVC and stages wrote" + (of ? ": " + of : ""))));
    }
    if (found.files.some(function (file) { return file.steps > 1 && file.added !== null; })) {
      note("~ lines are summed over several commits that touched the file; what one commit added, another may have taken away.");
    }
    if (found.more) note(found.more + " more changes to files are not listed, so a file may be missing here.");
    return box;
  }

  function sum(list) {
    if (!list.length) return "";
    var added = list.reduce(function (all, file) { return all + (file.added || 0); }, 0);
    var removed = list.reduce(function (all, file) { return all + (file.removed || 0); }, 0);
    var about = list.some(function (file) { return file.steps > 1; }) ? "about " : "";
    return list.length + (list.length === 1 ? " file" : " files") + (added || removed ? ", " + about + "+" + added + " −" + removed + " lines" : "");
  }

  /* The same in a few words. */
  function summary(found) {
    if (!found.files.length) return found.reason || "no file differs";
    return sum(found.files.filter(function (file) { return !file.made; })) || "only files that DVC and stages write";
  }

  var MOST_FILES = 200;

  function fileTable(list, caption) {
    var el = Modelbook.element;
    var body = el("tbody", {});
    list.slice(0, MOST_FILES).forEach(function (file) {
      var lines = file.added === null ? (file.binary ? "binary" : "not counted") : (file.steps > 1 ? "~ " : "") + "+" + file.added + " −" + file.removed;
      body.append(el("tr", {}, el("th", { scope: "row", title: file.path }, file.path),
        el("td", {}, file.before ? "renamed from " + file.before : file.kind),
        el("td", { class: "mb-num", title: file.steps > 1 ? "summed over " + file.steps + " commits" : null }, lines)));
    });
    var head = el("tr", {}, el("th", { scope: "col" }, "file"), el("th", { scope: "col" }, "change"), el("th", { scope: "col", class: "mb-num" }, "lines"));
    var region = el("div", { class: "mb-scroll", role: "region", tabindex: "0", "aria-label": caption },
      el("table", { class: "mb-table mb-fit" }, el("caption", {}, caption), el("thead", {}, head), body));
    if (list.length <= MOST_FILES) return region;
    return el("div", {}, region, el("p", { class: "mb-note" }, "and " + (list.length - MOST_FILES) + " more"));
  }

  function open(root, runs, commits, done) {
    Modelbook.load("commits", commits, function (book, error) {
      if (error) { done(null, error); return; }
      Modelbook.load("run-index", runs, function (index, missing) {
        done(missing ? null : new Book(root, book, index), missing);
      });
    });
  }

  Modelbook.changes = { open: open, files: files, summary: summary, composed: composed, edges: edges, pairs: pairs, matched: matched, Book: Book };
})();
