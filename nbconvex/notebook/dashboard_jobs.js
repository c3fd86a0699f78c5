// The panel of jobs: scheduled functions by state, and crons.
//
// Owns:  which state is shown; asking back before something is canceled for good.
// Must not know: how a job is kept or run.
// Invariant: data becomes text by `textContent`, never markup.
// Stands behind dashboard_lists.js in one module. In and out: the view and actions of dashboard/jobs.py.

const JOB_STATES = { inProgress: "running", pending: "waiting", failed: "failed", success: "done", canceled: "canceled", forgotten: "long ago" };
const JOB_MARKS = { inProgress: "busy", pending: "", failed: "bad", success: "good", canceled: "quiet", forgotten: "quiet" };
const JOB_STEP = 100;
const JOB_MOST = 500;

class JobsPanel {
  constructor(host, api) {
    this.api = api;
    this.state = "";
    this.limit = JOB_STEP;
    this.states = new Choices("State", (value) => this.filter({ state: value }));
    this.find = searchField("Find a function", () => this.filter({}));
    this.pauser = button("Pause", "", () => this.pauseOrResume());
    this.clearer = button("Cancel all that wait", "nbc-danger", () => this.askCancelAll());
    const tools = make("div", "nbc-tools nbc-head");
    const right = make("span", "nbc-right-tools");
    right.append(this.clearer, this.pauser);
    tools.append(this.states.node, this.find, right);
    this.paused = make("div", "nbc-notice");
    this.asked = make("div", "nbc-asking");
    this.empty = make("div", "nbc-empty");
    this.makeTables();
    this.more = button("Show more", "", () => this.ask({ limit: Math.min(this.limit + JOB_STEP, JOB_MOST) }));
    this.more.classList.add("nbc-show-more");
    this.cronHead = make("h4", "nbc-list-head", "Crons");
    host.append(tools, this.paused, this.asked, this.empty, this.jobs.node, this.more, this.cronHead, this.crons.node);
  }

  makeTables() {
    this.jobs = new ListTable(
      "Scheduled functions",
      [{ title: "state" }, { title: "function" }, { title: "arguments", name: "nbc-wide" }, { title: "due" }, { title: "ended" }, { title: "note", name: "nbc-wide" }, { title: "" }],
      { key: (each) => each.id, cells: (each) => this.rowOf(each), detail: (each) => this.jobOf(each) },
    );
    this.jobs.node.classList.add("nbc-jobs");
    this.crons = new ListTable(
      "Crons",
      [{ title: "cron" }, { title: "recurs" }, { title: "calls", name: "nbc-wide" }, { title: "next" }, { title: "runs", right: true }, { title: "skipped", right: true }, { title: "newest runs" }, { title: "" }],
      { key: (each) => each.name, cells: (each) => this.cronOf(each) },
    );
  }

  show(place) {
    if (place.state !== undefined) this.state = place.state;
    this.ask({});
  }

  filter({ state = this.state }) {
    this.state = state;
    this.api.remember({ state });
    this.ask({ limit: JOB_STEP });
  }

  ask({ limit = this.limit }) {
    this.limit = limit;
    this.api.watch({ state: this.state, find: this.find.value, limit }, (value) => this.draw(value));
  }

  draw(value) {
    const { counts } = value;
    const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
    this.counts = counts;
    this.states.update([["", "all", all], ...Object.entries(counts).map(([state, count]) => [state, JOB_STATES[state], count])], this.state);
    this.isPaused = Boolean(value.paused);
    this.paused.hidden = !value.paused;
    this.paused.textContent = value.paused && `Paused: ${value.paused}. Jobs, crons and calls from the network wait until you resume.`;
    this.pauser.textContent = value.paused ? "Resume" : "Pause";
    this.jobs.update(value.jobs);
    this.jobs.node.hidden = !value.jobs.length;
    this.empty.hidden = value.jobs.length > 0;
    const what = this.state ? `No job is ${JOB_STATES[this.state]}.` : "No jobs. ctx.scheduler.run_after(…) in a mutation or an action makes one.";
    this.empty.textContent = this.find.value ? "No job of such a function." : what;
    this.more.hidden = !value.more || this.limit >= JOB_MOST;
    this.crons.update(value.crons);
    this.cronHead.hidden = this.crons.node.hidden = !value.crons.length;
    this.readonly();
  }

  readonly() {
    const cannot = Boolean(this.api.readonly());
    this.clearer.hidden = !this.counts?.pending;
    this.clearer.disabled = this.pauser.disabled = cannot;
    for (const node of this.jobs.node.querySelectorAll("button")) node.disabled = cannot;
    for (const node of this.crons.node.querySelectorAll("button")) node.disabled = cannot;
  }

  rowOf(each) {
    const cancel = each.open ? button("Cancel", "", () => this.act("cancel", { id: each.id })) : "";
    if (cancel) {
      cancel.dataset.focus = "cancel";
      cancel.setAttribute("aria-label", `Cancel ${each.function}`);
    }
    const state = this.jobs.unfolder(each, mark(JOB_STATES[each.state], JOB_MARKS[each.state]));
    state.setAttribute("aria-label", `Details of ${each.function}, ${JOB_STATES[each.state]}`);
    const note = make("span", each.state === "failed" ? "nbc-failed" : "", each.note);
    note.title = each.note;
    return [
      state, each.function, code(each.arguments), timeNode(each.due), timeNode(each.ended), note, cancel,
    ];
  }

  // All that is known of one job.
  jobOf(each) {
    const node = make("div", "nbc-request");
    const times = make("div", "nbc-tools nbc-quiet");
    times.append("made", timeNode(each.made), "due", timeNode(each.due));
    if (each.ended !== null) times.append("ended", timeNode(each.ended));
    times.append("id", code(each.id));
    node.append(times);
    if (each.arguments) node.append(section("Arguments", make("pre", "nbc-lines", each.arguments)));
    if (each.note) node.append(make("div", each.state === "failed" ? "nbc-error" : "nbc-quiet", each.note));
    return node;
  }

  cronOf(each) {
    const runs = make("span", "nbc-runs");
    for (const { state, due, note } of [...each.history].slice(0, 10).reverse()) {
      const dot = make("span", `nbc-run nbc-run-${JOB_MARKS[state] || "waiting"}`);
      dot.title = `${dateAndTime(new Date(due))}: ${JOB_STATES[state]}${note ? `, ${note}` : ""}`;
      dot.setAttribute("role", "img");
      dot.setAttribute("aria-label", dot.title);
      runs.append(dot);
    }
    const remove = button("Remove", "", () => this.askRemove(each));
    remove.dataset.focus = "remove";
    remove.setAttribute("aria-label", `Remove the cron ${each.name}`);
    const calls = [each.function, each.arguments].filter(Boolean).join(" ");
    return [make("b", "", each.name), each.recurs, code(calls), timeNode(each.next), number.format(each.runs), number.format(each.skipped), runs, remove];
  }

  // -- doing

  askCancelAll() {
    const count = this.counts.pending;
    const question = `Cancel ${count === 1 ? "the job that waits" : `all ${number.format(count)} jobs that wait`}? It will not run.`.replace("jobs that wait? It", "jobs that wait? They");
    confirmation(this.asked, question, "Cancel them", async () => this.say(await this.api.act("cancelAll")));
  }

  askRemove(each) {
    confirmation(this.asked, `Remove the cron ${each.name}? Running its cell again defines it again.`, "Remove", async () => this.say(await this.api.act("removeCron", { name: each.name })));
  }

  pauseOrResume() {
    return this.act(this.isPaused ? "resume" : "pause", {});
  }

  async act(action, args) {
    try {
      this.say(await this.api.act(action, args));
      this.ask({});
    } catch (problem) {
      this.api.report(problem);
    }
  }

  say(told) {
    this.api.say(told.said);
  }
}

function jobsPanel(host, api) {
  return new JobsPanel(host, api);
}
