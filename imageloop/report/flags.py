"""What went other than asked in a round, or needs to be known of it, in a few words each."""

from __future__ import annotations

from imageloop.records import Round
from imageloop.report.words import plural, shown

INFERRED = "inferred, not generated: the chain repeats itself exactly"
"""What is said of a round that is a copy."""


def flags_of(done: Round, repeats: int | None = None) -> list[str]:
    """The flags of a round. `repeats`: an earlier round of the chain with the very same picture."""
    flags = []
    for encoder, count in done.prompt_tokens.items():
        read = done.prompt_tokens_read[encoder]
        if read < count:
            flags.append(f"prompt cut: {read} of {count} tokens read")
    if done.captions[done.caption_pick.chosen].cut:
        flags.append("caption ran into its limit")
    if done.picture and done.picture.blanked:
        flags.append("blanked by the safety checker")
    if done.retries:
        flags.append(f"a server was asked again {done.retries} {plural(done.retries, 'time')}")
    if repeats is not None:
        period = done.round - repeats
        flags.append("fixed point: the same picture again" if period == 1 else f"cycle: the very picture of round {repeats}")
    return [*flags, *(f"intervention: {shown(str(act.get('arm', 'unnamed')))}" for act in done.acts)]
