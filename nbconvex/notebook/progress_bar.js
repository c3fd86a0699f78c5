// The page's side of a progress bar.
//
// Owns:  a bar with its title, its share and its counts.
// Must not know: what is being counted.
// Invariant: data becomes text by `textContent`, never markup.
//
// In:   model.title, model.share (0 to 1), model.text.

function render({ model, el }) {
  const node = document.createElement("div");
  node.className = "nbc-progress";
  node.style.cssText = "font-size:13px;padding:2px 10px 6px;max-width:480px";
  const name = document.createElement("b");
  const said = document.createElement("span");
  const bar = document.createElement("progress");
  bar.style.cssText = "display:block;width:100%;height:12px";
  bar.max = 1;
  node.append(name, " ", said, bar);
  el.append(node);
  const draw = () => {
    const share = model.get("share");
    name.textContent = model.get("title");
    said.textContent = `${Math.floor(share * 100)}% · ${model.get("text")}`;
    bar.value = share;
    bar.setAttribute("aria-label", model.get("title"));
  };
  draw();
  model.on("change", draw);
  return () => model.off("change", draw);
}

export default { render };
