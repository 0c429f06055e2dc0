// One picture of a chain at a round: at once from a sheet of thumbnails, and in full size when the slider rests.
class Shot {
  constructor(inFull = false) {
    this.inFull = inFull;
    this.element = make("div", "shot", "", { role: "img" });
    this.canvas = make("canvas");
    this.full = make("img", "full", "", { alt: "", decoding: "async" });
    this.full.hidden = true;
    this.full.onload = () => { this.full.hidden = !this.full.getAttribute("src"); };
    this.full.onerror = () => { if (this.full.getAttribute("src")) this.say("picture damaged"); };
    this.text = make("div", "said");
    this.text.hidden = true;
    this.element.append(this.canvas, this.full, this.text);
    this.key = "";
    this.done = false;
  }

  // Draws what is there of it; gives whether that is the very picture.
  show(chain, t) {
    const key = `${chain.data}/${t}`;
    const row = page.settled ? rowOf(chain, t) : undefined;
    if (key !== this.key) {
      this.key = key;
      this.done = false;
      this.link("");
    }
    this.element.classList.toggle("small", chain.small);
    this.element.classList.remove("words"); // it may have shown a text before
    this.element.setAttribute("aria-label", this.label(chain, t, row));
    if (t === 0) this.showOriginal(page.run.originals[chain.original]);
    else if (row && !row.file) row.pixels ? this.say(row.absent) : this.say(row.caption || "(no words)", true); // without pixels only the words are known
    else this.showRound(chain, t, row);
    return this.done;
  }

  label(chain, t, row) {
    if (t === 0) return "the original";
    return row ? row.caption || "(no words)" : `round ${t} of ${chain.name}`;
  }

  showOriginal(original) {
    this.canvas.hidden = true;
    if (original.file) {
      this.text.hidden = true;
      this.link(original.file);
      this.full.hidden = false;
    } else {
      this.say(original.text ?? original.absent, original.text !== undefined);
    }
    this.done = true;
  }

  showRound(chain, t, row) {
    this.text.hidden = true;
    this.canvas.hidden = false;
    if (!this.done) this.done = paint(this.canvas, chain, t);
    this.element.classList.toggle("near", !this.done);
    if (this.inFull && page.settled && row?.file) this.link(chain.folder + row.file);
  }

  link(address) {
    if ((this.full.getAttribute("src") ?? "") === address) return;
    this.full.hidden = true;
    address ? this.full.setAttribute("src", address) : this.full.removeAttribute("src");
  }

  say(text, words = false) {
    this.link("");
    this.canvas.hidden = true;
    this.text.hidden = false;
    this.text.textContent = text;
    this.element.classList.toggle("words", words);
    this.element.classList.remove("near");
    this.done = true;
  }
}

const FRESH = 2; // sheets a frame that are drawn from for the first time while the slider moves: that decodes them, 3 ms each
const opened = { frame: 0, count: 0 };

// Copies a thumbnail onto a canvas: the exact one, else the nearest that is there. Gives whether it was the exact one.
function paint(canvas, chain, t) {
  const { block } = page.run;
  const place = Math.floor(t / block) - 1;
  const far = () => place >= 0 && sheets.get(`${chain.data}/far-${digits(Math.floor(place / block), 5)}`);
  if (t % block === 0 && copy(canvas, chain, far(), place % block)) return true; // every 50th round is in the sheet seen from afar
  const exact = sheets.get(`${chain.data}/${digits(Math.floor((t - 1) / block), 5)}`, true);
  if (exact === null) clear(canvas);
  if (exact === null || copy(canvas, chain, exact, (t - 1) % block)) return true;
  copy(canvas, chain, far(), place % block);
  return false;
}

// Gives whether it was copied.
function copy(canvas, chain, sheet, place) {
  if (!sheet || !opens(sheet)) return false;
  const side = chain.cell;
  const columns = page.run.columns;
  if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side;
  clear(canvas);
  canvas.getContext("2d").drawImage(sheet, (place % columns) * side, Math.floor(place / columns) * side, side, side, 0, 0, side, side);
  return true;
}

function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function opens(sheet) {
  if (opened.frame !== page.frame) Object.assign(opened, { frame: page.frame, count: 0 });
  if (!sheet.opened && !page.settled && opened.count === FRESH) {
    redraw();
    return false;
  }
  if (!sheet.opened) opened.count += 1;
  sheet.opened = true;
  return true;
}
