// The panel of files: what is stored, links to it, deleting it.
//
// Owns:  asking back, with the documents that mention a file, before it is deleted.
// Must not know: where bytes lie.
// Invariant: data becomes text by `textContent`, never markup.
// Stands behind dashboard_lists.js in one module. In and out: the view and actions of dashboard/files.py.

const FILE_STEP = 100;
const FILE_MOST = 500;

class FilesPanel {
  constructor(host, api) {
    this.api = api;
    this.limit = FILE_STEP;
    this.find = searchField("Find by id, type or hash", () => this.ask({ limit: FILE_STEP }));
    this.orphans = make("input");
    this.orphans.type = "checkbox";
    this.orphans.addEventListener("change", () => this.ask({ limit: FILE_STEP }));
    const tools = make("div", "nbc-tools nbc-head");
    const only = make("label", "nbc-field");
    only.append(this.orphans, make("span", "", "only files in no document"));
    this.total = make("span", "nbc-quiet nbc-right-tools");
    tools.append(this.find, only, this.total);
    this.notice = make("div", "nbc-notice", "Files have links while the backend is served: %convex serve starts that.");
    this.asked = make("div", "nbc-asking");
    this.empty = make("div", "nbc-empty");
    this.table = new ListTable(
      "Files, the newest first",
      [{ title: "file" }, { title: "type" }, { title: "size", right: true }, { title: "stored" }, { title: "sha256" }, { title: "" }],
      { key: (each) => each.id, cells: (each) => this.rowOf(each) },
    );
    this.more = button("Show more", "nbc-show-more", () => this.ask({ limit: Math.min(this.limit + FILE_STEP, FILE_MOST) }));
    host.append(tools, this.notice, this.asked, this.empty, this.table.node, this.more);
  }

  show() {
    this.ask({});
  }

  ask({ limit = this.limit }) {
    this.limit = limit;
    this.api.watch({ find: this.find.value, orphans: this.orphans.checked, limit }, (value) => this.draw(value));
  }

  draw(value) {
    this.notice.hidden = value.served || !value.files.length;
    this.table.update(value.files);
    this.table.node.hidden = !value.files.length;
    this.empty.hidden = value.files.length > 0;
    this.empty.textContent = value.total ? "No such file." : 'No files yet. files.store("photo.png") stores one, and so does %convex upload.';
    const shown = value.files.length < value.total ? `${number.format(value.files.length)} of ` : "";
    this.total.textContent = value.total ? `${shown}${number.format(value.total)} ${value.total === 1 ? "file" : "files"}, ${sizeText(value.bytes)}` : "";
    this.more.hidden = value.files.length >= value.found || this.limit >= FILE_MOST;
    this.readonly();
  }

  readonly() {
    for (const node of this.table.node.querySelectorAll("button")) node.disabled = Boolean(this.api.readonly());
  }

  rowOf(each) {
    const remove = button("Delete", "", () => this.askDelete(each));
    remove.dataset.focus = "delete";
    remove.setAttribute("aria-label", `Delete the file ${each.id}`);
    const name = each.url ? addressNode(each.url, each.id) : make("span", "", each.id);
    name.classList.add("nbc-code");
    if (each.url) name.title = "Opens in a new tab";
    const hash = make("span", "nbc-code nbc-quiet", each.sha256.slice(0, 12));
    hash.title = each.sha256;
    return [name, each.type || make("span", "nbc-quiet", "unknown"), sizeText(each.size), timeNode(each.at), hash, remove];
  }

  async askDelete(each) {
    let question = `Delete ${each.id} (${each.type || "no type"}, ${sizeText(each.size)})?`;
    try {
      const { documents, more } = await this.api.act("mentions", { id: each.id });
      const named = documents.map(({ table, id }) => `${table} ${id}`).join(", ");
      question += documents.length ? ` It stands in ${named}${more ? " and in others" : ""}: they will mention a file that is gone.` : " It stands in no document.";
    } catch (problem) {
      this.api.report(problem);
      return;
    }
    confirmation(this.asked, question, "Delete", async () => {
      const told = await this.api.act("delete", { id: each.id });
      this.api.say(told.said);
    });
  }
}

function filesPanel(host, api) {
  return new FilesPanel(host, api);
}
