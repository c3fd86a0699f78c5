// The page's side of an upload panel: files go from here to the server, and the kernel is told what arrived.
//
// Owns:  what is drawn, the keyboard, what a screen reader hears; the transfer itself.
// Must not know: what becomes of a file.
// Invariants: names of files become text by `textContent`, never markup. The transfer needs nothing from the kernel, so
//        it goes on while a cell runs. XMLHttpRequest and not fetch, which tells of no progress.
//
// In:   model.url, where to post to; accept, multiple; {said, about}: what a callback had to say of a file.
// Out:  {uploaded: {storageId, name, size, type}} for each file; {ask: "url"} where the address holds no more.

const AT_ONCE = 3;
const SPEED_MS = 3000;
const SPEAK_EVERY_MS = 2000;

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 });

function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function sizeInWords(bytes) {
  if (bytes < 10_000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const units = ["kB", "MB", "GB"];
  let at = -1;
  do {
    bytes /= 1000;
    at += 1;
  } while (bytes >= 1000 && at < units.length - 1);
  return `${number.format(bytes)} ${units[at]}`;
}

function timeInWords(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

function messageOf(request) {
  try {
    return JSON.parse(request.responseText).message;
  } catch {
    return request.status ? `The server answered ${request.status}.` : "The server cannot be reached.";
  }
}

// One file: its line on the page, and its way to the server.
class Upload {
  constructor(panel, file) {
    this.panel = panel;
    this.file = file;
    this.marks = [];
    this.node = make("li", "nbc-up-file");
    this.name = make("span", "nbc-up-name", file.name);
    this.told = make("span", "nbc-up-told", `waiting · ${sizeInWords(file.size)}`);
    this.bar = make("progress", "nbc-up-bar");
    this.bar.max = 100;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", `Upload of ${file.name}`);
    this.button = make("button", "nbc-up-button", "Cancel");
    this.button.type = "button";
    this.button.setAttribute("aria-label", `Cancel the upload of ${file.name}`);
    this.button.addEventListener("click", () => this.cancel());
    this.node.append(this.name, this.told, this.bar, this.button);
    this.set("waiting");
  }

  set(state) {
    this.state = state;
    this.node.dataset.state = state;
  }

  start(isAgain = false) {
    this.set("sending");
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", this.panel.model.get("url"));
    request.setRequestHeader("Content-Type", this.file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => this.progress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status === 200) this.arrived(JSON.parse(request.responseText).storageId);
      else if (request.status === 401 && !isAgain) this.panel.renew(() => this.start(true));
      else this.end("failed", messageOf(request));
    });
    request.addEventListener("error", () => {
      // The server may have moved to another port since this cell ran.
      if (isAgain) this.end("failed", messageOf(request));
      else this.panel.renew(() => this.start(true));
    });
    request.addEventListener("abort", () => this.end("cancelled", "cancelled"));
    request.send(this.file);
  }

  progress(loaded) {
    const now = performance.now();
    this.marks.push([now, loaded]);
    while (this.marks.length > 2 && now - this.marks[0][0] > SPEED_MS) this.marks.shift();
    const [since, before] = this.marks[0];
    const speed = now > since ? ((loaded - before) / (now - since)) * 1000 : 0;
    const share = this.file.size ? Math.min(1, loaded / this.file.size) : 1;
    const percent = Math.floor(share * 100);
    this.bar.value = share * 100;
    this.bar.textContent = `${percent} %`;
    const parts = [`${percent} %`, `${sizeInWords(loaded)} of ${sizeInWords(this.file.size)}`];
    if (speed) parts.push(`${sizeInWords(Math.round(speed))}/s`, timeInWords((this.file.size - loaded) / speed));
    this.told.textContent = parts.filter(Boolean).join(" · ");
    this.panel.say(`${this.file.name}: ${percent} percent`);
  }

  arrived(storageId) {
    this.storageId = storageId;
    this.bar.value = 100;
    this.end("done", `✓ ${sizeInWords(this.file.size)}`);
    const { name, size, type } = this.file;
    this.panel.model.send({ uploaded: { storageId, name, size, type } });
  }

  end(state, words) {
    this.set(state);
    this.told.textContent = words;
    this.button.textContent = "Remove";
    this.button.setAttribute("aria-label", `Remove ${this.file.name} from this list`);
    this.panel.say(`${this.file.name}: ${state === "done" ? "uploaded" : words}`, true);
    this.panel.next();
  }

  cancel() {
    if (this.state === "sending") this.request.abort();
    else if (this.state === "waiting") this.end("cancelled", "cancelled");
    else this.panel.remove(this);
  }
}

class Panel {
  constructor(model, el) {
    this.model = model;
    this.uploads = [];
    this.renewals = [];
    this.lastSaidMs = 0;
    this.node = make("div", "nbc-up");
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "Upload files");
    this.zone = make("div", "nbc-up-zone");
    this.input = make("input", "nbc-up-input");
    this.input.type = "file";
    this.input.multiple = model.get("multiple");
    this.input.accept = model.get("accept");
    this.input.setAttribute("aria-label", "Choose files to upload");
    this.input.tabIndex = -1;
    this.choose = make("button", "nbc-up-button nbc-up-choose", this.input.multiple ? "Choose files" : "Choose a file");
    this.choose.type = "button";
    this.choose.addEventListener("click", () => this.input.click());
    this.zone.append(this.choose, make("span", "nbc-up-hint", "or drop them here"), this.input);
    this.list = make("ul", "nbc-up-list");
    this.voice = make("div", "nbc-up-voice");
    this.voice.setAttribute("role", "status");
    this.node.append(this.zone, this.list, this.voice);
    this.input.addEventListener("change", () => {
      this.add(this.input.files);
      this.input.value = "";
    });
    for (const name of ["dragenter", "dragover"]) this.node.addEventListener(name, (event) => this.over(event, true));
    for (const name of ["dragleave", "drop"]) this.node.addEventListener(name, (event) => this.over(event, false));
    this.node.addEventListener("drop", (event) => this.add(event.dataTransfer.files));
    el.append(this.node);
  }

  over(event, isOver) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    // The notebook around would take the drop for itself.
    event.preventDefault();
    event.stopPropagation();
    this.node.classList.toggle("nbc-up-over", isOver);
  }

  add(files) {
    const taken = this.model.get("multiple") ? [...files] : [...files].slice(0, 1);
    for (const file of taken) {
      const upload = new Upload(this, file);
      this.uploads.push(upload);
      this.list.append(upload.node);
    }
    this.next();
  }

  next() {
    const sending = this.uploads.filter((each) => each.state === "sending").length;
    for (const each of this.uploads.filter((each) => each.state === "waiting").slice(0, AT_ONCE - sending)) each.start();
  }

  remove(upload) {
    this.uploads = this.uploads.filter((each) => each !== upload);
    upload.node.remove();
    this.choose.focus();
  }

  renew(then) {
    this.renewals.push(then);
    this.model.send({ ask: "url" });
  }

  renewed() {
    for (const then of this.renewals.splice(0)) then();
  }

  heard({ said, about }) {
    const upload = this.uploads.find((each) => each.storageId === about);
    if (upload) upload.end("failed", `stored, but: ${said}`);
  }

  say(text, isNow = false) {
    if (!isNow && Date.now() - this.lastSaidMs < SPEAK_EVERY_MS) return;
    this.lastSaidMs = Date.now();
    this.voice.textContent = text;
  }

  stop() {
    for (const each of this.uploads) if (each.state === "sending") each.request.abort();
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el);
    const renewed = () => panel.renewed();
    const heard = (message) => panel.heard(message);
    model.on("change:url", renewed);
    model.on("msg:custom", heard);
    return () => {
      model.off("change:url", renewed);
      model.off("msg:custom", heard);
      panel.stop();
    };
  },
};
