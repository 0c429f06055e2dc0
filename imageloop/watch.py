"""The monitor's rules as data: what each watches, its numbers with their defaults, and what it may do when it holds.

A plan's table [watch] changes them: `jsd = {below = 0.2}`, `cycle = {action = "stop"}`, `still = false`. What they compute is in
`imageloop/monitor`, what the defaults rest on in `docs/monitor.md`.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

NOTE, STOP, REANCHOR = "note", "stop", "reanchor"
ACTIONS = (NOTE, STOP, REANCHOR)
OF_FLOOR = "floor"
"""The number of `still` that looks at a control chain; a rule that acts may not have it."""

Numbers = Mapping[str, float]
Rules = Mapping[str, Mapping[str, Any] | bool]
"""Every rule by its name: its numbers and its action, or False where it is off."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a rule: its default, and what it may be."""

    default: float
    low: float
    high: float = math.inf
    whole: bool = False

    @property
    def words(self) -> str:
        """What it may be, for people."""
        kind = "a whole number" if self.whole else "a number"
        return f"{kind}, {self.low:g} or more" if self.high == math.inf else f"{kind} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a rule watches."""

    says: str
    """What has happened when it holds, for people."""
    numbers: Mapping[str, Number]
    embeds: bool = False
    """Whether it needs embeddings of pictures."""
    together: bool = False
    """Whether it watches all chains of a pair and arm, not each one."""


KINDS: Mapping[str, Kind] = {
    "jsd": Kind("the captions stopped changing", {"below": Number(0.05, 0), "window": Number(8, 2, 50, whole=True)}),
    "still": Kind(
        "the pictures stopped changing",
        {"above": Number(0.95, -1, 1), OF_FLOOR: Number(0.1, 0, 10), "rounds": Number(3, 1, 50, whole=True)},
        embeds=True,
    ),
    "cycle": Kind("the very same pictures come again and again", {"times": Number(3, 2, 10, whole=True)}),
    "blank": Kind("the safety checker blanked the picture", {"rounds": Number(1, 1, 50, whole=True)}),
    "length": Kind("the captions became short", {"share": Number(0.5, 0, 1), "rounds": Number(5, 1, 25, whole=True)}),
    "vendi": Kind("the chains' pictures became alike", {"share": Number(0.5, 0, 1)}, embeds=True, together=True),
    "rare": Kind("the rare things are gone from the captions", {"share": Number(0.2, 0, 1)}, together=True),
}
"""Every rule, by the name a plan calls it."""


def resolved(table: Mapping[str, Any]) -> dict[str, dict[str, Any] | bool]:
    """Every rule with all its numbers and its action, as a table of a plan changes them; False for one that is off.

    Raises ValueError, in words for people, on anything that is no rule.
    """
    for name in table:
        if name not in KINDS:
            raise ValueError(f"no rule is called {name!r}{_hint(name, KINDS)}")
    return {name: _rule(name, kind, table.get(name, {})) for name, kind in KINDS.items()}


def changed(rules: Rules, texts: Iterable[str]) -> dict[str, Any]:
    """A table with some rules changed by texts `NAME.KEY=VALUE`, or `NAME=false`. Raises ValueError on a text that is neither."""
    table: dict[str, Any] = dict(rules)
    for text in texts:
        target, equals, value = text.partition("=")
        name, _, key = target.strip().partition(".")
        given = _value(value.strip())
        if not (equals and name) or not (key or isinstance(given, bool)):
            raise ValueError(f"{text}: must be RULE.KEY=VALUE, such as jsd.action=stop, or RULE=false")
        table[name] = {**_own(name, table.get(name, {})), key: given} if key else ({} if given else False)
    return table


def differing(rules: Rules) -> dict[str, Mapping[str, Any] | bool]:
    """The rules that are not as they are by default."""
    usual = resolved({})
    return {name: rule for name, rule in rules.items() if rule != usual[name]}


def on(rules: Rules) -> dict[str, Mapping[str, Any]]:
    """The rules that are not off."""
    return {name: rule for name, rule in rules.items() if isinstance(rule, Mapping)}


def acting(rules: Rules) -> dict[str, Mapping[str, Any]]:
    """The rules that stop a chain or bring its original back: part of what makes its rounds."""
    return {name: rule for name, rule in on(rules).items() if rule["action"] != NOTE}


def embeds(rules: Rules) -> bool:
    """Whether some rule needs embeddings."""
    return any(KINDS[name].embeds for name in on(rules))


def _own(name: str, rule: Any) -> dict[str, Any]:
    """What a rule has that it has not by default: another action may leave it fewer numbers."""
    usual = KINDS[name].numbers if name in KINDS else {}
    given = rule.items() if isinstance(rule, Mapping) else ()
    return {key: value for key, value in given if key not in usual or value != usual[key].default}


def _rule(name: str, kind: Kind, given: Any) -> dict[str, Any] | bool:
    if given is False:
        return False
    if given is True:
        given = {}
    if not isinstance(given, Mapping):
        raise ValueError(f'{name} must be a table such as {{{_usage(kind)}, action = "note"}}, or false')
    for key in given:
        if key != "action" and key not in kind.numbers:
            raise ValueError(f"{name} has no {key!r}{_hint(key, (*kind.numbers, 'action'))}")
    action = given.get("action", NOTE)
    if action not in ACTIONS:
        raise ValueError(f"{name}: action must be {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, not {action!r}")
    if action != NOTE and kind.together:
        raise ValueError(f"{name}: watches all chains of a pair together, so its action can only be note")
    if action != NOTE and OF_FLOOR in given:
        raise ValueError(f"{name}: {action} must depend on the chain alone, and {OF_FLOOR} is about its control; leave {OF_FLOOR} out")
    numbers = {key: number for key, number in kind.numbers.items() if action == NOTE or key != OF_FLOOR}
    return {**{key: _number(name, key, number, given.get(key, number.default)) for key, number in numbers.items()}, "action": action}


def _number(name: str, key: str, number: Number, value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and number.low <= value <= number.high
    if not fits or (number.whole and value != int(value)) or value == math.inf:
        raise ValueError(f"{name}: {key} must be {number.words}, not {value!r}")
    return int(value) if number.whole else float(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _usage(kind: Kind) -> str:
    return ", ".join(f"{key} = {number.default:g}" for key, number in kind.numbers.items())


def _hint(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
