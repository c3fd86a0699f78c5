// The frame of the dashboard on the page: its tabs, the one panel that is shown, what went wrong, what is said aloud.
//
// Owns:  which panel is shown; the questions to the kernel and what becomes of their answers; the keyboard of the tabs.
// Must not know: what any panel shows. Each is a function `<name>Panel(host, api)` in dashboard_<name>.js.
// Invariants: data becomes text by `textContent`, never markup. Nobody waits for the kernel: an answer that is late is
//        said to be, and what was typed stays.
// Stands behind live_frame.js, live_grid.js and the panels in one module.
//
// In:   model.panels, JSON: [{name, title}]; model.title; model.place, JSON: {panel, of: {name: place}}.
//       Messages {id, ok, value | error: {title, message}, readonly}; an id may be answered again and again.
//       {ask: "watches"}: who still watches something says so again.
// Out:  {id, page, panel, verb: "view" | "act", action?, arguments}; {page, verb: "leave"}.
//
// A panel has `show(place)`, called whenever it comes into sight, which asks for its view with `api.watch`;
// `readonly(reason)`, and `hide()` and `end()` if it needs them.

const LATE_MS = 1500;
const SAID_MS = 6000;

let pages = 0;

// The questions of one page to the kernel, and their answers.
class Line {
  constructor(model, onState) {
    this.model = model;
    this.onState = onState;
    this.page = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}-${(pages += 1)}`;
    this.count = 0;
    this.waiting = new Map();
    this.watched = null;
    this.heard = (message) => this.hear(message);
    model.on("msg:custom", this.heard);
    // A page that is reloaded ends nothing by itself.
    this.gone = () => this.leave();
    window.addEventListener("pagehide", this.gone);
  }

  ask(message, taken) {
    const id = `${this.page}:${(this.count += 1)}`;
    const whole = { id, page: this.page, ...message };
    this.waiting.set(id, { ...taken, whole, timer: setTimeout(() => this.onState({ isLate: true }), LATE_MS) });
    this.model.send(whole);
    return id;
  }

  watch(panel, args, draw, fail) {
    if (this.watched) this.forget(this.watched);
    this.watched = this.ask({ panel, verb: "view", arguments: args }, { draw, fail, isKept: true });
  }

  act(panel, action, args) {
    return new Promise((resolve, reject) => {
      this.ask({ panel, verb: "act", action, arguments: args }, { draw: resolve, fail: reject });
    });
  }

  hear(message) {
    // The kernel wants to know who is still here.
    if (message?.ask === "watches" && this.watched) this.model.send(this.waiting.get(this.watched).whole);
    const taken = this.waiting.get(message?.id);
    if (!taken) return;
    clearTimeout(taken.timer);
    if (!taken.isKept) this.waiting.delete(message.id);
    this.onState({ isLate: false, readonly: message.readonly });
    if (message.ok) taken.draw(message.value);
    else taken.fail(message.error);
  }

  forget(id) {
    clearTimeout(this.waiting.get(id)?.timer);
    this.waiting.delete(id);
  }

  leave() {
    if (this.watched) this.forget(this.watched);
    this.watched = null;
    this.model.send({ page: this.page, verb: "leave" });
  }

  end() {
    this.leave();
    for (const id of [...this.waiting.keys()]) this.forget(id);
    this.model.off("msg:custom", this.heard);
    window.removeEventListener("pagehide", this.gone);
  }
}

class Dashboard {
  constructor(model, el) {
    this.model = model;
    this.panels = JSON.parse(model.get("panels"));
    this.made = new Map();
    this.readonly = "";
    this.shown = null;
    this.line = new Line(model, (state) => this.drawState(state));
    this.node = make("section", "nbc-live nbc-dash");
    this.node.setAttribute("aria-label", `Dashboard of ${model.get("title")}`);
    // The notebook has its own meaning for most keys: two d delete a cell.
    this.node.dataset.lmSuppressShortcuts = "true";
    this.node.addEventListener("keydown", (event) => event.stopPropagation());
    this.state = make("span", "nbc-state", "live");
    this.tabs = make("div", "nbc-tabs");
    this.tabs.setAttribute("role", "tablist");
    this.tabs.setAttribute("aria-label", "Panels of the dashboard");
    this.tabs.addEventListener("keydown", (event) => this.onKey(event));
    const bar = make("div", "nbc-bar");
    const name = make("span", "nbc-args", model.get("title"));
    name.title = "The store";
    bar.append(make("span", "nbc-name", "nbconvex"), name, this.state);
    this.notice = make("div", "nbc-notice");
    this.problem = make("div", "nbc-problem nbc-dash-problem");
    this.problem.setAttribute("role", "alert");
    this.problemText = make("span");
    const away = make("button", "nbc-plain", "Dismiss");
    away.type = "button";
    away.addEventListener("click", () => this.report(null));
    this.problem.append(this.problemText, away);
    this.hosts = make("div", "nbc-panels");
    this.told = make("span");
    this.foot = make("div", "nbc-foot");
    this.foot.append(this.told);
    this.voice = new Voice();
    this.node.append(bar, this.tabs, this.notice, this.problem, this.hosts, this.foot, this.voice.node);
    this.problem.hidden = this.notice.hidden = this.foot.hidden = true;
    el.append(this.node);
    this.makeTabs();
    const place = this.place();
    this.show(this.panels.some((each) => each.name === place.panel) ? place.panel : this.panels[0].name);
  }

  // -- tabs

  makeTabs() {
    for (const { name, title } of this.panels) {
      const tab = make("button", "nbc-tab", title);
      tab.type = "button";
      tab.id = `nbc-tab-${this.line.page}-${name}`;
      tab.dataset.panel = name;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", `nbc-panel-${this.line.page}-${name}`);
      tab.addEventListener("click", () => this.show(name));
      this.tabs.append(tab);
      const host = make("div", `nbc-panel nbc-panel-${name}`);
      host.id = `nbc-panel-${this.line.page}-${name}`;
      host.setAttribute("role", "tabpanel");
      host.setAttribute("aria-labelledby", tab.id);
      host.hidden = true;
      this.hosts.append(host);
    }
    // One tab needs no row of tabs.
    this.tabs.hidden = this.panels.length < 2;
  }

  onKey(event) {
    const names = this.panels.map((each) => each.name);
    const at = names.indexOf(event.target.dataset?.panel);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 };
    if (at < 0 || !(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const name = names[(steps[event.key] + names.length) % names.length];
    this.show(name);
    this.tabOf(name).focus();
  }

  tabOf(name) {
    return this.tabs.querySelector(`[data-panel="${name}"]`);
  }

  hostOf(name) {
    return this.hosts.querySelector(`.nbc-panel-${name}`);
  }

  show(name, place) {
    if (this.shown && this.shown !== name) {
      this.made.get(this.shown)?.hide?.();
      this.hostOf(this.shown).hidden = true;
      this.line.leave();
    }
    this.shown = name;
    this.report(null);
    // What the panel before had to say is not about this one.
    this.foot.hidden = true;
    for (const tab of this.tabs.children) {
      const isShown = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
    }
    this.hostOf(name).hidden = false;
    if (place !== undefined) this.remember(name, place);
    else this.keep({ ...this.place(), panel: name });
    try {
      this.panelOf(name).show(this.place().of?.[name] ?? {});
    } catch (problem) {
      this.report({ title: "This panel could not be drawn", message: String(problem) });
    }
  }

  panelOf(name) {
    if (!this.made.has(name)) {
      this.made.set(name, PANELS[name](this.hostOf(name), this.apiOf(name)));
      this.made.get(name).readonly?.(this.readonly);
    }
    return this.made.get(name);
  }

  // What a panel may do with its frame.
  apiOf(name) {
    const isShown = () => this.shown === name;
    return {
      // Ask for this panel's view, and have it drawn now and after every change, until the next `watch`.
      watch: (args, draw, fail) => {
        if (!isShown()) return;
        this.line.watch(name, args, draw, fail ?? ((error) => this.report(error)));
      },
      // Have something done: a promise of what came of it; rejected with {title, message}.
      act: (action, args = {}) => this.line.act(name, action, args),
      // Show an error above the panel until something else happens; null takes it away.
      report: (error) => isShown() && this.report(error),
      // Tell in the foot and to screen readers.
      say: (text) => isShown() && this.say(text),
      // Why nothing can be changed, or "".
      readonly: () => this.readonly,
      // Where the panel was left, which survives a reload of the page: any object.
      remember: (place) => this.remember(name, place),
      // Go to another panel, at a place.
      open: (panel, place) => this.show(panel, place),
    };
  }

  // -- where it was left

  place() {
    try {
      return JSON.parse(this.model.get("place") || "{}");
    } catch {
      return {};
    }
  }

  remember(name, place) {
    const before = this.place();
    this.keep({ ...before, panel: this.shown, of: { ...before.of, [name]: place } });
  }

  keep(place) {
    const text = JSON.stringify(place);
    if (text === this.model.get("place")) return;
    this.model.set("place", text);
    this.model.save_changes();
  }

  // -- what is said

  report(error) {
    this.problem.hidden = !error;
    if (!error) return;
    this.problemText.replaceChildren(make("b", "", error.title), `: ${error.message}`);
  }

  say(text) {
    this.told.textContent = text;
    this.foot.hidden = !text;
    this.voice.say(text);
    clearTimeout(this.saidTimer);
    this.saidTimer = setTimeout(() => {
      this.foot.hidden = true;
    }, SAID_MS);
  }

  drawState({ isLate, readonly }) {
    this.node.dataset.state = isLate ? "error" : this.readonly || readonly ? "ended" : "live";
    if (isLate) {
      this.state.textContent = "waiting for the kernel";
      this.state.title = "It is running a cell, or was restarted: then run %convex dashboard again.";
      return;
    }
    if (readonly !== undefined && readonly !== this.readonly) {
      this.readonly = readonly;
      for (const panel of this.made.values()) panel.readonly?.(readonly);
    }
    this.state.textContent = this.readonly ? "read-only" : "live";
    this.state.title = this.readonly;
    this.node.dataset.state = this.readonly ? "ended" : "live";
    this.notice.hidden = !this.readonly;
    this.notice.textContent = this.readonly && `Nothing can be changed here. ${this.readonly}`;
  }

  end() {
    for (const panel of this.made.values()) panel.end?.();
    this.line.end();
    this.voice.stop();
    clearTimeout(this.saidTimer);
  }
}

function render({ model, el }) {
  const dashboard = new Dashboard(model, el);
  return () => dashboard.end();
}

export default { render };
