/* The runs table's data without its looks: typed columns, order, groups, statistics, formats, exports.

   Modelbook.model.read(json) -> {rows, total, ids, columns, byKey, views}; the format is described in runs-table.js. */
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
  function column(json, size) {
    var values = new Array(size).fill(null);
    var hrefs = null;
    var cache = {};
    var rows = 0;
    var self = {
      key: String(json.key),
      label: String(json.label || json.key),
      kind: json.kind || "text",
      group: json.group || "",
      unit: json.unit || "",
      format: json.format || "",
      direction: json.direction || "",
      atol: json.atol || 0,
      rtol: json.rtol || 0,
      min_delta: json.min_delta || 0,
      description: json.description || "",
      pinned: Boolean(json.pinned),
      hidden: Boolean(json.hidden),
      states: {}
    };
    /* Takes in the rows from `start` on; `full` is how many rows there are then. */
    self.put = function (part, start, full) {
      var words = part.dictionary;
      var found = part.values || [];
      if (part.hrefs && !hrefs) hrefs = new Array(size).fill("");
      for (var at = 0; at < found.length; at += 1) {
        var value = found[at];
        if (value === null || value === undefined) continue;
        values[start + at] = words ? words[value] : value;
        if (part.hrefs) hrefs[start + at] = part.hrefs[words ? value : at];
      }
      Object.assign(self.states, part.states);
      rows = full;
      cache = {};
      var kinds = NUMERIC[self.kind] ? survey(values, rows) : { numbers: 0, others: 1 };
      self.numeric = kinds.numbers > 0 || (self.kind === "metric" && !kinds.others);
      self.mixed = self.numeric && kinds.others > 0;
    };
    self.raw = function (row) { return values[row]; };
    self.state = function (row) { return self.states[row] || null; };
    self.empty = function (row) {
      var value = values[row];
      return value === null || value === "" || (Array.isArray(value) && !value.length);
    };
    self.numbers = function () {
      return cache.numbers || (cache.numbers = numbers(self, rows));
    };
    self.number = function (row) { return self.numbers()[row]; };
    self.text = function (row) { return shown(self, values[row]); };
    self.lower = function (row) {
      var texts = cache.lower || (cache.lower = new Array(rows));
      return texts[row] === undefined ? (texts[row] = self.text(row).toLowerCase()) : texts[row];
    };
    self.tags = function (row) {
      return (values[row] || []).map(function (tag) { return String(tag).toLowerCase(); });
    };
    self.href = function (row, id) {
      var href = hrefs ? hrefs[row] : json.href && !self.empty(row) ? pattern(json.href, values[row], id) : "";
      return Modelbook.safeHref(href);
    };
    self.ranks = function () { return cache.ranks || (cache.ranks = ranks(self, rows)); };
    return self;
  }

  function pattern(href, value, id) {
    return href.split("{id}").join(encodeURIComponent(id)).split("{}").join(encodeURIComponent(String(value)));
  }

  function survey(values, rows) {
    var counts = { numbers: 0, others: 0 };
    for (var row = 0; row < rows; row += 1) {
      var value = values[row];
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
    var places = new Map();
    for (var row = 0; row < rows; row += 1) if (!column.empty(row)) places.set(column.text(row), 0);
    arrange(Array.from(places.keys())).forEach(function (text, at) { places.set(text, at); });
    var result = new Float64Array(rows);
    for (row = 0; row < rows; row += 1) result[row] = column.empty(row) ? NaN : places.get(column.text(row));
    return result;
  }

  /* Texts in order. A collator knows letters beyond ASCII, and takes ten times as long as comparing keys. */
  function arrange(texts) {
    if (texts.some(function (text) { return /[^\x00-\x7f]/.test(text); })) {
      var collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
      return texts.sort(function (a, b) { return collator.compare(a, b) || (a < b ? -1 : 1); });
    }
    return texts
      .map(function (text) { return { text: text, key: text.toLowerCase().replace(/\d+/g, digits) }; })
      .sort(function (a, b) { return a.key < b.key ? -1 : a.key > b.key ? 1 : a.text < b.text ? -1 : 1; })
      .map(function (one) { return one.text; });
  }

  /* Digits behind how many they are, so that 9 comes before 10. */
  function digits(run) {
    var number = run.replace(/^0+(?=\d)/, "");
    return String.fromCharCode(48 + Math.min(number.length, 9)) + number;
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

  /* `rows` are those that are in; `total` those that there are, once every part of the data has come. */
  function read(json) {
    var size = json.rows !== undefined ? json.rows : (json.ids || []).length;
    var columns = (json.columns || []).map(function (one) { return column(one, size); });
    var byKey = new Map();
    columns.forEach(function (one) { byKey.set(one.key, one); });
    var ids = (json.ids || Array.from({ length: size }, function (_, row) { return row; })).map(String);
    var data = { rows: ids.length, total: size, ids: ids, columns: columns, byKey: byKey, views: json.views || [] };
    columns.forEach(function (one, at) { one.put(json.columns[at], 0, data.rows); });
    return data;
  }

  /* Puts the other parts in; a part is {from, ids, columns: [{values, dictionary, hrefs, states}]}. */
  function extend(data, parts) {
    parts = parts.slice().sort(function (a, b) { return a.from - b.from; });
    parts.forEach(function (part) { data.ids.push.apply(data.ids, part.ids.map(String)); });
    data.rows = data.ids.length;
    parts.forEach(function (part) {
      data.columns.forEach(function (one, at) { one.put(part.columns[at], part.from, data.rows); });
    });
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

  /* Rows as a tree, one level for each of `by`: [{label, column, level, path, rows, groups, statistics(column)}].
     In the order of their first rows; by mean where sorted by a number, by value where grouped by one. */
  function grouped(rows, by, sorts, parent) {
    var column = by[0];
    var groups = new Map();
    rows.forEach(function (row) {
      var value = plain(column, row);
      if (!groups.has(value)) groups.set(value, group(column, value, row, parent));
      groups.get(value).rows.push(row);
    });
    var list = Array.from(groups.values());
    var same = new Set(list.map(function (one) { return one.label; })).size < list.length;
    list.forEach(function (one) {
      if (same) one.label = one.value; // two numbers that look alike when rounded
      one.groups = by.length > 1 ? grouped(one.rows, by.slice(1), sorts, one) : null;
    });
    return arranged(list, column, sorts);
  }

  function arranged(list, column, sorts) {
    var sort = sorts[0];
    var natural = !sort && (column.numeric || column.kind === "date");
    if (natural || (sort && sort.column === column)) {
      var ranks = column.ranks();
      return list.sort(function (a, b) { return compare(ranks[a.first], ranks[b.first], sort && sort.down ? -1 : 1); });
    }
    if (!sort || !sort.column.numeric) return list;
    return list.sort(function (a, b) {
      return compare(a.statistics(sort.column).mean, b.statistics(sort.column).mean, sort.down ? -1 : 1);
    });
  }

  function group(column, value, first, parent) {
    var cache = new Map();
    var self = {
      value: value, label: column.text(first), column: column, first: first, rows: [], parent: parent || null,
      level: parent ? parent.level + 1 : 1, path: (parent ? parent.path + "/" : "") + encodeURIComponent(value)
    };
    function once(kind, column, make) {
      if (!cache.has(column)) cache.set(column, {});
      var known = cache.get(column);
      return kind in known ? known[kind] : (known[kind] = make(column, self.rows));
    }
    self.statistics = function (column) { return once("statistics", column, statistics); };
    self.varies = function (column) { return once("varies", column, varies); };
    return self;
  }

  /* The groups without further groups in them. */
  function leaves(groups) {
    return groups.reduce(function (all, one) { return all.concat(one.groups ? leaves(one.groups) : [one]); }, []);
  }

  /* Columns over groups in the place of rows, so that groups are written to files as rows are. */
  function summary(groups, by, columns) {
    function made(key, label, numeric, raw, text) {
      return { key: key, label: label, numeric: numeric, kind: "text", raw: raw, text: text, state: function () { return null; } };
    }
    function words(read) { return function (at) { return String(read(at)); }; }
    var result = by.map(function (column, level) {
      function at(row) {
        var one = groups[row];
        while (one.level > level + 1) one = one.parent;
        return one;
      }
      return made(column.key, column.label, false, function (row) { return at(row).value; }, function (row) { return at(row).label; });
    });
    function count(row) { return groups[row].rows.length; }
    result.push(made("count", "count", true, count, words(count)));
    columns.filter(function (column) { return column.numeric && by.indexOf(column) < 0; }).forEach(function (column) {
      ["mean", "std"].forEach(function (what) {
        function raw(row) {
          var value = groups[row].statistics(column)[what];
          return Number.isFinite(value) ? value : null;
        }
        result.push(made(column.key + " " + what, column.label + " " + what, true, raw, function (row) {
          return raw(row) === null ? "" : formatted(raw(row), column.format || (what === "std" ? ".2g" : ""));
        }));
      });
    });
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
      var record = ids ? { id: ids[row] } : {};
      columns.forEach(function (column) { record[column.key] = column.raw(row); });
      return record;
    }), null, 1) + "\n";
  }

  function markdown(columns, rows) {
    columns = columns.filter(function (column) { return column.kind !== "spark"; });
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

  /* A text cut in its middle to about `room` characters: long names differ at their ends. */
  function middle(text, room) {
    if (text.length <= room + 1 || /\s/.test(text)) return text;
    return text.slice(0, Math.ceil(room / 3)) + "…" + text.slice(text.length - Math.floor((room * 2) / 3) + 1);
  }

  function stateTitle(state) { return (WORDS[state[0]] || state[0]) + (state[1] ? " (" + state[1] + ")" : ""); }

  Modelbook.model = {
    read: read, extend: extend, number: number, time: time, formatted: formatted, withUnit: withUnit, sorted: sorted, grouped: grouped, leaves: leaves, summary: summary,
    varies: varies, csv: csv, json: json, markdown: markdown, symbol: symbol, middle: middle, stateTitle: stateTitle
  };
})();
