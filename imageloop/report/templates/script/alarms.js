// What the monitor saw: on the slider, on curves and the timeline, in the film, on the wall. An alarm is [round, words].
const MOST_MARKS = 60; // on one line; of those that fall on one place the first stands for all
const MOST_TOLD = 6;
const lines = []; // where marks go

function alarmsOf(chain) {
  const together = page.run.together?.[chain.pair] ?? [];
  const own = (chain.alarms ?? []).map(([round, words]) => ({ round, words }));
  return [...own, ...together.map(([round, words]) => ({ round, words: `all chains of the pair: ${words}`, together: true }))]
    .sort((a, b) => a.round - b.round);
}

function alarmsAt(chain, t) {
  return alarmsOf(chain).filter(alarm => alarm.round === t);
}

// What a round must be told of beside its words: its flags, and alarms.
function signs(chain, t, row) {
  return [
    ...(row.inferred ? [make("p", "flag copy", "inferred, not generated: the chain repeats itself exactly")] : []),
    ...(row.flags ?? []).map(flag => make("p", "flag", flag)),
    ...alarmsAt(chain, t).map(alarm => make("p", "flag alarm", alarm.words)),
  ];
}

// What a tile says below its picture.
function markOf(chain) {
  const alarmed = chain.alarmed ? plural(chain.alarmed, "alarm") : "";
  return [chain.control ? "control" : chain.looked ? "looks back" : "", alarmed].filter(Boolean).join(", ");
}

// Marks of the open chain's alarms along a line; share: round → how far along it, 0 to 1.
function putMarks(line, share) {
  lines.push({ line, share });
}

function drawMarks({ line, share }, chain, some) {
  const places = new Map();
  for (const { round, together } of some) {
    const at = share(round, chain);
    const place = Math.round(at * MOST_MARKS);
    if (at >= 0 && at <= 1 && (!places.has(place) || (places.get(place).together && !together))) places.set(place, { at, together });
  }
  line.replaceChildren(...[...places.values()].map(({ at, together }) => {
    const mark = make("i", together ? "alarm-mark together" : "alarm-mark");
    mark.style.setProperty("--at", at);
    return mark;
  }));
}

function alarms() {
  putMarks(find("#track-marks"), t => (page.last ? t / page.last : 0));
  const list = find("#alarms");
  let told = "";
  views.push(() => {
    const chain = openChain();
    if (page.settled) find("#stage-now").classList.toggle("inferred", Boolean(rowOf(chain, roundOf(chain, page.t))?.inferred));
    const together = page.run.together?.[chain.pair]?.length ?? 0;
    const whole = (chain.alarmed ?? 0) + together;
    const key = `${chain.data}/${whole}/${page.last}/${chain.rounds}`;
    if (key === told) return;
    told = key;
    const some = alarmsOf(chain);
    for (const line of lines) drawMarks(line, chain, some);
    list.hidden = !some.length;
    list.replaceChildren(...some.slice(0, MOST_TOLD).map(leap));
    if (whole > MOST_TOLD) list.append(make("li", "fine", `and ${whole - MOST_TOLD} more, in alarms.jsonl`));
  });
}

function leap({ round, words }) {
  const item = make("li");
  const go = make("button", "open", `round ${round}`, { type: "button" });
  go.addEventListener("click", () => change({ t: round }));
  item.append(go, ` ${words}`);
  return item;
}
