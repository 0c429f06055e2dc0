// The open chain, round by round. Only frames in view are in the page; the strip is as wide as all of them.
function film() {
  const strip = find("#film");
  const line = find("#film-frames");
  const frames = new Map();
  const spare = [];
  let chain = null;
  let t = -1;
  let width = 0;
  let room = 0;
  let inView = false;
  strip.addEventListener("scroll", redraw, { passive: true });
  new ResizeObserver(() => { [width, room] = [frameWidth(strip), strip.clientWidth]; t = -1; redraw(); }).observe(strip);
  new IntersectionObserver(([entry]) => { inView = entry.isIntersecting; redraw(); }).observe(strip);
  views.push(() => {
    if (!width || (!inView && !page.settled)) return; // out of sight it waits until the slider rests
    if (chain !== openChain()) {
      chain = openChain();
      for (const round of [...frames.keys()]) release(round);
      t = -1;
      find("#film-name").textContent = `${chain.pair}, ${page.run.originals[chain.original].name}, seed ${chain.seed}`;
    }
    if (find("#film-about").textContent !== about(chain)) find("#film-about").textContent = about(chain); // it may have grown
    const length = `${(chain.rounds + 1) * width}px`;
    if (line.style.width !== length) line.style.width = length;
    if (t !== roundOf(chain, page.t)) {
      t = roundOf(chain, page.t);
      strip.scrollLeft = Math.max(0, (t + 0.5) * width - room / 2);
    }
    const from = Math.max(0, Math.floor(strip.scrollLeft / width) - 1);
    const to = Math.min(chain.rounds, Math.ceil((strip.scrollLeft + room) / width));
    for (const round of [...frames.keys()]) if (round < from || round > to) release(round);
    for (let round = from; round <= to; round += 1) drawFrame(held(round), round);
  });

  function held(round) {
    if (!frames.has(round)) {
      const frame = spare.pop() ?? makeFrame();
      frames.set(round, frame);
      frame.round = round;
      frame.told = "";
      const after = [...frames.keys()].filter(other => other < round).sort((a, b) => b - a)[0];
      after === undefined ? line.prepend(frame.element) : frames.get(after).element.after(frame.element);
    }
    return frames.get(round);
  }

  function release(round) {
    const frame = frames.get(round);
    frame.element.remove();
    frames.delete(round);
    spare.push(frame);
  }

  function drawFrame(frame, round) {
    frame.element.style.transform = `translateX(${round * width}px)`;
    frame.element.classList.toggle("now", round === t);
    frame.element.setAttribute("aria-current", round === t ? "step" : "false");
    frame.shot.show(chain, round);
    frame.number.textContent = round ? round : "original";
    if (!page.settled) {
      frame.element.classList.toggle("waits", frame.told !== `${chain.data}/${round}`);
      return;
    }
    const value = valueOf(chain, round);
    frame.score.textContent = value === undefined ? "" : value.toFixed(2);
    const row = rowOf(chain, round);
    const previous = before(chain, round);
    const earliest = first(chain);
    if (frame.told === `${chain.data}/${round}` || (round > 0 && (!row || earliest === undefined || (round > 1 && previous === undefined)))) return;
    frame.told = `${chain.data}/${round}`;
    frame.element.classList.remove("waits");
    frame.element.classList.toggle("inferred", Boolean(row?.inferred));
    frame.element.classList.toggle("words-only", Boolean(chain.words && round));
    frame.text.replaceChildren(...(row ? saying(chain, round, row, previous, earliest) : []));
    row?.file ? frame.link.setAttribute("href", chain.folder + row.file) : linkOriginal(frame.link, chain, round);
  }
}

function linkOriginal(link, chain, round) {
  const file = round === 0 && page.run.originals[chain.original].file;
  file ? link.setAttribute("href", file) : link.removeAttribute("href");
}

function frameWidth(strip) {
  return parseFloat(getComputedStyle(strip).getPropertyValue("--frame")) * parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function about(chain) {
  const parts = [plural(chain.rounds, "round")];
  if (chain.flagged) parts.push(`${chain.flagged} flagged`);
  if (chain.inferred) parts.push(`${chain.inferred} inferred, not generated`);
  if (chain.looked) parts.push(`${chain.looked} in which something looked at the original`);
  if (chain.control) parts.push("a control, not the loop");
  return chain.rounds ? `${parts.join(", ")}.` : "No round is finished yet.";
}

function makeFrame() {
  const element = make("li", "frame");
  const head = make("p", "number");
  const number = make("button", "go", "", { type: "button" });
  const score = make("span", "score");
  const link = make("a", "picture", "", { title: "open the full-size file" });
  const shot = new Shot(true);
  const text = make("div", "text");
  head.append(number, score);
  link.append(shot.element);
  element.append(head, link, text);
  const frame = { element, number, score, link, shot, text, round: 0, told: "" };
  number.addEventListener("click", () => change({ t: frame.round }));
  return frame;
}

function saying(chain, round, row, previous, earliest) {
  const caption = make("p", "caption");
  const words = make("bdi");
  words.append(row.caption ? marked(row.caption, previous, earliest) : "(no words)");
  caption.append(words);
  const lost = lostLine("lost", previous, row.caption);
  const facts = row.facts || rowOf(chain, round - 1)?.facts ? moved(row.facts, rowOf(chain, round - 1)?.facts) : null;
  const count = (row.captions?.length ?? 1) * (row.pictures?.length ?? 1);
  const open = make("button", "open", count > 1 ? "all candidates" : "details", { type: "button" });
  open.addEventListener("click", () => { change({ t: round }); openCandidates(chain, round); });
  return [caption, ...[lost, facts].filter(Boolean), ...signs(chain, round, row), open];
}
