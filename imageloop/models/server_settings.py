"""What can be set of a model that a server runs: how it is reached, which changes no output, and what it is asked."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from imageloop.addresses import secret_in
from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models.budget import Budget

Settings = TypeVar("Settings", bound=BaseModel)
Side = Annotated[int, Field(ge=8, le=8192)]
OWN = ("model", "messages", "prompt", "n", "seed", "stream", "size", "width", "height", "logprobs", "override_settings")
STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Reach(BaseModel):
    """How a server is reached. None of this is part of a recipe."""

    model_config = STRICT

    parallel: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests under way at a time."""
    timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that one answer may take."""
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    """Requests sent at most for one row, while the server is busy, fails, or cannot be reached."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; empty to send none."""


def _sendable(extra: dict[str, Any]) -> dict[str, Any]:
    for name in extra:
        if name in OWN:
            raise ValueError(f"{name} is set by imageloop itself")
    try:
        json.dumps(extra, allow_nan=False)
    except TypeError:
        raise ValueError("JSON has no dates and times") from None
    return extra


Extra = Annotated[dict[str, Any], AfterValidator(_sendable)]


class ChatSettings(BaseModel):
    """What a chat server is asked. Decoding fields that are not sent are the server's own."""

    model_config = STRICT

    instruction: Annotated[str, Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 64
    logprobs: bool = False
    """Whether the log-probability of the caption is asked for."""
    send_seed: bool = True
    leave_out: list[Literal["temperature", "top_p", "max_tokens"]] = []
    """Fields that this server refuses."""
    extra: Extra = {}
    """Fields to send besides, such as top_k; they may also say `max_completion_tokens` for a server that wants that name."""


class ImageSettings(BaseModel):
    """What an images server is asked."""

    model_config = STRICT

    size: Side | Annotated[list[Side], Field(min_length=2, max_length=2)]
    """The side of a square, or [height, width]."""
    resize: bool = False
    """Whether a picture of another size is scaled to the asked one (Lanczos) instead of refused."""
    revised_prompt: bool = False
    """Whether the server may draw another prompt than the one it was given, as some do."""
    send_seed: bool = True
    leave_out: list[Literal["response_format", "n"]] = []
    extra: Extra = {}
    """Fields to send besides, such as num_inference_steps."""


class WebuiSettings(BaseModel):
    """What a server of AUTOMATIC1111's web interface is asked."""

    model_config = STRICT

    size: Side | Annotated[list[Side], Field(min_length=2, max_length=2)]
    steps: Annotated[int, Field(ge=1, le=1000)] = 20
    guidance_scale: Annotated[float, Field(ge=0, le=100)] = 7.0
    resize: bool = False
    send_seed: bool = True
    extra: Extra = {}
    """Fields to send besides, such as sampler_name."""


def read_settings(row: Row, overrides: Mapping[str, Any], kind: type[Settings]) -> tuple[Reach, Settings, Budget]:
    """A row's settings with the user's over them, as `kind` and how the server is reached, and the budget of requests.

    The budget is under `max_requests`: a number for a budget of this model's own, or a `Budget` that others share. Raises ModelError.
    """
    given = {**row.settings, **overrides}
    if secret := secret_in(given):
        raise ModelError(f"{row.name}: {secret} would be written into the run; a key comes from the environment (key_variable)")
    most = given.pop("max_requests", None)
    known = [*kind.model_fields, *Reach.model_fields]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ModelError(f"{row.name}: this {row.role} has no setting {name!r}; {hint}")
    reach = _checked(row, Reach, given)
    budget = most if isinstance(most, Budget) else Budget() if most is None else Budget(int(most))
    return reach, _checked(row, kind, given), budget


def _checked(row: Row, kind: type[Settings], given: Mapping[str, Any]) -> Settings:
    try:
        return kind(**{name: value for name, value in given.items() if name in kind.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        what = f"{name}={str(given.get(name))[:60]!r} is not right"
        raise ModelError(f"{row.name}: {what} ({first['msg']}); change it with --set {row.name}.{name}=…") from None


def height_and_width(size: int | list[int]) -> tuple[int, int]:
    """A size as rows and columns."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
