/* The columns of the runs table: the list to choose from, the menu of a heading, moving and widening by mouse.

   `Modelbook.tableColumns` holds methods of the table of runs-table.js, which see its state as `this`. Whatever the
   mouse can do here the menu can as well, so that the keyboard and a phone can. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var el = Modelbook.element;
  var methods = (Modelbook.tableColumns = {});
  var NARROWEST = 56;
  var WIDEST = 900;
  var STEP = 60;
  var FAR = 6;

  /* ---- the list ---- */

  methods.columnList = function () {
    var self = this;
    var search = el("input", {
      class: "mb-t-filter", type: "search", placeholder: "Find a column", "aria-label": "Find a column",
      input: function () {
        Array.from(list.children).forEach(function (item) {
          var names = item.dataset.key + " " + item.querySelector("label").textContent;
          item.hidden = names.toLowerCase().indexOf(search.value.toLowerCase()) < 0;
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

  methods.columnItem = function (column) {
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
    var name = el("label", { title: column.key + (column.description ? ": " + column.description : "") },
      box, " ", Modelbook.model.middle(column.label, 32));
    if (column.group) name.append(el("small", {}, " " + column.group));
    return el("li", { "data-key": column.key }, name, mover(-1, "↑", "left"), mover(1, "↓", "right"), pin);
  };

  methods.move = function (column, step) {
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

  /* Puts a column before or after another, and pins it if it comes to stand among the pinned. */
  methods.moveBeside = function (column, other, after) {
    if (column === other) return;
    this.order.splice(this.order.indexOf(column), 1);
    this.order.splice(this.order.indexOf(other) + (after ? 1 : 0), 0, column);
    if (this.pinned.has(other)) this.pinned.add(column);
    else this.pinned.delete(column);
    this.refresh();
  };

  methods.setWidth = function (column, width) {
    this.widths.set(column, this.within(width));
    this.refresh();
  };

  methods.within = function (width) { return Math.round(Math.max(NARROWEST, Math.min(width, WIDEST))); };

  /* ---- the menu of a heading ---- */

  methods.openMenu = function (column, anchor) {
    var self = this;
    this.closeMenu();
    var items = this.menuItems(column).map(function (item) {
      return el("button", {
        class: "mb-t-item", type: "button", role: "menuitem", tabindex: "-1",
        click: function () {
          self.closeMenu();
          self.scroller.focus({ preventScroll: true });
          item[1]();
        }
      }, item[0]);
    });
    var better = { maximize: "Higher is better. ", minimize: "Lower is better. " }[column.direction] || "";
    this.menu = el("div", {
      class: "mb-t-menu", role: "menu", "aria-label": column.label,
      keydown: function (event) { self.onMenuKey(event, items); }
    }, el("p", { role: "presentation" }, el("b", {}, column.label), better + column.description, el("code", {}, column.key)));
    this.menu.append.apply(this.menu, items);
    this.app.append(this.menu);
    this.leaveMenu = function (event) { if (!self.menu.contains(event.target)) self.closeMenu(); };
    document.addEventListener("pointerdown", this.leaveMenu);
    this.placeMenu(anchor);
    items[0].focus({ preventScroll: true });
  };

  methods.placeMenu = function (anchor) {
    var room = this.app.getBoundingClientRect();
    var at = anchor.getBoundingClientRect();
    var left = Math.max(0, Math.min(at.left - room.left, room.width - this.menu.offsetWidth));
    this.menu.style.left = left + "px";
    this.menu.style.top = at.bottom - room.top + 4 + "px";
  };

  methods.closeMenu = function () {
    if (!this.menu) return;
    document.removeEventListener("pointerdown", this.leaveMenu);
    this.menu.remove();
    this.menu = null;
  };

  methods.onMenuKey = function (event, items) {
    var at = items.indexOf(document.activeElement);
    var steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    if (event.key in steps) items[(steps[event.key] + items.length) % items.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      this.closeMenu();
      this.scroller.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  /* [words, what they do] of all that makes sense for a column. */
  methods.menuItems = function (column) {
    var self = this;
    var mates = this.fixed.indexOf(column) >= 0 ? this.fixed : this.loose;
    var at = mates.indexOf(column);
    var sortable = column.kind !== "spark";
    var sorted = this.sorts.some(function (sort) { return sort.column === column; });
    var others = this.sorts.length > (sorted ? 1 : 0);
    function sort(down, more) { return function () { self.setSort(column, { column: column, down: down }, more); }; }
    function words(down) {
      return column.numeric ? (down ? "highest first" : "lowest first")
        : column.kind === "date" ? (down ? "newest first" : "oldest first") : down ? "Z to A" : "A to Z";
    }
    var grouped = this.by.indexOf(column) >= 0;
    return [
      sortable && ["Sort " + words(false), sort(false, false)],
      sortable && ["Sort " + words(true), sort(true, false)],
      sortable && others && ["Then sort " + words(false), sort(false, true)],
      sortable && others && ["Then sort " + words(true), sort(true, true)],
      sorted && ["Don't sort by it", function () { self.setSort(column, null, true); }],
      sortable && ["Filter…", function () { self.filterBy(column); }],
      sortable && column.kind !== "metric" && !grouped && ["Group by it", function () { self.groupBy([column]); }],
      sortable && column.kind !== "metric" && !grouped && this.by.length > 0 && this.by.length < 3
        && ["Then group by it", function () { self.groupBy(self.by.concat([column])); }],
      this.by.length > 0 && ["Don't group", function () { self.groupBy([]); }],
      [this.pinned.has(column) ? "Unpin" : "Pin to the left", function () { self.togglePin(column); }],
      at > 0 && ["Move left", function () { self.moveBeside(column, mates[at - 1], false); }],
      at < mates.length - 1 && ["Move right", function () { self.moveBeside(column, mates[at + 1], true); }],
      ["Wider", function () { self.setWidth(column, column.width + STEP); }],
      ["Narrower", function () { self.setWidth(column, column.width - STEP); }],
      ["Hide", function () { self.hide(column); }]
    ].filter(Boolean);
  };

  methods.togglePin = function (column) {
    if (!this.pinned.delete(column)) this.pinned.add(column);
    this.refresh();
  };

  methods.hide = function (column) {
    this.hidden.add(column);
    if (!this.panel.hidden) this.drawPanel();
    this.refresh();
    this.say(column.label + " is hidden");
  };

  methods.filterBy = function (column) {
    this.showFilters = true;
    this.refresh();
    var box = this.head.querySelector('input[data-key="' + CSS.escape(column.key) + '"]');
    if (box) box.focus();
  };

  /* ---- by mouse ---- */

  /* A heading sorts when clicked, moves when dragged, and gets another width when dragged by its edge. */
  methods.handle = function (cell, column) {
    var self = this;
    cell.addEventListener("click", function (event) {
      if (self.dragged) self.dragged = false;
      else if (!event.target.closest(".mb-t-grip")) self.sortBy(column, event.shiftKey);
    });
    cell.addEventListener("contextmenu", function (event) {
      event.preventDefault();
      self.openMenu(column, cell);
    });
    cell.addEventListener("pointerdown", function (event) {
      self.dragged = false;
      if (event.button !== 0 || event.pointerType === "touch" || event.target.closest("button")) return;
      self.scroller.focus({ preventScroll: true });
      if (event.target.closest(".mb-t-grip")) self.dragWidth(event, column);
      else self.dragColumn(event, column);
    });
  };

  function follow(event, move, end) {
    var start = event.clientX;
    function moved(event) { move(event.clientX - start, event); }
    function ended(event) {
      document.removeEventListener("pointermove", moved);
      document.removeEventListener("pointerup", ended);
      document.removeEventListener("pointercancel", ended);
      end(event.type === "pointerup" ? event.clientX - start : 0, event);
    }
    document.addEventListener("pointermove", moved);
    document.addEventListener("pointerup", ended);
    document.addEventListener("pointercancel", ended);
    event.preventDefault();
  }

  methods.dragWidth = function (event, column) {
    var self = this;
    var width = column.width;
    follow(event, function (by) { self.setWidth(column, width + by); }, function () { self.dragged = true; });
  };

  methods.dragColumn = function (event, column) {
    var self = this;
    var target = null;
    function mark(cell, after) {
      self.head.querySelectorAll(".mb-t-drop, .mb-t-drop-after").forEach(function (one) {
        one.classList.remove("mb-t-drop", "mb-t-drop-after");
      });
      if (cell) cell.classList.add(after ? "mb-t-drop-after" : "mb-t-drop");
    }
    follow(event, function (by, event) {
      if (Math.abs(by) < FAR && !self.dragged) return;
      self.dragged = true;
      var cell = document.elementFromPoint(event.clientX, self.head.getBoundingClientRect().top + 10);
      cell = cell && cell.closest("[data-place]");
      if (!cell || !self.head.contains(cell)) return;
      var box = cell.getBoundingClientRect();
      target = { column: self.columns[Number(cell.dataset.place)], after: event.clientX > box.left + box.width / 2 };
      mark(cell, target.after);
    }, function (by, event) {
      mark(null);
      if (self.dragged && target && event.type === "pointerup") self.moveBeside(column, target.column, target.after);
      // The click that follows a drag comes to the heading only if it was not drawn anew.
      setTimeout(function () { self.dragged = false; }, 0);
    });
  };
})();
