/* The lineage page: draws what is asked for, and says what is known of a node.

     <div data-modelbook-lineage="lineage" data-src="../assets/data/lineage.js" data-root="../">
       <p class="mb-lin-status">  <div class="mb-lin-body">still drawing</div>  <details class="mb-lin-list">table</details>
     </div>

   All that is asked for stands in the address, so that a link shares it: #focus=2+train+1&details=1&open=ID,ID.
   Every node is a link to its own focus. Arrow keys follow the edges, Enter focuses, Escape shows everything;
   + and - zoom, 0 fits. Without JavaScript the still drawing stands. Needs core.js and lineage-graph.js. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var element = Modelbook.element;
  var WIDTH = 172, HEIGHT = 42, GAP = 14, COLUMN = 232, MARGIN = 12;
  var HOPS = [[0, "none"], [1, "1 step"], [2, "2 steps"], [3, "3 steps"], [Infinity, "all"]];
  var OFFERS = 12;       // completions in sight
  var NEIGHBOURS = 25;   // inputs and outputs named in the panel
  var ROWS = 300;        // rows of the table of nodes
  var svg = function (tag, attributes) {
    var node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.keys(attributes).forEach(function (name) {
      if (attributes[name] !== null && attributes[name] !== undefined) node.setAttribute(name, attributes[name]);
    });
    node.append.apply(node, Array.prototype.slice.call(arguments, 2));
    return node;
  };

  // -- the address

  function readAddress() {
    var state = { focus: "", details: false, open: new Set() };
    location.hash.slice(1).split("&").forEach(function (part) {
      var at = part.indexOf("=");
      var value = "";
      try { value = decodeURIComponent(part.slice(at + 1)); } catch (error) { return; }
      if (part.slice(0, at) === "focus") state.focus = value;
      if (part.slice(0, at) === "details") state.details = value === "1";
      if (part.slice(0, at) === "open") state.open.add(value);
    });
    return state;
  }

  function address(state) {
    function plain(text) { return encodeURIComponent(text).replace(/%(2B|2F|3A|40)/g, decodeURIComponent); }
    var parts = state.focus ? ["focus=" + plain(state.focus)] : [];
    if (state.details) parts.push("details=1");
    state.open.forEach(function (key) { parts.push("open=" + plain(key)); });
    return "#" + parts.join("&");
  }

  function changed(state, changes) { return Object.assign({}, state, changes); }

  function toggled(open, key) {
    var copy = new Set(open);
    if (!copy.delete(key)) copy.add(key);
    return copy;
  }

  // -- words

  function count(number, one, many) { return number.toLocaleString("en") + " " + (number === 1 ? one : many || one + "s"); }

  function shorten(text, width, size) {
    var most = Math.floor(width / (size * 0.56));
    if (text.length <= most) return text;
    var head = Math.ceil((most - 1) / 2);
    return text.slice(0, head) + "…" + text.slice(text.length - (most - 1 - head));
  }

  /* A heading and what stands under it; of a path the file first. */
  function titles(graph, cell) {
    var node = graph.nodes[cell.members[0]];
    var many = cell.members.length > 1 ? cell.members.length + " " + (graph.kinds[cell.kind] || { plural: cell.kind }).plural : "";
    var label = many ? cell.box.label : node.label;
    if (!label) return [many, common(graph, cell)];
    var cutAt = cell.kind === "artifact" || cell.kind === "data" ? label.lastIndexOf("/") : -1;
    var under = [many || node.detail, cutAt > 0 ? label.slice(0, cutAt) : ""].filter(Boolean).join(" · ");
    return [label.slice(cutAt + 1) || label, under || cell.kind];
  }

  /* What the names of all members have in common: their folder, or their file name. */
  function common(graph, cell) {
    var labels = cell.members.map(function (at) { return graph.nodes[at].label; });
    var parts = [labels.map(function (label) { return label.split("/").pop().split("@")[0]; }),
      labels.map(function (label) { return label.split("/").slice(0, -1).join("/"); })];
    var same = parts.filter(function (names) { return names[0] && names.every(function (name) { return name === names[0]; }); });
    return same.length ? same[0][0] : "alike";
  }

  // -- the page

  function Lineage(root, graph) {
    var self = this;
    self.root = root;
    self.graph = graph;
    self.body = root.querySelector(".mb-lin-body");
    self.status = root.querySelector(".mb-lin-status");
    self.list = root.querySelector(".mb-lin-list");
    self.scroll = self.body.querySelector(".mb-graph");
    self.panel = element("aside", { class: "mb-card mb-lin-panel", "aria-label": "The chosen node", hidden: true });
    self.scale = 0;
    self.body.append(self.panel);
    root.insertBefore(self.toolbar(), self.status);
    self.chips = element("p", { class: "mb-row mb-lin-chips", hidden: true });
    root.insertBefore(self.chips, self.body);
    self.scroll.addEventListener("keydown", function (event) { self.key(event); });
    self.pan();
    self.scroll.addEventListener("wheel", function (event) {
      if (!event.ctrlKey) return;
      event.preventDefault();
      self.zoom(self.scale * Math.exp(-event.deltaY / 300), event);
    }, { passive: false });
    if (self.list) self.list.addEventListener("toggle", function () { self.fillList(); });
    window.addEventListener("hashchange", function () { self.render(); });
    self.render();
  }

  Lineage.prototype.go = function (changes) {
    var hash = address(changed(this.state, changes));
    if (hash === "#" && !location.hash) return;
    location.hash = hash === "#" ? "#all" : hash;
  };

  Lineage.prototype.render = function () {
    var self = this;
    var state = self.state = readAddress();
    var picked = state.focus ? Modelbook.graph.select(self.graph, state.focus) : null;
    self.picked = picked;
    self.input.value = state.focus;
    self.details.checked = state.details;
    self.input.setAttribute("aria-invalid", state.focus && !picked ? "true" : "false");
    var wish = picked || { seeds: [], up: 0, down: 0 };
    self.view = Modelbook.graph.view(self.graph, Object.assign({ details: state.details, open: state.open }, wish));
    self.place = Modelbook.graph.place(self.view.cells, self.view.edges, HEIGHT, GAP);
    self.draw();
    self.say();
    self.showHops();
    self.showChips();
    self.showPanel();
    self.listed = null;
    self.fillList();
  };

  Lineage.prototype.say = function () {
    var view = this.view, state = this.state, words = [];
    if (state.focus && !this.picked) words.push("Nothing is called “" + state.focus + "”. This is everything:");
    words.push(this.picked
      ? count(view.nodes, "node") + " of " + this.graph.nodes.length.toLocaleString("en") + " around " + this.picked.name + "."
      : "From data to models: " + count(view.nodes, "node") + (view.total < view.nodes ? " in " + count(view.total, "box", "boxes") + "; a box with several opens when it is chosen." : "."));
    if (view.skipped) words.push("These are too many to draw: stages, data and models are shown first, joined through the artifacts between them.");
    if (view.hidden) words.push(count(view.hidden, "further box", "further boxes") + " left out; focus a node to see what is around it.");
    if (this.graph.leftOut) words.push(this.graph.leftOut);
    this.status.textContent = words.join(" ");
  };

  // -- tools

  Lineage.prototype.toolbar = function () {
    var self = this;
    function button(label, title, act) {
      return element("button", { type: "button", class: "mb-button", title: title, "aria-label": title, click: act }, label);
    }
    function hops(label) {
      var choice = element("select", { class: "mb-button", change: function () { self.focusSame(); } });
      HOPS.forEach(function (hop) { choice.append(element("option", { value: String(hop[0]) }, hop[1])); });
      return choice;
    }
    self.up = hops();
    self.down = hops();
    self.details = element("input", { type: "checkbox", change: function () { self.go({ details: self.details.checked }); } });
    self.hops = element("span", { class: "mb-row", hidden: true },
      element("label", {}, "up ", self.up), element("label", {}, "down ", self.down),
      button("Show all", "Show everything", function () { self.go({ focus: "" }); }));
    return element("div", { class: "mb-lin-tools", role: "search" }, self.searchBox(), self.hops,
      element("label", { class: "mb-lin-check" }, self.details, " code, metrics, plots"),
      element("span", { class: "mb-row mb-lin-zoom" },
        button("−", "Zoom out", function () { self.zoom(self.scale / 1.25); }),
        button("+", "Zoom in", function () { self.zoom(self.scale * 1.25); }),
        button("Fit", "Fit to width", function () { self.fit(); }),
        button("1:1", "Full size", function () { self.zoom(1); })));
  };

  Lineage.prototype.searchBox = function () {
    var self = this;
    var offers = element("ul", { class: "mb-lin-offers", role: "listbox", id: "mb-lin-offers", "aria-label": "Names", hidden: true });
    var input = self.input = element("input", {
      type: "text", class: "mb-lin-input", role: "combobox", "aria-expanded": "false", "aria-controls": "mb-lin-offers",
      "aria-autocomplete": "list", "aria-label": "Focus on a node: name, +name, name+ or 2+name+1",
      placeholder: "Focus: name, +name+, 2+name+1", autocomplete: "off", spellcheck: "false"
    });
    var found = [], at = -1;

    function show() {
      var parts = /^(\d*\+)?(.*?)(\+\d*)?$/.exec(input.value.trim());
      found = input.value.trim() ? Modelbook.graph.find(self.graph, parts[2], OFFERS) : [];
      at = -1;
      offers.replaceChildren.apply(offers, found.map(function (offer, number) {
        return element("li", {
          role: "option", id: "mb-lin-offer-" + number, "aria-selected": "false",
          mousedown: function (event) { event.preventDefault(); take(number); }
        }, element("span", {}, offer.label), element("small", {}, offer.kind));
      }));
      offers.hidden = !found.length;
      input.setAttribute("aria-expanded", String(Boolean(found.length)));
      input.removeAttribute("aria-activedescendant");
    }

    function hide() { offers.hidden = true; input.setAttribute("aria-expanded", "false"); }

    function mark(step) {
      if (!found.length) return;
      if (at >= 0) offers.children[at].setAttribute("aria-selected", "false");
      at = (at + step + found.length) % found.length;
      offers.children[at].setAttribute("aria-selected", "true");
      offers.children[at].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", offers.children[at].id);
    }

    /* What was typed around the name stays: "2+tra" completes to "2+train". A bare name shows both ways. */
    function take(number) {
      var parts = /^(\d*\+)?(.*?)(\+\d*)?$/.exec(input.value.trim());
      hide();
      var around = parts[1] || parts[3] ? [parts[1] || "", parts[3] || ""] : ["+", "+"];
      self.go({ focus: around[0] + found[number].id + around[1] });
    }

    input.addEventListener("input", show);
    input.addEventListener("blur", hide);
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (offers.hidden) show();
        mark(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter") {
        if (at >= 0 && !offers.hidden) take(at);
        else if (!input.value.trim() || Modelbook.graph.select(self.graph, input.value) || !found.length) { hide(); self.go({ focus: input.value.trim() }); }
        else take(0);
      } else if (event.key === "Escape") hide();
      else return;
      event.preventDefault();
    });
    return element("span", { class: "mb-lin-search" }, input, offers);
  };

  Lineage.prototype.showHops = function () {
    this.hops.hidden = !this.picked;
    if (!this.picked) return;
    [[this.up, this.picked.up], [this.down, this.picked.down]].forEach(function (pair) {
      var odd = pair[0].querySelector("[data-odd]");
      if (odd) odd.remove();
      if (!HOPS.some(function (hop) { return hop[0] === pair[1]; })) {
        pair[0].append(element("option", { value: String(pair[1]), "data-odd": true }, pair[1] + " steps"));
      }
      pair[0].value = String(pair[1]);
    });
  };

  Lineage.prototype.focusSame = function () {
    this.go({ focus: Modelbook.graph.written(this.picked.name, Number(this.up.value), Number(this.down.value)) });
  };

  Lineage.prototype.showChips = function () {
    var self = this;
    var chips = Array.from(self.state.open).map(function (key) {
      var box = self.graph.boxes.find(function (one) { return one.id === key; });
      var name = box ? box.label || common(self.graph, box) : key.replace(/^like:/, "those like ");
      return element("button", { type: "button", class: "mb-button", "data-open": key, click: function () { self.go({ open: toggled(self.state.open, key) }); } },
        "Close " + name);
    });
    self.chips.hidden = !chips.length;
    self.chips.replaceChildren.apply(self.chips, chips);
  };

  // -- drawing

  Lineage.prototype.corner = function (number) {
    var at = this.place.at[number];
    return [MARGIN + at[0] * COLUMN, MARGIN + at[1]];
  };

  Lineage.prototype.draw = function () {
    var self = this;
    var held = self.scroll.contains(document.activeElement) && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    self.width = 2 * MARGIN + (self.place.columns - 1) * COLUMN + WIDTH;
    self.height = Math.max(60, 2 * MARGIN + self.place.height - GAP);
    var head = svg("marker", { id: "mb-lin-arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto" },
      svg("path", { d: "M0 0L8 4L0 8z", class: "mb-arrowhead" }));
    self.links = [];
    self.picture = svg("svg", {
      class: "mb-svg mb-lineage", viewBox: "0 0 " + self.width + " " + self.height, role: "group",
      "aria-label": "Lineage, " + count(self.view.cells.length, "box", "boxes") + ": arrow keys follow the arrows, Enter focuses"
    }, svg("defs", {}, head));
    self.view.edges.forEach(function (edge) { self.picture.append(self.arrow(edge)); });
    self.view.cells.forEach(function (cell) { self.picture.append(self.box(cell)); });
    self.scroll.replaceChildren(self.picture);
    self.scroll.removeAttribute("tabindex");
    self.fit(true);
    var seed = Math.max(0, self.view.cells.findIndex(function (cell) { return cell.seed; }));
    if (self.links.length) self.current(seed, false);
    if (self.picked) self.reveal(seed);
    if (held === null) return;
    var again = self.view.cells.findIndex(function (cell) { return cell.key === held; });
    if (self.links.length) self.current(again < 0 ? seed : again, true);
  };

  Lineage.prototype.arrow = function (edge) {
    var from = this.corner(edge[0]);
    var stops = [[from[0] + WIDTH, from[1]]];
    (this.place.bends.get(edge) || []).forEach(function (bend) {
      var left = MARGIN + bend[0] * COLUMN;
      stops.push([left, MARGIN + bend[1]], [left + WIDTH, MARGIN + bend[1]]);
    });
    stops.push(this.corner(edge[1]));
    var path = "M" + stops[0].join(" ");
    for (var at = 1; at < stops.length; at++) {
      var a = stops[at - 1], b = stops[at], middle = (a[0] + b[0]) / 2;
      path += a[1] === b[1] ? "H" + b[0] : "C" + [middle, a[1], middle, b[1], b[0], b[1]].join(" ");
    }
    var near = this.view.cells[edge[0]].seed || this.view.cells[edge[1]].seed;
    return svg("path", { d: path, class: near ? "mb-arrow mb-near" : "mb-arrow", fill: "none", "stroke-width": near ? 2 : 1.3, "marker-end": "url(#mb-lin-arrow)" });
  };

  Lineage.prototype.box = function (cell) {
    var self = this;
    var corner = self.corner(cell.at), x = corner[0], y = corner[1], top = y - HEIGHT / 2;
    var look = self.graph.kinds[cell.kind] || { icon: "", round: 6, tone: 6 };
    var tone = "mb-s" + (look.tone + 1);
    var words = titles(self.graph, cell);
    var several = cell.members.length > 1;
    function rect(shift) {
      return svg("rect", { x: x + shift, y: top + shift, width: WIDTH, height: HEIGHT, rx: look.round, class: "mb-node " + tone, "stroke-width": cell.seed ? 3 : 1.3 });
    }
    function label(text, down, size, kind, weight) {
      return svg("text", { x: x + 34, y: y + down, "font-size": size, class: kind, "font-weight": weight }, shorten(text, WIDTH - 42, size));
    }
    var link = svg("a", {
      href: self.hrefOf(cell), class: "mb-box" + (cell.seed ? " mb-focus" : ""), tabindex: -1, "data-key": cell.key,
      "aria-label": self.spoken(cell, words), "aria-current": cell.seed ? "true" : null
    }, svg("title", {}, several ? self.names(cell) : words.join(" · ") + "\n" + self.graph.nodes[cell.members[0]].label));
    if (several) link.append(rect(4));
    link.append(rect(0), svg("path", { d: look.icon, class: tone, fill: "none", "stroke-width": 1.4, transform: "translate(" + (x + 8) + " " + (y - 10) + ")" }),
      label(words[0], -2, 12, "mb-ink", cell.seed ? 700 : 500), label(words[1], 13, 10.5, "mb-muted", 400));
    link.addEventListener("focus", function () { self.current(cell.at, false); });
    self.links.push(link);
    return link;
  };

  /* A box of several opens; a single node is focused, with the steps that are in force now. */
  Lineage.prototype.hrefOf = function (cell) {
    var state = this.state;
    if (cell.members.length > 1) return address(changed(state, { open: toggled(state.open, cell.box.id) }));
    var up = this.picked ? this.picked.up : Infinity, down = this.picked ? this.picked.down : Infinity;
    if (!up && !down) up = down = Infinity;
    return address(changed(state, { focus: Modelbook.graph.written(cell.key, up, down) }));
  };

  Lineage.prototype.spoken = function (cell, words) {
    var ins = 0, outs = 0;
    this.view.edges.forEach(function (edge) { outs += edge[0] === cell.at; ins += edge[1] === cell.at; });
    return cell.kind + " " + words.join(", ") + ": " + count(ins, "input") + ", " + count(outs, "output") + (cell.members.length > 1 ? "; opens" : "");
  };

  Lineage.prototype.names = function (cell) {
    var graph = this.graph;
    var names = cell.members.slice(0, 30).map(function (at) { return graph.nodes[at].label; });
    return names.join("\n") + (cell.members.length > 30 ? "\n… and " + (cell.members.length - 30) + " more" : "");
  };

  // -- moving about

  Lineage.prototype.zoom = function (scale, around) {
    var box = this.scroll;
    var before = this.scale || 1;
    this.scale = Math.min(3, Math.max(0.1, scale));
    var x = around ? around.clientX - box.getBoundingClientRect().left : box.clientWidth / 2;
    var y = around ? around.clientY - box.getBoundingClientRect().top : box.clientHeight / 2;
    var left = (box.scrollLeft + x) * this.scale / before - x, top = (box.scrollTop + y) * this.scale / before - y;
    this.picture.style.width = this.width * this.scale + "px";
    this.picture.style.height = this.height * this.scale + "px";
    box.scrollLeft = left;
    box.scrollTop = top;
  };

  /* As wide as there is room; at first never smaller than can be read. */
  Lineage.prototype.fit = function (readable) {
    var style = getComputedStyle(this.scroll);
    var room = this.scroll.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    var scale = Math.min(1, room / this.width);
    this.zoom(readable ? Math.max(0.7, scale) : scale);
  };

  Lineage.prototype.pan = function () {
    var box = this.scroll, start = null;
    box.addEventListener("pointerdown", function (event) {
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      start = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop, id: event.pointerId, moved: false };
    });
    box.addEventListener("pointermove", function (event) {
      if (!start) return;
      var x = start.x - event.clientX, y = start.y - event.clientY;
      if (!start.moved && Math.abs(x - box.scrollLeft) + Math.abs(y - box.scrollTop) < 5) return;
      if (!start.moved) { start.moved = true; box.setPointerCapture(start.id); box.classList.add("mb-lin-drag"); }
      box.scrollLeft = x;
      box.scrollTop = y;
    });
    function end() {
      if (start && start.moved) {
        box.classList.remove("mb-lin-drag");
        box.addEventListener("click", function (event) { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
        setTimeout(function () { box.dispatchEvent(new Event("click")); });
      }
      start = null;
    }
    box.addEventListener("pointerup", end);
    box.addEventListener("pointercancel", end);
    box.addEventListener("dragstart", function (event) { event.preventDefault(); });
  };

  /* One box is in the order of Tab; arrow keys lead from it to the others. */
  Lineage.prototype.current = function (number, focus) {
    if (this.tabbed) this.tabbed.setAttribute("tabindex", "-1");
    this.at = number;
    this.tabbed = this.links[number];
    this.tabbed.setAttribute("tabindex", "0");
    if (focus) { this.tabbed.focus({ preventScroll: true }); this.reveal(number); }
  };

  Lineage.prototype.reveal = function (number) {
    var corner = this.corner(number), box = this.scroll, scale = this.scale;
    var left = corner[0] * scale, top = (corner[1] - HEIGHT / 2) * scale;
    var visible = left >= box.scrollLeft && left + WIDTH * scale <= box.scrollLeft + box.clientWidth &&
      top >= box.scrollTop && top + HEIGHT * scale <= box.scrollTop + box.clientHeight;
    if (visible) return;
    box.scrollLeft = left - (box.clientWidth - WIDTH * scale) / 2;
    box.scrollTop = top - (box.clientHeight - HEIGHT * scale) / 2;
  };

  Lineage.prototype.key = function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    var next = null;
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") next = this.along(event.key === "ArrowRight" ? 0 : 1);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") next = this.beside(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape") this.go({ focus: "" });
    else if (event.key === "+" || event.key === "=") this.zoom(this.scale * 1.25);
    else if (event.key === "-") this.zoom(this.scale / 1.25);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    if (next !== null) this.current(next, true);
  };

  /* The nearest box at the other end of an edge; end 0 leads along the flow, 1 against it. */
  Lineage.prototype.along = function (end) {
    var self = this, mine = self.place.at[self.at][1], best = null, least = Infinity;
    self.view.edges.forEach(function (edge) {
      if (edge[end] !== self.at) return;
      var far = Math.abs(self.place.at[edge[1 - end]][1] - mine);
      if (far < least) { least = far; best = edge[1 - end]; }
    });
    return best;
  };

  Lineage.prototype.beside = function (way) {
    var self = this, mine = self.place.at[self.at], best = null, least = Infinity;
    self.place.at.forEach(function (at, number) {
      var far = (at[1] - mine[1]) * way;
      if (at[0] === mine[0] && far > 0 && far < least) { least = far; best = number; }
    });
    return best;
  };

  // -- the chosen node

  Lineage.prototype.showPanel = function () {
    var self = this, picked = self.picked;
    var before = self.panel.hidden;
    self.panel.hidden = !picked;
    self.body.classList.toggle("mb-lin-open", Boolean(picked));
    if (picked) {
      var parts = picked.seeds.length === 1 ? self.about(self.graph.nodes[picked.seeds[0]]) : self.aboutMany(picked);
      self.panel.replaceChildren.apply(self.panel, parts);
    }
    if (before !== self.panel.hidden) self.fit(true);
  };

  Lineage.prototype.link = function (text, href) {
    var safe = Modelbook.safeHref(href);
    if (!safe) return document.createTextNode(text);
    return /^https?:/i.test(safe) ? element("a", { href: safe, rel: "noopener noreferrer" }, text) : element("a", { href: this.root.dataset.root + safe }, text);
  };

  function command(text) {
    return element("div", { class: "mb-command" }, element("pre", {}, element("code", {}, text)),
      element("button", { type: "button", class: "mb-button mb-copy", "data-copy": text }, "Copy"));
  }

  Lineage.prototype.about = function (node) {
    var self = this, rows = [], run = node.run;
    function row(name) { rows.push(element("div", {}, element("dt", {}, name), element.apply(null, ["dd", {}].concat(Array.prototype.slice.call(arguments, 1))))); }
    var parts = [element("p", { class: "mb-note" }, node.kind + (node.detail && node.detail !== node.kind ? " · " + node.detail : "")), element("h2", {}, node.label)];
    if (node.href && node.kind !== "run") parts.push(element("p", {}, self.link({ data: "Open the data set", model: "Open the model", environment: "Open the model", deployment: "Open the deployments" }[node.kind] || "Open", node.href)));
    if (node.size) row("size", node.size);
    if (node.files) row("files", node.files.toLocaleString("en"));
    if (run) row("run", self.link(run.name, run.href));
    if (run) row("experiment", self.link(run.experiment, run.experimentHref));
    if (node.commit) row(node.kind === "data" ? "since" : "commit", self.link(node.commit[0], node.commit[1]));
    else if (run) row("commit", self.link(run.commit, run.commitHref));
    else if (self.graph.head) row("as of", self.link(self.graph.head[0], self.graph.head[1]));
    if (node.box && node.box.label) row("one of", element("a", { href: self.focusHref(node.box.id) }, node.box.label + " (" + node.box.members.length + ")"));
    if (rows.length) parts.push(element.apply(null, ["dl", { class: "mb-slip" }].concat(rows)));
    if (node.hash) parts.push(element("h3", {}, node.kind === "stage" ? "Lock entry" : "Hash"), command(node.hash));
    if (node.command) parts.push(element("h3", {}, "Command"), command(node.command));
    if (node.kind === "stage" && !node.hash) parts.push(element("p", { class: "mb-note" }, "This stage has never run."));
    return parts.concat(self.neighbours("Made from", self.graph.behind[node.at]), self.neighbours("Becomes", self.graph.ahead[node.at]));
  };

  Lineage.prototype.aboutMany = function (picked) {
    var first = this.graph.nodes[picked.seeds[0]];
    var box = this.graph.boxes.find(function (one) { return one.id === picked.name; });
    var parts = [element("p", { class: "mb-note" }, count(picked.seeds.length, "node")), element("h2", {}, box ? box.label : first.run.name)];
    if (!box) parts.push(element("p", {}, this.link("Open the run", first.run.href)));
    return parts.concat(this.neighbours(box ? "Members" : "Its nodes", picked.seeds));
  };

  Lineage.prototype.focusHref = function (name) { return address(changed(this.state, { focus: Modelbook.graph.written(name, Infinity, Infinity) })); };

  Lineage.prototype.neighbours = function (title, numbers) {
    var self = this;
    if (!numbers.length) return [];
    var items = numbers.slice(0, NEIGHBOURS).map(function (at) {
      var node = self.graph.nodes[at];
      return element("li", {}, element("a", { href: self.focusHref(node.id) }, node.label), " ", element("small", {}, node.kind));
    });
    if (numbers.length > NEIGHBOURS) items.push(element("li", {}, "and " + (numbers.length - NEIGHBOURS) + " more"));
    return [element("h3", {}, title), element.apply(null, ["ul", { class: "mb-lin-names" }].concat(items))];
  };

  // -- the same as a table

  Lineage.prototype.fillList = function () {
    var self = this;
    var table = self.list && self.list.querySelector("tbody");
    if (!table || !self.list.open || self.listed === self.view) return;
    self.listed = self.view;
    var near = self.view.cells.map(function () { return [[], []]; });
    var names = self.view.cells.map(function (cell) { return cell.members.length > 1 ? titles(self.graph, cell).join(", ") : self.graph.nodes[cell.members[0]].label; });
    self.view.edges.forEach(function (edge) { near[edge[1]][0].push(names[edge[0]]); near[edge[0]][1].push(names[edge[1]]); });
    function listed(found) { return found.slice(0, 8).join(", ") + (found.length > 8 ? " and " + (found.length - 8) + " more" : "") || "–"; }
    table.replaceChildren.apply(table, self.view.cells.slice(0, ROWS).map(function (cell) {
      return element("tr", {}, element("th", { scope: "row" }, element("a", { href: self.hrefOf(cell) }, names[cell.at])),
        element("td", {}, cell.kind), element("td", {}, listed(near[cell.at][0])), element("td", {}, listed(near[cell.at][1])));
    }));
    self.list.querySelectorAll("p").forEach(function (note) { note.remove(); });
    if (self.view.cells.length > ROWS) self.list.append(element("p", { class: "mb-note" }, "and " + (self.view.cells.length - ROWS) + " more"));
  };

  function start() {
    document.querySelectorAll("[data-modelbook-lineage]").forEach(function (root) {
      Modelbook.load(root.dataset.modelbookLineage, root.dataset.src, function (json, error) {
        if (error) root.querySelector(".mb-lin-status").textContent += " The rest could not be loaded: " + error.message;
        else root.lineage = new Lineage(root, Modelbook.graph.read(json));
      });
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
