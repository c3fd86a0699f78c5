// A form for the arguments of a function: a control a field, by its type.
//
// Owns:  drawing the form that dashboard/argument_form.py describes; the answers as it wants them.
// Must not know: which function is run, what comes of it.
// Invariants: data becomes text by `textContent`, never markup. What was typed stays when the same form is drawn again.
// Stands behind dashboard_cells.js in one module.

let formFields = 0;

// The control of one question: `node`, `answer()`, `focus()`, `onEdit`.
class FormControl {
  constructor(control, label, onEdit) {
    this.control = control;
    this.onEdit = onEdit;
    this.node = make("span", "nbc-control");
    this.main = this.makeMain(label);
    this.node.append(this.main);
    if (control.nullable) this.addNull(label);
    this.node.addEventListener("input", () => this.onEdit());
    this.node.addEventListener("change", () => this.onEdit());
  }

  makeMain(label) {
    const { kind, choices, members, hint } = this.control;
    if (kind === "fixed") return this.tell(code(choices[0]), label);
    if (kind === "choice") return this.tell(this.selectOf(choices, choices.length === 1), label);
    if (kind === "union") return this.makeUnion(members, label);
    if (kind === "text" || kind === "value") {
      const area = growing("", label);
      area.classList.toggle("nbc-code", kind === "value");
      area.rows = 1;
      area.placeholder = hint;
      return this.tell(area, label);
    }
    const input = make("input", `nbc-input${kind === "id" ? " nbc-code" : ""}`);
    input.type = kind === "time" ? "datetime-local" : "text";
    if (kind === "time") input.step = "0.001";
    else input.inputMode = { number: "decimal", whole: "numeric", int64: "numeric" }[kind] ?? "text";
    input.placeholder = hint;
    input.spellcheck = false;
    input.autocomplete = "off";
    return this.tell(input, label);
  }

  tell(node, label) {
    node.setAttribute("aria-label", label);
    this.target = node;
    return node;
  }

  selectOf(choices, isChosen) {
    return selection([...(isChosen ? [] : [["", "choose"]]), ...choices.map((text, at) => [String(at), text])], isChosen ? "0" : "");
  }

  makeUnion(members, label) {
    const node = make("span", "nbc-union");
    this.member = this.selectOf(members.map((each) => each.label), false);
    this.member.value = "0";
    this.member.querySelector('option[value=""]').remove();
    this.member.setAttribute("aria-label", `${label}: which type`);
    const draw = () => {
      this.inner = new FormControl(members[Number(this.member.value)], label, () => this.onEdit());
      node.replaceChildren(this.member, this.inner.node);
    };
    this.member.addEventListener("change", draw);
    draw();
    return node;
  }

  addNull(label) {
    this.nothing = make("input");
    this.nothing.type = "checkbox";
    this.nothing.setAttribute("aria-label", `${label}: null`);
    const node = make("label", "nbc-field");
    node.append(this.nothing, make("span", "nbc-quiet", "null"));
    this.nothing.addEventListener("change", () => {
      this.main.hidden = this.nothing.checked;
    });
    this.node.append(node);
  }

  answer() {
    if (this.nothing?.checked) return { null: true };
    const { kind } = this.control;
    if (kind === "fixed") return { choice: 0 };
    if (kind === "choice") return { choice: this.target.value === "" ? null : Number(this.target.value) };
    if (kind === "union") return { member: Number(this.member.value), answer: this.inner.answer() };
    if (kind === "time" && this.target.value) return { text: new Date(this.target.value).toISOString() };
    return { text: this.target.value };
  }

  focus() {
    const target = this.control.kind === "union" ? this.inner : this.target;
    target.focus?.();
  }

  // Whether anything has been said yet.
  get isBlank() {
    if (this.nothing?.checked) return false;
    if (this.control.kind === "union") return this.inner.isBlank;
    return this.control.kind !== "fixed" && this.target.value === "";
  }
}

class FormField {
  constructor({ name, control, optional, default: preset }) {
    this.name = name;
    this.isOptional = optional;
    this.node = make("div", "nbc-argument");
    const shown = { $arguments: "arguments", $others: "other arguments" }[name] ?? name;
    this.control = new FormControl(control, shown, () => this.edited());
    const head = make("div", "nbc-argument-head");
    if (optional) {
      this.given = make("input");
      this.given.type = "checkbox";
      this.given.setAttribute("aria-label", `Pass ${shown}`);
      this.given.title = "Optional: passed only if this is ticked";
      this.given.addEventListener("change", () => this.draw());
      head.append(this.given);
    }
    const title = make("span", "nbc-argument-name", shown);
    const type = make("span", "nbc-argument-type", control.label);
    head.append(title, type);
    if (preset) head.append(make("span", "nbc-quiet", `else ${preset}`));
    this.error = make("div", "nbc-error");
    this.error.id = `nbc-argument-error-${(formFields += 1)}`;
    this.error.setAttribute("role", "alert");
    this.node.append(head, this.control.node, this.error);
    this.fail("");
    this.draw();
  }

  edited() {
    // Whoever types a value wants it passed.
    if (this.given && !this.control.isBlank) this.given.checked = true;
    this.fail("");
    this.draw();
  }

  draw() {
    this.node.classList.toggle("nbc-left-out", this.isOptional && !this.given.checked);
  }

  answer() {
    return this.isOptional && !this.given.checked ? null : this.control.answer();
  }

  fail(text) {
    this.error.hidden = !text;
    this.error.textContent = text;
    const { target } = this.control;
    if (!target) return;
    if (text) target.setAttribute("aria-invalid", "true");
    else target.removeAttribute("aria-invalid");
    if (text) target.setAttribute("aria-describedby", this.error.id);
    else target.removeAttribute("aria-describedby");
  }
}

class ArgumentForm {
  constructor(onRun) {
    this.onRun = onRun;
    this.fields = [];
    this.drawn = "";
    this.node = make("div", "nbc-arguments");
    this.node.addEventListener("keydown", (event) => {
      const isLine = event.target.tagName === "INPUT" && event.target.type !== "checkbox";
      if (event.key === "Enter" && (isLine || event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.onRun();
      }
    });
  }

  // Draw a form; one that asks the same stays as it is, with what was typed.
  update(owner, form) {
    const text = JSON.stringify([owner, form]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.fields = form.fields.map((each) => new FormField(each));
    this.node.replaceChildren(...this.fields.map((each) => each.node));
    if (!this.fields.length) this.node.append(make("span", "nbc-quiet", "It takes no arguments."));
  }

  answers() {
    return Object.fromEntries(this.fields.map((each) => [each.name, each.answer()]).filter(([, answer]) => answer !== null));
  }

  // Put each sentence at its field; what belongs to none comes back.
  fail(problems) {
    let first = null;
    for (const field of this.fields) {
      field.fail(problems[field.name] ?? "");
      if (problems[field.name]) first ??= field;
    }
    first?.control.focus();
    const names = new Set(this.fields.map((each) => each.name));
    return Object.entries(problems).filter(([name]) => !names.has(name)).map(([, sentence]) => sentence);
  }
}
