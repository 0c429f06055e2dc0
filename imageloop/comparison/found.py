"""What a comparison found: frozen data that `dataclasses.asdict` turns into finite JSON. What is undefined is None, and `notes` say why."""

from dataclasses import dataclass
from typing import Literal

from imageloop.measures.blame import Blame
from imageloop.measures.decay_interval import DecayEstimate
from imageloop.measures.paired import Difference
from imageloop.measures.power import Needed
from imageloop.measures.statistics import Estimate

By = Literal["pair", "arm", "run"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the leaderboard: a pair under an arm, in one run or in several that belong together."""

    label: str
    run: str
    """The run's name, or several joined by a comma."""
    pair: str
    captioner: str
    generator: str
    arm: str
    chains: int
    """Those that are compared: the ones its rivals have too."""
    originals: int
    rounds: int
    """How far all of its chains have come."""
    saw_original: bool
    """Whether a pick rule or an intervention looked at the original in some round: what is kept then is not the loop's merit alone."""
    value: Estimate | None
    """The measure that is compared, at the comparison's round."""
    similarity: Estimate | None
    """Closeness to the original, raw."""
    normalised: Estimate | None
    """The same between chance (0) and the noise floor (1)."""
    hop_1_loss: Estimate | None
    """One minus the similarity after round 1; None for chains that start from a text."""
    decay: DecayEstimate | None
    """Half-life and plateau of the closeness to the original, from round 1 on; None below two rounds."""
    windowed_jsd: Estimate | None
    vendi: Estimate | None
    """Effective number of different pictures among the chains, by leaving originals out (`measures/leave_one_out.py`)."""
    rare_survival: Estimate | None
    """Share of the rarest third's concepts that is left; over the originals that have some."""
    truncated_share: Estimate | None
    """Over the whole chains."""
    seconds_a_round: float | None
    """Mean of the compared chains, over all of their rounds."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The compared measure by captioner (rows) and generator (columns); None where that pair was not run."""

    captioners: tuple[str, ...]
    generators: tuple[str, ...]
    cells: tuple[tuple[Estimate | None, ...], ...]


@dataclass(frozen=True, slots=True)
class PairDifference:
    """Two entries on the same chains: left minus right, where left is further up on the leaderboard or an arm against the plain loop."""

    left: str
    right: str
    """Labels of entries."""
    difference: Difference
    p_corrected: float | None
    """Holm's correction over all differences of the comparison."""
    decided: bool
    """Whether the corrected p is below 5 %."""
    needed: Needed | None
    """What it would take to tell them apart at the corrected level; None where decided or unknown, as for a measure of all chains."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything `imageloop compare` prints, draws and writes."""

    by: By
    measure: str
    unit: str
    higher_is_better: bool | None
    all_chains: bool
    """Whether the measure is one number of all chains of a line; then intervals are by leaving originals out, one at a time."""
    whole_chain: bool
    """Whether the measure is one of whole chains, of all their rounds."""
    round: int
    """The round at which everything else is compared."""
    runs: tuple[str, ...]
    closeness: str | None
    """Which measure `Entry.similarity` is."""
    rare_measure: str | None
    """Which measure `Entry.rare_survival` is."""
    originals: int
    seeds: int
    """The fewest chains of one original in one entry."""
    entries: tuple[Entry, ...]
    """Best first; with arms or runs, pair after pair."""
    matrix: Matrix | None
    blame: Blame | None
    differences: tuple[PairDifference, ...]
    different: tuple[str, ...]
    """What else differs between the runs, which were compared all the same because that was asked for."""
    notes: tuple[str, ...]

    def entry(self, label: str) -> Entry:
        """The entry of that label. Raises KeyError."""
        return {entry.label: entry for entry in self.entries}[label]
