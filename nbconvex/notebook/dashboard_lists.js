// What the panels of the dashboard have in common that are lists: tables of plain cells, marks, times, asking back.
//
// Owns:  `ListTable`; how times, durations and sizes are written; `confirmation`; what an error and a request look like.
// Must not know: any panel.
// Invariants: data becomes text by `textContent`, never markup. A row keeps its element for as long as its key stays, and
//        its cells for as long as nothing in them differs, so focus and what is unfolded stay.
// Stands behind live_grid.js and dashboard_cells.js in one module.

const SEARCH_PAUSE_MS = 200;
const KIND_LETTERS = { query: "Q", mutation: "M", action: "A", endpoint: "H" };

function durationText(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 0.005) return "< 0.01 ms";
  if (ms < 9.995) return `${ms.toFixed(2)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  return ms < 59_950 ? `${(ms / 1000).toFixed(1)} s` : `${number.format(Math.round(ms / 60_000))} min`;
}

function sizeText(bytes) {
  if (bytes < 10_000) return `${number.format(bytes)} ${bytes === 1 ? "byte" : "bytes"}`;
  for (const [factor, unit] of [[1e3, "kB"], [1e6, "MB"]]) {
    if (bytes < factor * 999.95) return `${(bytes / factor).toFixed(1)} ${unit}`;
  }
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function isToday(at) {
  return at.toDateString() === new Date().toDateString();
}

// A time, the date only where it is not today's; all of it in the tooltip.
function timeNode(ms, name = "") {
  const node = make("time", name);
  const at = new Date(ms);
  if (ms === null || ms === undefined || Number.isNaN(at.getTime())) return node;
  node.textContent = isToday(at) ? clockTime(at) : dateAndTime(at).slice(0, -3);
  node.dateTime = at.toISOString();
  node.title = dateAndTime(at);
  return node;
}

// A word in a frame. `kind` decides its colour: good, bad, busy, quiet, or none.
function mark(text, kind = "") {
  return make("span", `nbc-mark${kind ? ` nbc-mark-${kind}` : ""}`, text);
}

// The kind of a function as one letter in a frame; the word is its name.
function kindLetter(kind) {
  const node = make("span", `nbc-kind nbc-kind-${kind}`, KIND_LETTERS[kind] ?? "?");
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", kind);
  node.title = kind;
  return node;
}

function code(text, name = "") {
  const node = make("code", `nbc-code ${name}`.trim(), text);
  node.title = text.length > 30 ? text : "";
  return node;
}

// An address of the kernel's, as a link; a text where it is no address that may be opened.
function addressNode(url, text) {
  if (!/^(https?:\/\/|\/)/.test(url ?? "")) return make("span", "nbc-quiet", text ?? "");
  const node = make("a", "nbc-link", text ?? url);
  node.href = url;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return node;
}

// A field to search in; `onInput` is called when typing has paused.
function searchField(label, onInput) {
  const node = make("input", "nbc-input nbc-search");
  node.type = "search";
  node.placeholder = label;
  node.setAttribute("aria-label", label);
  node.spellcheck = false;
  let timer = null;
  node.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(onInput, SEARCH_PAUSE_MS);
  });
  return node;
}

// A row of choices of which one holds: [value, text, count?].
class Choices {
  constructor(label, onChoose) {
    this.onChoose = onChoose;
    this.value = "";
    this.node = make("div", "nbc-choices");
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", label);
  }

  update(choices, value) {
    this.value = value;
    choices.forEach(([choice, text, count], at) => {
      const node = this.node.children[at] ?? this.node.appendChild(this.newChoice());
      node.dataset.choice = choice;
      node.setAttribute("aria-pressed", String(choice === value));
      const words = count === undefined ? text : `${text} ${number.format(count)}`;
      if (node.textContent !== words) node.textContent = words;
    });
  }

  newChoice() {
    const node = make("button", "nbc-segment");
    node.type = "button";
    node.addEventListener("click", () => this.onChoose(node.dataset.choice));
    return node;
  }
}

// Rows under headings. A column is {title, right?, name?}; `cells(item)` gives a text or an element a column, `key(item)`
// what tells one row from another; `detail(item)`, where there is one, what stands below a row that is unfolded.
class ListTable {
  constructor(caption, columns, { key, cells, detail, onUnfold }) {
    Object.assign(this, { columns, key, cells, detail, onUnfold });
    this.rows = new Map();
    this.open = null;
    this.node = make("div", "nbc-scroll nbc-list");
    const table = make("table", "nbc-table");
    table.append(make("caption", "", caption));
    const head = table.appendChild(make("thead")).appendChild(make("tr"));
    for (const { title, right } of columns) {
      const th = make("th", right ? "nbc-right" : "", title);
      th.scope = "col";
      head.append(th);
    }
    this.body = table.appendChild(make("tbody"));
    this.node.append(table);
  }

  update(items) {
    const focused = this.body.getRootNode().activeElement;
    const place = focused && this.body.contains(focused) ? focused.dataset.focus : null;
    const rowOfFocus = place ? focused.closest("tr") : null;
    const at = [...this.body.querySelectorAll("tr[data-key]")].indexOf(rowOfFocus);
    const wanted = new Set(items.map(this.key));
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      row.node.remove();
      row.below?.remove();
      this.rows.delete(key);
    }
    if (this.open !== null && !wanted.has(this.open)) this.open = null;
    let next = this.body.firstChild;
    for (const item of items) {
      const row = this.rowOf(item);
      for (const node of [row.node, ...(row.below ? [row.below] : [])]) {
        if (node === next) next = next.nextSibling;
        else this.body.insertBefore(node, next);
      }
    }
    if (place && !focused.isConnected) this.focus(rowOfFocus, at, place);
  }

  // Give the focus back: to its own row, else to the one that stands there now, else to the one above.
  focus(row, at, place) {
    const rows = [...this.body.querySelectorAll("tr[data-key]")];
    for (const each of [row, ...rows.slice(at), ...rows.slice(0, at).reverse()]) {
      const target = each?.isConnected && each.querySelector(`[data-focus="${CSS.escape(place)}"]`);
      if (target) {
        target.focus({ preventScroll: true });
        return;
      }
    }
  }

  rowOf(item) {
    const key = this.key(item);
    let row = this.rows.get(key);
    if (!row) {
      row = { node: make("tr"), text: "", below: null };
      row.node.dataset.key = key;
      this.rows.set(key, row);
    }
    row.item = item;
    const text = JSON.stringify(item);
    if (row.text !== text) {
      row.text = text;
      row.node.replaceChildren(...this.cells(item).map((cell, at) => this.cellOf(cell, this.columns[at])));
      this.drawUnfolded(row);
    }
    return row;
  }

  cellOf(cell, { right, name }) {
    const td = make("td", [right && "nbc-right", name].filter(Boolean).join(" "));
    td.append(cell ?? "");
    if (typeof cell === "string" && cell.length > 40) td.title = cell;
    return td;
  }

  // A button that unfolds its row.
  unfolder(item, content) {
    const node = make("button", "nbc-unfold");
    node.type = "button";
    node.dataset.focus = "unfold";
    node.append(content);
    node.setAttribute("aria-expanded", String(this.open === this.key(item)));
    node.addEventListener("click", () => this.unfold(this.open === this.key(item) ? null : this.key(item)));
    return node;
  }

  // Unfold one row, or none.
  unfold(key) {
    const before = this.rows.get(this.open);
    this.open = key;
    if (before) this.drawUnfolded(before);
    const row = this.rows.get(key);
    if (row) this.drawUnfolded(row);
    this.onUnfold?.(row?.item ?? null);
  }

  drawUnfolded(row) {
    const isOpen = this.open !== null && row.node.dataset.key === this.open;
    row.node.querySelector(".nbc-unfold")?.setAttribute("aria-expanded", String(isOpen));
    row.node.classList.toggle("nbc-unfolded", isOpen);
    if (!isOpen) {
      row.below?.remove();
      row.below = null;
      return;
    }
    if (!row.below) {
      row.below = make("tr", "nbc-below");
      row.below.append(make("td"));
      row.below.firstChild.colSpan = this.columns.length;
      row.node.after(row.below);
    }
    row.below.firstChild.replaceChildren(this.detail(row.item));
  }
}

// Ask back before something is done that cannot be undone. Resolves when it is done, or taken back; an error stays.
function confirmation(host, question, word, act) {
  const node = make("div", "nbc-asked");
  node.setAttribute("role", "alertdialog");
  node.setAttribute("aria-label", word);
  const before = host.getRootNode().activeElement;
  const error = make("div", "nbc-error");
  error.setAttribute("role", "alert");
  error.hidden = true;
  const leave = () => {
    node.remove();
    if (before?.isConnected) before.focus();
  };
  const keep = button("Keep", "", leave);
  const yes = button(word, "nbc-danger", async () => {
    yes.disabled = true;
    try {
      await act();
      leave();
    } catch (problem) {
      yes.disabled = false;
      error.hidden = false;
      error.textContent = problem.message;
    }
  });
  const text = make("span", "nbc-grow");
  text.append(question);
  node.append(text, yes, keep, error);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  host.replaceChildren(node);
  keep.focus();
  return node;
}

// An error as {name, text, frames}.
function errorNode(problem) {
  const node = make("div", "nbc-error nbc-call-error");
  node.append(make("b", "", problem.name), make("span", "", `: ${problem.text}`));
  if (!problem.frames.length) return node;
  const frames = make("ul", "nbc-frames");
  for (const { place, line } of problem.frames) {
    const item = make("li");
    item.append(make("span", "nbc-quiet", place), make("code", "nbc-code", line));
    frames.append(item);
  }
  node.append(frames);
  return node;
}

// What a call printed.
function linesNode(lines, more = 0) {
  const node = make("pre", "nbc-lines");
  for (const line of lines) {
    const level = /^\[(WARN|INFO|ERROR)\] /.exec(line)?.[1];
    node.append(make("span", level === "INFO" ? "nbc-quiet" : level ? "nbc-warned" : "", `${line}\n`));
  }
  if (more) node.append(make("span", "nbc-quiet", `and ${number.format(more)} more lines`));
  return node;
}

function section(title, node) {
  const part = make("section", "nbc-part");
  part.append(make("h4", "", title), node);
  return part;
}

// The calls that an action made, a line each.
function callsNode(calls, more = 0) {
  const list = make("ul", "nbc-calls");
  for (const each of calls) {
    const item = make("li");
    item.append(kindLetter(each.kind), make("span", "nbc-calls-name", each.function), make("span", "nbc-quiet", durationText(each.ms)));
    if (each.cached) item.append(mark("cached", "quiet"));
    if (!each.ok) item.append(make("span", "nbc-failed", each.error));
    list.append(item);
  }
  if (more) list.append(make("li", "nbc-quiet", `and ${number.format(more)} more`));
  return list;
}
