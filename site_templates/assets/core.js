/* The one global, `Modelbook`, and what the other scripts share.

   The site must work from file://, where browsers block fetch(), workers and module scripts. So these are
   classic deferred scripts (this one first), and data comes as scripts too: a data file is one call,

     Modelbook.data("runs", VALUE);

   where VALUE is an object, or a string of JSON (which browsers parse faster when it is large).

   Modelbook.load(name, src, done)    insert the data file once; done(value, error)
   Modelbook.script(src, done)        insert any script once; done(error)
   Modelbook.element(tag, attributes, ...children)   strings become text nodes, never markup
   Modelbook.copy(text, done)         to the clipboard; done(ok)
   Modelbook.safeHref(href)           href, or "" when it is not a relative, http or https address

   Any <button data-copy="text"> or <button data-copy-from="#id"> copies when clicked; an empty one in a .mb-command
   the code beside it. */
(function () {
  "use strict";

  var Modelbook = (window.Modelbook = window.Modelbook || {});
  var values = new Map();
  var scripts = new Map();

  Modelbook.data = function (name, value) {
    values.set(name, typeof value === "string" ? JSON.parse(value) : value);
  };

  Modelbook.script = function (src, done) {
    var known = scripts.get(src);
    if (!known) {
      known = new Promise(function (resolve, reject) {
        var script = document.createElement("script");
        script.src = src;
        script.onload = function () { resolve(); };
        script.onerror = function () {
          scripts.delete(src);
          reject(new Error("cannot load " + src));
        };
        document.head.append(script);
      });
      scripts.set(src, known);
    }
    known.then(function () { done(null); }, done);
  };

  Modelbook.load = function (name, src, done) {
    if (values.has(name)) {
      done(values.get(name), null);
      return;
    }
    Modelbook.script(src, function (error) {
      if (!error && !values.has(name)) error = new Error(src + " holds no data named " + name);
      done(error ? null : values.get(name), error);
    });
  };

  Modelbook.element = function (tag, attributes) {
    var node = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      var value = attributes[name];
      if (value === null || value === undefined || value === false) return;
      if (typeof value === "function") node.addEventListener(name, value);
      else if (name === "value") node.value = value;
      else node.setAttribute(name, value === true ? "" : String(value));
    });
    node.append.apply(node, Array.prototype.slice.call(arguments, 2));
    return node;
  };

  Modelbook.safeHref = function (href) {
    var compact = String(href || "").replace(/[\u0000-\u0020]/g, "");
    return /^[^/?#]*:/.test(compact) && !/^https?:\/\//i.test(compact) ? "" : String(href || "");
  };

  function copyByHand(text) {
    var area = Modelbook.element("textarea", { value: text, readonly: true, style: "position:fixed;opacity:0" });
    var focused = document.activeElement;
    document.body.append(area);
    area.select();
    var ok = false;
    try {
      ok = document.execCommand("copy");
    } catch (error) {
      ok = false;
    }
    area.remove();
    if (focused && focused.focus) focused.focus();
    return ok;
  }

  Modelbook.copy = function (text, done) {
    done = done || function () {};
    if (!navigator.clipboard || !window.isSecureContext) {
      done(copyByHand(text));
      return;
    }
    navigator.clipboard.writeText(text).then(
      function () { done(true); },
      function () { done(copyByHand(text)); }
    );
  };

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    var source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
    var code = !button.dataset.copy && button.closest(".mb-command") && button.parentElement.querySelector("code");
    Modelbook.copy(source || code ? (source || code).textContent : button.dataset.copy || "", function (ok) {
      var label = button.dataset.label || (button.dataset.label = button.textContent);
      button.textContent = ok ? "Copied" : "Press Ctrl+C";
      setTimeout(function () { button.textContent = label; }, 1500);
    });
  });
})();
