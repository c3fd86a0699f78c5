// The panel of logs: the newest calls, filters, one request whole.
//
// Owns:  the filters; which request is unfolded.
// Must not know: how calls are recorded.
// Invariant: data becomes text by `textContent`, never markup.
// Stands behind dashboard_lists.js in one module. In and out: the view of dashboard/logs.py.

const LOG_STEP = 100;
const LOG_MOST = 500;

let logLists = 0;

class LogsPanel {
  constructor(host, api) {
    this.api = api;
    this.limit = LOG_STEP;
    this.text = searchField("Find in paths, lines and errors", () => this.filter());
    this.function = searchField("Function or module", () => this.filter());
    this.functions = make("datalist");
    this.functions.id = `nbc-logged-${(logLists += 1)}`;
    this.function.setAttribute("list", this.functions.id);
    this.kind = selection([["", "every kind"], ["query", "queries"], ["mutation", "mutations"], ["action", "actions"], ["endpoint", "endpoints"]], "");
    this.kind.setAttribute("aria-label", "Kind");
    this.kind.addEventListener("change", () => this.filter());
    this.level = new Choices("Which calls", (value) => this.filter({ level: value }));
    const tools = make("div", "nbc-tools nbc-head");
    tools.append(this.level.node, this.kind, this.function, this.functions, this.text);
    this.empty = make("div", "nbc-empty");
    this.table = new ListTable(
      "Calls, the newest first",
      [{ title: "time" }, { title: "function" }, { title: "took", right: true }, { title: "ended" }, { title: "printed", name: "nbc-wide" }],
      {
        key: (each) => each.request,
        cells: (each) => this.rowOf(each),
        detail: () => this.drawRequest(),
        onUnfold: (each) => {
          this.api.remember({});
          this.ask({ request: each?.request ?? "" });
        },
      },
    );
    this.more = button("Show more", "", () => this.ask({ limit: Math.min(this.limit + LOG_STEP, LOG_MOST) }));
    this.status = make("span");
    const foot = make("div", "nbc-foot nbc-table-foot");
    foot.append(this.status, this.more);
    host.append(tools, this.empty, this.table.node, foot);
    this.levelValue = "";
    this.request = "";
    this.drawLevels();
  }

  drawLevels() {
    this.level.update([["", "all"], ["error", "errors"], ["warning", "warnings"], ["printed", "with prints"]], this.levelValue);
  }

  show(place) {
    if (place.request !== undefined && place.request !== this.request) {
      // Somebody was sent here to see one request: no filter may hide it.
      this.text.value = place.request;
      this.function.value = this.kind.value = this.levelValue = "";
      this.request = place.request;
      this.table.open = place.request;
      this.drawLevels();
    } else if (place.function !== undefined) this.function.value = place.function;
    this.ask({});
  }

  filter(changes = {}) {
    if (changes.level !== undefined) this.levelValue = changes.level;
    this.drawLevels();
    this.api.remember({});
    this.ask({ limit: LOG_STEP });
  }

  ask({ limit = this.limit, request = this.request }) {
    this.limit = limit;
    this.request = request;
    const wanted = {
      text: this.text.value, function: this.function.value, kind: this.kind.value, level: this.levelValue, outermost: true, limit, request,
    };
    this.api.watch(wanted, (value) => this.draw(value));
  }

  draw(value) {
    this.whole = value.request;
    const options = value.functions.map((name) => {
      const option = make("option");
      option.value = name;
      return option;
    });
    const text = value.functions.join("\n");
    if (text !== this.functionsDrawn) this.functions.replaceChildren(...options);
    this.functionsDrawn = text;
    this.table.node.hidden = !value.calls.length;
    this.empty.hidden = value.calls.length > 0;
    this.empty.textContent = value.logged ? "No call passes these filters." : "No calls yet. Run a function: it is listed here at once.";
    this.table.update(value.calls);
    if (this.request && this.table.rows.has(this.request)) {
      if (this.table.open !== this.request) this.table.open = this.request;
      this.table.drawUnfolded(this.table.rows.get(this.request));
    }
    this.more.hidden = value.calls.length >= value.found || this.limit >= LOG_MOST;
    const shown = value.calls.length < value.found ? `${number.format(value.calls.length)} of ` : "";
    this.status.textContent = `${shown}${number.format(value.found)} ${value.found === 1 ? "call" : "calls"}, the newest first`;
    this.status.parentElement.hidden = !value.calls.length;
    if (value.gone && this.request) this.api.report({ title: `Request ${this.request}`, message: "is not in the log any more: it has the newest 1,000 calls." });
  }

  rowOf(each) {
    const time = this.table.unfolder(each, timeNode(each.at));
    time.setAttribute("aria-label", `Details of ${each.function}`);
    const name = make("span", "nbc-log-function");
    name.append(kindLetter(each.kind), make("span", "", each.function));
    if (each.source === "live") name.append(mark("live", "quiet"));
    if (each.source === "job") name.append(mark("scheduled", "quiet"));
    if (each.cached) name.append(mark("cached", "quiet"));
    if (each.inner) name.append(make("span", "nbc-quiet", `+ ${number.format(each.inner)} ${each.inner === 1 ? "call" : "calls"}`));
    const ended = each.ok ? make("span", each.warned ? "nbc-warned" : "nbc-succeeded", each.warned ? "warned" : "ok") : make("span", "nbc-failed", each.error);
    if (!each.ok) ended.title = each.error;
    const printed = each.lines.join(" ⏎ ") + (each.moreLines ? ` … ${number.format(each.moreLines)} more` : "");
    return [time, name, each.source === "hint" ? "" : durationText(each.ms), ended, code(printed)];
  }

  drawRequest() {
    const node = make("div", "nbc-request");
    const { whole } = this;
    if (!whole || whole.request !== this.request) {
      node.append(make("span", "nbc-quiet", "…"));
      return node;
    }
    const head = make("div", "nbc-tools");
    head.append(make("span", "nbc-quiet", "request"), code(whole.request), make("span", "nbc-quiet", dateAndTime(new Date(whole.at))));
    if (whole.kind !== "endpoint" && whole.source !== "hint") head.append(button("Open function", "", () => this.api.open("functions", { function: whole.function.includes(":") ? whole.function : `${whole.function}:default` })));
    node.append(head);
    if (whole.problem) node.append(errorNode(whole.problem));
    if (whole.lines.length) node.append(section("Printed", linesNode(whole.lines, whole.moreLines)));
    if (whole.calls.length) node.append(section("Calls that it made", callsNode(whole.calls, whole.moreCalls)));
    if (!whole.problem && !whole.lines.length && !whole.calls.length) node.append(make("span", "nbc-quiet", "It printed nothing and called nothing."));
    return node;
  }
}

function logsPanel(host, api) {
  return new LogsPanel(host, api);
}
