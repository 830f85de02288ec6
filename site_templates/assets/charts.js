/* Makes a still chart interactive when asked: Plotly is 4 MB and takes over a second, an SVG does not.

     <figure class="mb-chart">
       <svg>...</svg>
       <script type="application/json">{"data": [...], "layout": {...}}</script>
       <button type="button" class="mb-button" data-mb-interactive data-src="../../assets/plotly.min.js" hidden>
         Interactive</button>
     </figure>

   The JSON is what `Chart.plotly()` returns, with "<" escaped as \u003c. Instead of the script, the figure may
   have data-figure="NAME" and data-figure-src="../data/x.js", a data file that calls Modelbook.data("NAME", ...);
   with data-figure-id="ID" the figure is that of the plot of this id in a run's data (see compare-data.js).
   The button shows the Plotly chart in place of the SVG, and the SVG again; without JavaScript it stays hidden.
   Needs core.js before it.

   Modelbook.charts.wire(button)                  makes a button of a figure that a script made work
   Modelbook.charts.draw(box, json, src, done)    a Plotly chart of its own in `box`, again for a changed figure;
                                                  its look follows the colour scheme; done(error) */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var shown = new Map();
  var CONFIG = {
    displaylogo: false,
    displayModeBar: "hover",
    responsive: true,
    showLink: false,
    showSendToCloud: false,
    showEditInChartStudio: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["sendDataToCloud", "select2d", "lasso2d", "autoScale2d"]
  };

  function theme() {
    var style = getComputedStyle(document.body);
    function read(name, otherwise) { return style.getPropertyValue(name).trim() || otherwise; }
    var series = ["#0072b2", "#b84a00", "#00795a", "#a23f80", "#7d5a00", "#5a4fb3", "#4d4d4d", "#0b7285"];
    return {
      ink: read("--mb-ink", "#1f2328"),
      muted: read("--mb-muted", "#5c6370"),
      grid: read("--mb-grid", "#d9dce1"),
      paper: read("--md-default-bg-color", "#ffffff"),
      series: series.map(function (colour, at) { return read("--mb-s" + (at + 1), colour); }),
      shades: [3, 4, 5, 6, 7].map(function (at) { return [(at - 3) / 4, read("--mb-heat" + at, "#083f70")]; }),
      heat: [0, 1, 2, 3, 4, 5, 6, 7].map(function (at) {
        return [at / 7, read("--mb-heat" + at, at < 4 ? "#f3f5f8" : "#083f70")];
      })
    };
  }

  function dressed(figure, colours) {
    var copy = JSON.parse(JSON.stringify(figure));
    var layout = Object.assign({}, copy.layout, {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      colorway: colours.series,
      font: { color: colours.ink, family: getComputedStyle(document.body).fontFamily, size: 12 },
      hoverlabel: { bgcolor: colours.paper, bordercolor: colours.grid, font: { color: colours.ink } },
      legend: copy.data.length > 6 ? { x: 1.02, y: 1, font: { size: 10 } } : { orientation: "h", yanchor: "bottom", y: 1.02, x: 0 },
      margin: { l: 60, r: 20, t: 70, b: 55 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.muted, activecolor: colours.ink },
      autosize: true
    });
    if (copy.layout.margin) layout.margin = copy.layout.margin;
    layout.title = Object.assign({ x: 0.02, font: { size: 14 } }, layout.title);
    Object.keys(layout).filter(function (name) { return /^[xy]axis\d*$/.test(name); }).forEach(function (name) {
      layout[name] = Object.assign({ gridcolor: colours.grid, zeroline: false, linecolor: colours.muted, automargin: true },
        layout[name]);
    });
    copy.data.forEach(function (trace) {
      if (trace.type === "heatmap") trace.colorscale = colours.heat;
      [trace.line, trace.marker].forEach(function (part) {
        if (part && part.colorscale === "theme") part.colorscale = colours.shades;
      });
      if (trace.meta && Number.isInteger(trace.meta.tone)) {
        var colour = colours.series[trace.meta.tone % colours.series.length];
        trace.line = Object.assign({ color: colour }, trace.line);
        trace.marker = Object.assign({ color: colour }, trace.marker);
      }
      [trace.error_x, trace.error_y].forEach(function (bar) {
        if (bar) bar.color = colours.muted;
      });
    });
    return { data: copy.data, layout: layout };
  }

  function figureData(figure, done) {
    var inline = figure.querySelector('script[type="application/json"]');
    if (!inline) {
      Modelbook.load(figure.dataset.figure, figure.dataset.figureSrc, function (value, error) {
        var id = figure.dataset.figureId;
        var plot = id && value && value.plots.find(function (item) { return item.id === id; });
        done(plot ? plot.figure : value, error);
      });
      return;
    }
    try {
      done(JSON.parse(inline.textContent), null);
    } catch (error) {
      done(null, error);
    }
  }

  function open(figure, button) {
    say(button, "Loading…");
    button.disabled = true;
    Modelbook.script(button.dataset.src, function (missing) {
      if (missing) fail(figure, button, missing);
      else figureData(figure, function (json, error) {
        if (error) fail(figure, button, error);
        else draw(figure, button, json);
      });
    });
  }

  function draw(figure, button, json) {
    var still = figure.querySelector("svg");
    var box = Modelbook.element("div", { class: "mb-plotly" });
    box.style.height = Math.max(360, Math.min(still.getBoundingClientRect().height, 720)) + "px";
    still.after(box);
    var look = dressed(json, theme());
    window.Plotly.newPlot(box, look.data, look.layout, CONFIG).then(function () {
      still.style.display = "none";
      shown.set(figure, { box: box, json: json });
      button.disabled = false;
      button.setAttribute("aria-pressed", "true");
      say(button, "Still");
    }, function (error) {
      box.remove();
      fail(figure, button, error);
    });
  }

  function close(figure, button) {
    var held = shown.get(figure);
    window.Plotly.purge(held.box);
    held.box.remove();
    shown.delete(figure);
    figure.querySelector("svg").style.display = "";
    button.setAttribute("aria-pressed", "false");
    say(button, "Interactive");
  }

  function say(button, word) { button.textContent = word; }

  function fail(figure, button, error) {
    button.disabled = false;
    say(button, "Interactive");
    var note = figure.querySelector(".mb-chart-note") || Modelbook.element("p", { class: "mb-chart-note", role: "alert" });
    note.textContent = "The interactive chart cannot be shown: " + error.message;
    figure.append(note);
  }

  function redress() {
    shown.forEach(function (held, key) {
      if (!held.box.isConnected) { shown.delete(key); return; }
      var look = dressed(held.json, theme());
      window.Plotly.react(held.box, look.data, look.layout, CONFIG);
    });
  }

  function drawAlone(box, json, src, done) {
    shown.set(box, { box: box, json: json });
    Modelbook.script(src, function (missing) {
      if (missing) { shown.delete(box); done(missing); return; }
      if (!shown.has(box) || shown.get(box).json !== json || !box.isConnected) return;
      var look = dressed(json, theme());
      window.Plotly.react(box, look.data, look.layout, CONFIG).then(function () { done(null); }, done);
    });
  }

  function wire(button) {
    var figure = button.closest("figure");
    if (!figure || !figure.querySelector("svg")) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", function () {
      if (shown.has(figure)) close(figure, button);
      else open(figure, button);
    });
  }

  Modelbook.charts = { wire: wire, draw: drawAlone };

  function start() {
    document.querySelectorAll("[data-mb-interactive]").forEach(wire);
    new MutationObserver(redress).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
