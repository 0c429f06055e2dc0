// Starts when the page is read; what the page says without script stays where the data cannot be loaded.
const AGAIN = 15000; // milliseconds between two looks at a run that goes on

async function main() {
  page.about = JSON.parse(find("#about").textContent);
  try {
    page.run = await loadData("overview");
  } catch {
    document.documentElement.classList.remove("live");
    find("#broken").hidden = false;
    return;
  }
  if (!page.run.chains.some(chain => chain.rounds)) {
    document.documentElement.classList.remove("live");
    return;
  }
  measure();
  page.start = Math.max(0, page.run.chains.findIndex(chain => !chain.control && chain.rounds === page.last));
  page.shown = page.run.chains.map((_, i) => i);
  change({ chain: page.start, t: page.last });
  for (const view of [stage, scrubber, wall, film, candidates, curves, filter, timeline, map]) view();
  peek.start();
  change(link());
  find("#reload").addEventListener("click", () => location.reload());
  if (page.run.running) setTimeout(again, AGAIN);
}

function measure() {
  page.last = Math.max(...page.run.chains.filter(chain => !chain.control).map(chain => chain.rounds), 0);
}

// A run that goes on: more rounds appear behind the last one; the reader's place stays.
async function again() {
  let fresh = null;
  try {
    fresh = await loadData("overview", true);
  } catch {
    return;
  }
  grow(fresh);
  if (fresh.running) setTimeout(again, AGAIN);
  else find("#finished").hidden = false;
}

function grow(fresh) {
  const known = new Map(page.run.chains.map(chain => [chain.name, chain]));
  for (const chain of fresh.chains) {
    const old = known.get(chain.name);
    if (!old || old.rounds === chain.rounds) continue;
    const block = digits(Math.floor(Math.max(0, old.rounds - 1) / page.run.block), 5);
    rows.forget(`${chain.data}/${block}`);
    for (const sheet of [...sheets.held.keys()]) {
      if (sheet === `${chain.data}/${block}` || sheet.startsWith(`${chain.data}/far-`)) sheets.forget(sheet);
    }
    Object.assign(old, chain);
  }
  if (fresh.chains.some(chain => !known.has(chain.name))) find("#finished").hidden = false;
  const atEnd = page.t === page.last;
  measure();
  change(atEnd ? { t: page.last } : {});
}

document.documentElement.classList.add("live");
document.addEventListener("DOMContentLoaded", main);
