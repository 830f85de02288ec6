/* The runs table's data without its looks: typed columns, order, groups, statistics, formats, exports.

   Modelbook.model.read(json) -> {rows, ids, columns, byKey}; the format is described in runs-table.js. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var NUMERIC = { number: true, metric: true, param: true };
  var SYMBOLS = { not_pulled: "⇣", unreadable: "⚠", never: "–" };
  var WORDS = {
    not_pulled: "not pulled: only its hash is known; `dvc pull` brings it",
    unreadable: "cannot be read",
    never: "no run has made it yet"
  };
  var SPECIAL = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

  function number(text) {
    if (typeof text === "number") return text;
    var endless = typeof text === "string" && /^([+-]?)inf(inity)?$/i.exec(text.trim());
    if (endless) return endless[1] === "-" ? -Infinity : Infinity;
    if (typeof text !== "string" || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return null;
    return Number(text);
  }

  function time(text) {
    if (typeof text !== "string" || !/^\d{4}(-\d\d){0,2}/.test(text)) return null;
    var at = Date.parse(text.length === 10 || /[zZ]$|[+-]\d\d:?\d\d$/.test(text) || text.length < 10 ? text : text + "Z");
    return Number.isNaN(at) ? null : at;
  }

  /* One column. `raw(row)` is the value, `number(row)` NaN when there is none, `text(row)` what is shown. */
  function column(json, rows) {
    var values = json.values || [];
    var dictionary = json.dictionary;
    var self = {
      key: String(json.key),
      label: String(json.label || json.key),
      kind: json.kind || "text",
      group: json.group || "",
      unit: json.unit || "",
      format: json.format || "",
      direction: json.direction || "",
      description: json.description || "",
      pinned: Boolean(json.pinned),
      hidden: Boolean(json.hidden),
      states: json.states || {}
    };
    var cache = {};
    self.raw = function (row) {
      var value = values[row];
      if (dictionary) value = value === null || value === undefined ? null : dictionary[value];
      return value === undefined ? null : value;
    };
    self.state = function (row) { return self.states[row] || null; };
    self.empty = function (row) {
      var value = self.raw(row);
      return value === null || value === "" || (Array.isArray(value) && !value.length);
    };
    var kinds = NUMERIC[self.kind] ? survey(self, rows) : { numbers: 0, others: 1 };
    self.numeric = kinds.numbers > 0 || (self.kind === "metric" && !kinds.others);
    self.mixed = self.numeric && kinds.others > 0;
    self.numbers = function () {
      return cache.numbers || (cache.numbers = numbers(self, rows));
    };
    self.number = function (row) { return self.numbers()[row]; };
    self.text = function (row) { return shown(self, self.raw(row)); };
    self.lower = function (row) {
      var texts = cache.lower || (cache.lower = new Array(rows));
      return texts[row] === undefined ? (texts[row] = self.text(row).toLowerCase()) : texts[row];
    };
    self.tags = function (row) {
      return (self.raw(row) || []).map(function (tag) { return String(tag).toLowerCase(); });
    };
    self.href = function (row) {
      var href = json.hrefs ? json.hrefs[row] : json.href && !self.empty(row) ? pattern(json.href, self.raw(row)) : "";
      return Modelbook.safeHref(href);
    };
    self.ranks = function () { return cache.ranks || (cache.ranks = ranks(self, rows)); };
    return self;
  }

  function pattern(href, value) { return href.split("{}").join(encodeURIComponent(String(value))); }

  function survey(column, rows) {
    var counts = { numbers: 0, others: 0 };
    for (var row = 0; row < rows; row += 1) {
      var value = column.raw(row);
      if (typeof value === "number" || (typeof value === "string" && value in SPECIAL)) counts.numbers += 1;
      else if (value !== null) counts.others += 1;
    }
    return counts;
  }

  function numbers(column, rows) {
    var result = new Float64Array(rows);
    for (var row = 0; row < rows; row += 1) {
      var value = column.raw(row);
      if (typeof value === "number") result[row] = value;
      else if (column.kind === "date" && value !== null) result[row] = numberOr(time(value));
      else result[row] = typeof value === "string" && value in SPECIAL ? SPECIAL[value] : NaN;
    }
    return result;
  }

  function numberOr(value) { return value === null ? NaN : value; }

  /* A number for each row that sorts like its value; NaN for none. Text sorts without case, digits by value. */
  function ranks(column, rows) {
    if ((column.numeric && !column.mixed) || column.kind === "date") return column.numbers();
    var collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
    var places = new Map();
    for (var row = 0; row < rows; row += 1) if (!column.empty(row)) places.set(column.text(row), 0);
    Array.from(places.keys())
      .sort(function (a, b) { return collator.compare(a, b) || (a < b ? -1 : 1); })
      .forEach(function (text, at) { places.set(text, at); });
    var result = new Float64Array(rows);
    for (row = 0; row < rows; row += 1) result[row] = column.empty(row) ? NaN : places.get(column.text(row));
    return result;
  }

  function shown(column, value) {
    if (value === null) return "";
    if (Array.isArray(value)) return value.map(String).join(", ");
    if (typeof value === "object") return JSON.stringify(value);
    if (typeof value === "number") return withUnit(formatted(value, column.format), column.unit);
    if (typeof value === "string" && value in SPECIAL && column.numeric) return formatted(SPECIAL[value], "");
    if (column.kind === "date") return String(value).slice(0, 16).replace("T", " ");
    return String(value);
  }

  function withUnit(text, unit) { return !unit ? text : unit === "%" ? text + "%" : text + " " + unit; }

  /* A number by the common part of Python's format language; without one, four significant digits. */
  function formatted(value, format) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    var spec = /^([+]?)(,?)(?:\.(\d+))?([fgeFGE%d]?)$/.exec(format || "");
    var text = !format || !spec ? general(value) : bySpec(value, spec);
    return text.replace(/^-/, "−");
  }

  function general(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
    var size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return tidy(value.toExponential(3));
    return tidy(value.toPrecision(4));
  }

  function tidy(text) {
    var parts = text.split("e");
    if (parts[0].indexOf(".") >= 0) parts[0] = parts[0].replace(/\.?0+$/, "");
    return parts.length > 1 ? parts[0] + "e" + Number(parts[1]) : parts[0];
  }

  function bySpec(value, spec) {
    var digits = spec[3] === undefined ? 6 : Math.min(Number(spec[3]), 20);
    var kind = spec[4].toLowerCase();
    var text;
    if (kind === "%") text = (value * 100).toFixed(digits) + "%";
    else if (kind === "f") text = value.toFixed(digits);
    else if (kind === "e") text = value.toExponential(digits);
    else if (kind === "d") text = String(Math.round(value));
    else text = spec[3] === undefined && !kind ? general(value) : tidy(value.toPrecision(Math.max(1, digits)));
    if (spec[2]) text = text.replace(/^(-?\d+)/, function (whole) { return whole.replace(/\B(?=(\d{3})+$)/g, ","); });
    return spec[1] && value >= 0 ? "+" + text : text;
  }

  function read(json) {
    var rows = json.rows !== undefined ? json.rows : (json.ids || []).length;
    var columns = (json.columns || []).map(function (one) { return column(one, rows); });
    var byKey = new Map();
    columns.forEach(function (one) { byKey.set(one.key, one); });
    var ids = json.ids || Array.from({ length: rows }, function (_, row) { return String(row); });
    return { rows: rows, ids: ids.map(String), columns: columns, byKey: byKey };
  }

  /* Row numbers in order. `sorts` is [{column, down}], first most important; rows without a value come last. */
  function sorted(rows, sorts) {
    var keys = sorts.map(function (sort) { return { ranks: sort.column.ranks(), sign: sort.down ? -1 : 1 }; });
    return keys.length ? Array.from(rows).sort(function (a, b) {
      for (var at = 0; at < keys.length; at += 1) {
        var order = compare(keys[at].ranks[a], keys[at].ranks[b], keys[at].sign);
        if (order) return order;
      }
      return a - b;
    }) : Array.from(rows);
  }

  function compare(a, b, sign) {
    if (a === b) return 0;
    if (a !== a) return b !== b ? 0 : 1;
    return b !== b ? -1 : a < b ? -sign : sign;
  }

  function statistics(column, rows) {
    var all = column.numbers();
    var count = 0;
    var mean = 0;
    var square = 0;
    rows.forEach(function (row) {
      var value = all[row];
      if (!Number.isFinite(value)) return;
      count += 1;
      var step = value - mean;
      mean += step / count;
      square += step * (value - mean);
    });
    return { count: count, mean: count ? mean : NaN, std: count > 1 ? Math.sqrt(square / (count - 1)) : NaN };
  }

  /* [{value, rows, statistics(column)}] in the order of their first rows, or by mean where sorted by a number. */
  function grouped(rows, column, sorts) {
    var groups = new Map();
    rows.forEach(function (row) {
      var value = column.text(row);
      if (!groups.has(value)) groups.set(value, group(value, row));
      groups.get(value).rows.push(row);
    });
    var list = Array.from(groups.values());
    var first = sorts[0];
    if (!first || !first.column.numeric || first.column === column) return list;
    var sign = first.down ? -1 : 1;
    return list.sort(function (a, b) {
      return compare(a.statistics(first.column).mean, b.statistics(first.column).mean, sign);
    });
  }

  function group(value, first) {
    var cache = new Map();
    var self = { value: value, first: first, rows: [] };
    self.statistics = function (column) {
      if (!cache.has(column)) cache.set(column, statistics(column, self.rows));
      return cache.get(column);
    };
    return self;
  }

  function best(column, numbers) {
    if (column.direction !== "maximize" && column.direction !== "minimize") return NaN;
    var result = NaN;
    for (var at = 0; at < numbers.length; at += 1) {
      var value = numbers[at];
      if (value === value && (result !== result || (column.direction === "maximize" ? value > result : value < result))) {
        result = value;
      }
    }
    return result;
  }

  function varies(column, rows) {
    var first;
    for (var at = 0; at < rows.length; at += 1) {
      var value = column.text(rows[at]) + "\0" + (column.state(rows[at]) || "");
      if (at === 0) first = value;
      else if (value !== first) return true;
    }
    return false;
  }

  /* A cell as a file has it: the full value, not the rounded one. */
  function plain(column, row) {
    var value = column.raw(row);
    if (value === null) return (column.state(row) || [""])[0];
    return Array.isArray(value) && column.kind === "tag" ? value.join(" ")
      : typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  function csv(columns, rows) {
    function cell(text) {
      // A leading = + - @ would run as a formula in a spreadsheet, unless it is just a number.
      if (/^[=+\-@\t\r]/.test(text) && number(text) === null) text = "'" + text;
      return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
    }
    var lines = [columns.map(function (column) { return cell(column.key); }).join(",")];
    rows.forEach(function (row) {
      lines.push(columns.map(function (column) { return cell(plain(column, row)); }).join(","));
    });
    return lines.join("\r\n") + "\r\n";
  }

  function json(columns, rows, ids) {
    return JSON.stringify(rows.map(function (row) {
      var record = { id: ids[row] };
      columns.forEach(function (column) { record[column.key] = column.raw(row); });
      return record;
    }), null, 1) + "\n";
  }

  function markdown(columns, rows) {
    function cell(text) { return text.replace(/[\\|`*_<>[\]&]/g, "\\$&").replace(/\s+/g, " "); }
    var lines = [columns.map(function (column) { return cell(column.label); })];
    lines.push(columns.map(function (column) { return column.numeric ? "---:" : "---"; }));
    rows.forEach(function (row) {
      lines.push(columns.map(function (column) { return cell(column.text(row) || symbol(column, row)); }));
    });
    return lines.map(function (cells) { return "| " + cells.join(" | ") + " |\n"; }).join("");
  }

  function symbol(column, row) {
    var state = column.state(row);
    return state ? SYMBOLS[state[0]] || "?" : "";
  }

  function stateTitle(state) { return (WORDS[state[0]] || state[0]) + (state[1] ? " (" + state[1] + ")" : ""); }

  Modelbook.model = {
    read: read, number: number, time: time, formatted: formatted, withUnit: withUnit, sorted: sorted, grouped: grouped,
    best: best, varies: varies, csv: csv, json: json, markdown: markdown, symbol: symbol, stateTitle: stateTitle
  };
})();
