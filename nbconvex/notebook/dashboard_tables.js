// The panel of tables: the list, the conditions, the grid of documents, the form for a whole document.
//
// Owns:  what stands where; which page is shown; the conditions.
// Must not know: how documents are found or changed.
// Invariants: data becomes text by `textContent`, never markup. An error stands beside what it is about, and what was
//        typed stays.
// Stands behind dashboard_cells.js and dashboard_document.js in one module. In and out: the view and the actions of dashboard/tables.py.

const NO_VALUE = new Set(["exists", "absent"]);
const SLOW_LOOK = 1000;

let lists = 0;

// "v.optional(v.string())" as "string?".
function shortType(text) {
  const inner = /^v\.optional\((.*)\)$/s.exec(text);
  const short = (inner ? inner[1] : text).replace(/\bv\.(\w+)\(\)/g, "$1").replace(/\bv\./g, "");
  return (short.length > 28 ? `${short.slice(0, 27)}…` : short) + (inner ? "?" : "");
}

function labelled(text, node) {
  const label = make("label", "nbc-field");
  label.append(make("span", "nbc-quiet", text), node);
  return label;
}

function selection(choices, chosen) {
  const node = make("select", "nbc-input");
  for (const [value, text] of choices) {
    const option = make("option", "", text);
    option.value = value;
    node.append(option);
  }
  node.value = chosen;
  return node;
}

// The conditions above the grid: a row each.
class TableFilter {
  constructor(onApply) {
    this.onApply = onApply;
    this.rows = [];
    this.comparisons = [];
    this.fields = make("datalist");
    this.fields.id = `nbc-fields-${(lists += 1)}`;
    this.list = make("div", "nbc-conditions");
    this.error = make("div", "nbc-error");
    this.error.setAttribute("role", "alert");
    this.apply = button("Apply", "nbc-primary", () => this.send());
    this.adder = button("Add filter", "", () => this.add({}).field.focus());
    this.clear = button("Clear", "", () => this.set([]) || this.send());
    this.node = make("div", "nbc-filter");
    this.tools = make("div", "nbc-tools");
    this.tools.append(this.apply, this.clear);
    this.node.append(this.fields, this.list, this.tools, this.error);
    this.set([]);
  }

  set(conditions) {
    this.rows = [];
    this.list.replaceChildren();
    for (const each of conditions) this.add(each);
    this.draw();
    return false;
  }

  add({ field = "", comparison = "eq", value = "" }) {
    const row = { node: make("div", "nbc-condition"), field: make("input", "nbc-input") };
    row.field.value = field;
    row.field.placeholder = "field";
    row.field.setAttribute("list", this.fields.id);
    row.field.setAttribute("aria-label", "Field");
    row.comparison = selection(this.comparisons, comparison);
    row.comparison.setAttribute("aria-label", "Comparison");
    row.value = make("input", "nbc-input nbc-code nbc-grow");
    row.value.value = value;
    row.value.placeholder = "value";
    row.value.setAttribute("aria-label", "Value");
    row.value.spellcheck = row.field.spellcheck = false;
    const hide = () => {
      row.value.hidden = NO_VALUE.has(row.comparison.value);
    };
    row.comparison.addEventListener("change", hide);
    hide();
    const away = button("×", "nbc-plain", () => {
      this.rows = this.rows.filter((each) => each !== row);
      row.node.remove();
      this.draw();
      this.send();
      this.adder.focus();
    });
    away.setAttribute("aria-label", "Remove this filter");
    row.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") this.send();
    });
    row.node.append(row.field, row.comparison, row.value, away);
    this.list.append(row.node);
    this.rows.push(row);
    this.draw();
    return row;
  }

  draw() {
    this.tools.hidden = !this.rows.length;
  }

  know(comparisons, fields) {
    this.comparisons = comparisons;
    const options = fields.map((name) => {
      const option = make("option");
      option.value = name;
      return option;
    });
    this.fields.replaceChildren(...options);
  }

  get where() {
    return this.rows
      .filter((row) => row.field.value.trim())
      .map((row) => ({ field: row.field.value, comparison: row.comparison.value, value: row.value.value }));
  }

  send() {
    this.fail(null);
    this.onApply();
  }

  fail(error) {
    this.error.hidden = !error;
    this.error.textContent = error?.message ?? "";
  }
}

class TablesPanel {
  constructor(host, api) {
    this.api = api;
    this.table = null;
    this.types = new Map();
    this.where = { table: "", order: "", ascending: false };
    this.rewind();
    this.side = make("nav", "nbc-side");
    this.side.setAttribute("aria-label", "Tables");
    this.names = make("ul", "nbc-names");
    this.side.append(this.names);
    this.grid = new EditableGrid(this.hands());
    this.filter = new TableFilter(() => (!this.grid.editor || this.grid.letGo()) && this.ask({ isNew: true }));
    this.form = new DocumentForm(this);
    this.main = make("div", "nbc-main");
    this.empty = make("div", "nbc-empty");
    this.asked = make("div", "nbc-asking");
    this.main.append(this.makeHead(), this.filter.node, this.facts, this.asked, this.form.node, this.empty, this.grid.node, this.makeFoot());
    host.append(this.side, this.main);
  }

  makeHead() {
    this.head = make("div", "nbc-tools nbc-head");
    this.title = make("b", "nbc-name");
    this.adder = button("Add document", "", () => this.addDocument());
    this.deleter = button("", "nbc-danger", () => this.askDelete([...this.grid.ticked]));
    this.deleter.hidden = true;
    this.order = selection([], "");
    this.order.addEventListener("change", () => this.ask({ isNew: true, order: this.order.value }));
    this.direction = button("", "", () => this.ask({ isNew: true, ascending: !this.where.ascending }));
    this.order.setAttribute("aria-label", "Order");
    this.factsButton = button("Schema and indexes", "", () => this.showFacts(this.facts.hidden));
    this.facts = make("div");
    this.facts.hidden = true;
    this.showFacts(false);
    const right = make("span", "nbc-right-tools");
    right.append(this.order, this.direction, this.factsButton);
    this.head.append(this.title, this.adder, this.filter.adder, this.deleter, right);
    return this.head;
  }

  makeFoot() {
    const foot = make("div", "nbc-foot nbc-table-foot");
    this.status = make("span");
    this.back = button("‹", "", () => this.turn(-1));
    this.back.setAttribute("aria-label", "Previous page");
    this.forth = button("›", "", () => this.turn(+1));
    this.forth.setAttribute("aria-label", "Next page");
    const pager = make("span", "nbc-pager");
    pager.append(this.back, this.forth);
    foot.append(this.status, pager);
    return foot;
  }

  hands() {
    const about = (key, field) => ({ table: this.table.name, id: key, field });
    return {
      read: async (key, field) => (await this.api.act("read", about(key, field))).text,
      save: (key, field, text, was) => this.api.act("set", { ...about(key, field), text, was }),
      remove: (key, field, was) => this.api.act("unset", { ...about(key, field), was }),
      report: (error) => this.api.report(error),
      canEdit: () => this.canEdit,
      typeOf: (column) => this.types.get(column) ?? "",
      openRow: (key) => this.openDocument(key),
      deleteRow: (key) => this.askDelete(this.grid.ticked.size ? [...this.grid.ticked] : [key]),
      chosen: () => this.drawTicked(),
    };
  }

  get canEdit() {
    return !this.api.readonly() && this.table !== null && !this.table.system;
  }

  // -- asking

  rewind() {
    this.page = 0;
    this.cursors = [""];
    this.before = [0];
  }

  show(place) {
    const { table = this.where.table, where, order = this.where.order, ascending = this.where.ascending } = place;
    this.where = { table, order, ascending };
    this.wanted = where;
    this.ask({});
  }

  ask({ isNew = false, ...changes }) {
    Object.assign(this.where, changes);
    if (isNew) this.rewind();
    const where = this.wanted ?? this.filter.where;
    const place = { ...this.where, where };
    if (isNew) this.api.remember(place);
    this.api.watch(
      { ...place, cursor: this.cursors[this.page] },
      (value) => this.draw(value),
      (error) => this.fail(error),
    );
  }

  turn(step) {
    if (this.grid.editor && !this.grid.letGo()) return;
    if (step > 0) {
      this.cursors[this.page + 1] = this.table.next;
      this.before[this.page + 1] = this.before[this.page] + this.table.picture.rows.length;
    }
    this.page += step;
    this.grid.node.scrollTop = 0;
    this.ask({});
  }

  choose(name) {
    if (!this.form.isFree() || (this.grid.editor && !this.grid.letGo())) return;
    this.form.node.hidden = true;
    this.asked.replaceChildren();
    this.grid.untick();
    this.filter.set([]);
    this.filter.fail(null);
    this.api.report(null);
    this.ask({ isNew: true, table: name, order: "" });
  }

  // A page that is not there any more is followed by the first one; everything else is about the conditions.
  fail(error) {
    if (error.title === "CursorInvalidError" && this.page) {
      this.rewind();
      this.ask({});
    } else this.filter.fail(error);
  }

  // -- drawing

  draw(value) {
    this.filter.fail(null);
    const { table } = value;
    this.table = table;
    this.drawNames(value.tables, table?.name);
    this.main.hidden = !table;
    if (!table) {
      const none = "No tables yet. A %%schema cell makes some, and so does the first insert.";
      this.names.prepend(make("li", "nbc-empty", value.missing ? `There is no table ${value.missing} any more.` : none));
      this.namesDrawn = "";
      return;
    }
    this.where.table = table.name;
    this.filter.know(value.comparisons, table.fields);
    if (this.wanted) this.filter.set(this.wanted);
    this.wanted = undefined;
    this.types = new Map(table.schema.map(({ name, type }) => [name, shortType(type)]));
    if (!table.picture.rows.length && this.page && !this.grid.editor) {
      this.turn(-1);
      return;
    }
    this.drawHead(table);
    const { rows } = table.picture;
    this.grid.node.hidden = !rows.length && !this.grid.editor;
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = this.filter.where.length ? "No document fits." : "No documents in this table.";
    const heads = JSON.stringify([...this.types]);
    if (heads !== this.heads && !this.grid.editor) this.grid.columns = null;
    this.heads = heads;
    this.grid.update(table.picture, `Documents of ${table.name}`);
    this.drawFoot(table);
  }

  drawNames(tables, chosen) {
    const text = JSON.stringify([tables, chosen]);
    if (text === this.namesDrawn) return;
    this.namesDrawn = text;
    const focused = this.names.getRootNode().activeElement?.dataset?.table;
    const items = tables.map(({ name, count, system }) => {
      const item = make("li");
      const choice = button("", system ? "nbc-choice nbc-quiet" : "nbc-choice", () => this.choose(name));
      choice.dataset.table = name;
      choice.title = name;
      choice.append(make("span", "nbc-choice-name", name), make("span", "nbc-count", number.format(count)));
      if (name === chosen) choice.setAttribute("aria-current", "true");
      item.append(choice);
      return item;
    });
    this.names.replaceChildren(...items);
    if (focused) this.names.querySelector(`[data-table="${CSS.escape(focused)}"]`)?.focus();
  }

  drawHead(table) {
    this.title.textContent = table.name;
    this.adder.hidden = table.system;
    this.adder.disabled = !this.canEdit;
    const orders = table.indexes.filter((each) => each.kind === "index" && !each.marks.includes("staged") && each.name !== "by_id");
    const choices = [["", "Order: automatic"], ...orders.map((each) => [each.name, each.name === "by_creation_time" ? "Order: creation time" : `Order: ${each.name}`])];
    const text = JSON.stringify(choices);
    if (text !== this.choices) {
      this.choices = text;
      const order = selection(choices, this.where.order);
      this.order.replaceChildren(...order.children);
    }
    this.order.value = this.where.order;
    const isTime = table.through === "by_creation_time";
    const words = this.where.ascending ? (isTime ? "↑ oldest first" : "↑ ascending") : isTime ? "↓ newest first" : "↓ descending";
    this.direction.textContent = words;
    this.direction.setAttribute("aria-label", `Order: ${words.slice(2)}. Turn it round`);
    if (!this.facts.hidden) this.facts.replaceChildren(tableFacts(table));
  }

  drawFoot(table) {
    const { rows } = table.picture;
    const from = this.before[this.page];
    const all = table.found ?? null;
    const parts = [];
    if (rows.length) parts.push(`${number.format(from + 1)}–${number.format(from + rows.length)}${all === null ? "" : ` of ${number.format(all)}`}`);
    if (this.filter.where.length) {
      if (table.ranged.length) parts.push(`through ${table.through}`);
      if (all === null) {
        const looked = `looked at ${number.format(table.lookedAt)} of ${number.format(table.count)} documents`;
        parts.push(table.next && rows.length < 50 ? `${looked}: › looks further` : looked);
        if (!table.ranged.length && table.lookedAt > SLOW_LOOK) parts.push("no index helps with this filter");
      }
    }
    if (table.dropped) parts.push(`${number.format(table.dropped)} more fields are in the document`);
    if (table.system) parts.push("a table of the platform, read-only");
    this.status.textContent = parts.join(" · ");
    this.back.disabled = this.page === 0;
    this.forth.disabled = !table.next;
    this.back.parentElement.hidden = this.page === 0 && !table.next;
  }

  showFacts(isShown) {
    this.facts.hidden = !isShown;
    this.factsButton.setAttribute("aria-expanded", String(isShown));
    if (isShown && this.table) this.facts.replaceChildren(tableFacts(this.table));
  }

  // -- documents

  async openDocument(id) {
    if (!this.form.isFree()) return;
    const table = this.table.name;
    try {
      const { text, created } = await this.api.act("document", { table, id });
      this.form.open({ table, id, text, created, canEdit: this.canEdit });
    } catch (error) {
      this.api.report(error);
    }
  }

  drawTicked() {
    const count = this.grid.ticked.size;
    this.deleter.hidden = !count || !this.canEdit;
    this.deleter.textContent = `Delete ${number.format(count)}…`;
  }

  askDelete(ids, host = this.asked, then = () => {}) {
    if (!this.canEdit) return;
    const { name: table } = this.table;
    const what = ids.length === 1 ? `document ${ids[0]}` : `${number.format(ids.length)} documents`;
    confirmation(host, `Delete ${what} of ${table}? What refers to it is dealt with as the schema says.`, "Delete", async () => {
      const { deleted } = await this.api.act("delete", { table, ids });
      this.grid.untick();
      const more = deleted - ids.length;
      this.api.say(`Deleted ${what}${more > 0 ? `, and ${number.format(more)} more that referred to it` : ""}.`);
      then();
    });
  }

  async addDocument() {
    if (!this.form.isFree()) return;
    const table = this.table.name;
    try {
      const { text } = await this.api.act("template", { table });
      this.form.open({ table, id: null, text, canEdit: true });
    } catch (error) {
      this.api.report(error);
    }
  }

  added(id) {
    this.api.say(`Added ${id}.`);
  }

  readonly() {
    if (this.table) this.drawHead(this.table);
    this.form.saver.disabled = Boolean(this.api.readonly());
  }
}

function tablesPanel(host, api) {
  return new TablesPanel(host, api);
}
