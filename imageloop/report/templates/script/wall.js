// All chains at round t, a group for each original. Tiles in view are drawn; a few others too when the slider rests, for print.
const FEW = 32;
const MANY = 64; // more have a window of their own, so that what follows stays within reach

function wall() {
  const place = find("#wall");
  const tiles = [];
  const inView = new Set();
  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) entry.isIntersecting ? inView.add(entry.target.tile) : inView.delete(entry.target.tile);
    redraw();
  }, { rootMargin: "200px" });
  for (const [name, members] of grouped(page.run.chains)) {
    const group = make("section", "group", "", { "aria-label": page.run.originals[name].name });
    const origin = make("figure", "tile origin");
    const shot = new Shot(true);
    shot.show(members[0].chain, 0);
    origin.append(shot.element, make("figcaption", "", "original"));
    const list = make("div", "tiles");
    for (const { chain, index } of members) {
      const tile = makeTile(chain, index);
      tiles.push(tile);
      list.append(tile.element);
      watcher.observe(tile.element);
    }
    group.append(origin, list);
    group.tiles = tiles.slice(-members.length);
    place.append(group);
  }
  place.classList.toggle("many", page.run.chains.length > MANY);
  let shown = null;
  let open = -1;
  views.push(() => {
    if (shown !== page.shown) {
      shown = page.shown;
      const through = new Set(shown);
      for (const tile of tiles) tile.element.hidden = !through.has(tile.index);
      for (const group of place.children) group.hidden = group.tiles.every(tile => tile.element.hidden);
    }
    if (open !== page.chain) {
      open = page.chain;
      for (const tile of tiles) tile.element.setAttribute("aria-pressed", String(tile.index === open));
    }
    for (const tile of page.settled && tiles.length <= FEW ? tiles : inView) drawTile(tile);
  });
}

function grouped(chains) {
  const groups = new Map();
  chains.forEach((chain, index) => {
    if (!groups.has(chain.original)) groups.set(chain.original, []);
    groups.get(chain.original).push({ chain, index });
  });
  return groups;
}

function makeTile(chain, index) {
  const element = make("button", "tile blank", "", { type: "button" });
  const shot = new Shot();
  const name = make("span", "name", tileName(chain));
  const score = make("span", "score");
  const mark = make("span", "mark", markOf(chain));
  element.append(shot.element, name, score, mark);
  element.tile = { element, shot, score, mark, chain, index };
  element.addEventListener("click", () => {
    change({ chain: index });
    find("#stage-title").scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  });
  return element.tile;
}

function tileName(chain) {
  const pairs = new Set(page.run.chains.filter(other => !other.control).map(other => other.pair)).size;
  return pairs > 1 ? `${chain.pair}, seed ${chain.seed}` : `seed ${chain.seed}`;
}

function drawTile({ element, shot, score, mark, chain }) {
  const t = roundOf(chain, page.t);
  element.classList.toggle("blank", !shot.show(chain, t) && !shot.element.classList.contains("near"));
  const value = page.settled ? valueOf(chain, t) : undefined;
  const last = page.run.running ? `${chain.rounds} so far` : `ends at ${chain.rounds}`;
  const ended = chain.rounds < page.t ? last : "";
  const text = ended || (value === undefined ? "" : value.toFixed(2));
  if (page.settled && score.textContent !== text) score.textContent = text;
  score.classList.toggle("stale", !page.settled);
  if (mark.textContent !== markOf(chain)) mark.textContent = markOf(chain); // while the run goes on there come more
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
