"""Every model that has a name, and how any other model is found: rows of text and numbers, so that nothing heavy is imported.

A row pins what would otherwise spoil the loop or change behind the user's back: prompt rewriting, watermarks, the meaning of the
guidance scale, steps, size, instruction, token limits. `ROWS` is the table; `find` turns what a user types into a row.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from imageloop.errors import ModelError

Role = Literal["captioner", "generator", "embedder"]
Family = Literal["analytic", "diffusers", "transformers", "open_clip"]

WEIGHTS = Path(__file__).parent / "stickers" / "weights"
FAMILY_OF_ROLE: Mapping[Role, Family] = {"captioner": "transformers", "generator": "diffusers", "embedder": "open_clip"}


@dataclass(frozen=True, slots=True)
class Row:
    """A model that can be loaded: where it lies, which library reads it, and the settings it is run with."""

    name: str
    role: Role
    family: Family
    target: str
    """A hub id, the path of a folder, or for open_clip also `ARCHITECTURE/TAG`."""
    revision: str = ""
    """The commit, branch or tag on the hub; empty for the newest, and for what is not on the hub."""
    licence: str = ""
    parameters: int | None = None
    """Of everything that is loaded, text encoders included; None where it is not known before loading."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """JSON values laid over the family's own pins; whoever runs the model may lay others over these."""
    local: bool = False
    """Whether `target` is a folder on this machine."""
    gated: bool = False
    """Whether the hub asks for a login and an accepted licence."""


def _generator(name: str, target: str, parameters: int, licence: str, *, gated: bool = False, **settings: Any) -> Row:
    return Row(name, "generator", "diffusers", target, "", licence, parameters, settings, gated=gated)


def _captioner(name: str, target: str, parameters: int, licence: str, *, gated: bool = False, **settings: Any) -> Row:
    return Row(name, "captioner", "transformers", target, "", licence, parameters, settings, gated=gated)


def _embedder(name: str, family: Family, target: str, parameters: int, licence: str, **settings: Any) -> Row:
    return Row(name, "embedder", family, target, "", licence, parameters, settings)


def _built_in(name: str, role: Role, parameters: int, **settings: Any) -> Row:
    return Row(name, role, FAMILY_OF_ROLE[role], str(WEIGHTS / name), "", "Apache-2.0", parameters, settings, local=True)


_SPRINT = "Efficient-Large-Model/Sana_Sprint_{}_1024px_diffusers"
_SD35 = "stabilityai/stable-diffusion-3.5-{}"
_STABILITY = "stabilityai-community"
_DESCRIBE = "Describe this image in one sentence."

_BUILT_IN = (
    Row("analytic", "captioner", "analytic", "", licence="Apache-2.0", parameters=0),
    Row("analytic", "generator", "analytic", "", licence="Apache-2.0", parameters=0),
    Row("analytic", "embedder", "analytic", "", licence="Apache-2.0", parameters=0),
    _built_in("sticker-sana", "generator", 9_007_148, steps=12, guidance_scale=2.0, size=64, max_sequence_length=40),
    _built_in("sticker-sprint", "generator", 7_530_092, steps=4, guidance_scale=3.0, size=64, max_sequence_length=40),
    _built_in("sticker-blip", "captioner", 2_198_900, max_new_tokens=40),
    _built_in("sticker-git", "captioner", 2_220_787, max_new_tokens=40),
    _built_in("sticker-clip", "embedder", 1_928_257),
)
_GENERATORS = (
    _generator(
        "sd15",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        1_070_000_000,
        "CreativeML Open RAIL-M",
        steps=25,
        guidance_scale=7.5,
        size=512,
    ),
    _generator("lcm-dreamshaper", "SimianLuo/LCM_Dreamshaper_v7", 1_070_000_000, "MIT", steps=4, guidance_scale=8.5, size=512),
    _generator("sd-turbo", "stabilityai/sd-turbo", 1_290_000_000, _STABILITY, steps=1, guidance_scale=0.0, size=512),
    _generator("sdxl", "stabilityai/stable-diffusion-xl-base-1.0", 3_470_000_000, "OpenRAIL++", steps=30, guidance_scale=6.0, size=1024),
    _generator("sdxl-turbo", "stabilityai/sdxl-turbo", 3_470_000_000, _STABILITY, steps=1, guidance_scale=0.0, size=512),
    _generator(
        "sdxl-lightning",
        "stabilityai/stable-diffusion-xl-base-1.0",
        3_470_000_000,
        "OpenRAIL++",
        steps=4,
        guidance_scale=0.0,
        size=1024,
        unet="ByteDance/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors",
        scheduler={"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    ),
    _generator(
        "pixart-sigma", "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", 5_460_000_000, "OpenRAIL++", steps=20, guidance_scale=4.5, size=1024
    ),
    _generator("sana-sprint-0.6b", _SPRINT.format("0.6B"), 3_500_000_000, "NSCL", steps=2, guidance_scale=4.5, size=1024),
    _generator("sana-sprint-1.6b", _SPRINT.format("1.6B"), 4_500_000_000, "NSCL", steps=2, guidance_scale=4.5, size=1024),
    _generator("sd35-medium", _SD35.format("medium"), 7_900_000_000, _STABILITY, gated=True, steps=40, guidance_scale=4.5, size=1024),
    _generator("sd35-turbo", _SD35.format("large-turbo"), 13_700_000_000, _STABILITY, gated=True, steps=4, guidance_scale=0.0, size=1024),
    _generator(
        "flux-schnell",
        "black-forest-labs/FLUX.1-schnell",
        16_900_000_000,
        "Apache-2.0",
        steps=4,
        guidance_scale=0.0,
        size=1024,
        max_sequence_length=256,
    ),
    _generator("flux2-klein-4b", "black-forest-labs/FLUX.2-klein-4B", 7_900_000_000, "Apache-2.0", steps=4, guidance_scale=1.0, size=1024),
    _generator("z-image-turbo", "Tongyi-MAI/Z-Image-Turbo", 10_200_000_000, "Apache-2.0", steps=9, guidance_scale=0.0, size=1024),
    _generator("qwen-image", "Qwen/Qwen-Image", 28_800_000_000, "Apache-2.0", steps=50, true_cfg_scale=4.0, size=1328),
)
_CAPTIONERS = (
    _captioner("vit-gpt2", "nlpconnect/vit-gpt2-image-captioning", 239_000_000, "Apache-2.0"),
    _captioner("blip-base", "Salesforce/blip-image-captioning-base", 247_000_000, "BSD-3-Clause"),
    _captioner("blip-large", "Salesforce/blip-image-captioning-large", 470_000_000, "BSD-3-Clause"),
    _captioner("blip2", "Salesforce/blip2-opt-2.7b", 3_740_000_000, "MIT"),
    _captioner("git-base", "microsoft/git-base-coco", 177_000_000, "MIT"),
    _captioner("git-large", "microsoft/git-large-coco", 394_000_000, "MIT"),
    _captioner("florence2-base", "florence-community/Florence-2-base", 232_000_000, "MIT", task="<CAPTION>"),
    _captioner("florence2-large", "florence-community/Florence-2-large", 777_000_000, "MIT", task="<CAPTION>"),
    _captioner("llava-1.5", "llava-hf/llava-1.5-7b-hf", 7_060_000_000, "Llama 2", instruction=_DESCRIBE),
    _captioner("smolvlm2-256m", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 256_000_000, "Apache-2.0", instruction=_DESCRIBE),
    _captioner("smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 507_000_000, "Apache-2.0", instruction=_DESCRIBE),
    _captioner("smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2_250_000_000, "Apache-2.0", instruction=_DESCRIBE),
    _captioner(
        "qwen2.5-vl-3b",
        "Qwen/Qwen2.5-VL-3B-Instruct",
        3_750_000_000,
        "Qwen Research",
        instruction=_DESCRIBE,
        max_pixels=602_112,
    ),
    _captioner("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8_290_000_000, "Apache-2.0", instruction=_DESCRIBE, max_pixels=602_112),
    _captioner("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", 2_130_000_000, "Apache-2.0", instruction=_DESCRIBE, max_pixels=786_432),
    _captioner("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", 4_440_000_000, "Apache-2.0", instruction=_DESCRIBE, max_pixels=786_432),
    _captioner("qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct", 8_770_000_000, "Apache-2.0", instruction=_DESCRIBE, max_pixels=786_432),
    _captioner("gemma3-4b", "google/gemma-3-4b-it", 4_300_000_000, "Gemma", gated=True, instruction=_DESCRIBE),
    _captioner("gemma4-e2b", "google/gemma-4-E2B-it", 5_100_000_000, "Apache-2.0", instruction=_DESCRIBE),
    _captioner("internvl3-1b", "OpenGVLab/InternVL3-1B-hf", 938_000_000, "MIT", instruction=_DESCRIBE),
    _captioner("internvl3-2b", "OpenGVLab/InternVL3-2B-hf", 2_090_000_000, "MIT", instruction=_DESCRIBE),
)
_EMBEDDERS = (
    _embedder("clip-b32", "open_clip", "ViT-B-32/laion2b_s34b_b79k", 151_000_000, "MIT"),
    _embedder("clip-l14", "open_clip", "ViT-L-14/datacomp_xl_s13b_b90k", 428_000_000, "MIT"),
    _embedder("siglip2-b16", "open_clip", "ViT-B-16-SigLIP2/webli", 375_000_000, "Apache-2.0"),
    _embedder("dinov2", "transformers", "facebook/dinov2-base", 86_600_000, "Apache-2.0"),
)

ROWS: tuple[Row, ...] = (*_BUILT_IN, *_GENERATORS, *_CAPTIONERS, *_EMBEDDERS)

PIPELINE_PINS: Mapping[str, Mapping[str, Any]] = {
    "SanaPipeline": {"complex_human_instruction": None, "use_resolution_binning": False, "clean_caption": False},
    "SanaSprintPipeline": {"complex_human_instruction": None, "use_resolution_binning": False, "clean_caption": False},
    "PixArtAlphaPipeline": {"use_resolution_binning": False, "clean_caption": False},
    "PixArtSigmaPipeline": {"use_resolution_binning": False, "clean_caption": False},
    "ErnieImagePipeline": {"use_pe": False},
    "QwenImagePipeline": {"negative_prompt": " "},
}
"""What a diffusers pipeline of a class is called with unless a row says otherwise: no rewritten prompt, no other size."""


def find(role: Role, spec: str) -> Row:
    """The row for what a user typed: a name of `ROWS`, a folder, or a hub id `owner/name[@revision]`.

    A prefix `diffusers:`, `transformers:` or `open_clip:` says which library reads the model; `open_clip:ARCHITECTURE/TAG` names one of
    open_clip's own. A folder's library is read from its configuration. Raises ModelError with what to type instead.
    """
    for row in ROWS:
        if row.name == spec and row.role == role:
            return row
    other = next((row for row in ROWS if row.name == spec), None)
    if other is not None:
        names = ", ".join(row.name for row in ROWS if row.role == role and row.name.startswith(("sticker", "analytic")))
        raise ModelError(f"{spec}: this is {_article(other.role)}, not {_article(role)}; name {_article(role)} instead, e.g. {names}")
    family, _, rest = spec.rpartition(":")
    named = _family(spec, family, role) if family else None
    path = Path(rest).expanduser()
    if path.is_dir() or rest.startswith((".", "~", "/")) or path.is_absolute():
        return _folder(role, spec, path, named)
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.\-/]+))?", rest)
    if match is None:
        raise ModelError(_unknown(role, spec))
    return Row(spec, role, named or FAMILY_OF_ROLE[role], match[1], match[2] or "")


def label(spec: str) -> str:
    """What a model is called in paths and tables: letters, digits, `.`, `_` and `-` only. Folders of one name stay apart by a hash."""
    rest = spec.rpartition(":")[2].partition("@")[0]
    path = Path(rest)
    if rest.startswith((".", "~", "/")) or path.is_absolute() or len(path.parts) > 2:
        return f"{_slug(path.name)}-{hashlib.sha256(spec.encode()).hexdigest()[:6]}"
    return _slug(spec)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


def _article(role: Role) -> str:
    return f"{'an' if role == 'embedder' else 'a'} {role}"


def _family(spec: str, prefix: str, role: Role) -> Family:
    allowed: dict[Role, tuple[Family, ...]] = {
        "captioner": ("transformers",),
        "generator": ("diffusers",),
        "embedder": ("open_clip", "transformers"),
    }
    for family in allowed[role]:
        if prefix == family:
            return family
    if prefix in get_args(Family):
        raise ModelError(f"{spec}: {prefix} loads no {role}; type {allowed[role][0]}:{spec.rpartition(':')[2]}")
    raise ModelError(f"{spec}: no library is called {prefix!r} here; use one of {', '.join(f'{f}:' for f in allowed[role])}")


def _folder(role: Role, spec: str, path: Path, named: Family | None) -> Row:
    if not path.is_dir():
        raise ModelError(f"{spec}: there is no such folder; give the folder that holds model_index.json or config.json")
    found = _read_family(spec, path)
    holds: dict[Family, tuple[Role, ...]] = {
        "diffusers": ("generator",),
        "transformers": ("captioner", "embedder"),
        "open_clip": ("embedder",),
    }
    if role not in holds[found]:
        raise ModelError(f"{spec}: the folder holds {_article(holds[found][0])} ({found}), not {_article(role)}")
    if named is not None and named != found:
        raise ModelError(f"{spec}: the folder is made for {found}; type {found}:{path}")
    return Row(spec, role, found, str(path), local=True)


def _read_family(spec: str, path: Path) -> Family:
    marks: dict[str, Family] = {"model_index.json": "diffusers", "open_clip_config.json": "open_clip", "config.json": "transformers"}
    for file, family in marks.items():
        if (path / file).is_file():
            try:
                config = json.loads((path / file).read_text(encoding="utf-8"))
            except ValueError as error:
                raise ModelError(f"{path / file}: not readable as JSON ({error}); save the model again") from None
            if family == "transformers" and "model_type" not in config:
                raise ModelError(f"{path / file}: names no model_type, so it is no model of transformers; give the whole pipeline's folder")
            return family
    raise ModelError(f"{spec}: no model in this folder; it needs model_index.json (diffusers), config.json or open_clip_config.json")


def _unknown(role: Role, spec: str) -> str:
    names = sorted({row.name for row in ROWS if row.role == role})
    near = get_close_matches(spec, names, n=3, cutoff=0.5) or [name for name in names if spec.lower() in name or name in spec.lower()][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else f"`imageloop models` lists the names, e.g. {', '.join(names[:3])}"
    return f"{spec}: no {role} is called that; {hint} A folder is given by its path, a hub model as owner/name"
