// The graph of columns: one table or column in the middle, what it comes of on the left, what it goes into on the right.
"use strict";
(() => {
  const MOST_COLUMNS = 12;
  const { tables, edges, hows, unknown } = window.tidemark.lineage;
  const names = new Map(tables.map(([name], number) => [name, number]));
  const into = tables.map(() => []);
  const from = tables.map(() => []);
  for (const edge of edges) {
    from[edge[0]].push(edge);
    into[edge[2]].push(edge);
  }

  const form = document.querySelector("[data-lineage-form]");
  const place = document.querySelector("[data-graph]");
  const told = document.querySelector("[data-told]");
  const clear = document.querySelector("[data-clear]");
  const words = document.querySelector("[data-words]");
  const key = (table, column) => `${table}/${column}`;
  let shown = null;

  // Edges that are reached from a start in one direction: `next` gives those of a table, `end` says which end is new.
  function reach(start, column, next, near, far, steps) {
    const found = new Set();
    const seen = new Set([column === null ? `${start}` : key(start, column)]);
    let waiting = [[start, column]];
    for (let step = 0; step < steps && waiting.length; step += 1) {
      const later = [];
      for (const [table, at] of waiting) {
        for (const edge of next[table]) {
          if (at !== null && edge[near + 1] !== at) continue;
          found.add(edge);
          const other = [edge[far], at === null ? null : edge[far + 1]];
          const name = other[1] === null ? `${other[0]}` : key(...other);
          if (!seen.has(name)) {
            seen.add(name);
            later.push(other);
          }
        }
      }
      waiting = later;
    }
    return [...found];
  }

  // How far left or right each table stands: before all that read it, behind all that it reads.
  function ranked(focus, upstream, downstream) {
    const rank = new Map([[focus, 0]]);
    for (const [some, near, far, by] of [[upstream, 2, 0, -1], [downstream, 0, 2, 1]]) {
      for (let moved = true, turns = 0; moved && turns <= tables.length; turns += 1) {
        moved = false;
        for (const edge of some) {
          const base = rank.get(edge[near]);
          if (base === undefined || edge[far] === edge[near] || edge[far] === focus) continue;
          const wanted = base + by;
          const now = rank.get(edge[far]);
          if (now === undefined || (by < 0 ? wanted < now : wanted > now)) {
            rank.set(edge[far], wanted);
            moved = true;
          }
        }
      }
    }
    return rank;
  }

  function columnsOf(table, focus, column, some) {
    const used = new Set();
    for (const edge of some) {
      if (edge[0] === table) used.add(edge[1]);
      if (edge[2] === table) used.add(edge[3]);
    }
    if (table === focus && column === null) return tables[table][3].map((_, number) => number);
    if (table === focus) used.add(column);
    return [...used].sort((a, b) => a - b);
  }

  function element(tag, kind, text) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function node(table, columns, focus, column, buttons) {
    const [name, layer, slug, all] = tables[table];
    const box = element("section", `node ${layer}`);
    box.setAttribute("aria-label", name);
    if (table === focus) box.classList.add("focus");
    const head = element("header");
    const title = element("button", "title");
    for (const part of name.split(/(?<=[._])/)) title.append(part, document.createElement("wbr"));
    title.type = "button";
    title.title = "Put it in the middle";
    title.addEventListener("click", () => go(table, null));
    head.append(title);
    if (slug) {
      const page = element("a", "page", "page");
      page.href = `tables/${slug}.html`;
      page.setAttribute("aria-label", `Page of ${name}`);
      head.append(page);
    }
    box.append(head);
    const list = element("ul");
    const most = table === focus ? columns.length : MOST_COLUMNS;
    for (const number of columns.slice(0, most)) {
      const button = element("button", "column", all[number]);
      button.type = "button";
      button.dataset.at = key(table, number);
      button.setAttribute("aria-pressed", String(table === focus && number === column));
      button.addEventListener("click", () => go(table, number));
      const item = element("li");
      item.append(button);
      list.append(item);
      buttons.set(key(table, number), button);
    }
    if (columns.length > most) {
      const more = element("li", "more", `and ${columns.length - most} more`);
      list.append(more);
      for (const number of columns.slice(most)) buttons.set(key(table, number), more);
    }
    box.append(list);
    return box;
  }

  function draw() {
    const { lines, buttons, inner, svg } = shown;
    const base = inner.getBoundingClientRect();
    svg.setAttribute("width", inner.scrollWidth);
    svg.setAttribute("height", inner.scrollHeight);
    for (const { edge, path } of lines) {
      const a = buttons.get(key(edge[0], edge[1])).getBoundingClientRect();
      const b = buttons.get(key(edge[2], edge[3])).getBoundingClientRect();
      const [x, y] = [a.right - base.left, a.top + a.height / 2 - base.top];
      const [u, v] = [b.left - base.left, b.top + b.height / 2 - base.top];
      const bend = Math.max(28, Math.abs(u - x) / 2);
      path.setAttribute("d", `M${x} ${y} C${x + bend} ${y} ${u - bend} ${v} ${u} ${v}`);
    }
  }

  function light(at) {
    for (const { edge, path } of shown.lines) {
      const near = at !== null && (key(edge[0], edge[1]) === at || key(edge[2], edge[3]) === at);
      path.classList.toggle("lit", near);
    }
    shown.inner.classList.toggle("dimmed", at !== null && shown.lines.some(({ path }) => path.classList.contains("lit")));
  }

  function show(focus, column, steps) {
    const upstream = reach(focus, column, into, 2, 0, steps);
    const downstream = reach(focus, column, from, 0, 2, steps);
    const some = [...new Set([...upstream, ...downstream])].filter((edge) => edge[0] !== edge[2]);
    const rank = ranked(focus, upstream, downstream);
    const inner = element("div", "inner");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    inner.append(svg);
    const buttons = new Map();
    for (const at of [...new Set(rank.values())].sort((a, b) => a - b)) {
      const stack = element("div", "rank");
      const here = [...rank].filter(([, each]) => each === at).map(([table]) => table);
      here.sort((a, b) => tables[a][0].localeCompare(tables[b][0]));
      for (const table of here) stack.append(node(table, columnsOf(table, focus, column, some), focus, column, buttons));
      inner.append(stack);
    }
    const lines = some.map((edge) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", edge[5] ? "direct" : "indirect");
      svg.append(path);
      return { edge, path };
    });
    place.replaceChildren(inner);
    shown = { lines, buttons, inner, svg, focus, column };
    for (const [kind, at] of [["pointerover", true], ["focusin", true], ["pointerout", false], ["focusout", false]]) {
      inner.addEventListener(kind, (event) => {
        const button = event.target.closest(".column");
        if (button && (kind !== "focusin" || button.matches(":focus-visible"))) light(at ? button.dataset.at : null);
      });
    }
    inner.addEventListener("keydown", walk);
    draw();
    tell(focus, column, upstream, downstream, rank.size);
    const middle = inner.querySelector(".node.focus");
    const [at, frame] = [middle.getBoundingClientRect(), place.getBoundingClientRect()];
    place.scrollLeft += at.left - frame.left - (frame.width - at.width) / 2;
    place.scrollTop += at.top - frame.top - Math.max(24, (frame.height - at.height) / 2);
  }

  // Left and right lead along the edges of a column.
  function walk(event) {
    const button = event.target.closest(".column");
    if (!button || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    const [near, far] = event.key === "ArrowLeft" ? [2, 0] : [0, 2];
    const next = shown.lines.find(({ edge }) => key(edge[near], edge[near + 1]) === button.dataset.at);
    const other = next && shown.buttons.get(key(next.edge[far], next.edge[far + 1]));
    if (other && other.dataset.at) {
      event.preventDefault();
      other.focus();
    }
  }

  function tell(focus, column, upstream, downstream, count) {
    const what = column === null ? tables[focus][0] : `${tables[focus][0]}.${tables[focus][3][column]}`;
    const lost = unknown.includes(focus) ? " Nobody can tell what its columns come of." : "";
    told.textContent = `${what}: ${count - 1} other tables and sources are shown.${lost}`;
    clear.hidden = column === null;
    words.hidden = column === null;
    if (column === null) return;
    list("[data-comes]", upstream, 0);
    list("[data-goes]", downstream, 2);
  }

  function list(selector, some, end) {
    const items = some.map((edge) => {
      const [name, , , columns] = tables[edge[end]];
      const item = element("li", "", `${name}.${columns[edge[end + 1]]} `);
      const other = tables[edge[2 - end]];
      const way = end === 0 ? `into ${other[0]}.${other[3][edge[3]]}` : `of ${other[0]}.${other[3][edge[1]]}`;
      item.append(element("small", "", `${hows[edge[4]]}, ${way}`));
      return item;
    });
    document.querySelector(selector).replaceChildren(...(items.length ? items : [element("li", "", "nothing")]));
  }

  function go(table, column) {
    const asked = new URLSearchParams({ t: tables[table][0] });
    if (column !== null) asked.set("c", tables[table][3][column]);
    if (`#${asked}` === location.hash) follow();
    else location.hash = asked;
  }

  function follow() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const table = names.get(asked.get("t"));
    if (table === undefined) {
      told.textContent = asked.get("t") ? `There is no table ${asked.get("t")}.` : "";
      if (asked.get("t")) return;
      const middle = tables.findIndex(([, layer]) => layer === "gold");
      if (tables.length) start(Math.max(0, middle), null);
      return;
    }
    const column = tables[table][3].indexOf(asked.get("c"));
    start(table, column < 0 ? null : column);
  }

  function start(table, column) {
    const wasInside = place.contains(document.activeElement);
    form.elements.table.value = tables[table][0];
    show(table, column, column === null ? Number(form.elements.steps.value) : 99);
    const button = column !== null && shown.buttons.get(key(table, column));
    if (button && wasInside) button.focus({ preventScroll: true });
  }

  document.getElementById("tables-known").append(...tables.map(([name]) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const table = names.get(form.elements.table.value.trim());
    if (table === undefined) told.textContent = `There is no table ${form.elements.table.value}.`;
    else go(table, null);
  });
  form.elements.table.addEventListener("change", () => {
    const table = names.get(form.elements.table.value.trim());
    if (table !== undefined) go(table, null);
  });
  form.elements.steps.addEventListener("change", () => shown && start(shown.focus, shown.column));
  clear.addEventListener("click", () => go(shown.focus, null));
  window.addEventListener("hashchange", follow);
  new ResizeObserver(() => shown && draw()).observe(place);
  follow();
})();
