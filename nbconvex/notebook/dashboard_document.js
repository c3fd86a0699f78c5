// A whole document as a text, new or one that there is; and what a table's schema and indexes are.
//
// Owns:  the form: what is typed, what is wrong with it, the question before something is deleted.
// Must not know: which page of documents is shown.
// Invariants: what is typed stays until it is saved or its author leaves it. Nothing is deleted unasked.
// Stands behind dashboard_cells.js in one module.

// The form for a whole document: a new one, or one that there is.
class DocumentForm {
  constructor(panel) {
    this.panel = panel;
    this.node = make("div", "nbc-form");
    this.node.setAttribute("role", "group");
    this.node.hidden = true;
    this.head = make("div", "nbc-form-head");
    this.area = growing("", "The document");
    this.error = make("div", "nbc-error");
    this.error.setAttribute("role", "alert");
    this.saver = button("Save", "nbc-primary", () => this.save());
    this.deleter = button("Delete…", "nbc-danger", () => this.askDelete());
    this.hint = make("span", "nbc-quiet", "Ctrl+Enter saves · Int64(5), b\"bytes\", datetime(\"2026-01-31T12:00:00Z\")");
    this.tools = make("div", "nbc-tools");
    this.tools.append(this.saver, button("Cancel", "", () => this.close()), this.deleter, this.hint);
    this.asked = make("div");
    this.node.append(this.head, this.area, this.error, this.tools, this.asked);
    this.node.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.key === "Escape") {
      // The question itself leaves on Esc.
      if (!this.asked.contains(event.target)) this.close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !this.saver.hidden) this.save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Whether the form may be used for something else: what was typed is not thrown away unasked.
  isFree() {
    if (this.node.hidden || this.area.value === this.shown) return true;
    this.fail({ message: "Save or cancel this document first." });
    this.area.focus();
    return false;
  }

  open({ table, id, text, created, canEdit }) {
    Object.assign(this, { table, id, was: id ? text : null, shown: text, canEdit });
    this.back = this.node.getRootNode().activeElement;
    const what = id ? `Document ${id}` : `New document in ${table}`;
    this.node.setAttribute("aria-label", what);
    const facts = id && created ? make("span", "nbc-quiet", `${table} · created ${dateAndTime(new Date(created))}`) : "";
    this.head.replaceChildren(make("b", "", what), facts);
    this.area.value = text;
    this.area.readOnly = !canEdit;
    this.area.dispatchEvent(new Event("input"));
    this.saver.textContent = id ? "Save" : "Add";
    this.saver.hidden = !canEdit;
    this.deleter.hidden = !canEdit || !id;
    this.hint.hidden = !canEdit;
    this.fail(null);
    this.asked.replaceChildren();
    this.node.hidden = false;
    this.area.focus();
    this.area.setSelectionRange(0, 0);
    this.area.scrollTop = 0;
    this.node.scrollIntoView({ block: "nearest" });
  }

  fail(error) {
    this.error.hidden = !error;
    this.error.textContent = error?.message ?? "";
    this.area.setAttribute("aria-invalid", String(Boolean(error)));
  }

  async save() {
    const { table, id, was } = this;
    const text = this.area.value;
    await this.send(async () => {
      if (id) await this.panel.api.act("replace", { table, id, text, was });
      else this.panel.added((await this.panel.api.act("insert", { table, text })).id);
      if (id) this.panel.api.say(`Saved ${id}.`);
    });
  }

  askDelete() {
    this.panel.askDelete([this.id], this.asked, () => this.close());
  }

  async send(work) {
    this.fail(null);
    this.saver.disabled = true;
    try {
      await work();
      this.close();
    } catch (error) {
      this.fail(error);
      if (/changed meanwhile/.test(error.message)) {
        this.was = null;
        this.error.textContent += " Save again to overwrite it.";
      }
      this.area.focus();
    } finally {
      this.saver.disabled = false;
    }
  }

  close() {
    this.node.hidden = true;
    const back = this.back?.isConnected ? this.back : this.panel.adder;
    back.focus({ preventScroll: true });
  }
}

// What the schema says of a table, and its indexes.
function tableFacts(table) {
  const node = make("div", "nbc-facts");
  const fields = make("table", "nbc-table");
  fields.append(make("caption", "", "Fields in the schema"));
  for (const { name, type } of table.schema) {
    const row = make("tr");
    row.append(make("th", "", name), make("td", "nbc-code", type));
    row.firstChild.scope = "row";
    fields.append(row);
  }
  const indexes = make("table", "nbc-table");
  indexes.append(make("caption", "", "Indexes"));
  for (const { name, fields: on, kind, marks } of table.indexes) {
    const row = make("tr");
    const what = [kind === "index" ? "" : kind, ...marks].filter(Boolean).join(", ");
    row.append(make("th", "", name), make("td", "nbc-code", on.join(", ")), make("td", "nbc-quiet", what));
    row.firstChild.scope = "row";
    indexes.append(row);
  }
  const none = make("p", "nbc-quiet", "No schema: documents of this table may have any fields.");
  const [left, right] = [make("div"), make("div")];
  left.append(make("h4", "", "Schema"), table.schema.length ? fields : none);
  right.append(make("h4", "", "Indexes"), indexes);
  node.append(left, right);
  return node;
}
