// The map of ends: a dot shows its last picture, and opens its chain.
function map() {
  const dots = [...document.querySelectorAll("#map [data-chain]")];
  const ways = document.querySelectorAll("#map .way");
  // A run that goes on may have put chains before these, so a dot knows its chain by name. The map may know one that is no longer there.
  const placeOf = dot => page.run.chains.findIndex(chain => chain.data === dot.dataset.chain);
  let open = null;
  views.push(() => {
    if (open === openChain().data) return;
    open = openChain().data;
    dots.forEach((dot, i) => {
      const chain = page.run.chains[placeOf(dot)];
      dot.classList.toggle("open-chain", dot.dataset.chain === open);
      for (const part of [dot, ways[i]]) part.classList.toggle("open-pair", chain?.pair === openChain().pair);
    });
  });
  for (const dot of dots) {
    dot.addEventListener("pointerenter", event => {
      const chain = page.run.chains[placeOf(dot)];
      if (chain) peek.put(event, chain, chain.rounds);
    });
    dot.addEventListener("pointerleave", () => peek.hide());
    dot.addEventListener("click", () => { if (placeOf(dot) >= 0) change({ chain: placeOf(dot), t: page.last }); });
  }
}
