"""Choosing tokens so that each row's randomness is its own, and noting how sure the model was.

`generate` draws a whole batch from one global stream, so a row's caption would depend on its neighbours. Here every row has a CPU
generator of its own and the Gumbel-max trick turns greedy decoding of noisy scores into sampling (Gumbel 1954; Maddison et al. 2014,
arXiv 1411.0030): argmax(log p / temperature + g) is a draw from p^(1/temperature).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

REGISTER = 64
"""Elements that the widest vectorised loop of torch takes at once."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen: `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 keep every token."""

    temperature: float
    top_k: int
    top_p: float


class Chosen(NamedTuple):
    """What one row chose: its tokens before the end token, whether it was cut, and mean log-probability and entropy in nats."""

    tokens: list[int]
    cut: bool
    log_probability: float | None
    entropy: float | None


class RowSampler:
    """The last logits processor of a greedy `generate`: adds each row's own noise and keeps the statistics of what is chosen.

    Log-probability and entropy are those of the model's own distribution, before temperature, filters and noise.
    """

    def __init__(self, seeds: Sequence[int], decoding: Decoding) -> None:
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._decoding = decoding
        self._steps: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 -- the interface of transformers
        words = scores.shape[1]
        own = torch.log_softmax(_aligned(scores.float(), -torch.inf), dim=-1)
        ranked = own
        if self._decoding.temperature > 0:
            ranked = self._filtered(own / self._decoding.temperature) + _aligned(self._noise(words), 0.0).to(own.device)
        chosen = ranked.argmax(dim=-1)
        self._steps.append((chosen, own.gather(1, chosen[:, None])[:, 0], torch.special.entr(own.exp()).sum(dim=-1)))
        return ranked[:, :words]

    def _noise(self, words: int) -> torch.Tensor:
        """Gumbel noise (rows, words); every row draws at every step, finished or not, so that none waits for another."""
        smallest = torch.finfo(torch.float32).tiny
        waits = [torch.empty(words).exponential_(generator=generator) for generator in self._generators]
        return torch.stack([-wait.clamp_min(smallest).log() for wait in waits])

    def _filtered(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores with what top-k and top-p leave out at minus infinity."""
        if 0 < self._decoding.top_k < scores.shape[1]:
            least = scores.topk(self._decoding.top_k, dim=-1).values[:, -1:]
            scores = scores.masked_fill(scores < least, -torch.inf)
        if self._decoding.top_p < 1:
            ordered, order = scores.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
            before = ordered.cumsum(dim=-1) - ordered
            scores = scores.masked_fill(
                torch.zeros_like(before, dtype=torch.bool).scatter(1, order, before >= self._decoding.top_p), -torch.inf
            )
        return scores

    def rows(self, ends: Collection[int], limit: int) -> list[Chosen]:
        """What each row chose in at most `limit` tokens; one step more is decoded, to tell an end at the limit from a cut."""
        ids, log_probabilities, entropies = (torch.stack(column, dim=1).cpu() for column in zip(*self._steps, strict=True))
        return [
            ended(row.tolist(), ends, limit, logs.double().tolist(), entropy.double().tolist())
            for row, logs, entropy in zip(ids, log_probabilities, entropies, strict=True)
        ]


def _aligned(rows: torch.Tensor, value: float) -> torch.Tensor:
    """Rows lengthened to whole vector registers: a row that ends inside one is computed otherwise there, so it would differ by slot."""
    return torch.nn.functional.pad(rows, (0, -rows.shape[1] % REGISTER), value=value)


def ended(
    ids: list[int], ends: Collection[int], limit: int, log_probabilities: Sequence[float] | None, entropies: Sequence[float] | None
) -> Chosen:
    """A row's tokens up to its end token or its limit. The means count the end token, which the model chose too."""
    stop = next((place for place, token in enumerate(ids[: limit + 1]) if token in ends), None)
    length = min(limit, len(ids)) if stop is None else stop
    counted = length + (stop is not None)
    return Chosen(ids[:length], stop is None, _mean(log_probabilities, counted), _mean(entropies, counted))


def _mean(values: Sequence[float] | None, count: int) -> float | None:
    return None if values is None or count == 0 else sum(values[:count]) / count
