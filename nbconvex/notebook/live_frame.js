// The frame of a live view on the page, whatever stands in it: its bar, its problem, its foot, what a screen reader hears.
//
// Owns:  what all live views have in common, and when they are drawn.
// Must not know: what is drawn inside; that is the content of `live_table.js` or `live_chart.js`, which stands behind
//        this text in one module. It asks the kernel for nothing, so that a view works while a cell is running.
// Invariant: data becomes text by `textContent`, never markup.
//
// In:   model.state, JSON: {title, args, picture | null, error | null, ended, at}; see live_view.py.
// Out:  {views: n} whenever the number of views of this model on this page changes, or when the kernel asks.
//
// A content has: `nodes`, elements between the problem and the foot; `foot`, elements in the foot; `hide()`;
// `draw(picture, title)`, which answers {foot, said}: what stands in the foot, what is spoken; `end()`.

const SPEAK_EVERY_MS = 2000;

const number = new Intl.NumberFormat("en-US");
const viewsOf = new WeakMap();

function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function two(value) {
  return String(value).padStart(2, "0");
}

function clockTime(at) {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function dateAndTime(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockTime(at)}`;
}

function rowsInWords(count) {
  return `${number.format(count)} ${count === 1 ? "row" : "rows"}`;
}

// Says things to a screen reader, the newest only, not more often than it can be listened to.
class Voice {
  constructor() {
    this.node = make("div", "nbc-said");
    this.node.setAttribute("role", "status");
    this.node.setAttribute("aria-live", "polite");
    this.lastMs = 0;
    this.timer = null;
  }

  say(text) {
    this.next = text;
    if (this.timer !== null) return;
    const wait = Math.max(0, this.lastMs + SPEAK_EVERY_MS - Date.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.lastMs = Date.now();
      this.node.textContent = this.next;
    }, wait);
  }

  stop() {
    clearTimeout(this.timer);
  }
}

class Frame {
  constructor(el, content) {
    this.content = content;
    this.node = make("div", "nbc-live");
    this.node.setAttribute("role", "group");
    this.name = make("span", "nbc-name");
    this.args = make("span", "nbc-args");
    this.state = make("span", "nbc-state");
    const bar = make("div", "nbc-bar");
    bar.append(this.name, this.args, this.state);
    this.problem = make("div", "nbc-problem");
    this.count = make("span");
    this.foot = make("div", "nbc-foot");
    this.foot.append(this.count, ...content.foot);
    this.voice = new Voice();
    this.node.append(bar, this.problem, ...content.nodes, this.foot, this.voice.node);
    el.append(this.node);
  }

  draw(state) {
    const { picture, error, ended } = state;
    const condition = ended ? "ended" : error ? "error" : "live";
    this.node.dataset.state = condition;
    this.node.setAttribute("aria-label", `Live view of ${state.title}`);
    this.name.textContent = state.title;
    this.args.textContent = state.args;
    const at = state.at ? clockTime(new Date(state.at)) : "";
    this.state.textContent = { live: `live · ${at}`, error: "stale", ended: "stopped" }[condition];
    this.state.title = ended || (at ? `This is the result of ${at}` : "");
    this.drawProblem(error, picture, at, ended);
    const said = this.drawContent(picture, state.title);
    this.voice.say(error ? `${state.title}: the query failed, ${error.title}` : `${state.title}: ${said}`);
  }

  drawProblem(error, picture, at, ended) {
    this.problem.hidden = !error && !ended;
    if (this.problem.hidden) return;
    const kept = error && picture ? `\nWhat stands below is the last good result, of ${at}.` : "";
    if (error) this.problem.replaceChildren(make("b", "", error.title), `: ${error.message}${kept}`);
    else this.problem.replaceChildren(ended);
  }

  drawContent(picture, title) {
    if (!picture) {
      this.content.hide();
      this.foot.hidden = true;
      return "";
    }
    const { foot, said } = this.content.draw(picture, title);
    this.foot.hidden = !foot;
    this.count.textContent = foot;
    return said;
  }

  cannot(problem) {
    this.problem.hidden = false;
    this.problem.textContent = `This view could not be drawn: ${problem}`;
  }
}

function countViews(model, step) {
  const views = (viewsOf.get(model) ?? 0) + step;
  viewsOf.set(model, views);
  model.send({ views });
}

function initialize({ model }) {
  // The kernel asks when one page has closed its last view: another page may still have one.
  model.on("msg:custom", (message) => {
    if (message?.ask === "views" && viewsOf.get(model)) model.send({ views: viewsOf.get(model) });
  });
}

// Keep `content` up to date in a frame of its own; answers what ends that.
function show(model, el, content) {
  const frame = new Frame(el, content);
  let wanted = null;
  const draw = () => {
    wanted = null;
    try {
      frame.draw(JSON.parse(model.get("state")));
    } catch (problem) {
      frame.cannot(problem);
    }
  };
  // Several updates before the next frame are one drawing, of the newest.
  const later = () => {
    wanted ??= requestAnimationFrame(draw);
  };
  draw();
  model.on("change:state", later);
  countViews(model, +1);
  return () => {
    model.off("change:state", later);
    cancelAnimationFrame(wanted);
    frame.voice.stop();
    content.end();
    countViews(model, -1);
  };
}
