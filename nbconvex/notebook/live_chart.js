// A chart that follows a query: one canvas, whose data and colours change and which itself stays.
//
// Owns:  the chart's size, its theme, what is told about a point under the pointer, what is said instead of the picture.
// Must not know: how a chart is described: that is chart_spec.py. The drawing is Vega's, which the kernel has sent along.
// Invariants: data becomes text by `textContent` or paint, never markup or an expression. A new result changes the data
//        of the chart that is there; the chart is made anew only when its description is another one.
// Stands behind live_frame.js in one module.
//
// In:   the pictures of chart.py: {shape: "chart", key, spec, x, y, c, i, signals, labels, times, said, note}.

const LIBRARY_PREFIX = "IPY_MODEL_";
const WIDTH_LEAST = 220;
const WIDTH_HIDDEN = 700;
const POINTS_LISTED = 200;
const TIP_GAP = 12;
const LOADS_NOTHING = {
  load: () => Promise.reject(new Error("charts load nothing")),
  sanitize: () => Promise.reject(new Error("charts link to nothing")),
};

const number6 = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

// Every view loads this text as a module of its own, and the library is to be loaded once.
const libraries = (globalThis[Symbol.for("nbconvex.drawing")] ??= new Map());

// The drawing library as a module: one for the page, whichever chart asks first.
async function libraryOf(model) {
  const id = model.get("library").slice(LIBRARY_PREFIX.length);
  if (!libraries.has(id)) {
    const loading = model.widget_manager.get_model(id).then(async (holder) => {
      const url = URL.createObjectURL(new Blob([holder.get("source")], { type: "text/javascript" }));
      try {
        return await import(/* webpackIgnore: true */ url);
      } finally {
        URL.revokeObjectURL(url);
      }
    });
    // A page that was offline for a moment may ask again.
    loading.catch(() => libraries.delete(id));
    libraries.set(id, loading);
  }
  return libraries.get(id);
}

// The colour that a custom property stands for here, whatever it was written with.
function colourOf(node, property, fallback) {
  const probe = make("span");
  probe.style.color = `var(${property}, ${fallback})`;
  probe.hidden = true;
  node.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function valueInWords(value, times) {
  if (value === null || value === undefined) return "–";
  if (times === "days") return new Date(value).toISOString().slice(0, 10);
  if (times === "moments") return dateAndTime(new Date(value));
  return typeof value === "number" ? number.format(value) : String(value);
}

// The values of the point under the pointer, beside it.
class Tip {
  constructor(ground) {
    this.ground = ground;
    this.node = make("div", "nbc-tip");
    this.node.hidden = true;
    ground.append(this.node);
  }

  show(event, datum, picture) {
    const point = datum?.i === undefined ? null : datum;
    this.node.hidden = !point;
    if (!point) return;
    const { labels, times } = picture;
    const lines = [
      [labels.x, valueInWords(point.x, times)],
      [point.c !== undefined && !labels.y ? point.c : labels.y, number6.format(point.y)],
    ];
    if (point.c !== undefined && labels.y) lines.push([labels.c, point.c]);
    this.node.replaceChildren(
      ...lines.map(([name, value]) => {
        const line = make("div");
        line.append(make("span", "nbc-quiet", name), " ", make("b", "", value));
        return line;
      }),
    );
    this.place(event);
  }

  place(event) {
    const box = this.ground.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { offsetWidth, offsetHeight } = this.node;
    const left = x + TIP_GAP + offsetWidth > box.width ? x - TIP_GAP - offsetWidth : x + TIP_GAP;
    const top = y + TIP_GAP + offsetHeight > box.height ? y - TIP_GAP - offsetHeight : y + TIP_GAP;
    this.node.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
  }
}

// The points as a table, for whoever wants the numbers or does not see the picture. Made when it is opened.
class Points {
  constructor() {
    this.node = make("details", "nbc-points");
    this.node.append(make("summary", "", "Points as a table"));
    this.scroll = this.node.appendChild(make("div", "nbc-scroll"));
    this.scroll.tabIndex = 0;
    this.table = this.scroll.appendChild(make("table", "nbc-table"));
    this.node.addEventListener("toggle", () => this.draw(this.picture));
  }

  draw(picture) {
    this.picture = picture;
    if (!this.node.open || !picture) return;
    const { labels, times, x, y, c } = picture;
    const names = [labels.x || "position", ...(c ? [labels.c || "field"] : []), labels.y || "value"];
    const head = make("tr");
    head.append(...names.map((name) => Object.assign(make("th", "", name), { scope: "col" })));
    head.lastChild.className = "nbc-right";
    const rows = x.slice(0, POINTS_LISTED).map((place, at) => {
      const row = make("tr");
      const height = y[at] === null ? "–" : number6.format(y[at]);
      const texts = [valueInWords(place, times), ...(c ? [c[at]] : []), height];
      row.append(...texts.map((text, column) => make("td", column === texts.length - 1 ? "nbc-right" : "", text)));
      return row;
    });
    const caption = make("caption", "", x.length > rows.length ? `The first ${rows.length} of ${number.format(x.length)} points` : "Points");
    const parts = [make("thead"), make("tbody")];
    parts[0].append(head);
    parts[1].append(...rows);
    this.table.replaceChildren(caption, ...parts);
  }
}

class ChartContent {
  constructor(library) {
    this.ground = make("div", "nbc-chart");
    this.drawing = this.ground.appendChild(make("div", "nbc-drawing"));
    this.drawing.setAttribute("role", "img");
    // Vega gives its element a role and a name of its own; for a reader there is one picture with one name.
    this.canvas = this.drawing.appendChild(make("div"));
    this.canvas.setAttribute("aria-hidden", "true");
    this.drawing.addEventListener("mouseleave", () => this.tip.show(null, null));
    this.tip = new Tip(this.ground);
    this.empty = make("div", "nbc-empty", "No rows. The chart appears here as soon as there are some.");
    this.points = new Points();
    this.nodes = [this.ground, this.empty, this.points.node];
    this.foot = [];
    this.isFirst = true;
    this.key = null;
    this.view = null;
    this.width = 0;
    this.isEnded = false;
    // One thing after the other: a result that comes while the last one is being drawn waits for its turn.
    this.turn = library.then((module) => {
      this.embed = module.embed;
    });
    this.turn.catch((problem) => this.say(`The chart could not be drawn: ${problem}`));
    this.sizes = new ResizeObserver(() => this.later(() => this.fit()));
    this.sizes.observe(this.ground);
    // JupyterLab says on the body which theme is on; the system says it with a media query.
    this.themes = new MutationObserver(() => this.later(() => this.paint()));
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.onScheme = () => this.later(() => this.paint());
    this.scheme.addEventListener("change", this.onScheme);
  }

  say(text) {
    this.empty.hidden = false;
    this.empty.textContent = text;
  }

  later(work) {
    this.turn = this.turn.then(() => (this.isEnded || !this.embed ? undefined : work()));
    this.turn = this.turn.catch((problem) => this.say(`The chart could not be drawn: ${problem}`));
  }

  hide() {
    for (const node of this.nodes) node.hidden = true;
  }

  end() {
    this.isEnded = true;
    this.sizes.disconnect();
    this.themes.disconnect();
    this.scheme.removeEventListener("change", this.onScheme);
    this.view?.finalize();
    this.view = null;
  }

  draw(picture) {
    const isEmpty = !picture.y.length;
    this.picture = picture;
    this.ground.hidden = isEmpty;
    this.empty.hidden = !isEmpty;
    this.points.node.hidden = isEmpty;
    this.points.draw(picture);
    this.drawing.setAttribute("aria-label", picture.said);
    // Several results may have come before this one's turn: the newest is drawn, once.
    if (!isEmpty) this.later(() => (this.picture === picture ? this.update(picture) : undefined));
    return { foot: picture.note, said: this.spoken(picture) };
  }

  // Once all of it; then what is new, for it is heard again and again.
  spoken(picture) {
    const { y } = picture;
    const last = y.findLast((height) => height !== null);
    const isFirst = this.isFirst;
    this.isFirst = false;
    return isFirst || last === undefined ? picture.said : `${number.format(y.length)} points, the last ${number6.format(last)}`;
  }

  get rows() {
    const { x, y, c, i } = this.picture;
    return c ? x.map((value, at) => ({ x: value, y: y[at], c: c[at], i: i[at] })) : x.map((value, at) => ({ x: value, y: y[at], i: i[at] }));
  }

  async update(picture) {
    if (picture.key !== this.key) return this.make(picture);
    for (const [name, value] of Object.entries(picture.signals)) this.view.signal(name, value);
    this.view.data("rows", this.rows);
    await this.view.runAsync();
    return undefined;
  }

  // Everything is in the description before the first frame is drawn: colours, width, rows.
  async make(picture) {
    this.view?.finalize();
    this.width = this.widthOfGround();
    const spec = { ...picture.spec, width: this.width };
    const signals = { ...this.theme(), ...picture.signals };
    spec.signals = spec.signals.map((each) => (each.name in signals ? { ...each, value: signals[each.name] } : each));
    spec.data = spec.data.map((each) => (each.name === "rows" ? { ...each, values: this.rows } : each));
    const { view } = await this.embed(this.canvas, spec, {
      mode: "vega",
      renderer: "canvas",
      actions: false,
      defaultStyle: false,
      // Expressions are interpreted, not compiled: pages may forbid eval.
      ast: true,
      loader: LOADS_NOTHING,
      tooltip: (_handler, event, item) => this.tip.show(event, item?.datum, this.picture),
    });
    if (this.isEnded) view.finalize();
    else [this.view, this.key] = [view, picture.key];
  }

  theme() {
    return {
      ink: colourOf(this.ground, "--nbc-text", "CanvasText"),
      quiet: colourOf(this.ground, "--nbc-quiet", "GrayText"),
      line: colourOf(this.ground, "--nbc-line", "#8886"),
    };
  }

  widthOfGround() {
    const { paddingLeft, paddingRight } = getComputedStyle(this.ground);
    const width = Math.floor(this.ground.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
    // Hidden, as in a tab behind: it keeps its size until it is seen.
    return width > 0 ? Math.max(WIDTH_LEAST, width) : this.width || WIDTH_HIDDEN;
  }

  async paint() {
    if (!this.view) return;
    for (const [name, colour] of Object.entries(this.theme())) this.view.signal(name, colour);
    await this.view.runAsync();
  }

  async fit() {
    const width = this.widthOfGround();
    if (!this.view || width === this.width) return;
    this.width = width;
    await this.view.width(width).runAsync();
  }
}

function render({ model, el }) {
  return show(model, el, new ChartContent(libraryOf(model)));
}

export default { initialize, render };
