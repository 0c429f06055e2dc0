"""Seeds: the same chain, round, stage and candidate meets the same noise in every pair, arm, process and machine.

The pair is left out on purpose, so that two pairs of models are compared on the same noise.
"""

import hashlib
from typing import Literal

Stage = Literal["caption", "caption-pick", "image", "image-pick", "arm"]


def seed_of(plan_seed: int, original: str, chain_seed: int, round: int, stage: Stage, candidate: int = 0) -> int:
    """A seed in [0, 2**63) for one draw: the leading 63 bits of a SHA-256 over the arguments."""
    text = f"imageloop/{plan_seed}/{original}/{chain_seed}/{round}/{stage}/{candidate}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
