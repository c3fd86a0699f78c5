// The panel of routes: the endpoints, where they are, how they fare.
//
// Owns:  the search.
// Must not know: how requests come in.
// Invariant: data becomes text by `textContent`, never markup.
// Stands behind dashboard_lists.js in one module. In and out: the view of dashboard/routes.py.

class RoutesPanel {
  constructor(host, api) {
    this.api = api;
    this.find = searchField("Find an endpoint", () => this.ask());
    this.address = make("span", "nbc-quiet nbc-right-tools");
    const tools = make("div", "nbc-tools nbc-head");
    tools.append(this.find, this.address);
    this.notice = make("div", "nbc-notice", "Endpoints have addresses while the backend is served: %convex serve starts that.");
    this.empty = make("div", "nbc-empty");
    this.table = new ListTable(
      "Endpoints",
      [
        { title: "method" }, { title: "path" }, { title: "pages that may use it" }, { title: "signed in" }, { title: "requests", right: true },
        { title: "errors", right: true }, { title: "median", right: true }, { title: "95 %", right: true }, { title: "defined by" },
      ],
      { key: (each) => `${each.method} ${each.path}`, cells: (each) => this.rowOf(each) },
    );
    host.append(tools, this.notice, this.empty, this.table.node);
  }

  show() {
    this.ask();
  }

  ask() {
    this.api.watch({ find: this.find.value }, (value) => this.draw(value));
  }

  draw(value) {
    this.address.textContent = value.address ?? "";
    this.notice.hidden = Boolean(value.address) || !value.routes.length;
    this.table.update(value.routes);
    this.table.node.hidden = !value.routes.length;
    this.empty.hidden = value.routes.length > 0;
    this.empty.textContent = value.total ? "No endpoint has that in its path." : "No endpoints yet. A cell that begins with %%http GET /hello defines one.";
  }

  rowOf(each) {
    const path = each.url && each.method === "GET" && !each.path.endsWith("*") ? addressNode(each.url, each.path) : make("span", "", each.path);
    path.classList.add("nbc-code");
    const errors = each.errors ? make("span", "nbc-failed", number.format(each.errors)) : each.calls ? "0" : "";
    const place = make("span", "", each.place || each.by);
    place.title = each.by;
    return [
      mark(each.method), path, each.cors === "off" ? make("span", "nbc-quiet", "CORS is off") : each.cors, each.signedIn ? "wanted" : "",
      each.calls ? number.format(each.calls) : "–", errors, each.calls ? durationText(each.p50) : "", each.calls ? durationText(each.p95) : "", place,
    ];
  }
}

function routesPanel(host, api) {
  return new RoutesPanel(host, api);
}
