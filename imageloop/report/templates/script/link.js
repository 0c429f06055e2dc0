// The address of the open chain and round: #chain=NAME&t=7. It opens there again, and goes along while the reader moves.
function link() {
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const chain = page.run.chains.findIndex(other => other.name === asked.get("chain"));
    const part = {};
    if (chain >= 0) part.chain = chain;
    if (/^\d+$/.test(asked.get("t") ?? "")) part.t = Number(asked.get("t"));
    return part;
  };
  let moved = false;
  views.push(() => {
    if (!page.settled || (!moved && page.t === page.last && page.chain === page.start)) return;
    moved = true;
    const address = `#${new URLSearchParams({ chain: openChain().name, t: page.t })}`;
    if (location.hash !== address) history.replaceState(null, "", address);
  });
  window.addEventListener("hashchange", () => change(read()));
  return read();
}
