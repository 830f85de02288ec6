/* Equal, better, worse and best, for pages that compare in the browser: the rule of modelbook/judge.py, to which a
   test holds it.

   A rule is a metric or a column, {direction, atol, rtol, min_delta}; what it leaves out is none, or 0.

   Modelbook.judge.equal(rule, before, after)    whether two numbers count as the same
   Modelbook.judge.better(rule, before, after)   true, false, or null for no change that counts
   Modelbook.judge.best(rule, numbers)           the best of them, NaN where there is none
   Modelbook.judge.isBest(rule, number, best)    whether a number counts as the best */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;

  function atMost(low, high) {
    return low <= high || Math.abs(low - high) <= Math.max(1e-9 * Math.max(Math.abs(low), Math.abs(high)), 1e-12);
  }

  function equal(rule, before, after) {
    var room = Math.max(rule.atol || 0, (rule.rtol || 0) * Math.abs(before));
    return before === after || (room > 0 && atMost(Math.abs(after - before), room));
  }

  function knows(rule) { return rule.direction === "maximize" || rule.direction === "minimize"; }

  function better(rule, before, after) {
    if (!Number.isFinite(before) || !Number.isFinite(after) || !knows(rule) || equal(rule, before, after)) return null;
    var gain = rule.direction === "maximize" ? after - before : before - after;
    if (gain < 0) return false;
    return atMost(rule.min_delta || 0, gain) ? true : null;
  }

  function best(rule, numbers) {
    var result = NaN;
    if (!knows(rule)) return result;
    for (var at = 0; at < numbers.length; at += 1) {
      var value = numbers[at];
      if (Number.isFinite(value) && (result !== result || (rule.direction === "maximize" ? value > result : value < result))) {
        result = value;
      }
    }
    return result;
  }

  function isBest(rule, number, top) {
    return Number.isFinite(number) && Number.isFinite(top) && equal(rule, number, top);
  }

  Modelbook.judge = { equal: equal, better: better, best: best, isBest: isBest };
})();
