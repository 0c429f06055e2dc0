// All captions and pictures of one round, the chosen ones marked with the rule that chose them.
function openCandidates(chain, t) {
  const box = find("#candidates");
  const row = rowOf(chain, t);
  if (!row) return;
  find("#candidates-title").textContent = `Round ${t}`;
  find("#candidates-chain").textContent = chain.name;
  const body = find("#candidates-body");
  body.replaceChildren();
  body.append(...signs(chain, t, row));
  for (const rule of row.rules ?? []) body.append(make("p", "rule", rule));
  body.append(pictures(chain, t, row), captions(row));
  if (row.prompt) body.append(make("h3", "", "What the generator was given"), quote(row.prompt));
  if (row.notes) body.append(make("p", "fine", row.notes.join("; ")));
  if (!box.open) box.showModal();
}

function pictures(chain, t, row) {
  const list = make("ul", "shots");
  const all = row.pictures ?? [{ file: row.file, kept: true, score: null }];
  all.forEach((picture, i) => {
    const item = make("li", picture.kept && all.length > 1 ? "kept" : "");
    if (picture.file) {
      const link = make("a", "picture", "", { href: chain.folder + picture.file });
      const alt = picture.kept ? row.caption : `candidate picture ${i + 1} of round ${t}`;
      link.append(make("img", chain.small ? "small" : "", "", { src: chain.folder + picture.file, alt, width: 256, height: 256 }));
      item.append(link);
    } else {
      item.append(make("span", "absent", row.absent && picture.kept ? row.absent : "not kept"));
    }
    item.append(make("p", "fine", said(picture, all.length > 1)));
    list.append(item);
  });
  return list;
}

function captions(row) {
  const list = make("ul", "sayings");
  const all = row.captions ?? [{ text: row.caption, kept: true, score: null }];
  for (const caption of all) {
    const item = make("li", caption.kept ? "kept" : "");
    item.append(make("bdi", "", caption.text || "(no words)"));
    if (all.length > 1) item.append(make("span", "fine", ` ${said(caption, true)}`));
    list.append(item);
  }
  return list;
}

function said(candidate, several) {
  const score = candidate.score === null ? "" : candidate.score.toFixed(3);
  return [several && candidate.kept ? "kept" : "", score].filter(Boolean).join(" ");
}

function quote(text) {
  const block = make("blockquote");
  block.append(make("bdi", "", text));
  return block;
}

function candidates() {
  const box = find("#candidates");
  find("#candidates-close").addEventListener("click", () => box.close());
  box.addEventListener("click", event => { if (event.target === box) box.close(); });
  find("#stage-open").addEventListener("click", () => openCandidates(openChain(), roundOf(openChain(), page.t)));
  views.push(() => { find("#stage-open").disabled = !rowOf(openChain(), roundOf(openChain(), page.t)); });
}
