// What a caption gained and lost, as elements. All text goes in as text.
const WORD = /([\p{L}\p{N}]+)/u;
const LITTLE = new Set("a an the of and in on at to with is are it its by for from as".split(" "));

function wordsOf(text) {
  return new Set((text ?? "").toLowerCase().split(WORD).filter((part, i) => i % 2));
}

function missing(from, now) {
  return [...from].filter(word => !now.has(word) && !LITTLE.has(word));
}

// What round t is compared with: the text before it, and the first text of its chain. Undefined while that is on its way.
function before(chain, t) {
  const original = page.run.originals[chain.original].text;
  return t > 1 ? rowOf(chain, t - 1)?.caption : original;
}

function first(chain) {
  const original = page.run.originals[chain.original].text;
  return original ?? rowOf(chain, 1)?.caption;
}

// The caption with the words marked that are new since the round before (ins) or since the first text (class "since").
function marked(caption, previous, earliest) {
  const fragment = document.createDocumentFragment();
  const old = previous === undefined ? null : wordsOf(previous);
  const start = earliest === undefined ? null : wordsOf(earliest);
  caption.split(WORD).forEach((part, i) => {
    const word = part.toLowerCase();
    if (i % 2 && old && !old.has(word)) fragment.append(make("ins", "", part));
    else if (i % 2 && start && !start.has(word)) fragment.append(make("span", "since", part));
    else fragment.append(part);
  });
  return fragment;
}

// A line of words that went, struck through; null where none did.
function lostLine(title, from, caption) {
  const gone = from === undefined ? [] : missing(wordsOf(from), wordsOf(caption));
  if (!gone.length) return null;
  const line = make("p", "lost");
  line.append(make("span", "term", title));
  for (const word of gone.slice(0, 40)) line.append(" ", make("del", "", word));
  if (gone.length > 40) line.append(` and ${gone.length - 40} more`);
  return line;
}

// Facts that came or went in this very round; null where none did.
function moved(now = [], previous = undefined) {
  const came = previous ? now.filter(fact => !previous.includes(fact)) : [];
  const gone = previous ? previous.filter(fact => !now.includes(fact)) : [];
  if (!came.length && !gone.length) return null;
  const list = make("ul", "chips", "", { "aria-label": "Facts that changed" });
  for (const [fact, kind, tag, said] of [...gone.map(fact => [fact, "gone", "del", "lost"]), ...came.map(fact => [fact, "came", "span", "new"])]) {
    const item = make("li", kind);
    item.append(make(tag, "", fact), make("span", "unseen", ` ${said}`));
    list.append(item);
  }
  return list;
}

// Facts of the first caption kept or lost, and those that came in; what changed in this very round stands out.
function chips(now = [], earliest = [], previous = undefined) {
  const list = make("ul", "chips", "", { "aria-label": "Facts" });
  const chip = (fact, kind, said) => {
    const item = make("li", kind);
    const moved = previous && previous.includes(fact) !== now.includes(fact);
    if (moved) item.classList.add("moved");
    item.append(make(kind === "gone" ? "del" : "span", "", fact), make("span", "unseen", ` ${said}`));
    list.append(item);
  };
  for (const fact of earliest) now.includes(fact) ? chip(fact, "kept", "kept") : chip(fact, "gone", "lost");
  for (const fact of now) if (!earliest.includes(fact)) chip(fact, "came", "new");
  if (previous) for (const fact of previous) if (!now.includes(fact) && !earliest.includes(fact)) chip(fact, "gone", "lost");
  return list;
}
