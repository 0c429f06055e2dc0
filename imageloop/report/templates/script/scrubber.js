// One slider for all chains; arrow keys; play.
const PLAY_SECONDS = 30; // the longest that playing a whole run takes
const FASTEST = 12; // steps a second
const SLOWEST = 3;

function scrubber() {
  const slider = find("#round");
  const play = find("#play");
  let playing = 0;
  slider.addEventListener("input", () => { stop(); change({ t: Number(slider.value) }); });
  play.addEventListener("click", () => (playing ? stop() : start()));
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not(#round), select, textarea, dialog, pre")) return;
    const target = stepped(event);
    if (target !== null) {
      event.preventDefault();
      stop();
      change({ t: target });
    } else if (event.key === " " && !event.target.closest("button, a, summary")) {
      event.preventDefault();
      playing ? stop() : start();
    }
  });

  // Left and right move everywhere; the other keys of a slider where it has the focus.
  function stepped(event) {
    const by = event.shiftKey ? 10 : 1;
    const everywhere = { ArrowLeft: page.t - by, ArrowRight: page.t + by };
    const focused = { ArrowUp: page.t + by, ArrowDown: page.t - by, PageUp: page.t + 10, PageDown: page.t - 10, Home: 0, End: page.last };
    return everywhere[event.key] ?? (event.target === slider ? focused[event.key] : null) ?? null;
  }

  function start() {
    const step = stride(page.last / (PLAY_SECONDS * FASTEST));
    const rate = Math.min(Math.max(page.last / step / PLAY_SECONDS, SLOWEST), FASTEST);
    if (page.t >= page.last) change({ t: 0 });
    playing = setInterval(() => (page.t >= page.last ? stop() : change({ t: (Math.floor(page.t / step) + 1) * step })), 1000 / rate);
    label();
  }

  // Rounds a step. A long one goes by whole blocks: their last rounds are on one sheet, so that every picture is the exact one.
  function stride(rounds) {
    const block = page.run.block;
    return rounds > block / 4 ? Math.ceil(rounds / block) * block : Math.max(1, Math.round(rounds));
  }

  function stop() {
    clearInterval(playing);
    playing = 0;
    label();
  }

  function label() {
    play.setAttribute("aria-label", playing ? "Stop" : "Play all rounds");
    play.classList.toggle("playing", Boolean(playing));
  }

  views.push(() => {
    slider.max = page.last;
    slider.value = page.t;
    slider.setAttribute("aria-valuetext", page.t ? `round ${page.t} of ${page.last}` : "the original");
    slider.style.setProperty("--share", page.last ? page.t / page.last : 0);
    find("#round-now").textContent = page.t ? `round ${page.t}` : "original";
    find("#round-last").textContent = `of ${page.last}`;
    play.disabled = page.last === 0;
  });
}
