// Starts when the page is read; what the page says without script stays where the data cannot be loaded.

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
    if (page.run.running) setTimeout(() => location.reload(), AGAIN);
    return;
  }
  measure();
  const whole = page.run.chains.map((chain, i) => ({ chain, i })).filter(({ chain }) => !chain.control && chain.rounds === page.last);
  page.start = (whole.find(({ chain }) => chain.arm === "plain") ?? whole[0])?.i ?? 0;
  page.shown = page.run.chains.map((_, i) => i);
  change({ chain: page.start, t: page.last });
  for (const view of [alarms, stage, scrubber, wall, film, candidates, curves, filter, timeline, map]) view();
  peek.start();
  change(link());
  going();
}

document.documentElement.classList.add("live");
document.addEventListener("DOMContentLoaded", main);
