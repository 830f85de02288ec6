/* Glue of the pages: search, and the tab of pages that are not in the navigation.

   Search looks through experiments, models, datasets and sections; runs have their own table. Its index is a
   script that is inserted when the search is first opened: a page opened from a file may not fetch. */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var own = document.currentScript.src;
  var root = new URL("..", own).href;
  var element = Modelbook.element;
  var MOST = 30;

  function score(entry, words) {
    var title = entry.title.toLowerCase();
    var rest = (entry.kind + " " + entry.text).toLowerCase();
    var sum = 0;
    for (var i = 0; i < words.length; i++) {
      var at = title.indexOf(words[i]);
      if (at === 0) sum += 8;
      else if (at > 0) sum += 4;
      else if (rest.indexOf(words[i]) >= 0) sum += 1;
      else return 0;
    }
    return sum;
  }

  function find(entries, query) {
    var words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return entries.slice(0, MOST);
    return entries
      .map(function (entry, at) { return { entry: entry, score: score(entry, words), at: at }; })
      .filter(function (found) { return found.score > 0; })
      .sort(function (a, b) { return b.score - a.score || a.at - b.at; })
      .slice(0, MOST)
      .map(function (found) { return found.entry; });
  }

  function item(entry) {
    var link = element("a", { href: root + entry.url }, element("span", {}, entry.title), element("small", {}, entry.kind));
    return element("li", {}, link);
  }

  function makeDialog() {
    var input = element("input", { type: "search", placeholder: "Search experiments, models, datasets", "aria-label": "Search", autocomplete: "off" });
    var list = element("ul", { "aria-label": "Results" });
    var note = element("p", { role: "status" });
    var dialog = element("dialog", { class: "mb-search", "aria-label": "Search" }, input, list, note);
    var entries = null;

    function show() {
      if (!entries) { note.hidden = false; note.textContent = "Loading…"; return; }
      var found = find(entries, input.value);
      list.replaceChildren.apply(list, found.map(item));
      note.textContent = found.length ? "" : "Nothing found. Single runs are found in the runs table.";
      note.hidden = found.length > 0;
    }

    function step(event) {
      var links = Array.prototype.slice.call(list.querySelectorAll("a"));
      var at = links.indexOf(document.activeElement);
      if (event.key === "ArrowDown") at = Math.min(at + 1, links.length - 1);
      else if (event.key === "ArrowUp") at -= 1;
      else if (event.key === "Enter" && at < 0 && links.length) { links[0].click(); return; }
      else return;
      event.preventDefault();
      (links[at] || input).focus();
    }

    input.addEventListener("input", show);
    dialog.addEventListener("keydown", step);
    dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    return function () {
      if (!dialog.open) dialog.showModal();
      input.select();
      Modelbook.load("search", root + "assets/data/search.js", function (value, error) {
        if (error) { note.hidden = false; note.textContent = "The search index could not be loaded."; return; }
        entries = value;
        show();
      });
    };
  }

  function addSearch() {
    var bar = document.querySelector(".md-header__inner");
    if (!bar || typeof HTMLDialogElement === "undefined") return;
    var open = null;
    var button = element("button", { type: "button", class: "mb-search-open", "aria-label": "Search" });
    button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9.500 3a6.500 6.500 0 0 1 5.200 10.400l5.300 5.300-1.300 1.300-5.300-5.300A6.500 6.500 0 1 1 9.500 3m0 2a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9"/></svg>';
    button.append(element("span", {}, "Search"), element("kbd", {}, "/"));
    function show() { (open = open || makeDialog())(); }
    button.addEventListener("click", show);
    bar.append(button);
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/" || event.key === "s") { event.preventDefault(); show(); }
    });
  }

  /* The theme has a link past the navigation only for pages with a table of contents. */
  function addSkip() {
    var place = document.querySelector("[data-md-component=skip]");
    var heading = document.querySelector(".md-content h1");
    if (!place || !heading || place.querySelector("a")) return;
    heading.id = heading.id || "content";
    heading.tabIndex = -1;
    place.append(element("a", { class: "md-skip", href: "#" + heading.id }, "Skip to content"));
  }

  /* Pages of runs and commits are in no navigation; their section's tab is still the active one. */
  function markTab() {
    var part = location.href.slice(root.length).split(/[/?#]/)[0];
    var section = { commits: "changes", compare: "runs" }[part] || part;
    if (document.querySelector(".md-tabs__item--active") || !section) return;
    document.querySelectorAll(".md-tabs__link").forEach(function (link) {
      if (link.href === root + section + "/index.html") link.parentElement.classList.add("md-tabs__item--active");
    });
  }

  /* The receipt that an address points to is open. */
  function openTarget() {
    var id = decodeURIComponent(location.hash.slice(1));
    var target = id && document.getElementById(id);
    if (!target || !(target.tagName === "DETAILS" || target.closest("details"))) return;
    for (var node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  }

  /* A value that is opened shows its receipt, which stands on the page once for all values of its file. */
  function showReceipt(event) {
    var link = event.target.open && event.target.querySelector("a[data-mb-receipt]");
    var source = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!source) return;
    var copies = Array.prototype.map.call(source.childNodes, function (node) { return node.cloneNode(true); });
    link.parentElement.replaceWith.apply(link.parentElement, copies);
    var copy = element("button", { type: "button", class: "mb-button", "data-copy": said(event.target) }, "Copy receipt");
    event.target.append(element("p", {}, copy));
  }

  /* A receipt as lines of text, every digit of a hash in it. */
  function said(fact) {
    var value = fact.querySelector("summary .mb-value").firstChild;
    var lines = [fact.querySelector(".mb-fact-name").textContent + ": " + value.textContent.trim()];
    fact.querySelectorAll("dl > div").forEach(function (row) {
      var full = row.querySelector("dd span[title]");
      lines.push(row.querySelector("dt").textContent + ": " + (full ? full.title : row.querySelector("dd").textContent).trim());
    });
    var code = fact.querySelector("pre");
    return lines.concat(code ? code.textContent : []).join("\n");
  }

  /* <a data-carry="q f." href="x#of=all"> takes along what the page's own address says of these keys: `q`, and those
     that begin with `f.`. */
  function carry(event) {
    var link = event.target.closest && event.target.closest("a[data-carry]");
    if (!link) return;
    var bare = link.dataset.bare || (link.dataset.bare = link.getAttribute("href"));
    var wanted = link.dataset.carry.split(" ");
    var kept = Array.from(new URLSearchParams(location.hash.slice(1))).filter(function (pair) {
      return wanted.some(function (key) { return pair[0] === key || (/\.$/.test(key) && pair[0].indexOf(key) === 0); });
    });
    link.href = bare + (kept.length ? "&" + new URLSearchParams(kept) : "");
  }

  document.addEventListener("pointerdown", carry, true);
  document.addEventListener("click", carry, true);
  addSkip();
  addSearch();
  markTab();
  document.addEventListener("toggle", showReceipt, true);
  openTarget();
  window.addEventListener("hashchange", openTarget);
})();
