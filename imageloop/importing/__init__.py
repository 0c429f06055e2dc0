"""Rounds made elsewhere, by hand or by another tool, as a run: measured, compared and shown as one that was made here.

finding.py    the chains in a folder, by one of the layouts simple.py, raa.py and captions.py
starting.py   what each chain starts from
reading.py    captions and pictures read and checked, up to the first round that is not whole
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from imageloop import catalog
from imageloop.errors import ForeignRun, RoundsError
from imageloop.importing.finding import AUTO, LAYOUTS, find
from imageloop.importing.found import names
from imageloop.importing.pictures import Changes, read_picture
from imageloop.importing.reading import ReadChain, Rules, read_chain
from imageloop.importing.starting import Starts
from imageloop.originals import slug
from imageloop.plan import changed
from imageloop.records import ChainKey, Recipe, Round, pixel_hash
from imageloop.store import IMPORTED, RunFolder
from imageloop.writer import RunWriter

__all__ = ["AUTO", "EMBEDDER", "LAYOUTS", "Imported", "ImportedChain", "Rules", "import_rounds"]

UNKNOWN = "unknown"
"""What a model is called that nobody names."""
EMBEDDER = "clip-l14"
"""Pictures made elsewhere are photos and paintings, of which the built-in embedder of stickers knows nothing."""
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class ImportedChain:
    """Where a chain came from and where it is now."""

    source: str
    key: ChainKey
    rounds: int
    new: int
    """Rounds that were not in the run before."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A run made of rounds from elsewhere, and what a person must know about it, a line each."""

    run: RunFolder
    chains: tuple[ImportedChain, ...]
    notes: tuple[str, ...]


def _unheard(_text: str) -> None:
    """Where nobody wants to know how it gets on."""


def import_rounds(
    folder: str | Path,
    out: str | Path,
    *,
    originals: Sequence[str] = (),
    captioner: str = UNKNOWN,
    generator: str = UNKNOWN,
    embedder: str = EMBEDDER,
    layout: str = AUTO,
    rules: Rules = Rules(),  # noqa: B008, it is frozen
    say: Callable[[str], None] = _unheard,
) -> Imported:
    """Makes a run of the rounds in a folder, or adds to it those that are new since it was last imported.

    A chain ends at the last round before the first that is missing or cannot be read; nothing is guessed, and each such end is a note.
    `originals` are named as on the command line; `captioner` and `generator` are whatever the models were called. Raises RoundsError,
    OriginalError, PlanError or ModelError, and RunError where `out` cannot be used, ForeignRun where it holds other rounds.
    """
    source = Path(folder).expanduser()
    labels = [_label(name, option) for name, option in ((captioner, "--captioner"), (generator, "--generator"))]
    catalog.find("embedder", embedder)
    root = (source if source.is_dir() else source.parent).resolve()
    starts = Starts(root, Counter(), [])
    starts.name(originals)
    found = find(source, layout)
    say(f"reading {len(found)} {'chain' if len(found) == 1 else 'chains'}")
    chains = [chain for one in found if (chain := read_chain(one, starts, rules)) is not None]
    if not chains:
        raise RoundsError(f"{source}: no round can be imported: {'. '.join(starts.notes[:2])}")
    left = [file for one in found for file in one.left]
    if left:
        starts.notes.append(f"left out, as part of no round: {names(left)}")
    keyed = _keyed(chains, *labels)
    plan = _plan(chains, keyed, (captioner, generator, embedder), Path(out).name, rules)
    with RunWriter.open(out, plan, [*{chain.original.id: chain.original for chain in chains}.values()], importing=True) as writer:
        for role, label in zip(("captioner", "generator"), labels, strict=True):
            writer.use(_recipe(role, label), label)
        say("storing")
        stored = tuple(_store(writer, key, chain, root) for key, chain in zip(keyed, chains, strict=True))
        notes = (*starts.notes, *_told(starts.changes, chains), *writer.told())
    return Imported(RunFolder.open(out), stored, notes)


def _keyed(chains: Sequence[ReadChain], captioner: str, generator: str) -> list[ChainKey]:
    """A key for each chain: those of one original are numbered in their order, as seeds are."""
    seen: Counter[str] = Counter()
    keys = []
    for chain in chains:
        keys.append(ChainKey(captioner, generator, chain.original.id, seen[chain.original.id]))
        seen[chain.original.id] += 1
    return keys


def _plan(
    chains: Sequence[ReadChain], keys: Sequence[ChainKey], models: tuple[str, str, str], name: str, rules: Rules
) -> Mapping[str, Any]:
    """The plan that comes nearest to what was done. Where several were picked from by a rule that nobody named, it says `closest`."""
    rounds = [done for chain in chains for done in chain.rounds]
    captioner, generator, embedder = models
    fields = {
        "name": slug(name) or IMPORTED,
        "originals": tuple(dict.fromkeys(key.original for key in keys)),
        "captioners": (captioner,),
        "generators": (generator,),
        "embedder": embedder,
        "rounds": max(len(chain.rounds) for chain in chains),
        "seeds": max(key.seed for key in keys) + 1,
        "captions": max(len(done.captions) for done in rounds),
        "images": max(1, *(len(done.pictures) for done in rounds)),
        "controls": "none",
        "pick_caption": rules.caption or ("closest" if any(len(done.captions) > 1 for done in rounds) else "first"),
        "pick_image": rules.picture or ("closest" if any(len(done.pictures) > 1 for done in rounds) else "first"),
    }
    return changed(None, fields).model_dump(mode="json")


def _store(writer: RunWriter, key: ChainKey, chain: ReadChain, root: Path) -> ImportedChain:
    """Appends what the run lacks of a chain. Raises ForeignRun where it holds another chain there."""
    done = writer.resume(key).rounds
    held = writer.run.rounds(key)
    for number, (old, new) in enumerate(zip(held, chain.rounds, strict=False), start=1):
        if _content(old) != _content(new):
            where = f"{writer.run.path}: round {number} of {key.original}-s{key.seed}"
            raise ForeignRun(f"{where} is another than that of {chain.name}; choose another folder with --out")
    for new, files in list(zip(chain.rounds, chain.files, strict=True))[done:]:
        pictures = [read_picture(file, root, Counter()) for file in files]
        if [pixel_hash(pixels) for pixels in pictures] != [picture.pixels for picture in new.pictures]:
            raise RoundsError(f"{chain.name}: {names(files)} changed while it was read; type the same command again")
        writer.append(key, new, pictures, IMPORTED)
    return ImportedChain(chain.name, key, max(done, len(chain.rounds)), max(0, len(chain.rounds) - done))


def _content(done: Round) -> Round:
    return replace(done, pictures=tuple(replace(picture, file=None) for picture in done.pictures))


def _recipe(role: str, label: str) -> Recipe:
    known: Literal["captioner", "generator"] = "captioner" if role == "captioner" else "generator"
    return Recipe(known, label, IMPORTED, "", "", "", "", 1, {})


def _label(name: str, option: str) -> str:
    if not name.strip() or len(name) > LONGEST_NAME:
        raise RoundsError(f"{option} {name[:LONGEST_NAME]!r}: must be a name of 1 to {LONGEST_NAME} characters, such as midjourney-v7")
    return catalog.label(name)


def _told(changes: Changes, chains: Sequence[ReadChain]) -> list[str]:
    """What was done to the pictures, and what is not known of the picks."""
    notes = [f"pictures {what}: {count}" for what, count in sorted(changes.items())]
    rounds = [done for chain in chains for done in chain.rounds]
    for option, picks in (
        ("--pick-caption", [done.caption_pick for done in rounds]),
        ("--pick-image", [done.picture_pick for done in rounds if done.pictures]),
    ):
        unknown = sum(pick.rule == IMPORTED for pick in picks)
        if unknown:
            notes.append(
                f"in {unknown} of {len(rounds)} rounds it is not known how one of several was picked, so that counts as a pick that "
                f"looked at the original; if it did not, say {option} first, random or medoid, into another --out"
            )
    return notes
