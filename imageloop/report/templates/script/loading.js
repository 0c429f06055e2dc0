// Data and thumbnails, loaded when a view asks for them and kept on shelves of bounded size.
const AT_ONCE = 6;
const PATIENCE = 3; // frames in a row that something must be asked for before it is loaded, while the slider moves: what flies by is not
const arrived = new Map();
const shelves = [];

window.imageloop = { receive: (name, value) => arrived.set(name, value) };

class Shelf {
  // load: name → promise of a value; most: the weight that is kept beyond what is in view; weigh: value → its weight.
  constructor(load, most, weigh = () => 1) {
    Object.assign(this, { load, most, weigh, held: new Map(), queue: [], flying: new Set(), asked: new Map(), total: 0 });
    shelves.push(this);
  }

  // The value; undefined while it is on its way; null where there is none. patient: not loaded where the slider flies past it.
  get(name, patient = false) {
    const entry = this.held.get(name);
    if (!entry) {
      if (!patient || page.settled || this.lasts(name)) this.ask(name);
      return undefined;
    }
    entry.frame = page.frame;
    this.held.delete(name);
    this.held.set(name, entry);
    return entry.value;
  }

  // Whether it has been asked for in as many frames in a row as it takes.
  lasts(name) {
    const before = this.asked.get(name);
    const asked = before?.frame >= page.frame - 1 ? before : { since: page.frame };
    asked.frame = page.frame;
    this.asked.set(name, asked);
    redraw();
    return page.frame - asked.since >= PATIENCE - 1;
  }

  ask(name) {
    if (this.flying.has(name) || this.held.has(name) || this.queue.includes(name)) return;
    this.queue.push(name);
    this.serve();
  }

  serve() {
    while (this.flying.size < AT_ONCE && this.queue.length) {
      const name = this.queue.shift();
      this.flying.add(name);
      this.load(name).catch(() => null).then(value => {
        this.flying.delete(name);
        this.keep(name, value);
        this.serve();
        redraw();
      });
    }
  }

  keep(name, value) {
    this.held.set(name, { value, frame: page.frame, weight: value ? this.weigh(value) : 0 });
    this.total += this.held.get(name).weight;
    for (const [oldest, entry] of this.held) {
      if (this.total <= this.most || entry.frame === page.frame) break;
      this.forget(oldest);
    }
  }

  forget(name) {
    const entry = this.held.get(name);
    if (!entry) return;
    this.held.delete(name);
    this.total -= entry.weight;
  }
}

// fresh: past what the browser may have kept of the file.
function loadData(name, fresh = false) {
  return new Promise((resolve, reject) => {
    const script = make("script", "", "", { src: `data/${name}.js${fresh ? `?${Date.now()}` : ""}` });
    script.onload = () => {
      script.remove();
      const value = arrived.get(name);
      arrived.delete(name);
      value === undefined ? reject(new Error(`${name} holds nothing`)) : resolve(value);
    };
    script.onerror = () => { script.remove(); reject(new Error(`${name} cannot be read`)); };
    document.head.append(script);
  });
}

async function loadSheet(name) {
  const image = new Image();
  image.src = `data/${name}.webp`;
  await image.decode(); // off the main thread; createImageBitmap would decode it there once more, 3 ms a sheet
  return image;
}

const rows = new Shelf(loadData, 160);
const values = new Shelf(loadData, 120);
const sheets = new Shelf(loadSheet, 48e6, sheet => sheet.width * sheet.height);

function rowOf(chain, t) {
  if (t < 1 || t > chain.rounds) return undefined;
  const block = rows.get(`${chain.data}/${digits(Math.floor((t - 1) / page.run.block), 5)}`, true);
  return block ? block.rows[(t - 1) % page.run.block] : block;
}

function valueOf(chain, t, measure = page.about.similarity) {
  if (t < 1 || t > chain.rounds || !measure) return undefined;
  const span = page.about.span;
  const part = values.get(`${chain.data}/values-${digits(Math.floor((t - 1) / span), 3)}`);
  return part?.[measure]?.[(t - 1) % span] ?? undefined;
}
