// A run that goes on: more rounds appear behind the last one; the reader's place stays.
const AGAIN = 15000; // milliseconds between two looks
const QUIET = 600; // seconds without news after which the run may have been stopped

function going() {
  find("#reload").addEventListener("click", () => location.reload());
  tellGoing();
  if (page.about.going && !page.run.running) tellNews("The run is over."); // opened while its numbers were being written
  lookLater();
}

// A run that is short of its plan may go on at any time.
function lookLater() {
  if (page.run.running || page.about.short) setTimeout(again, AGAIN);
}

function measure() {
  page.last = Math.max(...page.run.chains.filter(chain => !chain.control).map(chain => chain.rounds), 0);
}

async function again() {
  let fresh = null;
  try {
    fresh = await loadData("overview", true);
  } catch {
    lookLater(); // its disk may be away for a while
    return;
  }
  if (page.run.running && !fresh.running) tellNews("The run is over.");
  // A report that is asked for meanwhile knows nothing of the run.
  if (!page.run.running && fresh.running && !find("#finished").hidden) tellNews("The page was made anew.");
  grow(fresh);
  lookLater();
}

function grow(fresh) {
  page.run.running = fresh.running;
  page.run.together = fresh.together;
  const known = new Map(page.run.chains.map(chain => [chain.name, chain]));
  for (const chain of fresh.chains) {
    const old = known.get(chain.name);
    if (old) [old.alarms, old.alarmed] = [chain.alarms, chain.alarmed];
    if (!old || old.rounds === chain.rounds) continue;
    const block = digits(Math.floor(Math.max(0, old.rounds - 1) / page.run.block), 5);
    rows.forget(`${chain.data}/${block}`);
    for (const sheet of [...sheets.held.keys()]) {
      if (sheet === `${chain.data}/${block}` || sheet.startsWith(`${chain.data}/far-`)) sheets.forget(sheet);
    }
    Object.assign(old, chain);
  }
  const begun = fresh.chains.filter(chain => !known.has(chain.name)).length;
  if (begun) tellNews(`${plural(begun, "more chain")} ${begun === 1 ? "has" : "have"} begun.`);
  const atEnd = page.t === page.last;
  measure();
  tellGoing();
  change(atEnd ? { t: page.last } : {});
}

function tellNews(text) {
  find("#news").textContent = text;
  find("#finished").hidden = false;
}

// How far the run is; and, on a page that was made while it went on, its first lines.
function tellGoing() {
  const far = page.run.running;
  find("#going").hidden = !far;
  if (!far) return;
  const quiet = Date.now() / 1000 - far.at > QUIET;
  const clock = new Date(far.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const share = find("#going-share");
  [share.max, share.value] = [Math.max(1, far.planned), far.drawn];
  find("#going-now").textContent = quiet ? `No news since ${clock}.` : "Still running.";
  find("#going-told").textContent = [
    quiet ? "The run may have been stopped; the command that began it goes on with it." : "",
    `${far.drawn} of ${plural(far.planned, "round")} drawn${quiet ? "" : ` at ${clock}`}, the furthest chain at ${far.furthest} of ${far.last}.`,
    quiet ? "" : page.about.going ? "New ones appear here." : "New ones appear here; the numbers and curves are of those before.",
  ].filter(Boolean).join(" ");
  if (!page.about.going) return;
  const own = page.run.chains.filter(chain => !chain.control);
  find("h1").textContent = far.headline;
  find("#count-chains").textContent = plural(own.length, "chain");
  find("#count-rounds").textContent = plural(page.last, "round");
}
