/* The lineage's data without its looks: names, what to show of it, where everything stands.

   The data file calls Modelbook.data("lineage", {
     version: 1, leftOut: "what is left out, in words, or empty", head: [commit, its href] or null,
     kinds: {stage: {icon: "path data", round: 3, tone: 6, plural: "stages"}, ...},
     runs: [[id, name, href, experiment, its href, commit, its href], ...],
     commits: [[text, href, title], ...],
     boxes: [[id, label], ...],                         what may be drawn as one
     nodes: {kind: [...], name: [...],                  one entry for each node; its id is KIND:NAME
             label, detail, hash, size, files, command, href, run, box, commit, minor: {"node number": value}},
     edges: [from, to, from, to, ...]                   numbers of nodes, the way data flows
   }); `run`, `box` and `commit` count from 1. A minor node is code, or a result that nothing reads.

   Modelbook.graph.read(json)              {nodes, ahead, behind, boxes, ...}: lists of neighbours by number
   Modelbook.graph.select(graph, text)     what "2+NAME+1" means: {name, up, down, seeds} or null
   Modelbook.graph.find(graph, text, most) names that hold the text, the best first
   Modelbook.graph.view(graph, wish)       {cells, edges, hidden, total, nodes}; wish: {seeds, up, down, details, open}
   Modelbook.graph.place(cells, edges, row, gap)   {at: [[column, y]], bends: [[[column, y]]], columns, height} */
(function () {
  "use strict";

  var Modelbook = window.Modelbook;
  var ALIKE = 5;     // fewest siblings that are drawn as one
  var MOST = 600;    // most cells in one drawing
  var BENDS = 3000;  // most bends of long edges; edges beyond them are drawn straight
  var SWEEPS = 8;

  // -- data

  function read(json) {
    var columns = json.nodes;
    var graph = {
      leftOut: json.leftOut || "", head: json.head, kinds: json.kinds, byId: new Map(), ofRun: new Map(), ahead: [], behind: [],
      boxes: json.boxes.map(function (box) { return { id: box[0], label: box[1], members: [] }; })
    };
    graph.nodes = columns.kind.map(function (kind, at) {
      function value(name) { return columns[name][at] === undefined ? null : columns[name][at]; }
      var run = value("run") ? json.runs[value("run") - 1] : null;
      var box = value("box") ? graph.boxes[value("box") - 1] : null;
      var node = {
        at: at, id: kind + ":" + columns.name[at], kind: kind, label: value("label") || columns.name[at],
        detail: value("detail") || "", hash: value("hash"), size: value("size"), files: value("files"),
        command: value("command"), href: value("href"), minor: Boolean(value("minor")), box: box,
        commit: value("commit") ? json.commits[value("commit") - 1] : null,
        run: run && { id: run[0], name: run[1], href: run[2], experiment: run[3], experimentHref: run[4],
          commit: run[5], commitHref: run[6] }
      };
      if (box) box.members.push(at);
      if (run) graph.ofRun.set(run[0], (graph.ofRun.get(run[0]) || []).concat(at));
      graph.byId.set(node.id, at);
      graph.ahead.push([]);
      graph.behind.push([]);
      return node;
    });
    for (var edge = 0; edge < json.edges.length; edge += 2) {
      graph.ahead[json.edges[edge]].push(json.edges[edge + 1]);
      graph.behind[json.edges[edge + 1]].push(json.edges[edge]);
    }
    return graph;
  }

  // -- names

  var KINDS = ["artifact", "data", "stage", "model", "environment", "deployment", "run"];

  /* The nodes that a person names: an id, a box, a run, a path, a label. */
  function resolve(graph, name) {
    var clean = name.trim().replace(/^\.\//, "");
    if (!clean) return [];
    if (graph.byId.has(clean)) return [graph.byId.get(clean)];
    var run = graph.ofRun.get(clean.replace(/^run:/, ""));
    if (run) return run;
    var box = graph.boxes.find(function (one) { return one.id === clean; });
    if (box) return box.members;
    for (var at = 0; at < KINDS.length; at++) {
      var id = KINDS[at] + ":" + clean.replace(/\/$/, "");
      if (graph.byId.has(id)) return [graph.byId.get(id)];
    }
    var labelled = graph.nodes.find(function (node) { return node.label === clean; });
    return labelled ? [labelled.at] : [];
  }

  /* "2+name+1": two steps up, one down; "+name": all that it comes from; a name with a plus in it comes first. */
  function select(graph, text) {
    var whole = text.trim();
    var seeds = resolve(graph, whole);
    if (seeds.length) return { name: whole, up: 0, down: 0, seeds: seeds };
    for (var at = 0; at < FORMS.length; at++) {
      var found = FORMS[at][0].exec(whole);
      if (!found) continue;
      var group = function (number) { return number ? found[number] : undefined; };
      seeds = resolve(graph, group(FORMS[at][2]));
      if (seeds.length) {
        return { name: group(FORMS[at][2]).trim(), up: steps(group(FORMS[at][1])), down: steps(group(FORMS[at][3])), seeds: seeds };
      }
    }
    return null;
  }

  // [form, groups of the steps up, the name, the steps down]; a name may have a plus of its own at either end,
  // so what leaves it there is tried first.
  var FORMS = [[/^(\d*)\+(.+)$/, 1, 2, 0], [/^(.+)\+(\d*)$/, 0, 1, 2], [/^(\d*)\+(.+)\+(\d*)$/, 1, 2, 3]];

  function steps(count) { return count === undefined ? 0 : count === "" ? Infinity : Number(count); }

  function written(name, up, down) {
    return (up ? (up === Infinity ? "" : up) + "+" : "") + name + (down ? "+" + (down === Infinity ? "" : down) : "");
  }

  function find(graph, text, most) {
    var words = text.toLowerCase().split(/\s+/).filter(Boolean);
    var found = [];
    function offer(id, label, kind) {
      var title = (label + " " + id).toLowerCase();
      if (!words.every(function (word) { return title.indexOf(word) >= 0; })) return;
      var plain = label.toLowerCase();
      var start = words.length && (plain === words[0] ? 0 : plain.indexOf(words[0]) === 0 ? 1 : 2);
      found.push({ id: id, label: label, kind: kind, rank: start * 1000 + Math.min(label.length, 900) });
    }
    graph.boxes.forEach(function (box) {
      if (box.label) offer(box.id, box.label + " (" + box.members.length + ")", box.id.split(":")[0]);
    });
    graph.nodes.forEach(function (node) { offer(node.id, node.label, node.kind); });
    graph.ofRun.forEach(function (members, id) { offer("run:" + id, graph.nodes[members[0]].run.name + " · " + id, "run"); });
    return found.sort(function (a, b) { return a.rank - b.rank || (a.id < b.id ? -1 : 1); }).slice(0, most);
  }

  // -- what to show

  function reach(start, next, limit) {
    var distance = new Map(start.map(function (at) { return [at, 0]; }));
    var ring = start;
    for (var step = 1; ring.length && step <= limit; step++) {
      var further = [];
      ring.forEach(function (at) {
        next[at].forEach(function (other) {
          if (!distance.has(other)) { distance.set(other, step); further.push(other); }
        });
      });
      ring = further;
    }
    return distance;
  }

  function chosen(graph, wish) {
    var inside = new Set();
    if (wish.seeds.length) {
      reach(wish.seeds, graph.behind, wish.up).forEach(function (_, at) { inside.add(at); });
      reach(wish.seeds, graph.ahead, wish.down).forEach(function (_, at) { inside.add(at); });
    } else {
      graph.nodes.forEach(function (node) { inside.add(node.at); });
    }
    var seeds = new Set(wish.seeds);
    return graph.nodes.filter(function (node) {
      return inside.has(node.at) && (wish.details || !node.minor || seeds.has(node.at));
    });
  }

  function view(graph, wish) {
    var seeds = new Set(wish.seeds);
    var nodes = chosen(graph, wish);
    var cells = boxed(graph, nodes, seeds, wish);
    cells = twins(graph, cells, seeds, wish.open);
    var edges = joined(graph, cells);
    var result = { total: cells.length, nodes: nodes.length, hidden: 0, skipped: 0, cells: cells, edges: edges };
    if (cells.length > MOST && !wish.seeds.length) withoutArtifacts(result);
    if (result.cells.length > MOST) nearest(result);
    result.cells.forEach(function (cell, at) { cell.at = at; });
    return result;
  }

  function cellOf(node, seeds) { return { key: node.id, kind: node.kind, members: [node.at], seed: seeds.has(node.at), box: null }; }

  /* Boxes that are closed, as one cell each; all other nodes alone. */
  function boxed(graph, nodes, seeds, wish) {
    var held = new Map();
    nodes.forEach(function (node) {
      if (!node.box) return;
      if (!held.has(node.box)) held.set(node.box, []);
      held.get(node.box).push(node.at);
    });
    var enough = wish.seeds.length ? ALIKE : 2;
    var cells = [];
    var made = new Map();
    nodes.forEach(function (node) {
      var members = node.box && held.get(node.box);
      var picked = members && members.some(function (at) { return seeds.has(at); });
      var all = picked && members.every(function (at) { return seeds.has(at); });
      var apart = !members || members.length < enough || wish.open.has(node.box.id) || (picked && !all && seeds.has(node.at));
      if (apart) {
        cells.push(Object.assign(cellOf(node, seeds), { opened: Boolean(node.box) && wish.open.has(node.box.id) }));
        return;
      }
      var cell = made.get(node.box);
      if (!cell) {
        cell = { key: node.box.id, kind: node.kind, members: [], seed: Boolean(all), box: node.box };
        made.set(node.box, cell);
        cells.push(cell);
      }
      cell.members.push(node.at);
    });
    return cells;
  }

  /* Five or more single nodes of one kind with the same neighbours, as one cell. */
  function twins(graph, cells, seeds, open) {
    var home = homes(graph, cells);
    var alike = new Map();
    cells.forEach(function (cell, number) {
      if (cell.members.length > 1 || cell.seed || cell.opened) return;
      var at = cell.members[0];
      var near = [graph.behind[at], graph.ahead[at]].map(function (side) {
        return Array.from(new Set(side.map(function (other) { return home[other]; }).filter(known))).sort();
      });
      if (!near[0].length && !near[1].length) return;
      var same = cell.kind + "|" + near[0].join() + "|" + near[1].join();
      if (!alike.has(same)) alike.set(same, []);
      alike.get(same).push(number);
    });
    var dropped = new Set();
    alike.forEach(function (numbers) {
      if (numbers.length < ALIKE) return;
      var first = cells[numbers[0]];
      var key = "like:" + first.key;
      if (open.has(key)) return;
      var members = numbers.map(function (number) { return cells[number].members[0]; });
      cells[numbers[0]] = { key: key, kind: first.kind, members: members, seed: false, box: { id: key, label: "", members: members } };
      numbers.slice(1).forEach(function (number) { dropped.add(number); });
    });
    return cells.filter(function (_, number) { return !dropped.has(number); });
  }

  function known(number) { return number !== undefined; }

  function homes(graph, cells) {
    var home = new Array(graph.nodes.length);
    cells.forEach(function (cell, number) { cell.members.forEach(function (at) { home[at] = number; }); });
    return home;
  }

  function joined(graph, cells) {
    var home = homes(graph, cells);
    var seen = new Set();
    var edges = [];
    cells.forEach(function (cell, from) {
      cell.members.forEach(function (at) {
        graph.ahead[at].forEach(function (other) {
          var to = home[other];
          if (to === undefined || to === from || seen.has(from * 1e6 + to)) return;
          seen.add(from * 1e6 + to);
          edges.push([from, to]);
        });
      });
    });
    return edges;
  }

  /* Of a graph too large to draw: stages, data and models, joined through the artifacts between them. */
  function withoutArtifacts(result) {
    var ahead = result.cells.map(function () { return []; });
    result.edges.forEach(function (edge) { ahead[edge[0]].push(edge[1]); });
    var kept = result.cells.map(function (cell) { return cell.kind !== "artifact"; });
    var seen = new Set();
    var edges = [];
    result.cells.forEach(function (_, from) {
      if (!kept[from]) return;
      var todo = ahead[from].slice();
      var passed = new Set();
      while (todo.length) {
        var to = todo.pop();
        if (passed.has(to)) continue;
        passed.add(to);
        if (!kept[to]) todo = todo.concat(ahead[to]);
        else if (!seen.has(from * 1e6 + to)) { seen.add(from * 1e6 + to); edges.push([from, to]); }
      }
    });
    var before = result.cells.length;
    keep(result, kept, edges);
    result.skipped = before - result.cells.length;
  }

  /* The cells nearest to the chosen ones, whichever way the edges point; without a choice, stages first. */
  function nearest(result) {
    var near = result.cells.map(function () { return []; });
    result.edges.forEach(function (edge) { near[edge[0]].push(edge[1]); near[edge[1]].push(edge[0]); });
    var start = result.cells.map(function (_, at) { return at; }).filter(function (at) { return result.cells[at].seed; });
    var distance = reach(start, near, Infinity);
    function weight(at) {
      if (start.length) return distance.has(at) ? distance.get(at) : 1e9;
      return result.cells[at].members.length > 1 ? 0 : { model: 1, environment: 1, deployment: 1, stage: 2 }[result.cells[at].kind] || 3;
    }
    var order = result.cells.map(function (_, at) { return at; });
    order.sort(function (a, b) { return weight(a) - weight(b) || a - b; });
    var kept = new Array(order.length).fill(false);
    order.slice(0, MOST).forEach(function (at) { kept[at] = true; });
    result.hidden = result.cells.length - MOST;
    keep(result, kept, result.edges.filter(function (edge) { return kept[edge[0]] && kept[edge[1]]; }));
  }

  function keep(result, kept, edges) {
    var moved = [];
    var cells = [];
    result.cells.forEach(function (cell, at) { if (kept[at]) { moved[at] = cells.length; cells.push(cell); } });
    result.cells = cells;
    result.edges = edges.map(function (edge) { return [moved[edge[0]], moved[edge[1]]]; });
  }

  // -- where it stands: the method of Sugiyama, as charts/_layers.py has it for the still drawing

  function place(cells, edges, row, gap) {
    var order = topological(cells.length, edges);
    var place = [];
    order.forEach(function (node, at) { place[node] = at; });
    var forward = edges.filter(function (edge) { return place[edge[0]] < place[edge[1]]; });
    var result = { at: new Array(cells.length), bends: new Map(), columns: 1, height: 0 };
    var singles = [];
    parts(cells.length, order, forward).forEach(function (part) {
      if (part.nodes.length === 1) singles.push(part.nodes[0]);
      else placePart(part, place, row, gap, result);
    });
    var across = Math.max(4, result.columns);
    singles.forEach(function (node, at) {
      result.at[node] = [at % across, result.height + Math.floor(at / across) * (row + gap) + row / 2];
      result.columns = Math.max(result.columns, at % across + 1);
    });
    result.height += Math.ceil(singles.length / across) * (row + gap);
    return result;
  }

  function topological(count, edges) {
    var ahead = Array.from({ length: count }, function () { return []; });
    var waiting = new Array(count).fill(0);
    edges.forEach(function (edge) { ahead[edge[0]].push(edge[1]); waiting[edge[1]]++; });
    var done = new Array(count).fill(false);
    var order = [];
    var ready = [];
    var next = 0;
    waiting.forEach(function (number, at) { if (!number) ready.push(at); });
    while (order.length < count) {
      if (!ready.length) {  // a circle: broken at its first node
        while (done[next]) next++;
        ready.push(next);
      }
      var node = ready.shift();
      if (done[node]) continue;
      done[node] = true;
      order.push(node);
      ahead[node].forEach(function (to) { if (!--waiting[to] && !done[to]) ready.push(to); });
    }
    return order;
  }

  function parts(count, order, edges) {
    var root = Array.from({ length: count }, function (_, at) { return at; });
    function find(node) {
      while (root[node] !== node) { root[node] = root[root[node]]; node = root[node]; }
      return node;
    }
    edges.forEach(function (edge) { root[find(edge[0])] = find(edge[1]); });
    var found = new Map();
    order.forEach(function (node) {
      var key = find(node);
      if (!found.has(key)) found.set(key, { nodes: [], edges: [] });
      found.get(key).nodes.push(node);
    });
    edges.forEach(function (edge) { found.get(find(edge[0])).edges.push(edge); });
    return Array.from(found.values()).sort(function (a, b) { return b.nodes.length - a.nodes.length; });
  }

  /* The longest way from a source; a source itself stands right before its first reader. */
  function ranks(part, place) {
    var rank = new Map(part.nodes.map(function (node) { return [node, 0]; }));
    var reached = new Set();
    var first = new Map();
    part.edges.slice().sort(function (a, b) { return place[a[0]] - place[b[0]]; }).forEach(function (edge) {
      rank.set(edge[1], Math.max(rank.get(edge[1]), rank.get(edge[0]) + 1));
      reached.add(edge[1]);
    });
    part.edges.forEach(function (edge) {
      var to = rank.get(edge[1]);
      first.set(edge[0], Math.min(first.has(edge[0]) ? first.get(edge[0]) : to, to));
    });
    part.nodes.forEach(function (node) { if (!reached.has(node)) rank.set(node, first.get(node) - 1); });
    return rank;
  }

  function placePart(part, place, row, gap, result) {
    var rank = ranks(part, place);
    var points = part.nodes.map(function (node) { return { node: node, column: rank.get(node), size: row, before: [], after: [], y: 0 }; });
    var byNode = new Map(points.map(function (point) { return [point.node, point]; }));
    var ways = cut(part.edges, byNode, points);
    var columns = [];
    points.forEach(function (point) { (columns[point.column] = columns[point.column] || []).push(point); });
    for (var at = 0; at < columns.length; at++) columns[at] = columns[at] || [];
    arrange(columns);
    heights(columns, gap);
    var top = Math.min.apply(null, points.map(function (point) { return point.y - point.size / 2; }));
    var shift = result.height - top;
    part.nodes.forEach(function (node) { result.at[node] = [rank.get(node), byNode.get(node).y + shift]; });
    ways.forEach(function (way) {
      result.bends.set(way.edge, way.points.map(function (point) { return [point.column, point.y + shift]; }));
    });
    result.columns = Math.max(result.columns, columns.length);
    result.height = Math.max.apply(null, points.map(function (point) { return point.y + point.size / 2; })) + shift + gap;
  }

  /* Long edges are cut, so that each piece spans one column. */
  function cut(edges, byNode, points) {
    var left = BENDS;
    function span(edge) { return byNode.get(edge[1]).column - byNode.get(edge[0]).column - 1; }
    return edges.slice().sort(function (a, b) { return span(a) - span(b); }).map(function (edge) {
      var from = byNode.get(edge[0]);
      var to = byNode.get(edge[1]);
      var bends = [];
      if (span(edge) > left) return { edge: edge, points: bends };
      left -= span(edge);
      for (var column = from.column + 1; column < to.column; column++) {
        var bend = { node: -1, column: column, size: 8, before: [], after: [], y: 0 };
        bends.push(bend);
        points.push(bend);
      }
      [from].concat(bends).forEach(function (point, at) {
        var next = bends[at] || to;
        point.after.push(next);
        next.before.push(point);
      });
      return { edge: edge, points: bends };
    });
  }

  /* Orders every column by the middle of its neighbours, there and back, and keeps the order that crosses least. */
  function arrange(columns) {
    var best = null;
    var least = Infinity;
    number(columns);
    for (var sweep = 0; sweep < SWEEPS && least > 0; sweep++) {
      var side = sweep % 2 ? "after" : "before";
      (sweep % 2 ? columns.slice().reverse() : columns).forEach(function (column) {
        column.forEach(function (point) { point.wish = median(point[side].map(function (other) { return other.order; }), point.order); });
        column.sort(function (a, b) { return a.wish - b.wish || a.order - b.order; });
        column.forEach(function (point, at) { point.order = at; });
      });
      var crossed = crossings(columns);
      if (crossed < least) { least = crossed; best = columns.map(function (column) { return column.slice(); }); }
    }
    best.forEach(function (column, at) { columns[at] = column; });
    number(columns);
  }

  function number(columns) { columns.forEach(function (column) { column.forEach(function (point, at) { point.order = at; }); }); }

  /* Pairs of edges between neighbouring columns that cross, counted with a tree of sums. */
  function crossings(columns) {
    var sum = 0;
    columns.forEach(function (column, at) {
      var next = columns[at + 1];
      if (!next) return;
      var tree = new Array(next.length + 1).fill(0);
      var seen = 0;
      column.forEach(function (point) {
        var ends = point.after.map(function (other) { return other.order; });
        ends.forEach(function (end) {
          var upTo = 0;
          for (var i = end + 1; i > 0; i -= i & -i) upTo += tree[i];
          sum += seen - upTo;
        });
        ends.forEach(function (end) {
          for (var i = end + 1; i <= next.length; i += i & -i) tree[i]++;
          seen++;
        });
      });
    });
    return sum;
  }

  function median(values, otherwise) {
    if (!values.length) return otherwise;
    values.sort(function (a, b) { return a - b; });
    return (values[(values.length - 1) >> 1] + values[values.length >> 1]) / 2;
  }

  /* A height for everything: as near to its neighbours as order and distance allow. */
  function heights(columns, gap) {
    columns.forEach(function (column) { spread(column, column.map(function () { return 0; }), gap); });
    for (var sweep = 0; sweep < SWEEPS; sweep++) {
      var side = sweep % 2 ? "after" : "before";
      (sweep % 2 ? columns.slice().reverse() : columns).forEach(function (column) {
        spread(column, column.map(function (point) {
          return median(point[side].map(function (other) { return other.y; }), point.y);
        }), gap);
      });
    }
  }

  /* The heights nearest to those wanted that keep order and distances: neighbours that would be out of order
     are pooled at their mean. */
  function spread(column, wanted, gap) {
    var offset = 0;
    var offsets = column.map(function (point, at) {
      if (at) offset += (column[at - 1].size + point.size) / 2 + gap;
      return offset;
    });
    var blocks = [];
    wanted.forEach(function (want, at) {
      var block = { total: want - offsets[at], count: 1 };
      while (blocks.length && blocks[blocks.length - 1].total / blocks[blocks.length - 1].count > block.total / block.count) {
        var above = blocks.pop();
        block.total += above.total;
        block.count += above.count;
      }
      blocks.push(block);
    });
    var at = 0;
    blocks.forEach(function (block) {
      for (var member = 0; member < block.count; member++, at++) column[at].y = block.total / block.count + offsets[at];
    });
  }

  Modelbook.graph = { read: read, resolve: resolve, select: select, written: written, find: find, view: view, place: place };
})();
