// Data and thumbnails, loaded when a view asks for them and kept on shelves of bounded size.
const AT_ONCE = 6;
const PATIENCE = 3; // frames in a row that must ask for it before it is loaded, while the slider moves: what flies by is left out
const arrived = new Map();
const shelves = [];

window.imageloop = { receive: (name, value) => arrived.set(name, value) };

class Shelf {
  // load: name → promise of a value; most: the weight that is kept beyond what is in view; weigh: value → its weight.
  constructor(load, most, weigh = () => 1) {
    Object.assign(this, { load, most, weigh, held: new Map(), queue: [], flying: new Set(), total: 0, frame: 0, now: new Map() });
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

  // Whether this many frames in a row have asked for it. Names of the frame before are all that is remembered.
  lasts(name) {
    if (this.frame !== page.frame) {
      this.before = this.frame === page.frame - 1 ? this.now : new Map();
      [this.now, this.frame] = [new Map(), page.frame];
    }
    if (!this.now.has(name)) this.now.set(name, (this.before.get(name) ?? 0) + 1);
    if (this.now.get(name) >= PATIENCE) return true;
    redraw();
    return false;
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

function loadData(name, fresh = false) {
  return new Promise((resolve, reject) => {
    const script = make("script", "", "", { src: address(`${name}.js`, fresh) });
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

// Not by image.decode(): a canvas does not use what that decodes, and would decode it once more.
function loadSheet(name) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(`${name} cannot be read`));
    image.src = address(`${name}.webp`);
  });
}

// Of a file in the data; past what the browser may have kept of it where it grows.
function address(file, fresh = false) {
  return `data/${file}${fresh || page.run?.running ? `?${Date.now()}` : ""}`;
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
