// What a live table holds: one picture in, rows that are patched in place, pages turned on the rows it has.
//
// Owns:  the pages, and what stands under the grid.
// Must not know: where rows come from.
// Invariants: those of live_grid.js. Stands behind live_frame.js and live_grid.js in one module.
//
// In:   the pictures of picture.py.
// Out:  {press: key} when the button in that row is pressed.

// The page turner under a grid.
class Pager {
  constructor(grid) {
    this.grid = grid;
    this.node = make("span", "nbc-pager");
    this.back = this.button("‹", "Previous page", -1);
    this.place = make("span");
    this.forth = this.button("›", "Next page", +1);
    this.node.append(this.back, this.place, this.forth);
  }

  button(sign, label, step) {
    const button = make("button", "", sign);
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => this.grid.turn(this.grid.page + step));
    return button;
  }

  draw() {
    const { grid } = this;
    const rows = grid.picture.rows.length;
    this.node.hidden = grid.pages === 1;
    const first = grid.page * PAGE_ROWS;
    this.place.textContent = `${number.format(first + 1)}–${number.format(Math.min(first + PAGE_ROWS, rows))} of ${number.format(rows)}`;
    this.back.disabled = grid.page === 0;
    this.forth.disabled = grid.page === grid.pages - 1;
  }
}

// What a live table holds: rows, one value, or a sentence that there are none.
class TableContent {
  constructor() {
    this.grid = new Grid(() => this.pager.draw());
    this.pager = new Pager(this.grid);
    this.value = make("pre", "nbc-value");
    this.empty = make("div", "nbc-empty");
    this.nodes = [this.grid.node, this.value, this.empty];
    this.foot = [this.pager.node];
  }

  hide() {
    for (const node of this.nodes) node.hidden = true;
  }

  end() {}

  draw(picture, title) {
    const isTable = picture.shape === "table";
    this.grid.node.hidden = !isTable || !picture.rows.length;
    this.value.hidden = isTable;
    this.empty.hidden = !isTable || picture.rows.length > 0;
    return isTable ? this.drawRows(picture, title) : this.drawValue(picture);
  }

  drawValue(picture) {
    this.pager.node.hidden = true;
    if (this.value.textContent !== picture.text) {
      const isFirst = this.value.textContent === "";
      this.value.textContent = picture.text;
      const name = this.value.classList.contains("nbc-a") ? "nbc-b" : "nbc-a";
      this.value.classList.remove("nbc-a", "nbc-b");
      if (!isFirst) this.value.classList.add(name);
    }
    return { foot: picture.note, said: picture.text.slice(0, 200) };
  }

  drawRows(picture, title) {
    this.empty.textContent = "No rows. They appear here as soon as there are some.";
    const changes = this.grid.update(picture, `Rows of ${title}`);
    const cut = picture.rows.length < picture.total;
    const rows = cut
      ? `showing ${number.format(picture.rows.length)} of ${rowsInWords(picture.total)}`
      : rowsInWords(picture.total);
    const news = changesInWords(changes);
    return {
      foot: [rows, news && `last update: ${news}`, picture.note].filter(Boolean).join(" · "),
      said: [rows, news].filter(Boolean).join(", "),
    };
  }
}

function render({ model, el }) {
  const content = new TableContent();
  content.grid.node.addEventListener("nbc-press", (event) => model.send({ press: content.grid.keyOf(event.target) }));
  return show(model, el, content);
}

export default { initialize, render };
