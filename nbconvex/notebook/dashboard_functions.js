// The panel of functions: the list by modules, how they fare, the form of one, what came of running it.
//
// Owns:  which function is shown; running and following it.
// Must not know: how a form is drawn (dashboard_form.js), how functions are run.
// Invariants: data becomes text by `textContent`, never markup. What was typed and what came of it stay until the
//        function is left.
// Stands behind dashboard_lists.js and dashboard_form.js. In and out: the view and actions of dashboard/functions.py.

// A value as the kernel has depicted it: a table, or a text.
class DepictedValue {
  constructor() {
    this.node = make("div", "nbc-depicted");
    this.grid = null;
  }

  update(picture, caption) {
    const note = picture.note ? [make("div", "nbc-quiet nbc-depicted-note", picture.note)] : [];
    if (picture.shape === "value") {
      this.grid = null;
      this.node.replaceChildren(make("pre", "nbc-value", picture.text), ...note);
      return;
    }
    if (!picture.rows.length) {
      this.grid = null;
      this.node.replaceChildren(make("div", "nbc-empty", "An empty list."), ...note);
      return;
    }
    if (!this.grid) {
      this.grid = new Grid(() => this.drawPager());
      this.pager = this.makePager();
    }
    this.grid.update(picture, caption);
    this.node.replaceChildren(this.grid.node, this.pager, ...note);
  }

  makePager() {
    const pager = make("div", "nbc-tools nbc-depicted-note");
    this.back = button("‹", "", () => this.grid.turn(this.grid.page - 1));
    this.back.setAttribute("aria-label", "Previous rows");
    this.forth = button("›", "", () => this.grid.turn(this.grid.page + 1));
    this.forth.setAttribute("aria-label", "Next rows");
    this.where = make("span", "nbc-quiet");
    pager.append(this.back, this.forth, this.where);
    return pager;
  }

  drawPager() {
    if (!this.pager) return;
    const { page, pages, picture } = this.grid;
    this.back.hidden = this.forth.hidden = pages === 1;
    this.back.disabled = page === 0;
    this.forth.disabled = page === pages - 1;
    const shown = picture.rows.length < picture.total ? `${number.format(picture.rows.length)} of ` : "";
    this.where.textContent = `${shown}${rowsInWords(picture.total)}${pages === 1 ? "" : `, page ${page + 1} of ${pages}`}`;
  }
}

// What came of a call: its value or its error, its lines, the calls that it made.
class FunctionResult {
  constructor(api) {
    this.api = api;
    this.node = make("section", "nbc-result");
    this.node.setAttribute("aria-label", "Result");
    this.head = make("div", "nbc-tools nbc-result-head");
    this.value = new DepictedValue();
    this.rest = make("div");
    this.node.append(this.head, this.value.node, this.rest);
    this.clear();
  }

  clear() {
    this.node.hidden = true;
    this.drawn = "";
  }

  update(outcome, { caption, isFollowed = false }) {
    const text = JSON.stringify([outcome, isFollowed]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.node.hidden = false;
    const head = [mark(outcome.ok ? "succeeded" : "failed", outcome.ok ? "good" : "bad")];
    if (isFollowed) head.push(mark("following", "busy"), make("span", "nbc-quiet", "last change"), timeNode(outcome.at));
    else head.push(make("span", "nbc-quiet", durationText(outcome.ms)));
    if (outcome.cached) head.push(mark("from the cache", "quiet"));
    if (outcome.request) {
      head.push(button(`Request ${outcome.request}`, "nbc-plain nbc-code", () => this.api.open("logs", { request: outcome.request })));
    }
    this.head.replaceChildren(...head);
    this.value.node.hidden = !outcome.ok;
    if (outcome.ok) this.value.update(outcome.value, caption);
    const parts = [];
    if (outcome.problem) parts.push(errorNode(outcome.problem));
    if (outcome.lines.length) parts.push(section("Printed", linesNode(outcome.lines)));
    if (outcome.calls?.length) parts.push(section("Calls that it made", callsNode(outcome.calls)));
    this.rest.replaceChildren(...parts);
  }
}

class FunctionsPanel {
  constructor(host, api) {
    this.api = api;
    this.wanted = "";
    this.chosen = null;
    this.side = make("nav", "nbc-side");
    this.side.setAttribute("aria-label", "Functions");
    this.find = searchField("Find a function", () => this.ask());
    this.names = make("div", "nbc-function-names");
    this.side.append(this.find, this.names);
    this.main = make("div", "nbc-main");
    this.makeAll();
    this.makeOne();
    this.main.append(this.all, this.one);
    host.append(this.side, this.main);
  }

  makeAll() {
    this.all = make("div", "nbc-function-all");
    this.figures = make("div", "nbc-quiet nbc-figures");
    this.empty = make("div", "nbc-empty");
    this.table = new ListTable(
      "Functions and how they fare",
      [
        { title: "function" }, { title: "calls", right: true }, { title: "errors", right: true },
        { title: "cache hits", right: true }, { title: "median", right: true }, { title: "95 %", right: true }, { title: "defined in" },
      ],
      { key: (each) => each.path, cells: (each) => this.rowOf(each) },
    );
    this.all.append(this.figures, this.empty, this.table.node);
  }

  rowOf(each) {
    const opener = button(each.full, "nbc-plain nbc-opener", () => this.choose(each.path));
    opener.dataset.focus = "open";
    const name = make("span", "nbc-log-function");
    name.append(kindLetter(each.kind), opener, each.visibility === "internal" ? make("span", "nbc-quiet", "internal") : "");
    if (!each.calls) return [name, "–", "", "", "", "", each.place];
    const errors = each.errors ? make("span", "nbc-failed", number.format(each.errors)) : "0";
    const hits = each.kind === "query" ? `${Math.round((each.hits / each.calls) * 100)} %` : "";
    return [name, number.format(each.calls), errors, hits, durationText(each.p50), durationText(each.p95), each.place];
  }

  makeOne() {
    this.one = make("div", "nbc-function");
    this.head = make("div", "nbc-tools nbc-head");
    this.facts = make("div", "nbc-function-facts");
    this.form = new ArgumentForm(() => this.run("run"));
    this.who = make("input", "nbc-input");
    this.who.spellcheck = false;
    this.who.setAttribute("aria-label", "Run as");
    this.whoError = make("div", "nbc-error");
    this.whoError.setAttribute("role", "alert");
    this.error = make("div", "nbc-error");
    this.error.setAttribute("role", "alert");
    this.runner = button("Run", "nbc-primary", () => this.run("run"));
    this.follower = button("Follow", "", () => (this.isFollowed ? this.unfollow() : this.run("follow")));
    this.follower.title = "Show the result, and again whenever it changes";
    this.tools = make("div", "nbc-tools");
    this.running = make("span", "nbc-quiet");
    this.tools.append(this.runner, this.follower, labelled("as", this.who), this.running);
    this.result = new FunctionResult(this.api);
    const ask = make("div", "nbc-form nbc-function-form");
    ask.append(this.form.node, this.tools, this.whoError, this.error);
    this.one.append(this.head, this.facts, ask, this.result.node);
    this.whoError.hidden = this.error.hidden = true;
  }

  // -- asking

  show(place) {
    if (place.function !== undefined) this.wanted = place.function;
    this.ask();
  }

  choose(path) {
    if (path !== this.wanted) this.leave();
    this.wanted = path;
    this.api.remember({ function: path });
    this.ask();
  }

  // Another function begins with nothing typed and no result.
  leave() {
    this.result.clear();
    this.fail({});
    this.isRunning = false;
    this.round = (this.round ?? 0) + 1;
  }

  ask() {
    this.api.watch({ find: this.find.value, function: this.wanted }, (value) => this.draw(value));
  }

  async run(action) {
    if (!this.chosen || this.isRunning || this.api.readonly()) return;
    const { path, full } = this.chosen;
    const round = this.round;
    this.fail({});
    this.isRunning = true;
    const since = Date.now();
    const ticks = setInterval(() => {
      this.running.textContent = this.isRunning && this.round === round ? `running, ${durationText(Date.now() - since)}` : "";
    }, 500);
    this.drawTools();
    try {
      const told = await this.api.act(action, { function: path, answers: this.form.answers(), as: this.who.value });
      if (this.round !== round) return;
      if (told.problems) this.fail(told.problems);
      else {
        if (action === "follow") this.isFollowed = true;
        this.result.update(told.outcome, { caption: `Result of ${full}`, isFollowed: this.isFollowed });
        this.api.say(told.outcome.ok ? `${full} succeeded.` : `${full} failed: ${told.outcome.problem.text}`);
      }
    } catch (problem) {
      if (this.round === round) this.drawError(problem.message);
    } finally {
      clearInterval(ticks);
      if (this.round === round) {
        this.isRunning = false;
        this.running.textContent = "";
        this.drawTools();
      }
    }
  }

  async unfollow() {
    this.isFollowed = false;
    this.drawTools();
    try {
      await this.api.act("unfollow");
    } catch (problem) {
      this.api.report(problem);
    }
  }

  fail(problems) {
    const { $as: who = "", ...others } = problems;
    this.whoError.hidden = !who;
    this.whoError.textContent = who;
    const unplaced = this.form.fail(others);
    this.drawError(unplaced.join("\n"));
  }

  drawError(text) {
    this.error.hidden = !text;
    this.error.textContent = text;
  }

  // -- drawing

  draw(value) {
    this.drawNames(value);
    this.chosen = value.function;
    this.one.hidden = !this.chosen;
    this.all.hidden = Boolean(this.chosen);
    if (this.chosen) this.drawOne(value);
    else this.drawAll(value);
    if (value.gone && this.wanted) this.api.report({ title: this.wanted, message: "is not defined any more. Run its cell again." });
  }

  drawNames(value) {
    const text = JSON.stringify([value.modules.map(({ name, functions }) => [name, functions.map((each) => [each.path, each.kind, each.errors ?? 0])]), value.function?.path]);
    if (text === this.namesDrawn) return;
    this.namesDrawn = text;
    const focused = this.names.getRootNode().activeElement?.dataset?.path;
    const all = this.choiceOf("", "All functions", "", value.total);
    const parts = [all];
    for (const { name, functions } of value.modules) {
      const list = make("ul", "nbc-names");
      list.setAttribute("aria-label", name);
      for (const each of functions) {
        const item = make("li");
        item.append(this.choiceOf(each.path, each.name, each.kind, each.errors));
        list.append(item);
      }
      parts.push(make("div", "nbc-module", name), list);
    }
    this.names.replaceChildren(...parts);
    this.showChosen();
    if (focused !== undefined) this.names.querySelector(`[data-path="${CSS.escape(focused)}"]`)?.focus();
  }

  // Scroll the list, and nothing else, to the function that is shown.
  showChosen() {
    const chosen = this.names.querySelector("[aria-current]");
    if (!chosen || this.shownChoice === this.wanted) return;
    this.shownChoice = this.wanted;
    const [list, place] = [this.names.getBoundingClientRect(), chosen.getBoundingClientRect()];
    if (place.top < list.top || place.bottom > list.bottom) this.names.scrollTop += place.top - list.top - list.height / 3;
  }

  choiceOf(path, name, kind, count) {
    const choice = button("", "nbc-choice", () => this.choose(path));
    choice.dataset.path = path;
    choice.title = kind ? `${path}, ${kind}` : "";
    if (kind) choice.append(kindLetter(kind));
    choice.append(make("span", "nbc-choice-name", name));
    if (kind && count) choice.append(make("span", "nbc-failed", `${number.format(count)} ✗`));
    else if (!kind) choice.append(make("span", "nbc-count", number.format(count)));
    if ((this.wanted || "") === path) choice.setAttribute("aria-current", "true");
    return choice;
  }

  drawAll(value) {
    const rows = value.modules.flatMap(({ functions }) => functions);
    this.table.node.hidden = !rows.length;
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = value.total ? "No function has that in its path." : "No functions yet. A cell that begins with %%query defines some.";
    this.table.update(rows);
    const parts = [`Figures of the newest ${number.format(value.logged)} calls`];
    if (value.shown < value.found) parts.push(`the first ${number.format(value.shown)} of ${number.format(value.found)} functions`);
    this.figures.textContent = parts.join(" · ");
    this.figures.hidden = !rows.length;
  }

  drawOne(value) {
    const each = value.function;
    const name = `${each.path} ${each.generation}`;
    if (this.headOf !== name) {
      this.headOf = name;
      const title = make("b", "nbc-name", each.full);
      const marks = [mark(each.kind), mark(each.visibility, each.visibility === "internal" ? "quiet" : "")];
      this.head.replaceChildren(title, ...marks, make("span", "nbc-quiet", each.place));
    }
    this.drawFacts(each);
    this.form.update(each.path, each.form);
    this.who.placeholder = value.acting ? `${value.acting} (%convex as)` : "nobody";
    const followed = value.followed;
    this.isFollowed = followed?.path === each.path;
    if (this.isFollowed) this.result.update(followed, { caption: `Result of ${each.full}`, isFollowed: true });
    this.drawTools();
  }

  drawFacts(each) {
    const facts = [];
    if (each.docs) facts.push(make("p", "nbc-docs", each.docs));
    const figures = make("p", "nbc-quiet");
    if (each.calls) {
      const share = each.kind === "query" ? `, ${number.format(each.hits)} from the cache` : "";
      const errors = `${number.format(each.errors)} ${each.errors === 1 ? "error" : "errors"}`;
      figures.textContent = `${number.format(each.calls)} ${each.calls === 1 ? "call" : "calls"} in the log, ${errors}${share} · half within ${durationText(each.p50)}, 95 % within ${durationText(each.p95)}`;
    } else figures.textContent = "Not called yet";
    if (each.returns !== "anything") figures.textContent += ` · returns ${each.returns}`;
    facts.push(figures);
    for (const remark of each.remarks ?? []) facts.push(make("p", "nbc-warned", remark));
    if (each.newestError) {
      const { request, at, name, text } = each.newestError;
      const line = make("p", "nbc-newest-error");
      line.append("Newest error ", timeNode(at), ": ", make("span", "nbc-failed", `${name}: ${text}`.split("\n")[0]), " ");
      line.append(button("Show in the log", "nbc-plain", () => this.api.open("logs", { request })));
      facts.push(line);
    }
    const text = JSON.stringify([each.path, each.docs, figures.textContent, each.remarks, each.newestError]);
    if (text === this.factsDrawn) return;
    this.factsDrawn = text;
    this.facts.replaceChildren(...facts);
  }

  drawTools() {
    const isQuery = this.chosen?.kind === "query";
    const cannot = Boolean(this.api.readonly()) || this.isRunning;
    this.runner.disabled = cannot;
    this.runner.textContent = `Run ${this.chosen?.kind ?? ""}`;
    this.follower.hidden = !isQuery;
    this.follower.disabled = cannot && !this.isFollowed;
    this.follower.textContent = this.isFollowed ? "Stop following" : "Follow";
  }

  readonly() {
    this.drawTools();
  }
}

function functionsPanel(host, api) {
  return new FunctionsPanel(host, api);
}
