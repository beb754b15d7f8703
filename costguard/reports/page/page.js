"use strict";
/* Sorting for every table; searching, filtering and pages for the one of resources. What is shown is always text: no
   name or value ever becomes markup. */
(() => {
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const number = (text) => { const found = parseFloat(text); return Number.isNaN(found) ? -Infinity : found; };

  function headed(table, sort) {
    for (const [index, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const now = head.getAttribute("aria-sort");
        const down = now === null ? numeric : now === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(index, numeric, down ? -1 : 1);
      });
    }
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    headed(table, (index, numeric, way) => {
      const key = (row) => {
        const cell = row.cells[index];
        const text = cell.dataset.key ?? cell.textContent.trim();
        return numeric ? number(text) : text.toLowerCase();
      };
      const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
      rows.sort((one, other) => way * compare(one[0], other[0]));
      table.tBodies[0].append(...rows.map((one) => one[1]));
    });
  }

  const table = document.getElementById("resources");
  if (table === null) return;
  const SHOWN = 100;
  const search = document.getElementById("search");
  const said = document.getElementById("said");
  const pager = document.getElementById("pager");
  const [back, on] = pager.querySelectorAll("button");
  const place = document.getElementById("place");
  let data = null, order = [], page = 0, sorted = null;

  function read() {
    const raw = JSON.parse(document.getElementById("rows").textContent);
    const columns = raw.columns.map((one) => one.words ? one.cells.map((cell) => one.words[cell]) : one.cells);
    const size = columns[0].length;
    const hay = new Array(size);
    for (let row = 0; row < size; row++) {
      let text = "";
      for (const column of columns) if (column[row] !== null) text += column[row] + "\n";
      hay[row] = text.toLowerCase();
    }
    data = { columns, hay, size, names: raw.columns.map((one) => one.name) };
    for (const select of document.querySelectorAll("select[data-column]")) {
      const column = data.columns[data.names.indexOf(select.dataset.column)];
      for (const word of [...new Set(column)].sort()) {
        if (word === "" || word === null) continue;
        const option = document.createElement("option");
        option.value = option.textContent = word;
        select.append(option);
      }
      select.addEventListener("change", filter);
    }
    headed(table, (index, numeric, way) => { sorted = [index, numeric, way]; sort(); page = 0; show(); });
    search.addEventListener("input", filter);
    back.addEventListener("click", () => { page--; show(); });
    on.addEventListener("click", () => { page++; show(); });
    document.getElementById("filters").hidden = false;
    filter();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...document.querySelectorAll("select[data-column]")].filter((one) => one.value !== "")
      .map((one) => [data.columns[data.names.indexOf(one.dataset.column)], one.value]);
    order = [];
    next: for (let row = 0; row < data.size; row++) {
      for (const word of words) if (!data.hay[row].includes(word)) continue next;
      for (const [column, value] of chosen) if (column[row] !== value) continue next;
      order.push(row);
    }
    sort();
    page = 0;
    show();
  }

  function sort() {
    if (sorted === null) return;
    const [index, numeric, way] = sorted;
    const column = data.columns[index];
    const keys = numeric ? (row) => (column[row] === null ? -Infinity : number(column[row])) : (row) => column[row];
    order.sort((one, other) => way * compare(keys(one), keys(other)) || one - other);
  }

  function show() {
    const pages = Math.max(1, Math.ceil(order.length / SHOWN));
    page = Math.min(Math.max(page, 0), pages - 1);
    const body = document.createDocumentFragment();
    const heads = table.tHead.rows[0].cells;
    for (const row of order.slice(page * SHOWN, (page + 1) * SHOWN)) {
      const line = document.createElement("tr");
      for (const [index, column] of data.columns.entries()) {
        const cell = document.createElement("td");
        const text = column[row];
        if (heads[index].classList.contains("n")) cell.className = "n";
        if (data.names[index] === "do" && text && text.startsWith("costguard ")) {
          const code = document.createElement("code");
          code.textContent = text;
          cell.append(code);
        } else if (data.names[index] === "projected") {
          cell.textContent = text === null ? "" : (100 * text).toFixed(1) + "%";
        } else {
          cell.textContent = text ?? "";
        }
        line.append(cell);
      }
      body.append(line);
    }
    table.tBodies[0].replaceChildren(body);
    said.textContent = order.length === data.size
      ? `${data.size.toLocaleString("en")} resources`
      : `${order.length.toLocaleString("en")} of ${data.size.toLocaleString("en")} resources`;
    place.textContent = `Page ${page + 1} of ${pages}`;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
    pager.hidden = pages === 1;
  }

  /* The page is painted first. */
  requestAnimationFrame(() => setTimeout(read));
})();
