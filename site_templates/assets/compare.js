/* Runs side by side: one table with a baseline, curves over each other, what lies between their code, and plots
   of any columns.

   On the page (core.js, charts.js, runs-query.js, runs-model.js, compare-data.js, changes-data.js, explore.js first):

     <div data-modelbook-compare data-root="../" data-runs="../assets/data/run-index.js"
          data-commits="../assets/data/commits.js" data-table="../assets/data/runs.js"></div>

   All state lives in the address, so that a link shows the same to others:

     #runs=ID,ID,...    the runs, in order
     &base=ID           the baseline; without it the first
     &diff=1            only rows that differ
     &of=all&q=QUERY&f.KEY=...    instead of `runs`: plots of all rows of the runs table that its query and filters keep
     &x=&y=&colour=&logx=1&logy=1&axes=KEY,KEY&logs=KEY&open=plot    what is plotted */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var model = Modelbook.model;
  var el = Modelbook.element;
  var MOST = 20;
  var MOST_BARS = 25;
  var SERIES = 8;
  var DASHES = ["", "6 3", "2 3"];
  var PLOTLY_DASHES = ["solid", "dash", "dot"];

  function Compare(box) {
    this.box = box;
    this.root = box.dataset.root || "";
    this.plotly = this.root + "assets/plotly.min.js";
    this.runs = [];
    this.facts = [];
    var self = this;
    Modelbook.load("run-index", box.dataset.runs, function (index, error) {
      if (error) { self.say("The list of runs could not be loaded: " + error.message); return; }
      self.index = index;
      self.known = new Map(index.runs.map(function (run) { return [run[0], run]; }));
      self.read();
      window.addEventListener("hashchange", function () {
        if (location.hash.slice(1) !== self.written) self.read();
      });
    });
  }

  Compare.prototype.say = function (text) {
    this.box.replaceChildren(el("p", { class: "mb-empty", role: "alert" }, text));
  };

  /* ---- the address ---- */

  function list(text) { return text ? text.split(",").filter(Boolean) : []; }

  Compare.prototype.read = function () {
    var state = new URLSearchParams(location.hash.slice(1));
    var asked = Array.from(new Set(list(state.get("runs"))));
    var self = this;
    this.written = location.hash.slice(1);
    this.unknown = asked.filter(function (id) { return !self.known.has(id); });
    this.runs = asked.filter(function (id) { return self.known.has(id); });
    this.left = this.runs.splice(MOST).length;
    this.base = state.get("base") || "";
    this.differences = state.get("diff") === "1";
    this.all = state.get("of") === "all";
    this.query = state.get("q") || "";
    this.filters = Array.from(state).filter(function (pair) { return pair[0].slice(0, 2) === "f."; });
    this.plot = {
      x: state.get("x"), y: state.get("y"), colour: state.get("colour") || "",
      logx: state.get("logx") === "1", logy: state.get("logy") === "1", axes: list(state.get("axes")), logs: state.has("logs") ? list(state.get("logs")) : null
    };
    this.plotting = this.all || state.get("open") === "plot";
    if (this.all) this.showAll();
    else this.fetch();
  };

  Compare.prototype.write = function () {
    var state = new URLSearchParams();
    function put(name, value) { if (value) state.set(name, value); }
    var plot = this.plot;
    if (this.all) {
      state.set("of", "all");
      put("q", this.query);
      this.filters.forEach(function (pair) { state.set(pair[0], pair[1]); });
    } else {
      put("runs", this.runs.join(","));
      put("base", this.base !== this.runs[0] ? this.base : "");
      put("diff", this.differences && "1");
    }
    if (this.plotting) {
      if (!this.all) state.set("open", "plot");
      put("x", plot.x);
      put("y", plot.y);
      put("colour", plot.colour);
      put("logx", plot.logx && "1");
      put("logy", plot.logy && "1");
      put("axes", (plot.axes || []).join(","));
      if (plot.logs) state.set("logs", plot.logs.join(","));
    }
    this.written = state.toString().replace(/%2C/g, ",");
    try {
      history.replaceState(history.state, "", "#" + this.written);
    } catch (error) {
      location.replace("#" + this.written);
    }
  };

  /* ---- runs ---- */

  Compare.prototype.fetch = function () {
    var self = this;
    var wanted = this.runs.slice();
    document.querySelectorAll(".mb-offers").forEach(function (part) { part.hidden = wanted.length > 1; });
    if (!wanted.length) { this.build([]); return; }
    if (!this.box.firstChild) this.box.append(el("p", { class: "mb-note", role: "status" }, "Loading…"));
    Modelbook.compare.load(wanted, this.root, function (facts) {
      if (wanted.join() !== self.runs.join()) return;
      self.broken = wanted.filter(function (_, at) { return !facts[at]; });
      self.runs = wanted.filter(function (_, at) { return facts[at]; });
      self.build(facts.filter(Boolean));
    });
  };

  Compare.prototype.change = function (runs) {
    this.runs = runs;
    this.unknown = [];
    this.write();
    this.fetch();
  };

  Compare.prototype.build = function (facts) {
    this.facts = facts;
    this.data = model.read(Modelbook.compare.table(facts, this.index));
    this.json = Modelbook.compare.table(facts, this.index).columns;
    if (this.runs.indexOf(this.base) < 0) this.base = this.runs[0] || "";
    var focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.keep : "";
    this.table = el("div", {});
    this.box.replaceChildren.apply(this.box, [this.notes(), this.bar(), this.table].concat(facts.length > 1 ? this.below() : []));
    if (facts.length) this.draw();
    var kept = focus && Array.from(this.box.querySelectorAll("[data-keep]")).find(function (node) { return node.dataset.keep === focus; });
    if (kept) kept.focus();
  };

  Compare.prototype.notes = function () {
    var box = el("div", {});
    function note(text) { box.append(el("p", { class: "mb-empty mb-problem", role: "alert" }, text)); }
    var unknown = this.unknown.map(function (id) { return id.slice(0, 40); });
    if (unknown.length) {
      note((unknown.length === 1 ? "No run of this history has the id " : "No runs of this history have the ids ") + unknown.join(", ")
        + ". A run's id is on its page; it changes when what it was made from or what it gave changes.");
    }
    (this.broken || []).forEach(function (id) { note("The data of run " + id + " could not be loaded."); });
    if (this.left) note("At most " + MOST + " runs fit side by side; " + this.left + " more are left out.");
    if (!this.runs.length) box.append(el("p", {}, "No runs are chosen yet."));
    else if (this.runs.length === 1) box.append(el("p", { class: "mb-note" }, "Add another run to compare it with."));
    return box;
  };

  Compare.prototype.name = function (row) {
    var run = this.facts[row];
    var twins = this.facts.filter(function (one) { return one.name === run.name; });
    return twins.length > 1 ? run.name + " " + run.commit.slice(0, 7) : run.name;
  };

  Compare.prototype.bar = function () {
    var self = this;
    var only = el("button", {
      type: "button", class: "mb-tool", "aria-pressed": String(this.differences), "data-keep": "only",
      click: function () {
        self.differences = !self.differences;
        only.setAttribute("aria-pressed", String(self.differences));
        self.write();
        self.draw();
      }
    }, "Only differences");
    this.status = el("span", { class: "mb-note", role: "status" });
    var buttons = this.runs.length ? [only, this.download("CSV", "csv"), this.download("Markdown", "md"), this.status] : [];
    return el.apply(null, ["div", { class: "mb-row mb-compare-bar" }, this.finder()].concat(buttons));
  };

  /* Adds a run by its name, experiment or id. */
  Compare.prototype.finder = function () {
    var self = this;
    var found = el("ul", { class: "mb-found", hidden: true });
    var input = el("input", {
      type: "search", class: "mb-input", placeholder: "Add a run: name, experiment or id", "aria-label": "Add a run", autocomplete: "off", "data-keep": "add",
      input: function () { show(); },
      keydown: function (event) {
        var first = found.querySelector("button");
        if (event.key === "Escape") { input.value = ""; show(); }
        if (!first || found.hidden) return;
        if (event.key === "Enter") first.click();
        if (event.key === "ArrowDown") { event.preventDefault(); first.focus(); }
      }
    });
    function item(run) {
      return el("li", {}, el("button", {
        type: "button",
        click: function () {
          input.value = "";
          self.change(self.runs.concat(run[0]));
        },
        keydown: function (event) {
          var other = event.key === "ArrowDown" ? this.parentElement.nextElementSibling : event.key === "ArrowUp" ? this.parentElement.previousElementSibling : null;
          if (!/^Arrow/.test(event.key)) return;
          event.preventDefault();
          (other ? other.firstChild : input).focus();
        }
      }, el("span", {}, run[1] || run[0]), " ", el("small", { class: "mb-note" }, run[0])));
    }
    function show() {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      var hits = !words.length ? [] : self.index.runs.filter(function (run) {
        var all = (run[0] + " " + run[1] + " " + self.index.experiments[run[2]]).toLowerCase();
        return self.runs.indexOf(run[0]) < 0 && words.every(function (word) { return all.indexOf(word) >= 0; });
      }).slice(-12).reverse();
      found.replaceChildren.apply(found, hits.map(item));
      if (words.length && !hits.length) found.append(el("li", { class: "mb-note" }, "no other run is called so"));
      found.hidden = !words.length;
    }
    if (this.runs.length >= MOST) input.disabled = true;
    return el("div", { class: "mb-finder" }, input, found);
  };

  Compare.prototype.download = function (label, kind) {
    var self = this;
    return el("button", { type: "button", class: "mb-tool", title: "What is shown, as a file", click: function () {
      var table = self.turned();
      var text = kind === "csv" ? model.csv(table.columns, table.rows) : model.markdown(table.columns, table.rows);
      var url = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "text/markdown" }));
      var link = el("a", { href: url, download: "compare." + kind });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(function () { URL.revokeObjectURL(url); }, 1000);
    } }, label);
  };

  /* The table as it stands: a line for each fact, a column for each run. */
  Compare.prototype.turned = function () {
    var self = this;
    var shown = this.shown();
    function full(column, row) {
      var state = column.state(row);
      var raw = column.raw(row);
      return state ? state[0] : raw === null ? null : typeof raw === "object" ? JSON.stringify(raw) : String(raw);
    }
    var columns = [
      { key: "section", values: shown.map(function (column) { return column.group; }) },
      { key: "name", values: shown.map(function (column) { return column.label; }) }
    ].concat(this.facts.map(function (run, row) {
      return { key: self.name(row) + " (" + run.id + ")", values: shown.map(function (column) { return full(column, row); }) };
    }));
    var made = model.read({ rows: shown.length, columns: columns });
    return { columns: made.columns, rows: shown.map(function (_, at) { return at; }) };
  };

  /* ---- the table ---- */

  Compare.prototype.rows = function () { return this.facts.map(function (_, row) { return row; }); };

  Compare.prototype.shown = function () {
    var self = this;
    var rows = this.rows();
    return this.data.columns.filter(function (column) {
      var varies = model.varies(column, rows);
      if (column.group === "Packages" || column.group === "Commands") return varies; // hundreds that are the same say nothing
      return !self.differences || varies || rows.length < 2;
    });
  };

  Compare.prototype.draw = function () {
    var self = this;
    var shown = this.shown();
    var base = this.runs.indexOf(this.base);
    var heads = this.facts.map(function (run, row) { return self.head(run, row, row === base); });
    var head = el("thead", {}, el.apply(null, ["tr", {}, el("th", { scope: "col" }, "run")].concat(heads)));
    var table = el("table", { class: "mb-table mb-compare" }, el("caption", {}, "Runs side by side; the baseline is " + this.name(base)), head);
    var groups = [];
    shown.forEach(function (column) { if (groups.indexOf(column.group) < 0) groups.push(column.group); });
    groups.forEach(function (group) {
      var columns = shown.filter(function (column) { return column.group === group; });
      table.append(self.section(group, columns, base));
    });
    var region = el("div", { class: "mb-scroll", role: "region", tabindex: "0", "aria-label": "Runs side by side" }, table);
    this.table.replaceChildren(region);
    var hidden = this.data.columns.filter(function (column) { return column.group !== "Packages" && column.group !== "Commands"; }).length
      - shown.filter(function (column) { return column.group !== "Packages" && column.group !== "Commands"; }).length;
    this.status.textContent = this.differences && hidden ? hidden + " rows that are the same are hidden" : "";
  };

  Compare.prototype.head = function (run, row, isBase) {
    var self = this;
    var name = this.name(row);
    function button(text, label, click, more) {
      return el("button", Object.assign({ type: "button", class: "mb-mini", "aria-label": label, title: label, "data-keep": label, click: click }, more), text);
    }
    function move(step) {
      return function () {
        var runs = self.runs.slice();
        runs.splice(row + step, 0, runs.splice(row, 1)[0]);
        self.base = self.base || runs[0];
        self.change(runs);
      };
    }
    var tools = el("div", { class: "mb-head-tools" },
      button(isBase ? "Baseline" : "Set baseline", "Baseline: " + name, function () { self.base = run.id; self.write(); self.build(self.facts); }, { "aria-pressed": String(isBase) }),
      button("←", "Move " + name + " left", move(-1), { disabled: row === 0 }),
      button("→", "Move " + name + " right", move(1), { disabled: row === this.facts.length - 1 }),
      button("×", "Remove " + name, function () { self.change(self.runs.filter(function (id) { return id !== run.id; })); }));
    return el("th", { scope: "col", class: isBase ? "mb-base" : null },
      el("a", { href: this.root + "runs/" + encodeURIComponent(run.id) + "/index.html", title: run.name + ", run " + run.id }, name), tools);
  };

  Compare.prototype.section = function (group, columns, base) {
    var self = this;
    var body = el("tbody", {}, el("tr", { class: "mb-group" }, el("th", { scope: "rowgroup", colspan: this.facts.length + 1 }, el("span", {}, group))));
    columns.forEach(function (column) { body.append(self.line(column, base)); });
    return body;
  };

  Compare.prototype.line = function (column, base) {
    var self = this;
    var rows = this.rows();
    var varies = rows.length > 1 && model.varies(column, rows);
    var numbers = column.numeric ? rows.map(column.number).filter(Number.isFinite) : [];
    var top = Modelbook.judge.best(column, numbers);
    // One number alone, or equal ones, are no best.
    var rivals = numbers.some(function (number) { return !Modelbook.judge.isBest(column, number, top); });
    var best = rivals ? top : NaN;
    var arrow = column.direction === "maximize" ? " ↑" : column.direction === "minimize" ? " ↓" : "";
    var says = { maximize: "higher is better", minimize: "lower is better" }[column.direction] || "";
    var title = [column.label, column.description, says].filter(Boolean).join("; ");
    var line = el("tr", { class: varies ? "mb-varies" : null }, el("th", { scope: "row", title: title }, column.label + arrow));
    rows.forEach(function (row) {
      var differs = row !== base && MARKED.has(column.group) && model.varies(column, [base, row]);
      line.append(el("td", { class: [column.numeric ? "mb-num" : "", differs ? "mb-differs" : ""].join(" ").trim() || null }, self.cell(column, row, base, best)));
    });
    return line;
  };

  /* Where a cell that is not the baseline's is tinted; a metric has its delta. */
  var MARKED = new Set(["Params", "Data", "Artifacts", "Stages", "Commands", "Environment", "Packages"]);
  var WORDS = { not_pulled: "not pulled", unreadable: "unreadable", never: "never run" };

  Compare.prototype.cell = function (column, row, base, best) {
    var state = column.state(row);
    var cell = document.createDocumentFragment();
    if (state) {
      cell.append(el("span", { class: "mb-value mb-" + state[0].replace(/_/g, "-"), title: model.stateTitle(state) }, WORDS[state[0]] || state[0]));
      return cell;
    }
    if (column.raw(row) === null) {
      cell.append(el("span", { class: "mb-absent", title: "this run has no such value" }, "–"));
      return cell;
    }
    var text = column.text(row) || '""';
    var own = column.numeric && Modelbook.judge.isBest(column, column.number(row), best);
    var json = this.json.find(function (one) { return one.key === column.key; });
    var title = (json && json.titles[row]) || (String(column.raw(row)) !== text || text.length > 60 ? String(column.raw(row)).slice(0, 1000) : "");
    cell.append(el("span", { class: "mb-value" + (own ? " mb-best" : ""), title: title || null }, text.length > 120 ? text.slice(0, 119) + "…" : text));
    if (own) cell.append(el("span", { class: "mb-star", role: "img", "aria-label": "best of these", title: "best of these" }, "★"));
    var delta = column.kind === "metric" || column.group === "Environment" ? Modelbook.compare.delta(column, row, base) : null;
    if (delta) {
      cell.append(el("span", {
        class: "mb-delta" + (delta.tone ? " mb-" + delta.tone : ""), title: [delta.text, "against the baseline", delta.says].filter(Boolean).join(", ")
      }, (delta.delta > 0 ? "▲ " : "▼ ") + delta.text));
    }
    return cell;
  };

  /* ---- plots ---- */

  Compare.prototype.below = function () {
    var parts = [];
    var plots = this.plots();
    if (plots.length) parts.push(el("h2", { id: "plots" }, "Plots"), el.apply(null, ["div", { class: "mb-plots" }].concat(plots)));
    parts.push(el("h2", { id: "code" }, "Code between their commits"), this.code());
    parts.push(el("h2", { id: "explore" }, "Any two columns, or all of them"), this.explorer(this.data, this.rows(), this.name.bind(this)));
    return parts;
  };

  /* The plots of all runs, those of one title together; those of one title and run apart, by their files. */
  Compare.prototype.plots = function () {
    var self = this;
    var titles = new Map();
    this.facts.forEach(function (run, row) {
      run.plots.forEach(function (plot) {
        var title = Modelbook.compare.common(plot.title, run.name);
        if (!titles.has(title)) titles.set(title, []);
        titles.get(title).push({ row: row, plot: plot, source: Modelbook.compare.common(plot.source || "", run.name) });
      });
    });
    var found = [];
    titles.forEach(function (held, title) {
      apart(held).forEach(function (group) {
        var curves = group.plots.filter(function (one) { return one.plot.figure && one.plot.figure.data.length && one.plot.figure.data[0].type === "scatter"; });
        var rest = group.plots.filter(function (one) { return curves.indexOf(one) < 0; });
        if (curves.length) found.push(self.overlay(title, curves, group.source));
        if (rest.length) found.push(self.columns(title, rest, group.source));
      });
    });
    return found;
  };

  function apart(held) {
    if (new Set(held.map(function (one) { return one.row; })).size === held.length) return [{ source: "", plots: held }];
    var groups = new Map();
    held.forEach(function (one) {
      if (!groups.has(one.source)) groups.set(one.source, []);
      groups.get(one.source).push(one);
    });
    return Array.from(groups, function (pair) { return { source: pair[0], plots: pair[1] }; });
  }

  Compare.prototype.overlay = function (title, held, source) {
    var self = this;
    var traces = [];
    held.forEach(function (one) {
      var many = one.plot.figure.data.length > 1;
      one.plot.figure.data.forEach(function (trace, at) {
        var name = self.name(one.row) + (many ? ": " + trace.name : "");
        var same = many && trace.hoverinfo === "skip"; // a diagonal is the same for every run
        if (same && traces.some(function (other) { return other.same; })) return;
        traces.push({ row: one.row, name: same ? trace.name : name, same: same, part: at, x: trace.x, y: trace.y, mode: trace.mode, shape: trace.line && trace.line.shape });
      });
    });
    var layout = held[0].plot.figure.layout;
    var drawn = lines(title, traces, layout);
    var figure = el("figure", { class: "mb-plot" }, el("figcaption", {}, el("b", {}, title), el("span", { class: "mb-note" }, (source ? source + ", " : "") + held.length + (held.length === 1 ? " run" : " runs"))));
    if (!drawn) {
      figure.append(el("p", { class: "mb-empty" }, "These curves have no numbers in common to draw them by."));
      return figure;
    }
    var data = traces.map(function (trace) {
      var line = trace.same ? { dash: "dot", width: 1 } : { dash: PLOTLY_DASHES[Math.floor(trace.row / SERIES) % 3], shape: trace.shape || "linear" };
      return { type: "scatter", mode: trace.mode, name: trace.name.replace(/</g, "‹"), x: trace.x, y: trace.y, meta: { tone: trace.row % SERIES }, line: line, opacity: trace.part ? 0.6 : 1 };
    });
    var json = el("script", { type: "application/json" });
    json.textContent = JSON.stringify({ data: data, layout: Object.assign({}, layout, { showlegend: true }) });
    var button = el("button", { type: "button", class: "mb-button", "data-mb-interactive": "", "data-src": this.plotly, hidden: true }, "Interactive");
    figure.append(el("div", { class: "mb-drawing" }, drawn), legend(traces), json, button);
    Modelbook.charts.wire(button);
    return figure;
  };

  function legend(traces) {
    var seen = [];
    var items = traces.filter(function (trace) {
      if (trace.same || seen.indexOf(trace.row) >= 0) return false;
      seen.push(trace.row);
      return true;
    }).map(function (trace) {
      var key = svg("svg", { viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
        svg("line", { x1: 0, x2: 22, y1: 4, y2: 4, class: "mb-s" + (trace.row % SERIES + 1), "stroke-width": 2.5, "stroke-dasharray": DASHES[Math.floor(trace.row / SERIES) % 3] }));
      return el("li", {}, key, " " + trace.name.split(": ")[0]);
    });
    return el.apply(null, ["ul", { class: "mb-legend" }].concat(items));
  }

  function svg(tag, attributes) {
    var node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.keys(attributes).forEach(function (name) { if (attributes[name] !== "") node.setAttribute(name, attributes[name]); });
    node.append.apply(node, Array.prototype.slice.call(arguments, 2));
    return node;
  }

  function ticks(low, high, count) {
    var step = Math.pow(10, Math.floor(Math.log10((high - low) / count)));
    [5, 2].forEach(function (factor) { if ((high - low) / (step * factor) >= count) step *= factor; });
    while ((high - low) / step > count * 1.6) step *= 2;
    var found = [];
    for (var at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
    return found;
  }

  /* A still drawing of curves: enough to see which is which before 4 MB of Plotly are loaded. */
  function lines(title, traces, layout) {
    var W = 560;
    var H = 300;
    var left = 56;
    var right = W - 12;
    var top = 10;
    var bottom = H - 42;
    var dates = layout.xaxis && layout.xaxis.type === "date";
    function place(value) { return dates ? model.time(value) : value; }
    var clean = traces.map(function (trace) {
      return Object.assign({}, trace, { points: trace.x.map(function (x, at) { return [place(x), trace.y[at]]; }) });
    });
    var known = [].concat.apply([], clean.map(function (trace) { return trace.points; })).filter(function (point) {
      return Number.isFinite(point[0]) && Number.isFinite(point[1]);
    });
    if (!known.length) return null;
    function range(axis) {
      var low = Infinity;
      var high = -Infinity;
      known.forEach(function (point) { low = Math.min(low, point[axis]); high = Math.max(high, point[axis]); });
      var pad = low === high ? Math.abs(low) / 10 || 1 : axis ? (high - low) * 0.04 : 0;
      return [low - pad, high + pad];
    }
    var xs = range(0);
    var ys = range(1);
    function px(value) { return left + (value - xs[0]) / (xs[1] - xs[0]) * (right - left); }
    function py(value) { return bottom - (value - ys[0]) / (ys[1] - ys[0]) * (bottom - top); }
    function text(x, y, anchor, words, more) {
      var node = svg("text", Object.assign({ x: x, y: y, "text-anchor": anchor, "font-size": 12, class: "mb-muted" }, more));
      node.textContent = words;
      return node;
    }
    var drawing = svg("svg", { viewBox: "0 0 " + W + " " + H, class: "mb-svg", role: "img", "aria-label": title + ": one line for each run" });
    ticks(ys[0], ys[1], 5).forEach(function (tick) {
      drawing.append(svg("line", { x1: left, x2: right, y1: py(tick), y2: py(tick), class: "mb-grid", "stroke-width": 1 }), text(left - 6, py(tick) + 4, "end", model.formatted(tick, "")));
    });
    ticks(xs[0], xs[1], 6).forEach(function (tick) {
      drawing.append(text(px(tick), bottom + 16, "middle", dates ? new Date(tick).toISOString().slice(0, 10) : model.formatted(tick, "")));
    });
    drawing.append(svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "mb-axis", "stroke-width": 1 }));
    function heading(axis) { return (layout[axis] && layout[axis].title && layout[axis].title.text) || ""; }
    drawing.append(text((left + right) / 2, H - 8, "middle", heading("xaxis")));
    drawing.append(text(12, (top + bottom) / 2, "middle", heading("yaxis"), { transform: "rotate(-90 12 " + (top + bottom) / 2 + ")" }));
    clean.forEach(function (trace) {
      var path = "";
      var pen = false;
      trace.points.forEach(function (point) {
        if (!Number.isFinite(point[0]) || !Number.isFinite(point[1])) { pen = false; return; }
        path += (pen ? (trace.shape === "hv" ? "H" + px(point[0]).toFixed(1) + "V" + py(point[1]).toFixed(1) : "L" + px(point[0]).toFixed(1) + " " + py(point[1]).toFixed(1))
          : "M" + px(point[0]).toFixed(1) + " " + py(point[1]).toFixed(1));
        pen = true;
      });
      var line = svg("path", {
        d: path, fill: "none", class: trace.same ? "mb-diagonal" : "mb-s" + (trace.row % SERIES + 1), "stroke-width": trace.same ? 1 : 1.8,
        "stroke-dasharray": trace.same ? "2 3" : DASHES[Math.floor(trace.row / SERIES) % 3], opacity: trace.part ? 0.6 : 1, "stroke-linejoin": "round"
      });
      var name = svg("title", {});
      name.textContent = trace.name;
      line.append(name);
      drawing.append(line);
    });
    return drawing;
  }

  /* Matrices, bars and images: one beside the other, in the order of the runs. */
  Compare.prototype.columns = function (title, held, source) {
    var self = this;
    var bars = held.filter(function (one) { return one.plot.figure && one.plot.figure.data.length && one.plot.figure.data[0].type === "bar"; });
    var rest = held.filter(function (one) { return bars.indexOf(one) < 0; });
    var cells = rest.map(function (one) {
      return el("div", { class: "mb-beside" }, el("p", { class: "mb-note" }, self.name(one.row)), self.still(one.plot, title, self.name(one.row)));
    });
    if (bars.length) cells.unshift(this.barTable(bars));
    return el("figure", { class: "mb-plot mb-plot-wide" }, el("figcaption", {}, el("b", {}, title), source ? el("span", { class: "mb-note" }, source) : ""),
      el.apply(null, ["div", { class: "mb-besides", role: "region", tabindex: "0", "aria-label": source ? title + ", " + source : title }].concat(cells)));
  };

  /* Bars of all runs on one scale, in the order of the baseline's. */
  Compare.prototype.barTable = function (held) {
    var self = this;
    var base = this.runs.indexOf(this.base);
    var first = held.find(function (one) { return one.row === base; }) || held[0];
    var names = [first].concat(held).reduce(function (all, one) { return all.concat(one.plot.figure.data[0].y); }, []);
    names = Array.from(new Set(names)).slice(0, MOST_BARS);
    var values = held.map(function (one) {
      var trace = one.plot.figure.data[0];
      return new Map(trace.y.map(function (name, at) { return [name, trace.x[at]]; }));
    });
    var top = values.reduce(function (most, map) {
      return names.reduce(function (all, name) { return Math.max(all, Math.abs(map.get(name)) || 0); }, most);
    }, 1e-12);
    var head = el.apply(null, ["tr", {}, el("td", {})].concat(held.map(function (one) { return el("th", { scope: "col" }, self.name(one.row)); })));
    var body = names.map(function (name) {
      return el.apply(null, ["tr", {}, el("th", { scope: "row" }, name)].concat(values.map(function (map) {
        var value = map.get(name);
        if (!Number.isFinite(value)) return el("td", {}, "–");
        return el("td", {}, el("span", { class: "mb-bar", style: "width:" + (Math.abs(value) / top * 5).toFixed(2) + "rem" }), model.formatted(value, ""));
      })));
    });
    return el("table", { class: "mb-matrix mb-bars" }, el("thead", {}, head), el.apply(null, ["tbody", {}].concat(body)));
  };

  Compare.prototype.still = function (plot, title, name) {
    if (plot.image) return el("img", { src: this.root + plot.image, alt: title + " of " + name, loading: "lazy" });
    if (!plot.figure || !plot.figure.data.length) {
      var state = plot.state || "unreadable";
      return el("p", { class: "mb-empty" }, el("span", { class: "mb-value mb-" + state.replace(/_/g, "-") }, state.replace(/_/g, " ")), " " + (plot.reason || "too large to draw here"));
    }
    var trace = plot.figure.data[0];
    if (trace.type === "heatmap") return matrix(trace, plot.figure.layout);
    return el("p", { class: "mb-empty" }, "This kind of chart is on the run's own page.");
  };

  function matrix(trace, layout) {
    var top = Math.max.apply(null, [].concat.apply([], trace.z).map(Number).filter(Number.isFinite).concat(1e-12));
    var axes = ["yaxis", "xaxis"].map(function (axis) { return (layout[axis] && layout[axis].title && layout[axis].title.text) || ""; });
    var head = el.apply(null, ["tr", {}, el("th", { scope: "col" }, axes[0] + " ↓ " + axes[1] + " →")].concat(trace.x.map(function (name) { return el("th", { scope: "col" }, name); })));
    var rows = trace.z.map(function (row, at) {
      return el.apply(null, ["tr", {}, el("th", { scope: "row" }, trace.y[at])].concat(row.map(function (value) {
        var heat = Math.min(7, Math.floor(Number(value) / top * 7.999)) || 0;
        return el("td", { class: "mb-heat mb-h" + heat }, model.formatted(Number(value), Number.isInteger(value) ? "" : ".2f"));
      })));
    });
    return el("table", { class: "mb-matrix" }, el("thead", {}, head), el.apply(null, ["tbody", {}].concat(rows)));
  }

  /* ---- code ---- */

  Compare.prototype.code = function () {
    var self = this;
    var box = el("div", { class: "mb-code-between" }, el("p", { class: "mb-note", role: "status" }, "Loading…"));
    var facts = this.facts;
    var base = facts[Math.max(0, this.runs.indexOf(this.base))];
    Modelbook.changes.open(this.root, this.box.dataset.runs, this.box.dataset.commits, function (book, error) {
      if (error) { box.replaceChildren(el("p", { class: "mb-empty" }, "What commits changed could not be loaded.")); return; }
      var rows = facts.filter(function (run) { return run !== base; }).map(function (run) {
        var part = el("div", { class: "mb-between" });
        var from = book.resolve(base.commit);
        var to = book.resolve(run.commit);
        function note(text) { part.append(el("p", {}, el("b", {}, self.name(facts.indexOf(run))), el("span", { class: "mb-note" }, " " + text))); }
        if (!from || !to) note("the commit of one of the two is not on this site");
        else if (from.commit === to.commit) note("made at the baseline's own commit, " + to.label + ", so by the same code");
        else book.code(from.commit, to.commit, function (found, failed) {
          if (failed) { note("what changed could not be loaded"); return; }
          part.append(el("details", { class: "mb-data" },
            el("summary", {}, el("b", {}, self.name(facts.indexOf(run))), " " + Modelbook.changes.summary(found) + " from " + from.label + " to " + to.label),
            Modelbook.changes.files(found, self.name(facts.indexOf(run))),
            el("p", { class: "mb-note" }, el("a", { href: self.root + "changes/compare/index.html#base=" + book.commits[from.commit][0] + "&head=" + book.commits[to.commit][0] },
              "All that changed from " + from.label + " to " + to.label))));
        });
        return part;
      });
      box.replaceChildren.apply(box, rows);
    });
    return box;
  };

  /* ---- parallel coordinates and scatter ---- */

  Compare.prototype.explorer = function (data, rows, name) {
    var self = this;
    var box = el("div", { class: "mb-explore" });
    var chosen = el("p", { class: "mb-note", role: "status" });
    var start = el("button", { type: "button", class: "mb-tool", click: open }, "Plot");
    function open() {
      self.plotting = true;
      start.hidden = true;
      Modelbook.explore(box, {
        data: data, rows: rows, plotly: self.plotly, state: self.plot, name: name,
        changed: function () { self.write(); },
        chosen: function (found, all) {
          var ids = found.map(function (row) { return data.ids[row]; });
          chosen.replaceChildren(found.length + " of " + all + " runs are inside the brushes. ");
          if (ids.length > 1 && ids.length <= MOST && ids.length < all) {
            chosen.append(el("a", { href: "#runs=" + ids.join(",") }, "Compare these " + ids.length));
          }
        }
      });
      box.append(chosen);
    }
    if (this.plotting) setTimeout(open, 0);
    return el("div", {}, el("p", {}, start), box);
  };

  Compare.prototype.showAll = function () {
    var self = this;
    document.querySelectorAll(".mb-offers").forEach(function (part) { part.hidden = true; });
    this.box.replaceChildren(el("p", { class: "mb-note", role: "status" }, "Loading…"));
    this.loadTable(function (data, error) {
      if (error) { self.say("The runs could not be loaded: " + error.message); return; }
      var rows = [];
      try {
        var tests = self.query.trim() ? [Modelbook.query.compile(self.query, data.columns)] : [];
        self.filters.forEach(function (pair) {
          var column = data.byKey.get(pair[0].slice(2));
          if (column) tests.push(Modelbook.query.filter(pair[1], column));
        });
        for (var row = 0; row < data.rows; row += 1) if (tests.every(function (test) { return test(row); })) rows.push(row);
      } catch (problem) {
        self.say("This query cannot be read: " + problem.message);
        return;
      }
      var names = data.byKey.get("run");
      function name(row) { return (names && names.text(row)) || data.ids[row]; }
      var says = rows.length + (rows.length === data.rows ? " runs: all of the runs table" : " of " + data.rows + " runs: those that the filters of the runs table keep");
      self.box.replaceChildren(el("p", {}, says + ". ", el("a", { href: self.root + "runs/index.html" }, "Runs table")), self.explorer(data, rows, name));
    });
  };

  /* The data of the runs table with all its parts. */
  Compare.prototype.loadTable = function (done) {
    var root = this.root;
    Modelbook.load("runs", this.box.dataset.table, function (json, error) {
      if (error) { done(null, error); return; }
      var data = model.read(json);
      var parts = json.parts || [];
      var found = [];
      var failed = null;
      if (!parts.length) { done(data, null); return; }
      parts.forEach(function (part) {
        Modelbook.load(part.name, root + part.src, function (value, missing) {
          failed = failed || missing;
          found.push(value);
          if (found.length < parts.length) return;
          if (!failed) model.extend(data, found);
          done(data, failed);
        });
      });
    });
  };

  document.querySelectorAll("[data-modelbook-compare]").forEach(function (box) { box.compare = new Compare(box); });
})();
