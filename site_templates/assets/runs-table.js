/* The runs table: virtualised rows over columnar data, in place of a plain table of the first rows.

   On the page (scripts in this order, deferred: core.js, runs-query.js, runs-model.js, runs-table.js):

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

     {"version": 1,
      "rows": 2,
      "ids": ["0123456789ab", "ba9876543210"],       unique; selection, compare and links speak of them
      "columns": [
        {"key": "experiment",                        unique; what queries, links and CSV headers say
         "label": "Experiment",                      what people see (default: the key)
         "kind": "text",                             text | number | date | tag | link | metric | param | spark
         "values": ["gbm", null],                    one for each row; null for none
         "dictionary": null,                         if given, values are indices into this list (saves space)
         "group": "Params",                          small heading over the label
         "unit": "s", "format": ".4f",               for numbers; a Python format spec
         "direction": "maximize",                    or "minimize": the best value is highlighted
         "description": "...",                       tooltip of the heading
         "hrefs": ["runs/0123456789ab/index.html"],  a link for each row, or
         "href": "experiments/{}/index.html",        {} is replaced by the value; both relative to data-root
         "states": {"1": ["not_pulled", "12 MB"]},   row number -> [not_pulled | unreadable | never, reason]
         "pinned": true, "hidden": false}]}          where it stands at first

   Kinds: number, metric and param take numbers, strings and bools (NaN and the infinities as the strings "NaN",
   "Infinity", "-Infinity"; a param with a list is a list); date an ISO 8601 string; tag a list of strings; spark
   a list of numbers; link is text with hrefs.

   The state lives in the address: #q=...&sort=-metrics.auc,experiment&f.KEY=...&hide=...&show=...&pin=...
   &order=...&group=KEY&open=...&diff=1&sel=ID,ID. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var model = Modelbook.model;
  var el = Modelbook.element;
  var ROW = 34;
  var SPARE = 6;
  var SELECT = 40;
  var MOST_COMPARED = 20;
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

  function Table(container, json) {
    tables += 1;
    this.id = "mb-table-" + tables;
    this.container = container;
    this.data = model.read(json);
    this.root = container.dataset.root || "";
    this.noun = container.dataset.noun || container.dataset.modelbookTable;
    this.rowOf = new Map(this.data.ids.map(function (id, row) { return [id, row]; }));
    this.always = this.compileAlways(container.dataset.query || "");
    this.active = { row: -1, column: 0 };
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
    this.group = null;
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
      else if (name === "group") self.group = columns.get(value) || null;
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
    if (keys(this.order) !== keys(all)) state.set("order", keys(this.order));
    put("group", this.group && this.group.key);
    put("open", joined(Array.from(this.open)));
    put("diff", this.differences && "1");
    put("sel", joined(Array.from(this.selected)));
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

  /* ---- what is shown ---- */

  Table.prototype.refresh = function () {
    var self = this;
    var tests = [this.always];
    this.problem = "";
    try {
      if (this.query.trim()) tests.push(Modelbook.query.compile(this.query, this.data.columns));
    } catch (problem) {
      if (!(problem instanceof Modelbook.query.Problem)) throw problem;
      this.problem = problem.message;
    }
    this.filters.forEach(function (text, column) {
      try {
        tests.push(Modelbook.query.filter(text, column));
      } catch (problem) {
        if (!(problem instanceof Modelbook.query.Problem)) throw problem;
        self.problem = column.label + ": " + problem.message;
      }
    });
    var rows = [];
    for (var row = 0; row < this.data.rows; row += 1) {
      var kept = true;
      for (var at = 0; at < tests.length && kept; at += 1) kept = tests[at](row);
      if (kept) rows.push(row);
    }
    this.rows = model.sorted(rows, this.sorts);
    this.groups = this.group ? model.grouped(this.rows, this.group, this.sorts) : null;
    this.lines = this.groups ? this.groupLines() : this.rows;
    this.chooseColumns();
    this.findBest();
    this.active.row = Math.min(this.active.row, this.lines.length - 1);
    this.drawHead();
    this.drawRows();
    this.drawStatus();
    this.writeHash();
  };

  /* A line is a row number, or a group. */
  Table.prototype.groupLines = function () {
    var self = this;
    var lines = [];
    this.groups.forEach(function (group) {
      lines.push(group);
      if (self.open.has(group.value)) lines = lines.concat(group.rows);
    });
    return lines;
  };

  Table.prototype.chooseColumns = function () {
    var self = this;
    var shown = this.order.filter(function (column) { return !self.hidden.has(column); });
    if (this.differences && this.rows.length > 1) {
      shown = shown.filter(function (column) { return self.pinned.has(column) || model.varies(column, self.rows); });
    }
    if (this.group) shown = this.groupedFirst(shown);
    function fixed(column) { return self.pinned.has(column) || column === self.group; }
    // A phone has room for one fixed column; the others lead the rest.
    this.narrow = this.scroller.clientWidth > 0 && this.scroller.clientWidth < 600;
    this.fixed = shown.filter(fixed);
    this.loose = shown.filter(function (column) { return !fixed(column); });
    if (this.narrow) this.loose = this.fixed.splice(1).concat(this.loose);
    this.columns = this.fixed.concat(this.loose);
    var left = SELECT;
    this.columns.forEach(function (column) {
      column.space = column.space || self.measure(column);
      column.width = column.space + (self.group && column.numeric ? 70 : 0); // room for "± std"
      column.left = left;
      left += column.width;
    });
    this.width = left;
  };

  /* The group, then the metrics: their means are what people group for. */
  Table.prototype.groupedFirst = function (columns) {
    var group = this.group;
    var rest = columns.filter(function (column) { return column !== group; });
    function metric(column) { return column.kind === "metric"; }
    return [group].concat(rest.filter(metric), rest.filter(function (column) { return !metric(column); }));
  };

  /* Wide enough for heading and the first values, within reason. */
  Table.prototype.measure = function (column) {
    if (column.kind === "spark") return 120;
    var longest = column.label.length + (column.direction ? 6 : 4);
    for (var row = 0; row < Math.min(this.data.rows, 200); row += 1) {
      var chips = column.kind === "tag" ? 2.5 * (column.raw(row) || []).length : 0;
      longest = Math.max(longest, column.text(row).length + chips);
    }
    return Math.round(Math.max(76, Math.min(longest * 7.4 + 26, 280)));
  };

  Table.prototype.findBest = function () {
    var self = this;
    this.best = new Map();
    this.columns.forEach(function (column) {
      if (!column.direction || !column.numeric) return;
      var values = self.groups
        ? self.groups.map(function (group) { return group.statistics(column).mean; })
        : self.rows.map(function (row) { return column.number(row); });
      // A column where all are equal has no best.
      var found = model.best(column, values);
      if (values.length > 1 && values.some(function (value) { return value === value && value !== found; })) {
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
    var app = el("div", { class: "mb-t" }, this.buildBar(), this.buildPanel(), this.scroller, this.buildSelection());
    this.container.replaceChildren(app);
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
    this.grouping = el("select", {
      class: "mb-t-button", "aria-label": "Group by",
      change: function () {
        self.group = self.data.byKey.get(self.grouping.value) || null;
        self.open.clear();
        self.toTop();
      }
    }, el("option", { value: "" }, "Group by…"));
    this.data.columns.forEach(function (column) {
      if (column.kind !== "spark") self.grouping.append(el("option", { value: column.key }, column.label));
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
    return el("div", { class: "mb-t-bar" }, this.box, this.problemLine, el("div", { class: "mb-t-tools" },
      this.status, this.grouping, this.filterButton, this.only, this.chooser, this.downloads, this.resetButton));
  };

  Table.prototype.toggle = function (label, title, click) {
    return el("button", { class: "mb-t-button", type: "button", title: title, "aria-pressed": "false", click: click }, label);
  };

  Table.prototype.syncControls = function () {
    this.box.value = this.query;
    this.grouping.value = this.group ? this.group.key : "";
    if (this.filters.size) this.showFilters = true;
  };

  /* A query that this very data understands. */
  Table.prototype.example = function () {
    var metric = this.data.columns.find(function (column) { return column.direction && column.numeric; });
    var tag = this.data.columns.find(function (column) { return column.kind === "tag"; });
    if (!metric) return "Filter: words, or field = value";
    var value = model.best(metric, metric.numbers());
    var bound = model.formatted(value * (metric.direction === "maximize" ? 0.95 : 1.05), ".2g").replace("−", "-");
    return "Filter: " + metric.label.replace(/(.*\s.*)/, '"$1"') + (metric.direction === "maximize" ? " > " : " < ") + bound
      + (tag ? " and " + tag.key + ":baseline" : "");
  };

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
    if (opened) this.drawPanel();
    else (name === "columns" ? this.chooser : this.downloads).focus();
  };

  Table.prototype.drawPanel = function () {
    this.panel.replaceChildren.apply(this.panel, this.panelName === "columns" ? this.columnList() : this.downloadList());
  };

  Table.prototype.columnList = function () {
    var self = this;
    var search = el("input", {
      class: "mb-t-filter", type: "search", placeholder: "Find a column", "aria-label": "Find a column",
      input: function () {
        Array.from(list.children).forEach(function (item) {
          item.hidden = item.textContent.toLowerCase().indexOf(search.value.toLowerCase()) < 0;
        });
      }
    });
    function all(hide) {
      self.hidden = new Set(hide ? self.data.columns.filter(function (column) { return !self.pinned.has(column); }) : []);
      self.drawPanel();
      self.refresh();
    }
    var list = el("ul", { class: "mb-t-columns" });
    this.order.forEach(function (column) { list.append(self.columnItem(column)); });
    return [el("div", { class: "mb-t-panel-bar" }, search,
      el("button", { class: "mb-t-button", type: "button", click: function () { all(false); } }, "Show all"),
      el("button", { class: "mb-t-button", type: "button", click: function () { all(true); } }, "Hide all")), list];
  };

  Table.prototype.columnItem = function (column) {
    var self = this;
    var box = el("input", {
      type: "checkbox",
      change: function () {
        if (box.checked) self.hidden.delete(column);
        else self.hidden.add(column);
        self.refresh();
      }
    });
    box.checked = !this.hidden.has(column);
    var pin = el("button", {
      class: "mb-t-mini", type: "button", "aria-pressed": String(this.pinned.has(column)), title: "Pin to the left",
      "aria-label": "Pin " + column.label,
      click: function () {
        if (!self.pinned.delete(column)) self.pinned.add(column);
        pin.setAttribute("aria-pressed", String(self.pinned.has(column)));
        self.refresh();
      }
    }, "pin");
    function mover(step, sign, word) {
      return el("button", {
        class: "mb-t-mini", type: "button", title: "Move " + word, "aria-label": "Move " + column.label + " " + word,
        click: function () { self.move(column, step); }
      }, sign);
    }
    var name = el("label", { title: column.description || column.key }, box, " ", column.label);
    if (column.group) name.append(el("small", {}, " " + column.group));
    return el("li", { "data-key": column.key }, name, mover(-1, "↑", "left"), mover(1, "↓", "right"), pin);
  };

  Table.prototype.move = function (column, step) {
    var from = this.order.indexOf(column);
    var to = from + step;
    if (to < 0 || to >= this.order.length) return;
    this.order.splice(from, 1);
    this.order.splice(to, 0, column);
    this.drawPanel();
    var item = this.panel.querySelector('[data-key="' + CSS.escape(column.key) + '"]');
    item.querySelectorAll("button")[step < 0 ? 0 : 1].focus();
    this.refresh();
  };

  Table.prototype.downloadList = function () {
    var self = this;
    var count = this.exportRows().length.toLocaleString("en");
    var what = this.selected.size ? "the " + count + " selected " : "the " + count + " shown ";
    function button(label, kind) {
      return el("button", { class: "mb-t-button", type: "button", click: function () { self.download(kind); } }, label);
    }
    return [el("div", { class: "mb-t-panel-bar" }, "Download " + what + this.noun + " as",
      button("CSV", "csv"), button("JSON", "json"), button("Markdown", "md"),
      el("button", {
        class: "mb-t-button", type: "button", "data-copy": location.href,
        pointerdown: function (event) { event.currentTarget.dataset.copy = location.href; }
      }, "Copy link to this view"))];
  };

  Table.prototype.exportRows = function () {
    var self = this;
    if (!this.selected.size) return this.rows;
    return model.sorted(Array.from(this.selected, function (id) { return self.rowOf.get(id); }), this.sorts);
  };

  Table.prototype.export = function (kind) {
    var columns = this.columns.filter(function (column) { return column.kind !== "spark" || kind === "json"; });
    var rows = this.exportRows();
    if (kind === "csv") return model.csv(columns, rows);
    return kind === "json" ? model.json(columns, rows, this.data.ids) : model.markdown(columns, rows);
  };

  Table.prototype.download = function (kind) {
    var types = { csv: "text/csv", json: "application/json", md: "text/markdown" };
    var url = URL.createObjectURL(new Blob([this.export(kind)], { type: types[kind] + ";charset=utf-8" }));
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

  Table.prototype.comparable = function () { return this.selected.size >= 2 && this.selected.size <= MOST_COMPARED; };

  /* ---- drawing ---- */

  Table.prototype.drawStatus = function () {
    var total = this.data.rows.toLocaleString("en");
    var shown = this.rows.length.toLocaleString("en");
    var groups = this.groups ? this.groups.length.toLocaleString("en") + " groups, " : "";
    this.status.textContent = groups + (shown === total ? total : shown + " of " + total) + " " + this.noun;
    this.problemLine.textContent = this.problem;
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

  Table.prototype.drawHead = function () {
    var self = this;
    var focused = document.activeElement && this.head.contains(document.activeElement)
      ? document.activeElement.dataset.key : null;
    var line = el("div", { class: "mb-t-row mb-t-heading", role: "row", "aria-rowindex": "1" }, this.selectAll());
    this.columns.forEach(function (column, at) { line.append(self.headCell(column, at)); });
    this.head.replaceChildren(line);
    if (this.showFilters) this.head.append(this.filterRow());
    this.canvas.style.width = this.width + "px";
    this.scroller.setAttribute("aria-colcount", String(this.columns.length + 1));
    this.scroller.setAttribute("aria-rowcount", String(this.lines.length + 1));
    this.body.style.height = Math.max(this.lines.length, 1) * ROW + "px";
    if (focused !== null) {
      var again = this.head.querySelector('[data-key="' + CSS.escape(focused) + '"]');
      if (again) again.focus();
    }
  };

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
    var title = [column.description, column.key, "click to sort, Shift+click to sort by several"].filter(Boolean).join(" · ");
    var cell = el("div", {
      class: "mb-t-cell" + (column.numeric ? " mb-t-number" : ""), role: "columnheader", id: this.id + "-h-" + at,
      "aria-colindex": String(at + 2), "aria-sort": sort ? (sort.down ? "descending" : "ascending") : "none", title: title,
      click: function (event) { self.sortBy(column, event.shiftKey); }
    });
    if (this.active.row < 0 && this.active.column === at) cell.classList.add("mb-t-active");
    cell.append(el("small", {}, column.group || "\u00a0"));
    var label = el("span", {}, column.label);
    if (column.direction) {
      label.append(el("i", { title: column.direction, "aria-label": column.direction }, column.direction === "maximize" ? " ↑" : " ↓"));
    }
    if (sort) label.append(el("b", {}, (sort.down ? " ▼" : " ▲") + (this.sorts.length > 1 ? place + 1 : "")));
    cell.append(label);
    return this.place(cell, column);
  };

  Table.prototype.filterRow = function () {
    var self = this;
    var line = el("div", { class: "mb-t-row mb-t-filters", role: "presentation" },
      this.place(el("div", { class: "mb-t-cell mb-t-select" }), null));
    this.columns.forEach(function (column) {
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
      line.append(self.place(el("div", { class: "mb-t-cell" }, column.kind === "spark" ? "" : input), column));
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
      "aria-rowindex": String(at + 2), "data-line": String(at),
      "aria-selected": group ? null : String(this.selected.has(id)),
      "aria-expanded": group ? String(this.open.has(group.value)) : null
    });
    node.style.transform = "translateY(" + at * ROW + "px)";
    node.append(this.place(group ? this.opener(group) : this.checkbox(id), null));
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

  Table.prototype.checkbox = function (id) {
    var box = el("input", { type: "checkbox", tabindex: "-1", "aria-label": "Select " + id });
    box.checked = this.selected.has(id);
    return el("div", { class: "mb-t-cell mb-t-select", role: "gridcell", "aria-colindex": "1" }, box);
  };

  Table.prototype.opener = function (group) {
    var open = this.open.has(group.value);
    return el("div", { class: "mb-t-cell mb-t-select", role: "gridcell", "aria-colindex": "1" },
      el("button", { class: "mb-t-mini", type: "button", tabindex: "-1", "aria-label": open ? "Close" : "Open" }, open ? "▾" : "▸"));
  };

  Table.prototype.cell = function (item, group, column, place, line) {
    var node = el("div", {
      class: "mb-t-cell" + (column.numeric ? " mb-t-number" : ""), role: "gridcell", "aria-colindex": String(place + 2),
      id: this.id + "-" + line + "-" + place
    });
    if (group) this.fillGroup(node, group, column);
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
      if (Array.isArray(column.raw(row))) node.append(spark(column.raw(row), column.label));
    } else {
      var href = column.href(row);
      node.append(href ? el("a", { href: this.address(href), tabindex: "-1" }, text || this.data.ids[row]) : text);
    }
    if (this.best.has(column) && column.number(row) === this.best.get(column)) this.markBest(node, column);
    if (!node.title) node.title = column.numeric && !column.empty(row) ? text + " (" + column.raw(row) + ")" : text;
  };

  Table.prototype.address = function (href) {
    return /^(https?:)?\/\//i.test(href) ? href : this.root + href;
  };

  Table.prototype.markBest = function (node, column) {
    node.classList.add("mb-t-best");
    node.append(el("span", { class: "mb-t-sr" }, " best"));
    node.title = "best " + column.label + ": " + node.firstChild.textContent;
  };

  Table.prototype.fillGroup = function (node, group, column) {
    if (column === this.group) {
      node.append(el("b", {}, group.value || "(none)"), el("small", {}, " " + group.rows.length));
      node.title = group.value + ": " + group.rows.length + " " + this.noun;
      return;
    }
    if (!column.numeric) {
      var same = !model.varies(column, group.rows);
      node.append(same ? column.text(group.rows[0]) : el("span", { class: "mb-t-state" }, "…"));
      return;
    }
    var found = group.statistics(column);
    if (!found.count) return;
    node.append(model.formatted(found.mean, column.format));
    if (found.std === found.std) node.append(el("small", {}, " ± " + model.formatted(found.std, column.format || ".2g")));
    node.title = "mean of " + found.count + (found.count < group.rows.length ? " of " + group.rows.length : "");
    if (this.best.has(column) && found.mean === this.best.get(column)) this.markBest(node, column);
  };

  function spark(values, label) {
    var known = values.filter(function (value) { return typeof value === "number" && Number.isFinite(value); });
    var ns = "http://www.w3.org/2000/svg";
    var svg = document.createElementNS(ns, "svg");
    svg.setAttribute("viewBox", "0 0 96 22");
    svg.setAttribute("class", "mb-t-spark");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label + (known.length ? ", last " + model.formatted(known[known.length - 1], "") : ", no values"));
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

  /* Best first, then the other way, then off. */
  Table.prototype.sortBy = function (column, more) {
    var firstDown = column.direction === "maximize" || column.kind === "date";
    var at = this.sorts.findIndex(function (sort) { return sort.column === column; });
    var old = this.sorts[at];
    var next = !old ? { column: column, down: firstDown } : old.down === firstDown ? { column: column, down: !firstDown } : null;
    if (!more) this.sorts = next ? [next] : [];
    else if (!old) this.sorts.push(next);
    else if (next) this.sorts[at] = next;
    else this.sorts.splice(at, 1);
    this.refresh();
  };

  Table.prototype.onClick = function (event) {
    var node = event.target.closest("[data-line]");
    if (!node || event.target.closest("a")) return;
    var at = Number(node.dataset.line);
    var cell = event.target.closest("[role=gridcell]");
    var place = cell ? Number(cell.getAttribute("aria-colindex")) - 2 : 0;
    var item = this.lines[at];
    if (typeof item === "object") this.toggleGroup(item);
    else if (event.target.closest(".mb-t-select")) this.toggleRow(at, event.shiftKey);
    this.active = { row: at, column: Math.max(place, 0) };
    this.markActive();
  };

  Table.prototype.toggleGroup = function (group) {
    if (!this.open.delete(group.value)) this.open.add(group.value);
    this.refresh();
  };

  Table.prototype.toggleRow = function (at, range) {
    var from = range && this.anchor !== undefined ? Math.min(this.anchor, at) : at;
    var to = range && this.anchor !== undefined ? Math.max(this.anchor, at) : at;
    var on = !this.selected.has(this.data.ids[this.lines[at]]);
    for (var place = from; place <= to; place += 1) {
      if (typeof this.lines[place] === "object") continue;
      var id = this.data.ids[this.lines[place]];
      if (on) this.selected.add(id);
      else this.selected.delete(id);
    }
    this.anchor = at;
    this.refresh();
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
    if (moves[event.key]) {
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
    else if (typeof item === "object") this.toggleGroup(item);
    else if (event.key === " ") this.toggleRow(this.active.row, event.shiftKey);
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
      if (error) {
        container.prepend(el("p", { class: "mb-t-problem", role: "alert" }, "The full table cannot be shown: " + error.message + "."));
        return;
      }
      Modelbook.tables.set(container, new Table(container, json));
      container.dispatchEvent(new CustomEvent("modelbook:table", { bubbles: true }));
    });
  }

  Modelbook.tables = new Map();
  Modelbook.startTables = function () { document.querySelectorAll("[data-modelbook-table]").forEach(start); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", Modelbook.startTables);
  else Modelbook.startTables();
})();
