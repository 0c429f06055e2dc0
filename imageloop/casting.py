"""Which models, settings and rounds each chain of a pair takes: the plan's, or what the chain's arm makes of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from imageloop import catalog
from imageloop.arms import Arm
from imageloop.interventions import FLOOR, FLOOR_ROUNDS
from imageloop.loop import ChainState
from imageloop.moment import Moment, Role
from imageloop.plan import Plan
from imageloop.records import Original, canonical
from imageloop.seeds import seed_of


class Part(NamedTuple):
    """One model as some chain needs it: `changes` are the recipe fields that an arm lays over the plan's, as canonical JSON."""

    role: catalog.Role
    spec: str
    changes: str = "{}"

    def __str__(self) -> str:
        return self.spec if self.changes == "{}" else f"{self.spec} with {self.changes}"

    @property
    def label(self) -> str:
        """What run.json calls it."""
        return catalog.label(self.spec) + ("" if self.changes == "{}" else f" {self.changes}")

    def plan(self, plan: Plan) -> Plan:
        """The plan with this part's changes laid over its model's."""
        changes = json.loads(self.changes)
        return (
            plan.model_copy(update={"models": {**plan.models, self.spec: {**plan.models.get(self.spec, {}), **changes}}})
            if changes
            else plan
        )


class Cast(NamedTuple):
    """The models that take one round of a chain."""

    captioner: Part
    generator: Part


@dataclass(frozen=True)
class Pair:
    """One captioner with one generator, and everything a plan wants of them."""

    plan: Plan
    captioner: str
    generator: str
    arms: Sequence[Arm]
    material: Mapping[str, Sequence[Original]]

    @cached_property
    def by_label(self) -> Mapping[str, Arm]:
        """The arms by the label that a chain's key has."""
        return {arm.label: arm for arm in self.arms}

    @property
    def models(self) -> Mapping[Role, tuple[str, ...]]:
        """The plan's models, this pair's first."""
        own: dict[Role, tuple[str, tuple[str, ...]]] = {
            "captioner": (self.captioner, self.plan.captioners),
            "generator": (self.generator, self.plan.generators),
        }
        return {role: (first, *(spec for spec in specs if spec != first)) for role, (first, specs) in own.items()}

    @property
    def casts(self) -> list[Cast]:
        """Every cast that some round of some arm may take."""
        return [
            Cast(_part(arm, "captioner", captioner), _part(arm, "generator", generator))
            for arm in self.arms
            for captioner in self._among(arm, "captioner")
            for generator in self._among(arm, "generator")
        ]

    def _among(self, arm: Arm, role: Role) -> Sequence[str]:
        own, *planned = self.models[role]
        return (own, *(arm.rotates[role] or planned)) if role in arm.rotates else (own,)

    def rounds(self, state: ChainState) -> int:
        """How far a chain goes: a control need not go as far as the chains it calibrates."""
        return min(self.plan.rounds, FLOOR_ROUNDS) if state.key.arm == FLOOR else self.plan.rounds

    def ready(self, state: ChainState) -> ChainState:
        """The chain with what its arm does to its next round."""

        def seed(number: int) -> int:
            return seed_of(self.plan.seed, state.original.id, state.key.seed, number, "arm")

        number = state.round + 1
        moment = Moment(state.key, number, seed(number), seed(0), state.original, state.first_caption, self.models, self.material)
        return replace(state, act=self.by_label[state.key.arm].act(moment))

    def cast(self, state: ChainState) -> Cast:
        """The models that take the next round of a chain that is ready."""
        arm = self.by_label[state.key.arm]
        return Cast(
            _part(arm, "captioner", state.act.captioner or self.captioner), _part(arm, "generator", state.act.generator or self.generator)
        )


def _part(arm: Arm, role: Role, spec: str) -> Part:
    return Part(role, spec, canonical(arm.overrides.get(role, {})))
