/* The runs table: virtualised rows over columnar data, in place of a plain table of the first rows.

   On the page (scripts in this order, deferred: core.js, runs-query.js, runs-model.js, runs-columns.js,
   runs-table.js):

     <div data-modelbook-table="runs" data-src="../assets/data/runs.js" data-root="../"
          data-compare="../compare/index.html" data-query="experiment = gbm" data-noun="runs">
       <table>...the first 100 rows, for those without JavaScript...</table>
     </div>

   data-root     put before every relative href of the data file (default: none)
   data-compare  where "Compare" leads: data-compare#runs=ID,ID (absent: no compare button unless someone
                 listens to the cancelable event `modelbook:compare`, detail {ids})
   data-query    a query that is always on, not shown in the box
   data-noun     what a row is (default: the table's name)
   data-hash     "off" keeps the state out of the address

   The data file, assets/data/runs.js, is one call, `Modelbook.data("runs", VALUE)`; VALUE is this object, or
   better its JSON in a string (in Python: json.dumps(json.dumps(value))), which parses faster:

     {"version": 2,
      "rows": 10000,                                 of all parts together
      "ids": ["0123456789ab", ...],                  unique; selection, compare and links speak of them
      "columns": [
        {"key": "experiment",                        unique; what queries, links and CSV headers say
         "label": "Experiment",                      what people see (default: the key)
         "kind": "text",                             text | number | date | tag | link | metric | param | spark
         "group": "Params",                          small heading over the label
         "unit": "s", "format": ".4f",               for numbers; a Python format spec
         "direction": "maximize",                    or "minimize": the best value is highlighted
         "atol": 0, "rtol": 0, "min_delta": 0,       when values count as equal, and as better: see judge.js
         "description": "...",                       tooltip of the heading
         "href": "experiments/{}/index.html",        {} is replaced by the value, {id} by the row's id; or:
         "hrefs": ["runs/0123456789ab/index.html"],  a link for each value; both relative to data-root
         "pinned": true, "hidden": false,            where it stands at first
         "values": ["gbm", null],                    one for each row that has an id here; null for none
         "dictionary": ["gbm", "mlp"],               if given, values are indices into it, and hrefs go with it
         "states": {"1": ["not_pulled", "12 MB"]}},  row number -> [not_pulled | unreadable | never, reason]
      ...],
      "views": [{"label": "Current", "state": "q=current+%3D+yes"}],
      "parts": [{"name": "runs-1", "src": "assets/data/runs-1.js"}, ...]}

   A part is a data file as well, with the rows that follow: {"from": 200, "ids": [...], "columns": [{"values", ...}]},
   with a column for each above, of values, dictionary, hrefs and states alone. The first rows are on the screen
   before the parts are asked for, unless the address or data-query wants other rows than those.

   Kinds: number, metric and param take numbers, strings and bools (NaN and the infinities as the strings "NaN",
   "Infinity", "-Infinity"; a param with a list is a list); date an ISO 8601 string; tag a list of strings; spark
   a list of numbers; link is text with hrefs.

   The state lives in the address: #q=...&sort=-metrics.auc,experiment&f.KEY=...&hide=...&show=...&pin=...
   &order=...&width=KEY:120,...&group=KEY,KEY&open=...&diff=1&sel=ID,ID. In `open` * stands for all groups, and
   those behind it are closed. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var model = Modelbook.model;
  var el = Modelbook.element;
  var ROW = 34;
  var SPARE = 6;
  var SELECT = 40;
  var MOST_COMPARED = 20;
  var MOST_LINKED = 100; // selected rows in the address, which must stay fit for a mail
  var MOST_LEVELS = 3;
  var tables = 0;

  function split(text) { return text ? text.split(",").map(decoded) : []; }
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch (error) {
      return text; // an address that somebody cut short
    }
  }
  function joined(list) { return list.map(encodeURIComponent).join(","); }

  function Table(container, json, parts) {
    tables += 1;
    this.id = "mb-table-" + tables;
    this.container = container;
    this.data = model.read(json);
    if (parts.length) model.extend(this.data, parts);
    this.root = container.dataset.root || "";
    this.noun = container.dataset.noun || container.dataset.modelbookTable;
    this.active = { row: -1, column: 0 };
    this.look();
    this.reset();
    this.readHash();
    this.build();
    this.refresh();
    var self = this;
    window.addEventListener("hashchange", function () {
      if (!self.hashUsed() || location.hash.slice(1) === self.lastHash) return;
      self.reset();
      self.readHash();
      self.syncControls();
      self.refresh();
    });
  }

  /* Takes in parts of the data that came after the first. */
  Table.prototype.grow = function (parts) {
    model.extend(this.data, parts);
    this.box.setAttribute("placeholder", this.example());
    this.look();
    this.refresh();
  };

  Table.prototype.look = function () {
    this.rowOf = new Map(this.data.ids.map(function (id, row) { return [id, row]; }));
    this.always = this.compileAlways(this.container.dataset.query || "");
  };

  Table.prototype.compileAlways = function (text) {
    try {
      return Modelbook.query.compile(text, this.data.columns);
    } catch (problem) {
      console.warn("data-query: " + problem.message);
      return function () { return true; };
    }
  };

  Table.prototype.reset = function () {
    this.query = "";
    this.filters = new Map();
    this.sorts = [];
    this.order = this.data.columns.slice();
    this.hidden = new Set(this.data.columns.filter(function (column) { return column.hidden; }));
    this.pinned = new Set(this.data.columns.filter(function (column) { return column.pinned; }));
    this.widths = new Map();
    this.by = [];
    this.open = new Set();
    this.differences = false;
    this.selected = new Set();
  };

  /* ---- the address ---- */

  Table.prototype.hashUsed = function () { return this.container.dataset.hash !== "off"; };

  Table.prototype.readHash = function () {
    if (!this.hashUsed() || location.hash.indexOf("=") < 0) return;
    var self = this;
    var columns = this.data.byKey;
    function known(keys) { return keys.map(function (key) { return columns.get(key); }).filter(Boolean); }
    new URLSearchParams(location.hash.slice(1)).forEach(function (value, name) {
      if (name === "q") self.query = value;
      else if (name === "sort") self.sorts = split(value).map(function (key) {
        return { column: columns.get(key.replace(/^-/, "")), down: key[0] === "-" };
      }).filter(function (sort) { return sort.column; });
      else if (name === "hide") known(split(value)).forEach(function (column) { self.hidden.add(column); });
      else if (name === "show") known(split(value)).forEach(function (column) { self.hidden.delete(column); });
      else if (name === "pin") self.pinned = new Set(known(split(value)));
      else if (name === "order") self.order = Array.from(new Set(known(split(value)).concat(self.data.columns)));
      else if (name === "width") split(value).forEach(function (one) {
        var parts = /^(.*):(\d+)$/.exec(one);
        if (parts && columns.has(parts[1])) self.widths.set(columns.get(parts[1]), self.within(Number(parts[2])));
      });
      else if (name === "group") self.by = Array.from(new Set(known(split(value)))).slice(0, MOST_LEVELS);
      else if (name === "open") self.open = new Set(split(value));
      else if (name === "diff") self.differences = value === "1";
      else if (name === "sel") self.selected = new Set(split(value).filter(function (id) { return self.rowOf.has(id); }));
      else if (name.slice(0, 2) === "f." && columns.has(name.slice(2))) self.filters.set(columns.get(name.slice(2)), value);
    });
  };

  Table.prototype.writeHash = function () {
    if (!this.hashUsed()) return;
    var state = new URLSearchParams();
    function keys(list) { return joined(list.map(function (column) { return column.key; })); }
    function put(name, value) { if (value) state.set(name, value); }
    var all = this.data.columns;
    var hidden = this.hidden;
    var pinned = Array.from(this.pinned);
    put("q", this.query);
    put("sort", joined(this.sorts.map(function (sort) { return (sort.down ? "-" : "") + sort.column.key; })));
    this.filters.forEach(function (text, column) { put("f." + column.key, text); });
    put("hide", keys(all.filter(function (column) { return hidden.has(column) && !column.hidden; })));
    put("show", keys(all.filter(function (column) { return !hidden.has(column) && column.hidden; })));
    if (keys(pinned) !== keys(all.filter(function (column) { return column.pinned; }))) state.set("pin", keys(pinned));
    put("order", keys(this.order.slice(0, this.moved())));
    put("width", joined(Array.from(this.widths, function (one) { return one[0].key + ":" + one[1]; })));
    put("group", keys(this.by));
    put("open", joined(Array.from(this.open)));
    put("diff", this.differences && "1");
    put("sel", this.selected.size <= MOST_LINKED ? joined(Array.from(this.selected)) : "");
    var text = state.toString();
    var old = this.lastHash === undefined ? "" : this.lastHash;
    if (text === old || (!text && !location.hash)) return;
    this.lastHash = text;
    var url = text ? "#" + text : location.pathname + location.search;
    try {
      history.replaceState(history.state, "", url);
    } catch (error) {
      location.replace("#" + text);
    }
  };

  /* How many columns at the front of the order say all of it: the rest stand as they did at first. */
  Table.prototype.moved = function () {
    var order = this.order;
    var all = this.data.columns;
    for (var count = 0; count < order.length; count += 1) {
      var front = new Set(order.slice(0, count));
      var rest = all.filter(function (column) { return !front.has(column); });
      if (rest.every(function (column, at) { return column === order[count + at]; })) return count;
    }
    return count;
  };

  /* ---- what is shown ---- */

  Table.prototype.refresh = function () {
    var self = this;
    var tests = [this.always];
    this.problem = "";
    this.problemAt = -1;
    try {
      if (this.query.trim()) tests.push(Modelbook.query.compile(this.query, this.data.columns));
    } catch (problem) {
      if (!(problem instanceof Modelbook.query.Problem)) throw problem;
      this.problem = problem.message;
      this.problemAt = problem.at;
    }
    this.filters.forEach(function (text, column) {
      try {
        tests.push(Modelbook.query.filter(text, column));
      } catch (problem) {
        if (!(problem instanceof Modelbook.query.Problem)) throw problem;
        self.problem = column.label + ": " + problem.message;
        self.problemAt = -1;
      }
    });
    var rows = [];
    for (var row = 0; row < this.data.rows; row += 1) {
      var kept = true;
      for (var at = 0; at < tests.length && kept; at += 1) kept = tests[at](row);
      if (kept) rows.push(row);
    }
    this.rows = model.sorted(rows, this.sorts);
    this.groups = this.by.length ? model.grouped(this.rows, this.by, this.sorts) : null;
    this.lines = this.groups ? this.groupLines(this.groups) : this.rows;
    this.chooseColumns();
    this.findBest();
    this.active.row = Math.min(this.active.row, this.lines.length - 1);
    this.drawHead();
    this.drawRows();
    this.drawStatus();
    this.writeHash();
    this.share.dataset.copy = location.href;
  };

  /* A line is a row number, or a group. */
  Table.prototype.groupLines = function (groups) {
    var self = this;
    var lines = [];
    groups.forEach(function (group) {
      lines.push(group);
      var inner = !self.isOpen(group) ? [] : group.groups ? self.groupLines(group.groups) : group.rows;
      inner.forEach(function (line) { lines.push(line); });
    });
    return lines;
  };

  Table.prototype.isOpen = function (group) { return this.open.has("*") !== this.open.has(group.path); };

  Table.prototype.chooseColumns = function () {
    var self = this;
    var shown = this.order.filter(function (column) { return !self.hidden.has(column); });
    if (this.differences && this.rows.length > 1) {
      shown = shown.filter(function (column) { return self.pinned.has(column) || model.varies(column, self.rows); });
    }
    if (this.groups) shown = this.asTree(shown);
    var tree = this.groups ? shown[0] : null;
    function fixed(column) { return self.pinned.has(column) || column === tree; }
    // A phone has room for one fixed column; the others lead the rest.
    this.narrow = this.scroller.clientWidth > 0 && this.scroller.clientWidth < 600;
    this.fixed = shown.filter(fixed);
    this.loose = shown.filter(function (column) { return !fixed(column); });
    if (this.narrow) this.loose = this.fixed.splice(1).concat(this.loose);
    this.columns = this.fixed.concat(this.loose);
    var left = SELECT;
    this.columns.forEach(function (column) {
      column.space = column.space || self.measure(column);
      column.width = self.widths.get(column) || column.space + (self.groups && column.numeric ? 70 : 0); // "± std"
      if (column === tree && !self.widths.has(column)) column.width = Math.max(column.width, 260);
      if (self.narrow && column === self.fixed[0]) column.width = Math.min(column.width, 150);
      column.left = left;
      left += column.width;
    });
    this.width = left;
  };

  /* Groups are told apart in the first column that holds words; what they are grouped by is not said again. Then
     the metrics, for their means are what people group for, unless somebody chose an order. */
  Table.prototype.asTree = function (columns) {
    var by = this.by;
    var rest = columns.filter(function (column) { return by.indexOf(column) < 0; });
    var tree = rest.find(function (column) { return !column.numeric && column.kind !== "spark"; }) || by[0];
    function first(column) { return column.kind === "metric"; }
    rest = rest.filter(function (column) { return column !== tree; });
    if (!this.moved()) {
      rest = rest.filter(first).concat(rest.filter(function (column) { return !first(column); }));
    }
    return [tree].concat(rest);
  };

  /* Wide enough for heading and the first values, within reason. */
  Table.prototype.measure = function (column) {
    if (column.kind === "spark") return Math.max(118, Math.min(column.label.length * 7.4 + 40, 200));
    var longest = column.label.length + (column.direction ? 8 : 6);
    for (var row = 0; row < Math.min(this.data.rows, 200); row += 1) {
      var chips = column.kind === "tag" ? 2.5 * (column.raw(row) || []).length : 0;
      longest = Math.max(longest, column.text(row).length + chips);
    }
    return Math.round(Math.max(76, Math.min(longest * 7.4 + 26, 280)));
  };

  Table.prototype.findBest = function () {
    var self = this;
    this.best = new Map();
    var leaves = this.groups && model.leaves(this.groups);
    this.columns.forEach(function (column) {
      if (!column.direction || !column.numeric) return;
      var values = self.groups
        ? leaves.map(function (group) { return group.statistics(column).mean; })
        : self.rows.map(function (row) { return column.number(row); });
      // A column where all are equal has no best.
      var found = Modelbook.judge.best(column, values);
      if (values.length > 1 && values.some(function (value) { return value === value && !Modelbook.judge.isBest(column, value, found); })) {
        self.best.set(column, found);
      }
    });
  };

  /* ---- building ---- */

  Table.prototype.build = function () {
    var self = this;
    this.head = el("div", { class: "mb-t-head", role: "rowgroup" });
    this.body = el("div", { class: "mb-t-body", role: "rowgroup" });
    this.canvas = el("div", { class: "mb-t-canvas", role: "presentation" }, this.head, this.body);
    this.scroller = el("div", {
      class: "mb-t-scroll", role: "grid", tabindex: "0", "aria-multiselectable": "true", "aria-label": this.noun,
      "aria-describedby": this.id + "-status",
      keydown: function (event) { self.onKey(event); },
      scroll: function () { self.onScroll(); }
    }, this.canvas);
    this.body.addEventListener("click", function (event) { self.onClick(event); });
    this.news = el("div", { class: "mb-t-sr", role: "status" });
    this.app = el("div", { class: "mb-t" }, this.buildBar(), this.buildPanel(), this.scroller, this.buildSelection(), this.news);
    this.container.replaceChildren(this.app);
    this.container.setAttribute("data-ready", "");
    if (window.ResizeObserver) new ResizeObserver(function () {
      if (self.narrow === undefined) return;
      if (self.narrow !== self.scroller.clientWidth < 600) self.refresh();
      else self.drawRows();
    }).observe(this.scroller);
  };

  Table.prototype.buildBar = function () {
    var self = this;
    var wait;
    this.box = el("input", {
      class: "mb-t-query", type: "search", spellcheck: "false", autocomplete: "off", value: this.query,
      placeholder: this.example(), "aria-label": "Query", "aria-describedby": this.id + "-problem",
      input: function () {
        clearTimeout(wait);
        wait = setTimeout(function () {
          self.query = self.box.value;
          self.toTop();
        }, 60);
      }
    });
    this.problemLine = el("div", { class: "mb-t-problem", id: this.id + "-problem", role: "status" });
    this.status = el("span", { class: "mb-t-status", id: this.id + "-status", role: "status" });
    this.grouping = this.groupSelect(0, "Group by…", "Group by");
    this.thenBy = this.groupSelect(1, "then by…", "Then group by");
    this.openAll = this.toggle("Open all", "Show what is in the groups", function () {
      self.open = new Set(self.open.has("*") ? [] : ["*"]);
      self.refresh();
    });
    this.only = this.toggle("Only differences", "Hide columns that are the same in every row", function () {
      self.differences = !self.differences;
      self.refresh();
    });
    this.filterButton = this.toggle("Filters", "A filter under each heading", function () {
      self.showFilters = !self.showFilters;
      if (!self.showFilters) self.filters.clear();
      self.refresh();
    });
    this.showFilters = this.filters.size > 0;
    this.chooser = this.toggle("Columns", "Choose, pin and order columns", function () { self.openPanel("columns"); });
    this.help = this.toggle("Help", "Queries and keys", function () { self.openPanel("help"); });
    this.share = el("button", { class: "mb-t-button", type: "button", title: "A link to this very view", "data-copy": "" }, "Copy link");
    this.downloads = this.toggle("Download", "What is shown, as a file", function () { self.openPanel("download"); });
    this.resetButton = el("button", {
      class: "mb-t-button", type: "button",
      click: function () {
        self.reset();
        self.showFilters = false;
        self.syncControls();
        self.toTop();
      }
    }, "Reset");
    this.syncControls();
    return el("div", { class: "mb-t-bar" }, this.box, this.problemLine, this.buildViews(), el("div", { class: "mb-t-tools" },
      this.status, this.grouping, this.thenBy, this.openAll, this.filterButton, this.only, this.chooser, this.downloads,
      this.share, this.help, this.resetButton));
  };

  Table.prototype.toggle = function (label, title, click) {
    return el("button", { class: "mb-t-button", type: "button", title: title, "aria-pressed": "false", click: click }, label);
  };

  Table.prototype.syncControls = function () {
    this.box.value = this.query;
    this.grouping.value = this.by.length ? this.by[0].key : "";
    this.thenBy.value = this.by.length > 1 ? this.by[1].key : "";
    if (this.filters.size) this.showFilters = true;
  };

  Table.prototype.groupSelect = function (level, none, name) {
    var self = this;
    var select = el("select", {
      class: "mb-t-button", "aria-label": name,
      change: function () {
        var chosen = self.data.byKey.get(select.value);
        self.groupBy(self.by.slice(0, level).concat(chosen && self.by.indexOf(chosen) !== 0 ? [chosen] : []));
      }
    }, el("option", { value: "" }, none));
    var sets = new Map();
    this.data.columns.forEach(function (column) {
      if (column.kind === "spark" || column.kind === "metric") return;
      var title = column.group || "Runs";
      if (!sets.has(title)) sets.set(title, el("optgroup", { label: title }));
      sets.get(title).append(el("option", { value: column.key }, column.label));
    });
    sets.forEach(function (set) { select.append(set); });
    return select;
  };

  Table.prototype.groupBy = function (columns) {
    this.by = columns;
    this.open.clear();
    this.syncControls();
    this.toTop();
  };

  /* Views of use in any project: links, so that they can be shared and opened in a tab. */
  Table.prototype.buildViews = function () {
    var views = this.hashUsed() ? this.data.views : [];
    if (!views.length) return "";
    return el.apply(null, ["nav", { class: "mb-t-views", "aria-label": "Views" }, "Views:"].concat(views.map(function (view) {
      return el("a", { href: "#" + view.state }, view.label);
    })));
  };

  /* A query that this very data understands. */
  Table.prototype.example = function () {
    var metric = this.data.columns.find(function (column) { return column.direction && column.numeric; });
    var tags = this.data.byKey.get("tag");
    var tag = "";
    for (var row = 0; tags && !tag && row < this.data.rows; row += 1) tag = (tags.raw(row) || [])[0] || "";
    if (!metric) return "Filter: words, or field = value";
    var value = Modelbook.judge.best(metric, metric.numbers());
    var bound = model.formatted(value * (metric.direction === "maximize" ? 0.95 : 1.05), ".2g").replace("−", "-");
    return "Filter: " + quoted(metric.label) + (metric.direction === "maximize" ? " > " : " < ") + bound
      + (tag ? " and tag:" + quoted(tag) : "");
  };

  function quoted(word) { return /^[\w./-]+$/.test(word) ? word : '"' + word.replace(/["\\]/g, "\\$&") + '"'; }

  Table.prototype.buildPanel = function () {
    this.panel = el("div", { class: "mb-t-panel", hidden: true });
    var self = this;
    this.panel.addEventListener("keydown", function (event) {
      if (event.key === "Escape") self.openPanel(self.panelName);
    });
    return this.panel;
  };

  Table.prototype.openPanel = function (name) {
    var opened = this.panel.hidden || this.panelName !== name;
    this.panelName = name;
    this.panel.hidden = !opened;
    this.chooser.setAttribute("aria-pressed", String(opened && name === "columns"));
    this.downloads.setAttribute("aria-pressed", String(opened && name === "download"));
    this.help.setAttribute("aria-pressed", String(opened && name === "help"));
    if (opened) this.drawPanel();
    else ({ columns: this.chooser, download: this.downloads, help: this.help })[name].focus();
  };

  Table.prototype.drawPanel = function () {
    var makers = { columns: this.columnList, download: this.downloadList, help: this.helpList };
    this.panel.replaceChildren.apply(this.panel, makers[this.panelName].call(this));
  };

  Table.prototype.downloadList = function () {
    var self = this;
    function line(what, groups) {
      function button(label, kind) {
        return el("button", { class: "mb-t-button", type: "button", click: function () { self.download(kind, groups); } }, label);
      }
      return el("div", { class: "mb-t-panel-bar" }, "Download " + what + " as", button("CSV", "csv"), button("JSON", "json"),
        button("Markdown", "md"));
    }
    var rows = "the " + this.counted(this.exportRows().length, this.selected.size ? "selected" : "shown");
    if (!this.groups || this.selected.size) return [line(rows, false)];
    var groups = model.leaves(this.groups).length.toLocaleString("en") + " groups (count, mean, deviation)";
    return [line("the " + groups, true), line(rows, false)];
  };

  Table.prototype.exportRows = function () {
    var self = this;
    if (!this.selected.size) return this.rows;
    var chosen = Array.from(this.selected, function (id) { return self.rowOf.get(id); });
    return model.sorted(chosen.filter(function (row) { return row !== undefined; }), this.sorts);
  };

  /* The columns in sight, in their order: of the rows, or of the groups with `grouped`. */
  Table.prototype.export = function (kind, grouped) {
    var write = { csv: model.csv, json: model.json, md: model.markdown }[kind];
    if (!grouped) {
      var hiddenBy = this.by.filter(function (column) { return this.columns.indexOf(column) < 0; }, this);
      return write(hiddenBy.concat(this.columns), this.exportRows(), this.data.ids);
    }
    var groups = model.leaves(this.groups);
    return write(model.summary(groups, this.by, this.columns), groups.map(function (_, at) { return at; }), null);
  };

  Table.prototype.helpList = function () {
    function item(code, words) { return el("li", {}, el("code", {}, code), " " + words); }
    return [el("div", { class: "mb-t-help" },
      el("div", {}, el("b", {}, "Query"), el("ul", {},
        item("auc > 0.7 and lr < 0.1", "a column by its name, or by the end of it"),
        item("tag:baseline", "has; for words: contains"),
        item('experiment = "two words"', "is just that; != is not"),
        item("not (seed = 1 or seed = 2)", "and, or, not, parentheses"),
        item("date >= 2024-03-01", "dates"),
        item("auc = none", "has no value"),
        item("boost", "anywhere in the words of a row"))),
      el("div", {}, el("b", {}, "Filters under a heading"), el("ul", {},
        item("0.1..0.5", "from, to"), item("> 0.7", "also >=, <, <=, =, !="), item("text", "contains; !text does not"))),
      el("div", {}, el("b", {}, "Keys"), el("ul", {},
        item("arrows, Home, End, Page", "move in the table"),
        item("Enter", "on a heading: sort (with Shift: by one more column); on a link: follow it; on a group: open it"),
        item("Space", "select; with Shift: up to here"),
        item("M, or Alt+Down", "the menu of the column"))))];
  };

  Table.prototype.download = function (kind, grouped) {
    var types = { csv: "text/csv", json: "application/json", md: "text/markdown" };
    var url = URL.createObjectURL(new Blob([this.export(kind, grouped)], { type: types[kind] + ";charset=utf-8" }));
    var link = el("a", { href: url, download: this.container.dataset.modelbookTable + "." + kind });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(url); }, 10000);
  };

  Table.prototype.buildSelection = function () {
    var self = this;
    this.selectionText = el("span", {});
    this.compare = el("a", {
      class: "mb-t-button mb-t-primary", href: "#", role: "button",
      click: function (event) {
        var ids = Array.from(self.selected);
        var unused = self.container.dispatchEvent(new CustomEvent("modelbook:compare", {
          bubbles: true, cancelable: true, detail: { ids: ids }
        }));
        if (!unused || !self.comparable() || !self.container.dataset.compare) event.preventDefault();
      }
    }, "Compare");
    this.selection = el("div", { class: "mb-t-selection", hidden: true }, this.selectionText, this.compare,
      el("button", {
        class: "mb-t-button", type: "button",
        click: function () {
          self.selected.clear();
          self.refresh();
        }
      }, "Clear"));
    return this.selection;
  };

  /** So many rows in words, "9 shown runs"; a noun is a plural that ends with an s. */
  Table.prototype.counted = function (rows, which) {
    var noun = rows === 1 ? this.noun.replace(/s$/, "") : this.noun;
    return rows.toLocaleString("en") + " " + (which ? which + " " : "") + noun;
  };

  Table.prototype.comparable = function () { return this.selected.size >= 2 && this.selected.size <= MOST_COMPARED; };

  /* ---- drawing ---- */

  Table.prototype.drawStatus = function () {
    var total = this.counted(this.data.total);
    var shown = this.rows.length.toLocaleString("en");
    var all = this.rows.length === this.data.rows;
    var count = this.groups ? this.groups.length : 0;
    var groups = this.groups ? count.toLocaleString("en") + (count === 1 ? " group, " : " groups, ") : "";
    this.status.textContent = groups + (all ? total : shown + " of " + total)
      + (this.data.rows < this.data.total ? ", loading…" : "");
    this.drawProblem();
    this.share.hidden = !this.hashUsed();
    this.thenBy.hidden = this.openAll.hidden = !this.by.length;
    this.openAll.setAttribute("aria-pressed", String(this.open.has("*")));
    this.chooser.textContent = "Columns: " + this.columns.length + " of " + this.data.columns.length;
    this.box.setAttribute("aria-invalid", String(Boolean(this.problem)));
    this.only.setAttribute("aria-pressed", String(this.differences));
    this.filterButton.setAttribute("aria-pressed", String(Boolean(this.showFilters)));
    this.selection.hidden = !this.selected.size;
    this.selectionText.textContent = this.selected.size + " selected";
    var ready = this.comparable();
    this.compare.setAttribute("aria-disabled", String(!ready));
    this.compare.title = ready ? "" : "Select 2 to " + MOST_COMPARED;
    this.compare.setAttribute("href", (this.container.dataset.compare || "") + "#runs=" + joined(Array.from(this.selected)));
    if (!this.panel.hidden && this.panelName === "download") this.drawPanel();
  };

  /* What is wrong with the query, and where: the place is marked in a copy of it. */
  Table.prototype.drawProblem = function () {
    var at = this.problemAt;
    if (at < 0) {
      this.problemLine.textContent = this.problem;
      return;
    }
    var length = (/^("[^"]*"?|'[^']*'?|[\w./-]+|[<>=!:~]+|.)/.exec(this.query.slice(at)) || [" "])[0].length;
    this.problemLine.replaceChildren(
      "At character " + (at + 1) + ": " + this.problem,
      el("code", { "aria-hidden": "true" }, this.query.slice(Math.max(0, at - 40), at),
        el("mark", {}, this.query.slice(at, at + length) || "\u00a0"), this.query.slice(at + length, at + length + 40))
    );
  };

  Table.prototype.drawHead = function () {
    var self = this;
    var focused = document.activeElement && this.head.contains(document.activeElement)
      ? document.activeElement.dataset.key || null : null;
    var line = el("div", { class: "mb-t-row mb-t-heading", role: "row", "aria-rowindex": "1" }, this.selectAll());
    this.columns.forEach(function (column, at) { line.append(self.headCell(column, at)); });
    this.head.replaceChildren(line);
    if (this.showFilters) this.head.append(this.filterRow());
    this.canvas.style.width = this.width + "px";
    this.scroller.setAttribute("aria-colcount", String(this.columns.length + 1));
    this.scroller.setAttribute("aria-rowcount", String(this.lines.length + this.awaited() + this.headRows()));
    this.scroller.setAttribute("role", this.groups ? "treegrid" : "grid");
    this.body.style.height = Math.max(this.lines.length + this.awaited(), 1) * ROW + "px";
    if (focused !== null) {
      var again = this.head.querySelector('[data-key="' + CSS.escape(focused) + '"]');
      if (again) again.focus();
    }
  };

  /* Rows that will follow those in sight when the rest of the data is in. */
  Table.prototype.awaited = function () {
    return this.rows.length === this.data.rows && !this.groups ? this.data.total - this.data.rows : 0;
  };

  Table.prototype.headRows = function () { return this.showFilters ? 2 : 1; };

  Table.prototype.selectAll = function () {
    var self = this;
    var ids = this.rows;
    var chosen = this.selected.size > 0 && ids.length > 0 && ids.every(function (row) {
      return self.selected.has(self.data.ids[row]);
    });
    var box = el("input", {
      type: "checkbox", tabindex: "-1", "aria-label": "Select all shown",
      change: function () {
        ids.forEach(function (row) {
          if (box.checked) self.selected.add(self.data.ids[row]);
          else self.selected.delete(self.data.ids[row]);
        });
        self.refresh();
      }
    });
    box.checked = chosen;
    box.indeterminate = !chosen && this.selected.size > 0;
    return this.place(el("div", { class: "mb-t-cell mb-t-select", role: "columnheader", "aria-colindex": "1" }, box), null);
  };

  /* Pins a cell or gives it its width. */
  Table.prototype.place = function (cell, column) {
    var fixed = column === null || this.fixed.indexOf(column) >= 0;
    cell.style.width = (column ? column.width : SELECT) + "px";
    if (fixed) {
      cell.classList.add("mb-t-fixed");
      cell.style.left = (column ? column.left : 0) + "px";
      if (column && column === this.fixed[this.fixed.length - 1]) cell.classList.add("mb-t-edge");
    }
    return cell;
  };

  Table.prototype.headCell = function (column, at) {
    var self = this;
    var place = this.sorts.findIndex(function (sort) { return sort.column === column; });
    var sort = this.sorts[place];
    var better = { maximize: "higher is better", minimize: "lower is better" }[column.direction] || "";
    var title = [column.description, better, "In queries: " + column.key,
      "Click to sort, Shift+click to sort by one more, drag to move"].filter(Boolean).join("\n");
    var cell = el("div", {
      class: "mb-t-cell" + (column.numeric ? " mb-t-number" : ""), role: "columnheader", id: this.id + "-h-" + at,
      "aria-colindex": String(at + 2), "aria-sort": sort ? (sort.down ? "descending" : "ascending") : "none", title: title,
      "data-place": String(at)
    });
    if (this.active.row < 0 && this.active.column === at) cell.classList.add("mb-t-active");
    var tree = this.groups && at === 0;
    var small = tree ? this.by.map(function (one) { return one.label; }).join(" › ") + " ›" : column.group;
    cell.append(el("small", {}, small || "\u00a0"));
    var label = el("span", {}, column.label);
    if (column.direction) {
      label.append(el("i", { title: better, "aria-label": better, role: "img" }, column.direction === "maximize" ? " ↑" : " ↓"));
    }
    if (sort) label.append(el("b", {}, (sort.down ? " ▼" : " ▲") + (this.sorts.length > 1 ? place + 1 : "")));
    cell.append(label);
    cell.append(el("button", {
      class: "mb-t-dots", type: "button", tabindex: "-1", "aria-label": "Menu of " + column.label, "aria-haspopup": "menu",
      title: "Sort, filter, group, pin, move or hide",
      click: function (event) {
        event.stopPropagation();
        self.openMenu(column, event.currentTarget);
      }
    }), el("span", { class: "mb-t-grip", "aria-hidden": "true" }));
    this.handle(cell, column);
    return this.place(cell, column);
  };

  Table.prototype.filterRow = function () {
    var self = this;
    var line = el("div", { class: "mb-t-row mb-t-filters", role: "row", "aria-rowindex": "2" },
      this.place(el("div", { class: "mb-t-cell mb-t-select", role: "gridcell", "aria-colindex": "1" }), null));
    this.columns.forEach(function (column, at) {
      var wait;
      var input = el("input", {
        class: "mb-t-filter", type: "search", "aria-label": "Filter " + column.label, "data-key": column.key,
        placeholder: column.numeric ? "> 0.5 or 1..5" : column.kind === "date" ? ">= 2024-01-31" : "contains",
        value: self.filters.get(column) || "",
        keydown: function (event) { event.stopPropagation(); },
        input: function () {
          clearTimeout(wait);
          wait = setTimeout(function () {
            if (input.value.trim()) self.filters.set(column, input.value);
            else self.filters.delete(column);
            var from = input.selectionStart;
            self.toTop();
            var again = self.head.querySelector('[data-key="' + CSS.escape(column.key) + '"]');
            if (again && document.activeElement === again) again.setSelectionRange(from, from);
          }, 150);
        }
      });
      var attributes = { class: "mb-t-cell", role: "gridcell", "aria-colindex": String(at + 2) };
      line.append(self.place(el("div", attributes, column.kind === "spark" ? "" : input), column));
    });
    return line;
  };

  /* Draws the lines and columns in sight, and only those. */
  Table.prototype.drawRows = function () {
    if (!this.lines) return;
    var top = this.scroller.scrollTop;
    var tall = this.scroller.clientHeight || 600;
    var first = Math.max(0, Math.floor(top / ROW) - SPARE);
    var last = Math.min(this.lines.length, Math.ceil((top + tall) / ROW) + SPARE);
    var span = this.columnSpan();
    var lines = [];
    for (var at = first; at < last; at += 1) lines.push(this.line(at, span));
    if (!this.lines.length) lines.push(el("div", { class: "mb-t-empty", role: "row" },
      el("div", { role: "gridcell" }, "No " + this.noun + " to show.")));
    this.body.replaceChildren.apply(this.body, lines);
    this.drawn = { first: first, last: last, from: span.from, to: span.to };
    this.markActive();
  };

  Table.prototype.columnSpan = function () {
    var left = this.scroller.scrollLeft;
    var right = left + (this.scroller.clientWidth || 1200);
    var from = 0;
    while (from < this.loose.length && this.loose[from].left + this.loose[from].width < left - 100) from += 1;
    var to = from;
    while (to < this.loose.length && this.loose[to].left < right + 100) to += 1;
    return { from: from, to: to };
  };

  Table.prototype.onScroll = function () {
    var self = this;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(function () {
      self.waiting = false;
      self.drawRows();
    });
  };

  Table.prototype.line = function (at, span) {
    var self = this;
    var item = this.lines[at];
    var group = typeof item === "object" ? item : null;
    var id = group ? null : this.data.ids[item];
    var node = el("div", {
      class: "mb-t-row" + (group ? " mb-t-group" : "") + (at % 2 ? " mb-t-odd" : ""), role: "row",
      "aria-rowindex": String(at + 1 + this.headRows()), "data-line": String(at),
      "aria-selected": group ? null : String(this.selected.has(id)),
      "aria-level": !this.groups ? null : String(group ? group.level : this.by.length + 1),
      "aria-expanded": group ? String(this.isOpen(group)) : null
    });
    node.style.transform = "translateY(" + at * ROW + "px)";
    node.append(this.place(group ? this.checkboxOf(group) : this.checkbox(item), null));
    this.fixed.forEach(function (column, place) { node.append(self.cell(item, group, column, place, at)); });
    if (span.from) {
      var spacer = el("div", { class: "mb-t-spacer", role: "presentation" });
      spacer.style.width = this.loose[span.from - 1].left + this.loose[span.from - 1].width - this.loose[0].left + "px";
      node.append(spacer);
    }
    for (var place = span.from; place < span.to; place += 1) {
      node.append(this.cell(item, group, this.loose[place], this.fixed.length + place, at));
    }
    return node;
  };

  Table.prototype.checkbox = function (row) {
    var name = this.data.columns[0].text(row) || this.data.ids[row];
    var box = el("input", { type: "checkbox", tabindex: "-1", "aria-label": "Select " + name });
    box.checked = this.selected.has(this.data.ids[row]);
    return el("div", { class: "mb-t-cell mb-t-select", role: "gridcell", "aria-colindex": "1" }, box);
  };

  Table.prototype.checkboxOf = function (group) {
    var self = this;
    var box = el("input", { type: "checkbox", tabindex: "-1", "aria-label": "Select all of " + (group.label || "none") });
    var chosen = this.selected.size ? group.rows.filter(function (row) { return self.selected.has(self.data.ids[row]); }).length : 0;
    box.checked = chosen === group.rows.length;
    box.indeterminate = chosen > 0 && !box.checked;
    return el("div", { class: "mb-t-cell mb-t-select", role: "gridcell", "aria-colindex": "1" }, box);
  };

  Table.prototype.cell = function (item, group, column, place, line) {
    var node = el("div", {
      class: "mb-t-cell" + (column.numeric ? " mb-t-number" : ""), role: "gridcell", "aria-colindex": String(place + 2),
      id: this.id + "-" + line + "-" + place
    });
    if (this.groups && place === 0) node.style.paddingLeft = 10 + 16 * (group ? group.level - 1 : this.by.length) + "px";
    if (group) this.fillGroup(node, group, column, place);
    else this.fill(node, item, column);
    return this.place(node, column);
  };

  Table.prototype.fill = function (node, row, column) {
    var state = column.state(row);
    var text = column.text(row);
    if (state && column.empty(row)) {
      node.append(el("span", { class: "mb-t-state", role: "img", "aria-label": model.stateTitle(state) }, model.symbol(column, row)));
      node.title = model.stateTitle(state);
      return;
    }
    if (column.kind === "tag") {
      (column.raw(row) || []).forEach(function (tag) { node.append(el("span", { class: "mb-t-tag" }, String(tag))); });
    } else if (column.kind === "spark") {
      if (Array.isArray(column.raw(row))) {
        node.append(spark(column.raw(row), column.label));
        node.title = node.firstChild.getAttribute("aria-label");
      }
    } else {
      var href = column.href(row, this.data.ids[row]);
      node.append(href ? this.link(href, text || this.data.ids[row], column.width - 24 - this.indent(column)) : text);
    }
    if (this.best.has(column) && Modelbook.judge.isBest(column, column.number(row), this.best.get(column))) this.markBest(node, column);
    if (!node.title) node.title = column.numeric && !column.empty(row) ? text + " (" + column.raw(row) + ")" : text;
  };

  /* How far a row stands in, in the column of the tree. */
  Table.prototype.indent = function (column) { return this.groups && column === this.columns[0] ? 16 * this.by.length : 0; };

  Table.prototype.link = function (href, text, width) {
    var shown = model.middle(text, Math.floor(width / 7.8));
    return el("a", { href: this.address(href), tabindex: "-1", "aria-label": shown === text ? null : text }, shown);
  };

  Table.prototype.address = function (href) {
    return /^(https?:)?\/\//i.test(href) ? href : this.root + href;
  };

  Table.prototype.markBest = function (node, column) {
    node.classList.add("mb-t-best");
    node.append(el("span", { class: "mb-t-sr" }, " best"));
    node.title = "best " + column.label + ": " + node.firstChild.textContent;
  };

  Table.prototype.fillGroup = function (node, group, column, place) {
    if (place === 0) {
      var name = group.label || "(none)";
      var href = group.column.href(group.first, this.data.ids[group.first]);
      node.append(
        el("button", { class: "mb-t-mini", type: "button", tabindex: "-1", "aria-label": this.isOpen(group) ? "Close" : "Open" },
          this.isOpen(group) ? "▾" : "▸"),
        el("b", {}, href && group.column.key !== "run" ? this.link(href, name, column.width - 76 - 16 * group.level) : name),
        el("small", {}, " " + group.rows.length)
      );
      node.title = group.column.label + " " + name + ": " + this.counted(group.rows.length);
      return;
    }
    if (!column.numeric) {
      if (column.kind === "spark") return;
      node.append(group.varies(column) ? el("span", { class: "mb-t-state" }, "…") : column.text(group.rows[0]));
      node.title = node.textContent;
      return;
    }
    var found = group.statistics(column);
    if (!found.count) return;
    node.append(model.formatted(found.mean, column.format));
    if (found.std === found.std) node.append(el("small", {}, " ± " + model.formatted(found.std, column.format || ".2g")));
    node.title = "mean of " + found.count + (found.count < group.rows.length ? " of " + group.rows.length : "")
      + (found.std === found.std ? " ± standard deviation" : "");
    if (!group.groups && this.best.has(column) && Modelbook.judge.isBest(column, found.mean, this.best.get(column))) this.markBest(node, column);
  };

  function said(values, label) {
    if (!values.length) return label + ": no values";
    return label + ": from " + model.formatted(values[0], "") + " to " + model.formatted(values[values.length - 1], "")
      + ", between " + model.formatted(Math.min.apply(null, values), "") + " and " + model.formatted(Math.max.apply(null, values), "");
  }

  function spark(values, label) {
    var known = values.filter(function (value) { return typeof value === "number" && Number.isFinite(value); });
    var ns = "http://www.w3.org/2000/svg";
    var svg = document.createElementNS(ns, "svg");
    svg.setAttribute("viewBox", "0 0 96 22");
    svg.setAttribute("class", "mb-t-spark");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", said(known, label));
    if (known.length < 2) return svg;
    var low = Math.min.apply(null, known);
    var range = Math.max.apply(null, known) - low || 1;
    var line = document.createElementNS(ns, "polyline");
    line.setAttribute("points", known.map(function (value, at) {
      return (3 + (at * 90) / (known.length - 1)).toFixed(1) + "," + (19 - ((value - low) / range) * 16).toFixed(1);
    }).join(" "));
    svg.append(line);
    return svg;
  }

  /* ---- hands ---- */

  Table.prototype.toTop = function () {
    this.scroller.scrollTop = 0;
    this.active.row = -1;
    this.refresh();
  };

  /* Tells a screen reader what happened. */
  Table.prototype.say = function (text) { this.news.textContent = text; };

  /* Best first, then the other way, then off. */
  Table.prototype.sortBy = function (column, more) {
    var firstDown = column.direction === "maximize" || column.kind === "date";
    var at = this.sorts.findIndex(function (sort) { return sort.column === column; });
    var old = this.sorts[at];
    var next = !old ? { column: column, down: firstDown } : old.down === firstDown ? { column: column, down: !firstDown } : null;
    this.setSort(column, next, more);
  };

  Table.prototype.setSort = function (column, next, more) {
    var at = this.sorts.findIndex(function (sort) { return sort.column === column; });
    if (!more) this.sorts = next ? [next] : [];
    else if (at < 0) this.sorts.push(next);
    else if (next) this.sorts[at] = next;
    else this.sorts.splice(at, 1);
    this.refresh();
    this.say(this.sorts.length ? "Sorted by " + this.sorts.map(function (sort) {
      return sort.column.label + (sort.down ? " descending" : " ascending");
    }).join(", then ") : "Not sorted");
  };

  Table.prototype.onClick = function (event) {
    var node = event.target.closest("[data-line]");
    if (!node || event.target.closest("a")) return;
    var at = Number(node.dataset.line);
    var cell = event.target.closest("[role=gridcell]");
    var place = cell ? Number(cell.getAttribute("aria-colindex")) - 2 : 0;
    var item = this.lines[at];
    if (event.target.closest(".mb-t-select")) this.toggleRow(at, event.shiftKey);
    else if (typeof item === "object") this.toggleGroup(item);
    this.active = { row: at, column: Math.max(place, 0) };
    this.markActive();
  };

  Table.prototype.toggleGroup = function (group) {
    if (!this.open.delete(group.path)) this.open.add(group.path);
    this.refresh();
  };

  Table.prototype.toggleRow = function (at, range) {
    var self = this;
    var from = range && this.anchor !== undefined ? Math.min(this.anchor, at) : at;
    var to = range && this.anchor !== undefined ? Math.max(this.anchor, at) : at;
    function ids(line) {
      return (typeof line === "object" ? line.rows : [line]).map(function (row) { return self.data.ids[row]; });
    }
    var on = !ids(this.lines[at]).every(function (id) { return self.selected.has(id); });
    for (var place = from; place <= to; place += 1) {
      if (typeof this.lines[place] === "object" && place !== at) continue;
      ids(this.lines[place]).forEach(function (id) {
        if (on) self.selected.add(id);
        else self.selected.delete(id);
      });
    }
    this.anchor = at;
    this.refresh();
    this.say(this.selected.size + " selected");
  };

  Table.prototype.onKey = function (event) {
    if (event.target !== this.scroller) return;
    var page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    var last = this.lines.length - 1;
    var end = this.columns.length - 1;
    var row = this.active.row;
    var column = this.active.column;
    var whole = event.ctrlKey || event.metaKey;
    var moves = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: [whole ? 0 : row, 0], End: [whole ? last : row, end]
    };
    var group = typeof this.lines[row] === "object" ? this.lines[row] : null;
    if (group && column === 0 && event.key === (this.isOpen(group) ? "ArrowLeft" : "ArrowRight")) {
      this.toggleGroup(group);
    } else if (this.columns[column] && (event.key === "ContextMenu" || /^m$/i.test(event.key) || (event.altKey && event.key === "ArrowDown"))) {
      this.openMenu(this.columns[column], document.getElementById(this.id + "-h-" + column));
    } else if (moves[event.key]) {
      this.active.row = Math.max(-1, Math.min(moves[event.key][0], last));
      this.active.column = Math.max(0, Math.min(moves[event.key][1], end));
      this.reveal();
    } else if (event.key === " " || event.key === "Enter") {
      this.press(event);
    } else {
      return;
    }
    event.preventDefault();
  };

  Table.prototype.press = function (event) {
    var item = this.lines[this.active.row];
    if (this.active.row < 0) this.sortBy(this.columns[this.active.column], event.shiftKey);
    else if (event.key === " ") this.toggleRow(this.active.row, event.shiftKey);
    else if (typeof item === "object") this.toggleGroup(item);
    else {
      var link = this.activeNode() && this.activeNode().querySelector("a");
      if (link) link.click();
    }
  };

  Table.prototype.activeNode = function () {
    var row = this.active.row;
    return document.getElementById(this.id + "-" + (row < 0 ? "h" : row) + "-" + this.active.column);
  };

  /* Scrolls the active cell into sight, out from under the heading and the pinned columns. */
  Table.prototype.reveal = function () {
    var box = this.scroller;
    var head = this.head.offsetHeight;
    var top = this.active.row * ROW;
    if (this.active.row >= 0) {
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + ROW + head > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW + head - box.clientHeight;
    }
    var column = this.columns[this.active.column];
    var edge = this.fixed.length ? this.fixed[this.fixed.length - 1].left + this.fixed[this.fixed.length - 1].width : SELECT;
    if (column && this.fixed.indexOf(column) < 0) {
      if (column.left - edge < box.scrollLeft) box.scrollLeft = column.left - edge;
      else if (column.left + column.width > box.scrollLeft + box.clientWidth) {
        box.scrollLeft = column.left + column.width - box.clientWidth;
      }
    }
    this.drawRows();
  };

  Table.prototype.markActive = function () {
    this.scroller.querySelectorAll(".mb-t-active").forEach(function (node) { node.classList.remove("mb-t-active"); });
    var node = this.activeNode();
    if (node) {
      node.classList.add("mb-t-active");
      this.scroller.setAttribute("aria-activedescendant", node.id);
    } else {
      this.scroller.removeAttribute("aria-activedescendant");
    }
  };

  /* ---- start ---- */

  function start(container) {
    if (container.hasAttribute("data-started")) return;
    container.setAttribute("data-started", "");
    Modelbook.load(container.dataset.modelbookTable, container.dataset.src, function (json, error) {
      if (error) fail(container, error);
      else if (!(json.parts || []).length) made(container, json, []);
      else if (wantsAll(container)) parts(container, json, function (all) { made(container, json, all); });
      else {
        var table = made(container, json, []);
        painted(function () { parts(container, json, function (all) { table.grow(all); }); });
      }
    });
  }

  function made(container, json, parts) {
    var table = new Table(container, json, parts);
    Modelbook.tables.set(container, table);
    container.dispatchEvent(new CustomEvent("modelbook:table", { bubbles: true }));
    return table;
  }

  function fail(container, error) {
    container.prepend(el("p", { class: "mb-t-problem", role: "alert" }, "The full table cannot be shown: " + error.message + "."));
  }

  /* Whether the first rows of the data are not the first to be shown. */
  function wantsAll(container) {
    return Boolean(container.dataset.query) || (container.dataset.hash !== "off" && location.hash.indexOf("=") > 0);
  }

  /* Once the browser has drawn; soon, in any case, for it does not draw what is out of sight. */
  function painted(then) {
    var once = function () {
      if (then) then();
      then = null;
    };
    requestAnimationFrame(function () { setTimeout(once, 0); });
    setTimeout(once, 300);
  }

  function parts(container, json, done) {
    var found = [];
    var failed = false;
    json.parts.forEach(function (part) {
      Modelbook.load(part.name, (container.dataset.root || "") + part.src, function (value, error) {
        if (error && !failed) fail(container, error);
        failed = failed || Boolean(error);
        found.push(value);
        if (found.length === json.parts.length && !failed) done(found);
      });
    });
  }

  Object.assign(Table.prototype, Modelbook.tableColumns);

  Modelbook.tables = new Map();
  Modelbook.startTables = function () { document.querySelectorAll("[data-modelbook-table]").forEach(start); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", Modelbook.startTables);
  else Modelbook.startTables();
})();
