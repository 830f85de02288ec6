/* Parallel coordinates and a scatter plot over any rows and columns that runs-model.js has read.

   Modelbook.explore(box, {data, rows, plotly, state, name, changed, chosen})
     box      an element to fill
     data     what Modelbook.model.read gave; rows: the row numbers to show
     plotly   where Plotly is; it is loaded when somebody asks for a chart, for it is 4 MB
     state    {x, y, colour, logx, logy, axes, logs, open}, filled in and kept up to date; changed() after each change
     name     row -> what the row is called
     chosen   called with the row numbers inside all brushes whenever one is drawn, and their number in all

   Columns that are the same in every row are left out. A logarithmic axis leaves out what is not above zero. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var el = Modelbook.element;
  var MOST_AXES = 9;
  var MOST_NAMES = 40;

  function usable(data, rows) {
    return data.columns.filter(function (column) {
      if (column.kind === "spark" || column.kind === "link" || !Modelbook.model.varies(column, rows)) return false;
      if (column.numeric) return finite(column, rows).length > 1;
      return column.kind === "date" || distinct(column, rows).length <= MOST_NAMES;
    });
  }

  function finite(column, rows) {
    return rows.map(column.number).filter(Number.isFinite);
  }

  function distinct(column, rows) {
    return Array.from(new Set(rows.map(function (row) { return column.text(row); }))).sort();
  }

  function wide(column, rows) {
    var all = finite(column, rows);
    var low = Math.min.apply(null, all);
    return low > 0 && Math.max.apply(null, all) / low >= 100;
  }

  function label(column) {
    return column.label + (column.direction === "maximize" ? " ↑" : column.direction === "minimize" ? " ↓" : "");
  }

  /* No seed if there is anything else; then the column that most runs have, and of those the one with most values. */
  function telling(columns, rows) {
    function counts(column) {
      var seed = /(^|\.)((random_)?seed|random_state)$/i.test(column.label);
      return [seed ? 0 : 1, finite(column, rows).length, distinct(column, rows).length];
    }
    return columns.slice().sort(function (a, b) {
      var one = counts(a);
      var other = counts(b);
      return other[0] - one[0] || other[1] - one[1] || other[2] - one[2];
    })[0];
  }

  /* What stands first: the metric that has a direction, then params that vary. */
  function defaults(state, columns, rows) {
    function is(kind) { return function (column) { return column.kind === kind && column.numeric; }; }
    var metrics = columns.filter(is("metric"));
    var params = columns.filter(is("param"));
    var best = metrics.find(function (column) { return column.direction; }) || metrics[0];
    var keys = new Set(columns.map(function (column) { return column.key; }));
    if (!keys.has(state.y)) state.y = (best || columns[columns.length - 1]).key;
    if (!keys.has(state.x)) {
      var x = telling(params, rows) || metrics.find(function (column) { return column.key !== state.y; }) || columns[0];
      state.x = x.key;
      state.logx = x.numeric && wide(x, rows);
    }
    if (state.colour && !keys.has(state.colour)) state.colour = "";
    state.axes = (state.axes || []).filter(function (key) { return keys.has(key); });
    if (!state.axes.length) {
      // An axis on which a run has no value hides the run: those that all have come first, and mostly suffice.
      var all = columns.filter(function (column) { return column.kind === "param"; });
      var full = all.filter(function (column) { return rows.every(function (row) { return column.raw(row) !== null; }); });
      var shown = (full.length ? full : all).slice(0, MOST_AXES - 1);
      state.axes = shown.concat(metrics.filter(function (column) { return column !== best; }).slice(0, Math.max(0, 4 - shown.length)), best ? [best] : [])
        .map(function (column) { return column.key; });
      state.logs = state.axes.filter(function (key) {
        var column = columns.find(function (one) { return one.key === key; });
        return column.kind === "param" && column.numeric && wide(column, rows);
      });
    }
    state.logs = state.logs || [];
  }

  /* An axis of numbers, or of names in order; {values, ticks, texts}, values NaN where there is none. */
  function axis(column, rows, log) {
    if (!column.numeric && column.kind !== "date") {
      var names = distinct(column, rows);
      return {
        values: rows.map(function (row) { return names.indexOf(column.text(row)); }),
        ticks: names.map(function (_, at) { return at; }),
        texts: names.map(function (name) { return name || "none"; })
      };
    }
    var values = rows.map(column.number);
    if (!log) return { values: values };
    values = values.map(function (value) { return value > 0 ? Math.log10(value) : NaN; });
    var known = values.filter(Number.isFinite);
    var ticks = [];
    for (var power = Math.floor(Math.min.apply(null, known)); power <= Math.ceil(Math.max.apply(null, known)); power += 1) ticks.push(power);
    return { values: values, ticks: ticks, texts: ticks.map(function (tick) { return Modelbook.model.formatted(Math.pow(10, tick), ""); }) };
  }

  function coordinates(state, columns, rows) {
    var by = new Map(columns.map(function (column) { return [column.key, column]; }));
    var axes = state.axes.map(function (key) {
      return { column: by.get(key), axis: axis(by.get(key), rows, state.logs.indexOf(key) >= 0) };
    });
    var kept = rows.map(function (_, at) { return at; }).filter(function (at) {
      return axes.every(function (one) { return Number.isFinite(one.axis.values[at]); });
    });
    var colour = by.get(state.y);
    var shades = colour && colour.numeric ? kept.map(function (at) { return colour.number(rows[at]); }) : null;
    if (shades && !shades.every(Number.isFinite)) shades = shades.map(function (value) { return Number.isFinite(value) ? value : Math.min.apply(null, shades.filter(Number.isFinite)); });
    var trace = {
      type: "parcoords",
      dimensions: axes.map(function (one) {
        var values = kept.map(function (at) { return one.axis.values[at]; });
        var made = { label: label(one.column).slice(0, 26), values: values };
        if (one.axis.ticks) {
          made.tickvals = one.axis.ticks;
          made.ticktext = one.axis.texts.map(function (text) { return text.slice(0, 18).replace(/</g, "‹"); });
        }
        if (one.axis.ticks && !one.column.numeric) made.range = [-0.2, one.axis.ticks.length - 0.8];
        made.label = made.label.replace(/</g, "‹");
        return made;
      }),
      line: shades ? {
        color: shades, showscale: true, colorscale: "theme", reversescale: colour.direction === "minimize",
        colorbar: { title: { text: label(colour).slice(0, 26).replace(/</g, "‹") }, thickness: 12 }
      } : { color: 0.5 }
    };
    return { rows: kept.map(function (at) { return rows[at]; }), left: rows.length - kept.length,
      figure: { data: [trace], layout: { margin: { l: 70, r: 70, t: 60, b: 30 } } } };
  }

  function scatter(state, columns, rows, name) {
    var by = new Map(columns.map(function (column) { return [column.key, column]; }));
    var x = by.get(state.x);
    var y = by.get(state.y);
    var colour = by.get(state.colour);
    function points(column) {
      return rows.map(function (row) {
        if (column.numeric) return Number.isFinite(column.number(row)) ? column.number(row) : null;
        return column.text(row) || (column.kind === "date" ? null : "none");
      });
    }
    function plotAxis(column, log) {
      return { title: { text: label(column).replace(/</g, "‹") }, type: column.numeric ? (log ? "log" : "linear") : column.kind === "date" ? "date" : "category" };
    }
    function trace(of, more) {
      var at = rows.map(function (_, place) { return place; }).filter(of);
      var xs = points(x);
      var ys = points(y);
      return Object.assign({
        type: "scatter", mode: "markers",
        x: at.map(function (place) { return xs[place]; }), y: at.map(function (place) { return ys[place]; }),
        text: at.map(function (place) { return name(rows[place]).replace(/</g, "‹"); }),
        customdata: at.map(function (place) { return rows[place]; }),
        hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>", marker: { size: 9, opacity: 0.85 }
      }, more);
    }
    var traces;
    if (colour && colour.numeric) {
      var shades = rows.map(colour.number);
      traces = [trace(function (at) { return Number.isFinite(shades[at]); }, {
        marker: { size: 9, opacity: 0.9, color: shades.filter(Number.isFinite), colorscale: "theme", reversescale: colour.direction === "minimize",
          showscale: true, colorbar: { title: { text: label(colour).slice(0, 26).replace(/</g, "‹") }, thickness: 12 } }
      })];
    } else if (colour) {
      traces = distinct(colour, rows).map(function (value) {
        return trace(function (at) { return colour.text(rows[at]) === value; }, { name: (value || "none").replace(/</g, "‹") });
      });
    } else traces = [trace(function () { return true; }, {})];
    return { data: traces, layout: { margin: { l: 70, r: 20, t: 40, b: 60 }, xaxis: plotAxis(x, state.logx), yaxis: plotAxis(y, state.logy), showlegend: traces.length > 1, hovermode: "closest" } };
  }

  /* Row numbers inside every brush of a parallel-coordinates trace. */
  function brushed(trace, rows) {
    function inside(value, ranges) {
      if (!ranges) return true;
      return (Array.isArray(ranges[0]) ? ranges : [ranges]).some(function (range) { return value >= range[0] && value <= range[1]; });
    }
    return rows.filter(function (_, at) {
      return trace.dimensions.every(function (one) { return inside(one.values[at], one.constraintrange); });
    });
  }

  Modelbook.explore = function (box, options) {
    var state = options.state;
    var rows = options.rows;
    var columns = usable(options.data, rows);
    box.replaceChildren();
    if (rows.length < 2 || columns.length < 2) {
      box.append(el("p", { class: "mb-empty" }, "There is nothing to plot: it takes two runs, and two columns in which they differ."));
      return;
    }
    defaults(state, columns, rows);
    var parallel = el("div", { class: "mb-plotly mb-parallel", role: "img", "aria-label": "Parallel coordinates of " + rows.length + " runs" });
    var dots = el("div", { class: "mb-plotly", role: "img", "aria-label": "Scatter plot of " + rows.length + " runs" });
    var note = el("p", { class: "mb-note", role: "status" });
    var axes = el("details", { class: "mb-data" });

    function choice(text, key, list, none) {
      var select = el("select", { class: "mb-tool", "aria-label": text, change: function () { state[key] = select.value; changed(); } });
      if (none) select.append(el("option", { value: "" }, none));
      list.forEach(function (column) { select.append(el("option", { value: column.key }, label(column))); });
      select.value = state[key] || "";
      return el("label", { class: "mb-choice" }, text + " ", select);
    }

    function tick(text, key) {
      var input = el("input", { type: "checkbox", "aria-label": "logarithmic: " + (key === "logx" ? "across" : "up"), change: function () { state[key] = input.checked; changed(); } });
      input.checked = Boolean(state[key]);
      return el("label", { class: "mb-choice" }, input, " " + text);
    }

    function changed() {
      options.changed();
      draw();
    }

    function axisChoice() {
      var list = el("ul", { class: "mb-axes" });
      columns.forEach(function (column) {
        var on = el("input", { type: "checkbox", change: function () {
          state.axes = state.axes.filter(function (key) { return key !== column.key; });
          if (on.checked) state.axes.push(column.key);
          changed();
        } });
        on.checked = state.axes.indexOf(column.key) >= 0;
        var item = el("li", {}, el("label", {}, on, " " + label(column)));
        if (column.numeric && finite(column, rows).some(function (value) { return value > 0; })) {
          var log = el("input", { type: "checkbox", change: function () {
            state.logs = state.logs.filter(function (key) { return key !== column.key; });
            if (log.checked) state.logs.push(column.key);
            changed();
          } });
          log.checked = state.logs.indexOf(column.key) >= 0;
          item.append(el("label", { class: "mb-note" }, log, " log"));
        }
        list.append(item);
      });
      axes.replaceChildren(el("summary", {}, "Axes"), list);
    }

    function drawParallel() {
      if (state.axes.length < 2) {
        note.textContent = "Choose at least two axes.";
        return;
      }
      var made = coordinates(state, columns, rows);
      note.textContent = "Drag along an axis to keep only the runs in between; drag its name to move it."
        + (made.left ? " Runs without a value on some axis are left out: " + made.left + "." : "");
      if (made.rows.length > 1) Modelbook.charts.draw(parallel, made.figure, options.plotly, listen);
    }

    function listen(error) {
      if (error) failed(error);
      else if (!parallel.dataset.ready) {
        parallel.dataset.ready = "1";
        parallel.on("plotly_restyle", function () {
          var made = coordinates(state, columns, rows);
          options.chosen(brushed(parallel.data[0], made.rows), made.rows.length);
        });
      }
    }

    function failed(error) {
      if (error) note.textContent = "The chart cannot be shown: " + error.message;
      else dots.dataset.ready = "1";
    }

    function draw() {
      drawParallel();
      Modelbook.charts.draw(dots, scatter(state, columns, rows, options.name), options.plotly, failed);
    }

    axisChoice();
    box.append(
      el("h3", {}, "Parallel coordinates"),
      el("div", { class: "mb-row" }, choice("Coloured by", "y", columns.filter(function (column) { return column.numeric; })), axes),
      note, el("div", { class: "mb-wide", role: "region", tabindex: "0", "aria-label": "Parallel coordinates" }, parallel),
      el("h3", {}, "Scatter"),
      el("div", { class: "mb-row" }, choice("Across", "x", columns), tick("log", "logx"), choice("Up", "y", columns), tick("log", "logy"),
        choice("Colour", "colour", columns, "none")),
      dots
    );
    draw();
  };

  Modelbook.explore.figures = { coordinates: coordinates, scatter: scatter, brushed: brushed, usable: usable, defaults: defaults };
})();
