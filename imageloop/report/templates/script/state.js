// What the reader looks at. Every view is a function of this; nothing else is remembered.
const SETTLE = 140; // milliseconds without a change after which what is costly is loaded

const page = {
  about: {},     // what the page says of itself: its measures and which of them is the closeness to the original
  run: null,     // overview.js
  chain: 0,      // index of the open chain
  t: 0,          // round; 0 is the original
  last: 0,       // the last round of any chain
  settled: true, // whether the slider rests
  frame: 0,      // counts the frames drawn
  shown: [],     // indexes of the chains that the filter lets through
};
const views = [];
let waiting = false;
let settling = 0;

function change(part) {
  Object.assign(page, part);
  page.t = Math.min(Math.max(Math.round(page.t) || 0, 0), page.last);
  page.settled = false;
  clearTimeout(settling);
  settling = setTimeout(() => { page.settled = true; redraw(); }, SETTLE);
  redraw();
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    page.frame += 1;
    for (const shelf of shelves) shelf.queue.length = 0; // views ask anew for what they still need
    for (const view of views) view(page);
  });
}

function openChain() {
  return page.run.chains[page.chain];
}

// The round of a chain that stands for round t: its last one where it ends sooner.
function roundOf(chain, t) {
  return Math.min(t, chain.rounds);
}

function make(tag, className = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function find(selector) {
  return document.querySelector(selector);
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function digits(number, width) {
  return String(number).padStart(width, "0");
}
