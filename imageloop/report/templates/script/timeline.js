// When each concept of the open chain's first caption was named.
const concepts = new Shelf(name => loadData(`${name}/concepts`), 60);

function timeline() {
  const place = find("#timeline");
  if (!place) return;
  let shown = "";
  const cursor = make("div", "at");
  const marks = make("div", "timeline-marks");
  putMarks(marks, (t, chain) => (t - 0.5) / chain.rounds);
  views.push(() => {
    const chain = openChain();
    const rows = concepts.get(chain.data);
    if (rows !== undefined && shown !== chain.data) {
      shown = chain.data;
      find("#timeline-name").textContent = chainLabel(chain);
      place.replaceChildren(...(rows?.length ? rows.map(row => lifetime(row, chain.rounds)) : [make("p", "fine", "The first caption names no concept.")]), marks, cursor);
    }
    cursor.style.setProperty("--at", chain.rounds > 1 ? (Math.max(1, roundOf(chain, page.t)) - 0.5) / chain.rounds : 0.5);
  });
}

function lifetime({ name, rarity, spans }, rounds) {
  const row = make("div", "life");
  const bars = make("div", "bars");
  for (const [from, to] of spans) {
    const bar = make("i");
    bar.style.left = `${((from - 1) / rounds) * 100}%`;
    bar.style.width = `${((to - from + 1) / rounds) * 100}%`;
    bars.append(bar);
  }
  const end = spans.at(-1)[1];
  const label = make("span", "", name);
  if (rarity) label.append(make("small", "", ` ${rarity}`));
  row.append(label, bars, make("span", "until", end === rounds ? "still there" : `until ${end}`));
  return row;
}
