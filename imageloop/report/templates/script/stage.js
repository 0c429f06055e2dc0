// The first screen: the original, the open chain at round t beside it, and what its caption says.
function stage() {
  const origin = new Shot(true);
  origin.text.tabIndex = 0; // a long text is scrolled by keys too
  const now = new Shot(true);
  find("#stage-original").append(origin.element);
  const flip = find("#stage-now");
  flip.append(now.element);
  let held = false;
  const hold = on => { held = on; flip.setAttribute("aria-pressed", String(on)); redraw(); };
  flip.addEventListener("pointerdown", event => { flip.setPointerCapture(event.pointerId); hold(true); });
  for (const kind of ["pointerup", "pointercancel", "blur"]) flip.addEventListener(kind, () => hold(false));
  flip.addEventListener("keydown", event => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    hold(true);
  });
  flip.addEventListener("keyup", () => hold(false));
  flip.addEventListener("contextmenu", event => event.preventDefault());
  const pick = find("#chain");
  page.run.chains.forEach((chain, i) => pick.append(make("option", "", chainLabel(chain), { value: i })));
  pick.addEventListener("change", () => change({ chain: Number(pick.value) }));
  let told = "";
  views.push(() => {
    const chain = openChain();
    const t = roundOf(chain, page.t);
    origin.show(chain, 0);
    now.show(chain, held ? 0 : t);
    pick.value = page.chain;
    find("#stage-round").textContent = held ? "the original" : t === 0 ? "round 0" : `round ${t}`;
    const value = held ? undefined : valueOf(chain, t);
    find("#stage-score").textContent = value === undefined ? "" : value.toFixed(2);
    told = tell(chain, t, told);
  });
}

function chainLabel(chain) {
  const pairs = new Set(page.run.chains.filter(other => !other.control).map(other => other.pair)).size;
  const originals = new Set(page.run.chains.map(other => other.original)).size;
  const parts = [pairs > 1 || chain.control ? chain.pair : "", originals > 1 ? page.run.originals[chain.original].name : "", `seed ${chain.seed}`];
  return parts.filter(Boolean).join(", ");
}

// Writes what round t says, once it is known; gives what was written, so that it is written once.
function tell(chain, t, told) {
  const row = rowOf(chain, t);
  const previous = before(chain, t);
  const earliest = first(chain);
  const key = `${chain.data}/${t}/${row !== undefined}/${previous !== undefined}/${earliest !== undefined}`;
  if (key === told || (t > 0 && row === undefined)) return told;
  const box = find("#stage-told");
  box.replaceChildren();
  if (t === 0) {
    box.append(make("p", "fine", chain.rounds ? "Move the slider: each picture is drawn from words about the one before." : "No round is finished yet."));
    return key;
  }
  const caption = make("p", "caption");
  const words = make("bdi");
  words.append(row.caption ? marked(row.caption, previous, earliest) : "(no words)");
  caption.append(words);
  box.append(caption);
  const lines = [lostLine("lost in this round", previous, row.caption), lostLine("lost since the first caption", earliest, row.caption)];
  box.append(...lines.filter((line, i) => line && !(i === 0 && t === 2)));
  if (row.facts || rowOf(chain, 1)?.facts) box.append(chips(row.facts, rowOf(chain, 1)?.facts, rowOf(chain, t - 1)?.facts));
  box.append(...signs(chain, t, row));
  if (row.looked) box.append(make("p", "flag looked", "something looked at the original in this round"));
  return key;
}
