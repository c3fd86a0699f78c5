// A grid whose cells can be edited where they stand.
//
// Owns:  the editor of one cell: what is typed, what is wrong with it, how it is left.
// Must not know: how a value is read or written; that is what it is handed.
// Invariants: what is typed stays until it is saved or its author leaves it, whatever happens to the data meanwhile. The
//        text of a value comes from the kernel when the editor opens: the grid has its beginning only.
// Stands behind live_grid.js in one module.
//
// `hands` has: read(key, column) and save(key, column, text, was), both promises; remove(key, column, was); openRow(key);
// deleteRow(key); canEdit(column); typeOf(column); chosen(), told when other rows are ticked.

const EDITOR_LINES_MAX = 14;

function button(text, name, act) {
  const node = make("button", `nbc-button ${name}`, text);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

// A text field that is as high as its text.
function growing(text, label) {
  const area = make("textarea", "nbc-input nbc-code");
  area.value = text;
  area.spellcheck = false;
  area.setAttribute("aria-label", label);
  const fit = () => {
    area.rows = Math.min(EDITOR_LINES_MAX, area.value.split("\n").length + (area.value.length > 60 ? 1 : 0));
  };
  area.addEventListener("input", fit);
  fit();
  return area;
}

class CellEditor {
  constructor(grid, td, key, column, text) {
    this.grid = grid;
    this.td = td;
    this.key = key;
    this.column = column;
    this.was = text;
    this.shown = text === "UNSET" ? "" : text;
    const canEdit = grid.hands.canEdit(column);
    this.area = growing(this.shown, `${column}, ${canEdit ? "value" : "value, cannot be changed"}`);
    this.area.readOnly = !canEdit;
    this.area.addEventListener("keydown", (event) => this.onKey(event));
    this.error = make("div", "nbc-error");
    this.error.setAttribute("role", "alert");
    this.error.hidden = true;
    const type = grid.hands.typeOf(column);
    const hint = make("span", "nbc-quiet", canEdit ? [type, "Enter saves"].filter(Boolean).join(" · ") : type);
    this.tools = make("div", "nbc-tools");
    if (canEdit) {
      this.saver = button("Save", "nbc-primary", () => this.save());
      this.tools.append(this.saver);
    }
    this.tools.append(button(canEdit ? "Cancel" : "Close", "", () => this.leave()));
    if (canEdit && text !== "UNSET") this.tools.append(button("Remove field", "", () => this.remove()));
    this.tools.append(hint);
    this.node = make("div", "nbc-edit");
    this.node.append(this.area, this.error, this.tools);
    for (const name of ["keydown", "dblclick"]) this.node.addEventListener(name, (event) => event.stopPropagation());
    td.replaceChildren(this.node);
    td.classList.add("nbc-editing");
    this.area.focus();
    this.area.select();
  }

  onKey(event) {
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter" && !event.shiftKey && !this.area.readOnly && !event.isComposing) this.save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  save() {
    if (this.area.value === this.shown) this.leave();
    else this.send(this.grid.hands.save(this.key, this.column, this.area.value, this.was));
  }

  remove() {
    this.send(this.grid.hands.remove(this.key, this.column, this.was));
  }

  async send(promise) {
    this.area.readOnly = true;
    this.saver.disabled = true;
    try {
      await promise;
      this.leave();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    this.area.readOnly = false;
    this.saver.disabled = false;
    this.area.setAttribute("aria-invalid", "true");
    this.error.hidden = false;
    this.error.textContent = error.message;
    if (/changed meanwhile/.test(error.message)) {
      // Whoever has read that may insist.
      this.was = null;
      this.error.textContent += " Save again to overwrite it.";
    }
    this.area.focus();
  }

  leave() {
    const hadFocus = this.node.contains(this.node.getRootNode().activeElement);
    this.grid.leaveEditor();
    if (hadFocus && this.td.isConnected) this.td.focus();
  }
}

class EditableGrid extends Grid {
  constructor(hands) {
    super(() => {});
    this.hands = hands;
    this.editor = null;
    this.newest = null;
    this.ticked = new Set();
    this.table.removeAttribute("aria-readonly");
    this.body.addEventListener("click", (event) => {
      const td = event.target.closest("td");
      if (event.target.type === "checkbox") this.tick(this.keyOf(td), event.target.checked);
      else if (td && this.columnOf(td) === "_id" && !String(getSelection())) hands.openRow(this.keyOf(td));
    });
  }

  columnOf(td) {
    return this.columns[[...td.parentElement.children].indexOf(td)];
  }

  fillHead(th, column) {
    const type = this.hands.typeOf(column);
    if (type) th.append(make("span", "nbc-type", type));
  }

  fill(td, cell, at) {
    if (td === this.editor?.td) return;
    super.fill(td, cell, at);
    if (at) return;
    const box = make("input", "nbc-tick");
    box.type = "checkbox";
    box.tabIndex = -1;
    box.checked = this.ticked.has(cell.slice(1));
    box.setAttribute("aria-label", `Tick ${cell.slice(1)}`);
    td.prepend(box);
  }

  // Several rows may be ticked, to be deleted together.
  tick(key, isTicked = !this.ticked.has(key)) {
    if (isTicked) this.ticked.add(key);
    else this.ticked.delete(key);
    const line = this.lines.get(key);
    line.node.setAttribute("aria-selected", String(isTicked));
    line.node.querySelector(".nbc-tick").checked = isTicked;
    this.hands.chosen();
  }

  untick() {
    for (const key of [...this.ticked]) {
      if (this.lines.has(key)) this.tick(key, false);
      else this.ticked.delete(key);
    }
    this.hands.chosen();
  }

  async open(td) {
    if (!td || this.editor?.td === td) return;
    const [key, column] = [this.keyOf(td), this.columnOf(td)];
    if (column === "_id") {
      this.hands.openRow(key);
      return;
    }
    if (column === "_creationTime") {
      super.open(td);
      return;
    }
    if (this.editor && !this.letGo()) return;
    let text;
    try {
      text = await this.hands.read(key, column);
    } catch (error) {
      this.hands.report(error);
      return;
    }
    if (td.isConnected && !this.editor) this.editor = new CellEditor(this, td, key, column, text);
  }

  // Leave an editor in which nothing was typed; one in which something was keeps the focus.
  letGo() {
    if (this.editor.area.value !== this.editor.shown) {
      this.editor.area.focus();
      return false;
    }
    this.leaveEditor();
    return true;
  }

  leaveEditor() {
    const { td, key } = this.editor;
    this.editor = null;
    td.classList.remove("nbc-editing");
    const line = this.lines.get(key);
    if (line) fillCell(td, line.row[[...td.parentElement.children].indexOf(td)], false);
    // A row that is gone, or columns that are others, were held back for the editor's sake.
    this.update(...this.newest);
  }

  // The row that is being edited stays, even if the document is gone; other columns have to wait.
  update(picture, caption) {
    this.newest = [picture, caption];
    if (this.editor) {
      const { key } = this.editor;
      if (JSON.stringify(picture.columns) !== JSON.stringify(this.columns)) return null;
      if (!picture.keys.includes(key)) {
        const at = Math.max(0, Math.min(this.picture.keys.indexOf(key), picture.keys.length));
        picture = { ...picture, keys: picture.keys.toSpliced(at, 0, key), rows: picture.rows.toSpliced(at, 0, this.lines.get(key).row) };
      }
    }
    for (const key of this.ticked) if (!picture.keys.includes(key)) this.ticked.delete(key);
    const changes = super.update(picture, caption);
    this.hands.chosen();
    return changes;
  }

  onKey(event) {
    const td = event.target.closest("td");
    if (td && !event.target.closest(".nbc-edit") && ["Delete", "F2", " "].includes(event.key)) {
      event.preventDefault();
      if (event.key === "F2") this.open(td);
      else if (event.key === " ") this.tick(this.keyOf(td));
      else this.hands.deleteRow(this.keyOf(td));
      return;
    }
    super.onKey(event);
  }
}
