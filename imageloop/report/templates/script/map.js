// The map of ends: a dot shows its last picture, and opens its chain.
function map() {
  const dots = [...document.querySelectorAll("#map [data-chain]")];
  const ways = document.querySelectorAll("#map .way");
  let open = -1;
  views.push(() => {
    if (open === page.chain) return;
    open = page.chain;
    dots.forEach((dot, i) => {
      const chain = page.run.chains[Number(dot.dataset.chain)];
      dot.classList.toggle("open-chain", Number(dot.dataset.chain) === open);
      for (const part of [dot, ways[i]]) part.classList.toggle("open-pair", chain.pair === openChain().pair);
    });
  });
  for (const dot of dots) {
    const index = Number(dot.dataset.chain);
    const chain = page.run.chains[index];
    dot.addEventListener("pointerenter", event => peek.put(event, chain, chain.rounds));
    dot.addEventListener("pointerleave", () => peek.hide());
    dot.addEventListener("click", () => change({ chain: index, t: page.last }));
  }
}
