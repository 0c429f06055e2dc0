"""What each chain starts from: an original that was named, or the one that lies with its rounds, or its first caption."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imageloop.errors import OriginalError
from imageloop.importing.found import FoundChain, Trouble, entries, is_picture, is_text, names, read_text
from imageloop.importing.pictures import Changes, read_picture
from imageloop.originals import TEXT, kind_of, picture_original, text_original
from imageloop.records import Original, pixel_hash


@dataclass(slots=True)
class Starts:
    """The originals that were named, and all that chains were found to start from."""

    root: Path
    """The folder that no link may lead out of."""
    changes: Changes
    notes: list[str]
    given: dict[str, Original] = field(default_factory=dict)
    """By the name a chain may have: the stem of the file."""
    known: dict[str, Original] = field(default_factory=dict)
    """By content, so that chains of one picture share its id."""

    def name(self, specs: Sequence[str]) -> None:
        """Takes up what a person named: image files, text files, folders of them, texts. Raises OriginalError."""
        for spec in specs:
            for name, original in self._named(spec):
                if name in self.given:
                    raise OriginalError(f"--original {spec}: there are two originals called {name}; rename one")
                self.given[name] = self._once(original)

    def of(self, chain: FoundChain) -> Original:
        """What the chain starts from. Raises Trouble where that is not known."""
        own = self._own(chain)
        if self.given:
            chosen = self._given(chain)
            if own is not None and own.id != chosen.id:
                self.notes.append(f"{chain.name}: {names(chain.originals)} differs from the original that was named, which is taken")
            return chosen
        if own is not None:
            return own
        first = chain.rounds.get(1)
        if any(found.pictures for found in chain.rounds.values()) or first is None or len(first.captions) != 1:
            raise Trouble("the original is missing; name it with --original, or put it there as 00.png")
        self.notes.append(f"{chain.name}: no original, so it is taken to start from its first caption, as a text")
        text = self._text(first.captions[0].source)
        return self._once(text)

    def _given(self, chain: FoundChain) -> Original:
        if len(self.given) == 1:
            return next(iter(self.given.values()))
        for part in reversed(chain.name.split("/")):
            for name in (part, Path(part).stem):
                if name in self.given:
                    return self.given[name]
        raise Trouble(
            f"no original that was named is called {chain.name.rpartition('/')[2]} as the chain is; there are {names(self.given)}"
        )

    def _own(self, chain: FoundChain) -> Original | None:
        if len(chain.originals) > 1:
            if self.given:
                return None
            raise Trouble(f"its original is one of {names(chain.originals)}, and which one is not known; keep one")
        for file in chain.originals:
            try:
                found = self._text(file) if is_text(file) else self._picture(file, chain.name.rpartition("/")[2])
            except Trouble as trouble:
                if self.given:
                    return None
                raise Trouble(f"{trouble}, or name the original with --original") from None
            return self._once(found)
        return None

    def _picture(self, file: Path, name: str) -> Original:
        return picture_original(name, read_picture(file, self.root, self.changes))

    def _text(self, source: Path | str) -> Original:
        text = source if isinstance(source, str) else read_text(source, self.root)
        if not text:
            raise Trouble("its original is an empty text")
        return Original(text_original(text).id, text=text)

    def _once(self, original: Original) -> Original:
        content = original.id if original.pixels is None else pixel_hash(original.pixels)
        return self.known.setdefault(content, original)

    def _named(self, spec: str) -> list[tuple[str, Original]]:
        kind = kind_of(spec)
        if kind == "stickers":
            raise OriginalError(f"--original {spec}: name the picture itself, such as 00.png")
        if kind == "text":
            original = text_original(spec.removeprefix(TEXT))
            return [(original.id, original)]
        path = Path(spec).expanduser()
        files = [file for file in entries(path) if is_picture(file) or is_text(file)] if path.is_dir() else [path]
        if not path.exists():
            raise OriginalError(f"--original {spec}: no such file or folder")
        if not files:
            raise OriginalError(f"--original {spec}: no images or texts directly in this folder")
        try:
            return [(file.stem, self._from(file)) for file in files]
        except Trouble as trouble:
            raise OriginalError(f"--original {spec}: {trouble}") from None

    def _from(self, file: Path) -> Original:
        outside = Starts(file.resolve().parent, self.changes, self.notes)
        return outside._text(file) if is_text(file) else outside._picture(file, file.stem)
