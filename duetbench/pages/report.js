(() => {
  "use strict";
  const LIMIT = 30; // rows of a section that are laid out at once; the style sheet has the same number
  const data = JSON.parse(document.getElementById("data").textContent);
  const search = document.getElementById("search");
  const selects = [...document.querySelectorAll("select[data-facet]")];
  const followers = new Map();
  for (const element of document.querySelectorAll("[data-r]")) {
    const known = followers.get(element.dataset.r);
    if (known) known.push(element); else followers.set(element.dataset.r, [element]);
  }
  const boards = [...document.querySelectorAll("section.board")].map((section) => ({
    section,
    body: section.querySelector(".rows tbody"),
    more: section.querySelector(".more"),
    all: false,
    rows: [...section.querySelectorAll(".rows tbody tr")].map((element) => ({
      element, facets: element.dataset.f.split(" "), text: null, followers: followers.get(element.id) || [], shown: null,
    })),
  }));
  for (const board of boards) board.original = board.rows.slice();

  const textOf = (row) => (row.text ??= row.element.textContent.toLowerCase());

  function show() {
    const query = search.value.trim().toLowerCase();
    const wanted = selects.map((select) => [data.facets[select.dataset.facet], select.value])
      .filter(([, value]) => value !== "");
    let n = 0, total = 0;
    for (const board of boards) {
      let matching = 0;
      for (const row of board.rows) {
        const fits = wanted.every(([facet, value]) => row.facets[facet] === value) && (!query || textOf(row).includes(query));
        if (fits) matching += 1;
        const shown = fits && (board.all || matching <= LIMIT);
        if (shown !== row.shown) {
          row.element.hidden = !shown;
          row.element.classList.toggle("in", shown);
          row.shown = shown;
          for (const element of row.followers) {
            if (element.tagName !== "TR") continue;
            element.hidden = !shown;
            element.classList.toggle("in", shown);
          }
        }
        if (fits !== row.fits) {
          row.fits = fits;
          for (const element of row.followers) {
            if (element.tagName !== "TR") element.classList.toggle("off", !fits);
          }
        }
      }
      n += matching;
      total += board.rows.length;
      board.section.hidden = matching === 0;
      board.more.hidden = board.all || matching <= LIMIT;
      if (!board.more.hidden) board.more.firstElementChild.textContent = `Show all ${matching} rows`;
    }
    document.getElementById("count").textContent = `${n} of ${total} rows`;
  }

  const UNITS = { k: 1e3, M: 1e6, G: 1e9 };
  function number(text) {
    const found = /^[+-]?\d+(\.\d+)?/.exec(text);
    return found ? parseFloat(found[0]) * (UNITS[text[found[0].length]] || 1) : NaN;
  }

  function sort(board, button) {
    const head = button.closest("th");
    const position = [...head.parentNode.children].indexOf(head);
    const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentNode.children) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    const keys = new Map(board.rows.map((row) => {
      const text = row.element.cells[position].textContent.trim();
      return [row, { text, number: number(text) }];
    }));
    const isNumeric = head.classList.contains("n");
    board.rows.sort((first, second) => {
      const a = keys.get(first), b = keys.get(second);
      if (!isNumeric) return direction * a.text.localeCompare(b.text);
      if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
      return direction * (a.number - b.number);
    });
    show();
    const fragment = document.createDocumentFragment();
    for (const row of board.rows) fragment.append(row.element);
    board.body.append(fragment);
  }

  const cellsOf = (row) => [...row.element.cells].filter((cell) => !cell.classList.contains("iv"));
  const originals = new Map();
  function convention(name) {
    for (const [cell, text] of originals) cell.textContent = text;
    originals.clear();
    boards.forEach((board, section) => {
      const columns = (data.switched[name] || {})[section] || {};
      for (const [position, texts] of Object.entries(columns)) {
        board.original.forEach((row, index) => {
          const cell = cellsOf(row)[position];
          if (cell.textContent === texts[index]) return;
          originals.set(cell, cell.textContent);
          cell.textContent = texts[index];
          row.text = null;
        });
      }
    });
    const isOther = name !== data.convention;
    document.documentElement.classList.toggle("other", isOther);
    const hint = document.getElementById("switched");
    hint.hidden = !isOther;
    hint.textContent = `Metrics of convention ${name}. Ranks, intervals, differences, gains and charts stay those of ${data.convention}.`;
    show();
  }

  const dialog = document.getElementById("pairs");
  function open(id) {
    const content = dialog.querySelector(".pairs");
    content.replaceChildren(document.getElementById(`p-${id}`).content.cloneNode(true));
    dialog.showModal();
    dialog.scrollTop = 0;
  }

  for (const board of boards) {
    board.section.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.column !== undefined) sort(board, button);
      else if (button.dataset.open) open(button.dataset.open);
      else if (button.classList.contains("all")) { board.all = true; show(); }
    });
  }
  const form = document.getElementById("controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { delete document.documentElement.dataset.theme; convention(data.convention); }));
  search.addEventListener("input", show);
  for (const select of selects) select.addEventListener("change", show);
  document.getElementById("convention").addEventListener("change", (event) => convention(event.target.value));
  document.getElementById("theme").addEventListener("change", (event) => {
    if (event.target.value) document.documentElement.dataset.theme = event.target.value;
    else delete document.documentElement.dataset.theme;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || dialog.open || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    search.focus();
  });
  show();
  document.documentElement.dataset.ready = "yes";
  const prepare = () => boards.forEach((board) => board.rows.forEach(textOf)); // so that the first search is fast, too
  if (window.requestIdleCallback) requestIdleCallback(prepare); else setTimeout(prepare, 200);
})();
