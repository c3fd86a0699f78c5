// Rows under headings that are patched in place: what live tables and the dashboard show data in.
//
// Owns:  the rows, their order on the page, the keyboard.
// Must not know: where rows come from.
// Invariants: data becomes text by `textContent`, never markup. The rows stand in the order in which they came. A row
//        keeps its element for as long as its key stays on the page, and so keeps focus, scrolling and selection.
// Stands behind live_frame.js in one module.
//
// In:   pictures as in picture.py. A cell is one string whose first character is its kind.

const PAGE_ROWS = 50;

// Sixteen digits push every other column off the page; the tooltip has them all.
function shortNumber(text) {
  return text.length > 12 && text.includes(".") && !text.includes("e") ? String(Number(Number(text).toPrecision(8))) : text;
}

// The text and the tooltip of a cell.
function readCell(cell) {
  const text = cell.slice(1);
  switch (cell[0]) {
    case "z":
      return ["null", "null: the field is there and empty"];
    case "u":
      return ["–", "absent: this document has no such field"];
    case "t": {
      const at = new Date(Number(text));
      return Number.isNaN(at.getTime()) ? [text, text] : [dateAndTime(at), `${at.toISOString()} (${text})`];
    }
    case "n": {
      const short = shortNumber(text);
      return [short, short === text ? "" : text];
    }
    default:
      return [text, text.length > 24 ? text : ""];
  }
}

// A button in a cell; what it does is the kernel's affair.
function fillButton(td, label) {
  const button = make("button", "nbc-press", label);
  button.type = "button";
  button.addEventListener("click", () => {
    button.disabled = true;
    td.dispatchEvent(new CustomEvent("nbc-press", { bubbles: true }));
  });
  td.replaceChildren(button);
  td.dataset.kind = "p";
  td.removeAttribute("title");
}

function fillCell(td, cell, numeric) {
  if (cell[0] === "p") {
    fillButton(td, cell.slice(1));
    return;
  }
  const [text, title] = readCell(cell);
  td.textContent = text;
  td.dataset.kind = cell[0];
  td.classList.toggle("nbc-right", numeric);
  if (title) td.title = title;
  else td.removeAttribute("title");
  if (cell[0] === "u") td.setAttribute("aria-label", "absent");
  else td.removeAttribute("aria-label");
}

// What differs between two pictures: keys that are new, columns that changed by key, how many keys are gone.
function compare(before, picture) {
  const changes = { added: new Set(), changed: new Map(), removed: 0 };
  if (!before) return null;
  let kept = 0;
  picture.keys.forEach((key, at) => {
    const old = before.get(key);
    if (!old) {
      changes.added.add(key);
      return;
    }
    kept += 1;
    const row = picture.rows[at];
    const columns = row.map((cell, column) => (cell === old[column] ? -1 : column)).filter((column) => column >= 0);
    if (columns.length) changes.changed.set(key, new Set(columns));
  });
  changes.removed = before.size - kept;
  return changes;
}

function changesInWords(changes) {
  if (!changes) return "";
  return [
    [changes.added.size, "new"],
    [changes.changed.size, "changed"],
    [changes.removed, "removed"],
  ]
    .filter(([count]) => count)
    .map(([count, what]) => `${number.format(count)} ${what}`)
    .join(", ");
}

// Rows under headings, one page at a time, patched in place.
class Grid {
  constructor(onPage) {
    this.onPage = onPage;
    this.page = 0;
    this.lines = new Map();
    this.before = null;
    this.columns = null;
    this.active = { row: 0, column: 0 };
    this.flashName = "nbc-a";
    this.node = make("div", "nbc-scroll");
    this.table = make("table", "nbc-table");
    this.table.setAttribute("role", "grid");
    this.table.setAttribute("aria-readonly", "true");
    this.caption = this.table.appendChild(make("caption"));
    this.head = this.table.appendChild(make("thead"));
    this.body = this.table.appendChild(make("tbody"));
    this.node.append(this.table);
    this.body.addEventListener("keydown", (event) => this.onKey(event));
    this.body.addEventListener("focusin", (event) => this.onFocus(event.target.closest("td")));
    this.body.addEventListener("dblclick", (event) => this.open(event.target.closest("td")));
  }

  get pages() {
    return Math.max(1, Math.ceil(this.picture.rows.length / PAGE_ROWS));
  }

  // Take a new picture; answers what changed since the last one.
  update(picture, caption) {
    this.caption.textContent = caption;
    if (JSON.stringify(picture.columns) !== JSON.stringify(this.columns)) this.reset(picture.columns);
    const changes = compare(this.before, picture);
    this.picture = picture;
    this.before = new Map(picture.keys.map((key, at) => [key, picture.rows[at]]));
    this.flashName = this.flashName === "nbc-a" ? "nbc-b" : "nbc-a";
    this.draw(changes);
    return changes;
  }

  reset(columns) {
    this.columns = columns;
    this.before = null;
    this.lines.clear();
    this.body.replaceChildren();
    const row = make("tr");
    for (const column of columns) {
      const th = make("th", "", column);
      th.scope = "col";
      this.fillHead(th, column);
      row.append(th);
    }
    this.head.replaceChildren(row);
  }

  // What an editable grid does otherwise: say more in a heading, leave a cell alone, open one.

  fillHead() {}

  fill(td, cell, at) {
    fillCell(td, cell, this.picture.numeric[at]);
  }

  open(td) {
    td?.classList.toggle("nbc-open");
  }

  draw(changes) {
    const { picture } = this;
    this.page = Math.min(this.page, this.pages - 1);
    const first = this.page * PAGE_ROWS;
    const keys = picture.keys.slice(first, first + PAGE_ROWS);
    this.table.setAttribute("aria-rowcount", String(picture.total + 1));
    this.table.setAttribute("aria-colcount", String(picture.columns.length));
    [...this.head.firstChild.children].forEach((th, at) => th.classList.toggle("nbc-right", picture.numeric[at]));
    const focused = this.focused();
    const wanted = new Set(keys);
    for (const [key, line] of this.lines) {
      if (wanted.has(key)) continue;
      line.node.remove();
      this.lines.delete(key);
    }
    let next = this.body.firstChild;
    keys.forEach((key, at) => {
      const line = this.lines.get(key) ?? this.newLine(key);
      this.patch(line, picture.rows[first + at], changes, key);
      line.node.setAttribute("aria-rowindex", String(first + at + 2));
      if (line.node === next) next = next.nextSibling;
      else this.body.insertBefore(line.node, next);
    });
    this.offerFocus(focused?.isConnected ? focused : null);
    // A row that was moved loses focus, a row that is gone takes it away: give it back, or to the neighbour.
    if (focused && this.focused() !== focused) {
      (focused.isConnected ? focused : this.cellAt(this.active.row, this.active.column))?.focus({ preventScroll: true });
    }
    this.onPage();
  }

  // The key of the row that an element stands in.
  keyOf(node) {
    const row = node.closest("tr");
    for (const [key, line] of this.lines) if (line.node === row) return key;
    return undefined;
  }

  // The cell that has focus, if one has.
  focused() {
    const node = this.node.getRootNode().activeElement;
    return node && this.body.contains(node) ? node : null;
  }

  newLine(key) {
    const line = { node: make("tr"), row: [] };
    for (let at = 0; at < this.columns.length; at += 1) {
      const td = make("td");
      td.tabIndex = -1;
      line.node.append(td);
    }
    this.lines.set(key, line);
    return line;
  }

  patch(line, row, changes, key) {
    const isNew = changes?.added.has(key);
    const changed = changes?.changed.get(key);
    row.forEach((cell, at) => {
      const td = line.node.children[at];
      if (line.row[at] !== cell) this.fill(td, cell, at);
      else td.classList.toggle("nbc-right", this.picture.numeric[at]);
      if (isNew || changed?.has(at)) {
        td.classList.remove("nbc-a", "nbc-b");
        td.classList.add(this.flashName);
      }
    });
    line.row = row;
  }

  turn(page) {
    const target = Math.max(0, Math.min(page, this.pages - 1));
    if (target === this.page) return false;
    this.page = target;
    this.draw(null);
    this.node.scrollTop = 0;
    return true;
  }

  cellAt(row, column) {
    return this.body.children[row]?.children[column];
  }

  // Exactly one cell can be reached with Tab; the arrow keys go on from there.
  offerFocus(focused) {
    const rows = this.body.children.length;
    if (!rows) return;
    this.active.row = Math.min(this.active.row, rows - 1);
    this.active.column = Math.min(this.active.column, this.columns.length - 1);
    const chosen = focused ?? this.cellAt(this.active.row, this.active.column);
    for (const td of this.body.querySelectorAll('td[tabindex="0"]')) if (td !== chosen) td.tabIndex = -1;
    if (chosen) chosen.tabIndex = 0;
  }

  onFocus(td) {
    const row = td.parentElement;
    this.active = { row: [...this.body.children].indexOf(row), column: [...row.children].indexOf(td) };
    this.offerFocus(td);
  }

  onKey(event) {
    if (event.altKey || event.metaKey) return;
    // A button has its own meaning for these.
    if (event.target.closest("button") && ["Enter", " "].includes(event.key)) return;
    const { row, column } = this.active;
    const [lastRow, lastColumn] = [this.body.children.length - 1, this.columns.length - 1];
    const whole = event.ctrlKey;
    const steps = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [whole ? 0 : row, 0],
      End: [whole ? lastRow : row, lastColumn],
      PageUp: [0, column, -1],
      PageDown: [lastRow, column, +1],
      Enter: [row, column],
    };
    const step = steps[event.key];
    if (!step || (whole && !["Home", "End"].includes(event.key))) return;
    // The notebook has its own meaning for these keys.
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") this.open(this.cellAt(row, column));
    else this.move(step, lastRow, lastColumn);
  }

  move([row, column, pages = 0], lastRow, lastColumn) {
    let target = row;
    if (pages && this.turn(this.page + pages)) target = 0;
    else if (row > lastRow && this.turn(this.page + 1)) target = 0;
    else if (row < 0 && this.turn(this.page - 1)) target = this.body.children.length - 1;
    const last = this.body.children.length - 1;
    this.cellAt(Math.max(0, Math.min(target, last)), Math.max(0, Math.min(column, lastColumn)))?.focus();
  }
}
