/* The query box's small language, without eval.

     auc > 0.7 and lr < 0.1 and tag:baseline
     not (experiment = gbm or "two words") date >= 2024-03-01

   or, and (the default between two terms), not, parentheses; `field op value` with op one of = != > >= < <=
   and : (contains; for tags: has; for numbers: equals) and !: (does not). `none` stands for no value, `nan` and `inf` for themselves. A bare
   word looks into every text column. Names and values with spaces or operators stand in quotes. A field may be
   given by its key, its label, the end of its key (`lr`, `optimizer.lr`) or of its name (`auc` for `roc_auc`), or a
   word of its label, in this order, if only one column has it.

   Modelbook.query.compile(text, columns) -> function (row) -> bool; throws Modelbook.query.Problem {message, at}.
   `columns` are those of runs-model.js. src/modelbook/query.py means the same, and a test holds the two together. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var TOKEN = /\s*(?:(>=|<=|!=|==|!:|!~|=|>|<|:|~)|([()])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s()<>=!:~"']+|!))/y;
  var DATE = /^\d{4}-\d\d/;

  function Problem(message, at) {
    this.message = message;
    this.at = at;
  }

  function tokenize(text) {
    var tokens = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      var start = TOKEN.lastIndex;
      if (!text.slice(start).trim()) break;
      var match = TOKEN.exec(text);
      if (!match) throw new Problem("a quote is not closed", start);
      tokens.push(token(match, TOKEN.lastIndex - match[0].trimStart().length));
      // A time's colon belongs to the date before it.
      var last = tokens[tokens.length - 1];
      var rest = last.kind === "word" && DATE.test(last.text) ? /^[:\d.+\-Zz]+/.exec(text.slice(TOKEN.lastIndex)) : null;
      if (rest) {
        last.text += rest[0];
        TOKEN.lastIndex += rest[0].length;
      }
    }
    return tokens;
  }

  function token(match, at) {
    if (match[1]) return { kind: "op", text: match[1], at: at };
    if (match[2]) return { kind: match[2], text: match[2], at: at };
    var quoted = match[3] !== undefined ? match[3] : match[4];
    if (quoted !== undefined) return { kind: "quoted", text: quoted.replace(/\\(.)/g, "$1"), at: at };
    return { kind: "word", text: match[5], at: at };
  }

  function compile(text, columns) {
    columns = columns.filter(function (column) { return column.kind !== "spark"; });
    var tokens = tokenize(text);
    var place = 0;
    var depth = 0;

    function peek() { return tokens[place]; }
    function keyword(word) {
      var next = peek();
      return Boolean(next && next.kind === "word" && next.text.toLowerCase() === word);
    }
    function either() {
      var terms = [both()];
      while (keyword("or")) {
        place += 1;
        terms.push(both());
      }
      return terms.length === 1 ? terms[0] : function (row) {
        return terms.some(function (term) { return term(row); });
      };
    }
    function both() {
      var terms = [negated()];
      while (peek() && peek().kind !== ")" && !keyword("or")) {
        if (keyword("and")) place += 1;
        terms.push(negated());
      }
      return terms.length === 1 ? terms[0] : function (row) {
        for (var at = 0; at < terms.length; at += 1) if (!terms[at](row)) return false;
        return true;
      };
    }
    function negated() {
      if (!keyword("not")) return primary();
      place += 1;
      var inner = nested(negated);
      return function (row) { return !inner(row); };
    }
    function nested(rule) {
      depth += 1;
      if (depth > 50) throw new Problem("too many parentheses", peek() ? peek().at : text.length);
      var result = rule();
      depth -= 1;
      return result;
    }
    function primary() {
      var next = peek();
      if (!next) throw new Problem("something is missing at the end", text.length);
      place += 1;
      if (next.kind === "(") {
        var inner = nested(either);
        if (!peek() || peek().kind !== ")") throw new Problem("a parenthesis is not closed", next.at);
        place += 1;
        return inner;
      }
      if (next.kind === "op" || next.kind === ")") throw new Problem("unexpected " + next.text, next.at);
      if (next.kind === "word" && /^(and|or)$/i.test(next.text)) throw new Problem("unexpected " + next.text, next.at);
      if (peek() && peek().kind === "op") return comparison(next);
      return anywhere(next.text, columns);
    }
    function comparison(name) {
      var column = findColumn(name.text, columns, name.at);
      var op = tokens[place];
      var value = tokens[place + 1];
      place += 2;
      if (!value || (value.kind !== "word" && value.kind !== "quoted")) {
        throw new Problem("a value is missing after " + op.text, op.at);
      }
      return test(column, op.text, value, op.at);
    }

    if (!tokens.length) return function () { return true; };
    var result = either();
    if (peek()) throw new Problem("unexpected " + peek().text, peek().at);
    return result;
  }

  function anywhere(word, columns) {
    var needle = word.toLowerCase();
    var texts = columns.filter(function (column) { return !column.numeric; });
    return function (row) {
      return texts.some(function (column) { return column.lower(row).indexOf(needle) >= 0; });
    };
  }

  function same(own, wanted) { return own === wanted || own === wanted + "s"; }
  function endsIn(own, wanted, before) {
    return own.length > wanted.length && own.endsWith(wanted) && before.test(own[own.length - wanted.length - 1]);
  }

  /* From the strictest to the most forgiving; the first that finds a column decides. */
  var WAYS = [
    function (key, label, wanted) { return same(key, wanted) || same(label, wanted); },
    function (key, label, wanted) { return endsIn(key, wanted, /[./:]/); },
    function (key, label, wanted) { return endsIn(key, wanted, /[^a-z0-9]/); },
    function (key, label, wanted) { return label.split(/[^a-z0-9]+/).indexOf(wanted) >= 0; }
  ];

  function findColumn(name, columns, at) {
    var wanted = name.toLowerCase();
    var found = columns.filter(function (column) { return column.key === name; });
    for (var way = 0; !found.length && way < WAYS.length; way += 1) {
      found = columns.filter(function (column) {
        return WAYS[way](column.key.toLowerCase(), column.label.toLowerCase(), wanted);
      });
    }
    if (found.length === 1) return found[0];
    if (found.length) throw new Problem(name + " could be " + several(found), at);
    var near = nearest(wanted, columns);
    throw new Problem("there is no column " + name + (near ? "; did you mean " + near + "?" : ""), at);
  }

  function several(columns) {
    var keys = columns.slice(0, 4).map(function (column) { return column.key; });
    var more = columns.length - keys.length;
    return keys.join(" or ") + (more ? " or " + more + " others" : "");
  }

  function nearest(wanted, columns) {
    var best = "";
    var least = Math.max(2, Math.floor(wanted.length / 2));
    columns.forEach(function (column) {
      [column.key, column.label].concat(column.label.split(/[^A-Za-z0-9]+/)).forEach(function (name) {
        if (!name) return;
        var far = name.toLowerCase().indexOf(wanted) >= 0 ? 1 : distance(wanted, name.toLowerCase());
        if (far < least) {
          least = far;
          best = name;
        }
      });
    });
    return best;
  }

  function distance(a, b) {
    if (Math.abs(a.length - b.length) > 8 || a.length > 60) return 99;
    var before = Array.from({ length: b.length + 1 }, function (_, at) { return at; });
    for (var i = 1; i <= a.length; i += 1) {
      var row = [i];
      for (var j = 1; j <= b.length; j += 1) {
        row.push(Math.min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
      }
      before = row;
    }
    return before[b.length];
  }

  function test(column, op, value, at) {
    var plain = value.kind === "word" ? value.text : null;
    if (plain && /^(none|null)$/i.test(plain)) return missing(column, op, at);
    if (plain && column.numeric && /^nan$/i.test(plain) && /^(=|==|!=|:|!:)$/.test(op)) return nan(column, op[0] === "!");
    if (op === "~") op = ":";
    if (op === "!~") op = "!:";
    if (op === "==") op = "=";
    if (column.numeric || column.kind === "date") {
      var number = column.kind === "date" ? Modelbook.model.time(value.text) : Modelbook.model.number(value.text);
      if (number !== null) return numeric(column, op, number, value.text);
      if (!column.mixed) {
        var kind = column.kind === "date" ? "date" : "number";
        throw new Problem(value.text + " is not a " + kind + ", and " + column.label + " holds " + kind + "s", value.at);
      }
    }
    return textual(column, op, value.text.toLowerCase(), at);
  }

  function missing(column, op, at) {
    if (op === "=" || op === "==" || op === ":") return function (row) { return column.empty(row); };
    if (op === "!=" || op === "!:") return function (row) { return !column.empty(row); };
    throw new Problem("none can only be compared with = and !=", at);
  }

  function nan(column, not) {
    return function (row) {
      return not !== (!column.empty(row) && Number.isNaN(column.number(row)) && column.raw(row) === "NaN");
    };
  }

  function numeric(column, op, number, text) {
    // A day stands for all its moments: date = 2024-03-01.
    var end = column.kind === "date" && /^\d{4}-\d\d-\d\d$/.test(text) ? number + 86399999 : number;
    var of = column.number;
    return {
      "=": function (row) { var own = of(row); return own >= number && own <= end; },
      ":": function (row) { var own = of(row); return own >= number && own <= end; },
      "!=": function (row) { var own = of(row); return !(own >= number && own <= end); },
      "!:": function (row) { var own = of(row); return !(own >= number && own <= end); },
      ">": function (row) { return of(row) > end; },
      ">=": function (row) { return of(row) >= number; },
      "<": function (row) { return of(row) < number; },
      "<=": function (row) { return of(row) <= end; }
    }[op];
  }

  function textual(column, op, needle, at) {
    var list = column.kind === "tag";
    function equal(row) {
      return list ? column.tags(row).indexOf(needle) >= 0 : column.lower(row) === needle;
    }
    function contains(row) { return list ? equal(row) : column.lower(row).indexOf(needle) >= 0; }
    if (op === "=") return equal;
    if (op === "!=") return function (row) { return !equal(row); };
    if (op === ":") return contains;
    if (op === "!:") return function (row) { return !contains(row); };
    throw new Problem(column.label + " holds text: use =, != or :", at);
  }

  /* A column's own filter box: `>0.7`, `0.1..0.5`, `=x`, `!x`, `none`, else what the text contains. */
  function filter(text, column) {
    var wanted = text.trim();
    var range = /^(\S+)\s*\.\.\s*(\S+)$/.exec(wanted);
    var operated = /^(>=|<=|!=|=|>|<|!)\s*(.+)$/.exec(wanted);
    if (!wanted) return function () { return true; };
    if (range && (column.numeric || column.kind === "date")) {
      var low = test(column, ">=", { kind: "word", text: range[1], at: 0 }, 0);
      var high = test(column, "<=", { kind: "word", text: range[2], at: 0 }, 0);
      return function (row) { return low(row) && high(row); };
    }
    if (operated) {
      return test(column, operated[1] === "!" ? "!:" : operated[1], { kind: "word", text: operated[2], at: 0 }, 0);
    }
    if (/^(none|null)$/i.test(wanted)) return missing(column, "=", 0);
    var needle = wanted.toLowerCase();
    return function (row) { return column.lower(row).indexOf(needle) >= 0; };
  }

  Modelbook.query = { compile: compile, filter: filter, Problem: Problem };
})();
