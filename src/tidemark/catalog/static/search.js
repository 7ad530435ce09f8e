// The list of tables: searched by names, words and columns, and filtered.
"use strict";
(() => {
  const LONGEST = 6;
  const find = document.getElementById("find");
  const form = document.querySelector("[data-filters]");
  const count = form.querySelector("[data-count]");
  const known = new Map(window.tidemark.search.map(([name, words, columns]) => [name, {
    text: `${name} ${words}`.toLowerCase(),
    columns: columns.map(([column, told]) => ({ column, text: `${column} ${told}`.toLowerCase() })),
  }]));
  const rows = [...document.querySelectorAll("[data-tables] tbody tr")].map((row) => {
    const link = row.querySelector("th a");
    return { row, href: link.getAttribute("href"), hits: row.querySelector("[data-hits]"), entry: known.get(link.textContent) };
  });

  // Every word must be in the table's own words, or in one of its columns.
  function matched(entry, words) {
    const hits = [];
    for (const word of words) {
      const columns = entry.columns.filter((each) => each.text.includes(word));
      if (!entry.text.includes(word) && !columns.length) return null;
      if (!entry.text.includes(word)) hits.push(...columns);
    }
    return [...new Set(hits)];
  }

  function showHits(each, hits) {
    each.hits.replaceChildren(...hits.slice(0, LONGEST).map((hit) => {
      const link = document.createElement("a");
      link.href = `${each.href}#c-${hit.column}`;
      link.textContent = hit.column;
      return link;
    }));
    if (hits.length > LONGEST) each.hits.append(` and ${hits.length - LONGEST} more`);
  }

  function update() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const layers = new Set([...form.querySelectorAll("[name=layer]:checked")].map((each) => each.value));
    const owner = form.elements.owner.value;
    let shown = 0;
    for (const each of rows) {
      const { row } = each;
      const hits = words.length ? matched(each.entry, words) : [];
      const fits = hits !== null && layers.has(row.dataset.layer) && (!owner || row.dataset.owner === owner)
        && (!form.elements.trouble.checked || "trouble" in row.dataset)
        && (!form.elements.personal.checked || "personal" in row.dataset);
      row.hidden = !fits;
      if (fits) {
        shown += 1;
        showHits(each, hits);
      }
    }
    count.textContent = `${shown} of ${rows.length} tables`;
  }

  const asked = new URLSearchParams(location.search).get("q");
  if (asked) find.value = asked;
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", update);
  find.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = rows.find((each) => !each.row.hidden);
    if (first && find.value.trim()) first.row.querySelector("th a").focus();
  });
  update();
})();
