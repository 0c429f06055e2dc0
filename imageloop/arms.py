"""An arm: interventions as a plan writes them, what they may look at, and what they may do to a round before it is made.

An arm is written as a call, such as `reanchor(every=5)`, or several joined by ` + `, which act from left to right. `plain` does nothing.
"""

import ast
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from imageloop.interventions import ARMS, FLOOR, Floor
from imageloop.moment import NOTHING, Act, Intervention, Moment, Role

PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Arm:
    """Interventions in their order, as a plan writes them."""

    text: str
    parts: tuple[Intervention, ...] = ()

    @property
    def label(self) -> str:
        """What the arm is called in paths and tables: its text without spaces, a hash in place of what no file name can hold."""
        plain = self.text.replace(" ", "").replace('"', "").replace("'", "")
        safe = re.sub(r"[^A-Za-z0-9._()=,+~-]+", "-", plain)[:60].rstrip("-.")
        return safe if safe == plain else f"{safe}~{hashlib.sha256(self.text.encode()).hexdigest()[:6]}"

    def act(self, moment: Moment) -> Act:
        """What all parts do to a round: prompts are rewritten in order, and for the rest a later part has the last word."""
        act = NOTHING
        for part in self.parts:
            if (more := part.act(moment)) is not None:
                act = _then(act, more)
        return act

    @property
    def overrides(self) -> Mapping[str, Mapping[str, Any]]:
        """Recipe fields that this arm changes for the whole chain, by role."""
        merged: dict[str, dict[str, Any]] = {}
        for part in self.parts:
            for role, values in getattr(part, "overrides", {}).items():
                merged.setdefault(role, {}).update(values)
        return merged

    @property
    def sources(self) -> tuple[str, ...]:
        """Originals that the arm's parts take new material from."""
        return tuple(source for part in self.parts if (source := getattr(part, "source", None)))

    @property
    def picks(self) -> tuple[tuple[int, str], ...]:
        """How many candidates this arm draws, and by which rule it keeps one, for each pick that it changes."""
        return tuple(pick for part in self.parts if (pick := getattr(part, "choice", None)))

    @property
    def rotates(self) -> Mapping[Role, Sequence[str]]:
        """The roles whose models change from round to round, with the models named for them; none named stands for the plan's."""
        return {role: among for part in self.parts for role, among in getattr(part, "rotates", {}).items()}


def _then(act: Act, more: Act) -> Act:
    given = {f.name: value for f in fields(Act) if (value := getattr(more, f.name)) is not None}
    given["notes"] = (*act.notes, *more.notes)
    if more.picture is not None or more.caption is not None:  # both say what the round starts from
        given |= {"picture": more.picture, "caption": more.caption}
    if act.prompt and more.prompt:
        first, second = act.prompt, more.prompt
        given["prompt"] = lambda caption, fits: second(first(caption, fits), fits)
    return replace(act, **given)


@cache
def arm_of(text: str) -> Arm:
    """The arm that a text such as `reanchor(every=5) + keep_prompt("at night")` describes.

    Raises ValueError, in words for people, on anything else.
    """
    if text.strip() == FLOOR:
        return Arm(FLOOR, (Floor(),))
    if text.strip() == PLAIN:
        return Arm(PLAIN)
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError(f'{text!r} is no arm; write one as name(key=value), such as "reanchor(every=5)", and join several by +') from None
    return Arm(ast.unparse(expression), tuple(_parts(expression, text)))


def _parts(node: ast.expr, text: str) -> list[Intervention]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(node.left, text), *_parts(node.right, text)]
    name = node.func if isinstance(node, ast.Call) else node
    if not isinstance(name, ast.Name):
        raise ValueError(f'{text!r} is no arm; write one as name(key=value), such as "reanchor(every=5)", and join several by +')
    if name.id not in ARMS:
        near = get_close_matches(name.id, ARMS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ARMS)}"
        raise ValueError(f"no arm is called {name.id!r}; {hint}")
    positional = [_value(argument, text) for argument in node.args] if isinstance(node, ast.Call) else []
    named = {str(word.arg): _value(word.value, text) for word in node.keywords} if isinstance(node, ast.Call) else {}
    return [_made(name.id, positional, named)]


def _made(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Intervention:
    kind = ARMS[name]
    known = [parameter.name for parameter in fields(kind)]
    for key in named:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"{name} has no {key!r}; {hint}")
    try:
        made: Intervention = kind(*positional, **named)
    except TypeError:
        raise ValueError(f"{name} is written {name}({', '.join(_usage(kind))})") from None
    return made


def _usage(kind: type[Any]) -> list[str]:
    return [f"{parameter.name}={'…' if parameter.default is MISSING else parameter.default}" for parameter in fields(kind)]


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{text!r}: {ast.unparse(node)} is neither a number, a word nor a text in quotes") from None
