// Which chains are shown.
const FIELDS = ["captioner", "generator", "original", "arm"];

function filter() {
  const words = find("#filter-words");
  const flagged = find("#filter-flagged");
  const alarmed = find("#filter-alarms");
  const controls = find("#filter-controls");
  const selects = FIELDS.map(field => {
    const select = find(`#filter-${field}`);
    const kinds = [...new Set(page.run.chains.filter(chain => !chain.control).map(chain => chain[field]))];
    const name = kind => (field === "original" ? page.run.originals[kind].name : kind);
    for (const kind of kinds) select.append(make("option", "", name(kind), { value: kind }));
    select.closest("label").hidden = kinds.length < 2;
    select.addEventListener("change", apply);
    return { field, select };
  });
  words.addEventListener("input", apply);
  flagged.addEventListener("change", apply);
  alarmed.addEventListener("change", apply);
  controls.addEventListener("change", apply);
  flagged.closest("label").hidden = !page.run.chains.some(chain => chain.flagged);
  alarmed.closest("label").hidden = !page.run.chains.some(chain => chain.alarmed);
  controls.closest("label").hidden = !page.run.chains.some(chain => chain.control);
  find("#filters").hidden = page.run.chains.length < 6;
  for (const link of document.querySelectorAll("[data-captioner]")) link.addEventListener("click", () => {
    for (const { field, select } of selects) select.value = link.dataset[field] ?? "";
    apply();
    find("#all").scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  });
  apply();

  function apply() {
    const parts = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const lets = chain => {
      const name = `${chain.name} ${page.run.originals[chain.original].name} seed ${chain.seed}`.toLowerCase();
      return selects.every(({ field, select }) => !select.value || chain[field] === select.value)
        && parts.every(part => name.includes(part)) && (!flagged.checked || chain.flagged) && (!alarmed.checked || chain.alarmed) && (!chain.control || controls.checked);
    };
    const shown = page.run.chains.map((chain, i) => (lets(chain) ? i : -1)).filter(i => i >= 0);
    const all = page.run.chains.filter(chain => !chain.control || controls.checked).length;
    find("#filter-count").textContent = shown.length ? `${shown.length} of ${plural(all, "chain")}` : "no chain fits";
    change(shown.length && !shown.includes(page.chain) ? { shown, chain: shown[0] } : { shown });
  }
}
