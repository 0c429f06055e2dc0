// Over each curve: where round t is, and the picture of the round under the pointer. The curves themselves are in the page.
function curves() {
  for (const drawing of document.querySelectorAll("svg[data-last]")) overlay(drawing);
}

function overlay(drawing) {
  const scale = readScale(drawing);
  const cursor = make("i", "cursor"); // beside the drawing, so that moving it does not draw the curves again
  cursor.style.top = `${(scale.top / scale.height) * 100}%`;
  cursor.style.bottom = `${(1 - scale.bottom / scale.height) * 100}%`;
  drawing.after(cursor);
  const marks = make("div", "plot-marks");
  marks.style.left = `${(scale.left / scale.width) * 100}%`;
  marks.style.right = `${(1 - scale.right / scale.width) * 100}%`;
  marks.style.bottom = cursor.style.bottom;
  drawing.after(marks);
  putMarks(marks, t => (t <= scale.last ? (scale.x(t) - scale.left) / (scale.right - scale.left) : -1));
  views.push(() => {
    const x = scale.x(Math.min(Math.max(page.t, scale.first), scale.last));
    cursor.style.transform = `translateX(${(x / scale.width) * 100}%)`;
  });
  let open = "";
  views.push(() => {
    if (open === openChain().pair) return;
    open = openChain().pair;
    for (const series of drawing.querySelectorAll(".series")) series.classList.toggle("open-pair", series.dataset.label === open);
  });
  const at = event => {
    const box = drawing.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * scale.width, y: (event.clientY - box.top) / box.height * scale.height };
  };
  let pressed = false;
  drawing.addEventListener("pointermove", event => {
    const round = scale.round(at(event).x);
    pressed ? change({ t: round }) : peek.show(event, round, nearest(drawing, at(event)));
  });
  drawing.addEventListener("pointerleave", () => { pressed = false; peek.hide(); });
  drawing.addEventListener("pointerdown", event => { pressed = true; peek.hide(); change({ t: scale.round(at(event).x) }); });
  drawing.addEventListener("pointerup", () => { pressed = false; });
}

function readScale(drawing) {
  const { first, last, log, left, right, top, bottom, width, height } = Object.fromEntries(
    Object.entries(drawing.dataset).map(([name, value]) => [name, Number(value)]));
  const share = log ? t => Math.log(1 + t - first) / Math.log(1 + last - first) : t => (t - first) / Math.max(1, last - first);
  const back = log ? s => first - 1 + Math.exp(s * Math.log(1 + last - first)) : s => first + s * Math.max(1, last - first);
  return {
    first, last, left, right, top, bottom, width, height,
    x: t => left + share(t) * (right - left),
    round: x => Math.min(last, Math.max(first, Math.round(back((x - left) / (right - left))))),
  };
}

// The pair whose mean runs closest to the pointer.
function nearest(drawing, point) {
  let best = null;
  for (const series of drawing.querySelectorAll(".series")) {
    const points = series.querySelector(".mean").getAttribute("d").slice(1).split("L").map(pair => pair.split(" ").map(Number));
    const close = points.reduce((a, b) => (Math.abs(b[0] - point.x) < Math.abs(a[0] - point.x) ? b : a));
    const distance = Math.abs(close[1] - point.y);
    if (!best || distance < best.distance) best = { distance, label: series.dataset.label };
  }
  return best?.label;
}

// A small card beside the pointer: the picture of that round, of the open chain where it belongs to the curve.
const peek = {
  shot: new Shot(),
  wanted: null,
  start() {
    this.card = find("#peek");
    this.name = make("p", "name");
    this.card.append(this.shot.element, this.name);
    views.push(() => { if (this.wanted) this.draw(); });
  },
  show(event, round, label) {
    const own = openChain().pair === label ? openChain() : page.run.chains.find(chain => chain.pair === label) ?? openChain();
    this.put(event, own, roundOf(own, round));
  },
  put(event, chain, t) {
    this.wanted = { chain, t };
    const left = Math.min(event.clientX + 16, innerWidth - 200);
    this.card.style.transform = `translate(${left}px, ${Math.max(8, event.clientY - 210)}px)`;
    this.card.hidden = false;
    redraw();
  },
  draw() {
    const { chain, t } = this.wanted;
    this.shot.show(chain, t);
    const value = valueOf(chain, t);
    const name = `round ${t}${value === undefined ? "" : `: ${value.toFixed(2)}`}`;
    const seen = alarmsAt(chain, t).map(alarm => make("span", "flag alarm", alarm.words));
    this.name.replaceChildren(make("b", "", name), make("span", "", chainLabel(chain)), ...seen);
  },
  hide() {
    this.wanted = null;
    this.card.hidden = true;
  },
};
