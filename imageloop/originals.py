"""What chains start from: image files, folders of them, texts, and scenes of the sticker world.

A picture is taken as the eye sees it: turned by its EXIF orientation, its first frame only, by its embedded colour profile, transparent
parts over white, all bit depths brought to eight. Then the largest centred square is cut out and scaled to the asked side by Lanczos.
"""

import hashlib
import re
import struct
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from imageloop.errors import OriginalError
from imageloop.records import Original, Pixels, pixel_hash

if TYPE_CHECKING:
    from imageloop.stickers.scenes import Scene

Kind = Literal["stickers", "text", "path"]

STICKERS = "stickers:"
TEXT = "text:"
MOST_SAMPLED = 10_000


def kind_of(spec: str, folder: Path = Path()) -> Kind:
    """How an original is named: `stickers:…`, `text:…`, a path, or a bare text.

    A bare text is anything with a space in it that is no path below `folder`, does not begin or end like one (`/`, `./`, `~`) and does not
    end in the extension of an image format.
    """
    if spec.startswith(STICKERS):
        return "stickers"
    if spec.startswith(TEXT):
        return "text"
    if _exists(folder / spec):
        return "path"
    like_a_path = spec.startswith(("/", "./", "../", "~")) or spec.endswith("/") or _has_image_extension(spec)
    return "text" if re.search(r"\S\s+\S", spec) and not like_a_path else "path"


def load_originals(specs: Sequence[str], size: int) -> list[Original]:
    """The originals in the order named; pictures are RGB uint8 (size, size, 3). A folder gives the images directly in it, sorted by name.

    Raises OriginalError, in one line, for what is missing, empty, truncated, no image, too large or named twice.
    """
    originals: dict[str, Original] = {}
    for spec in specs:
        for original in _load(spec, size):
            if original.id in originals:
                raise OriginalError(f"{spec}: the original {original.id} is named twice; name each once")
            originals[original.id] = original
    if not originals:
        raise OriginalError("no originals: name an image, a folder, a text in quotes, or a plan")
    return list(originals.values())


def load_image(file: Path, size: int) -> Pixels:
    """One image file as RGB uint8 (size, size, 3), as the eye sees it, cropped to the centred square and scaled by Lanczos.

    Raises OriginalError in one line.
    """
    with opened(file) as image:
        return prepare(_upright(image), size)


@contextmanager
def opened(file: Path, most: int | None = None) -> Iterator[Image.Image]:
    """The first frame of an image file, as it is stored. Raises OriginalError in one line, for what its pixels turn out to be as well.

    `most`: the most pixels it may have, where that is less than what Pillow opens.
    """
    try:
        if file.stat().st_size == 0:
            raise OriginalError(f"{file}: the file is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                if most and image.width * image.height > most:
                    raise OriginalError(f"{file}: the image has more than {most // 1_000_000} million pixels; scale it down first")
                image.load()
                yield image
    except FileNotFoundError:
        raise OriginalError(f"{file}: no such file or folder") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise OriginalError(f"{file}: the image has more than {limit} million pixels; scale it down first") from None
    except UnidentifiedImageError:
        raise OriginalError(f"{file}: is no image that can be read; save it as PNG or JPEG") from None
    except PermissionError:
        raise OriginalError(f"{file}: may not be read; check its permissions") from None
    except _BROKEN as error:
        raise OriginalError(f"{file}: the image is broken or truncated ({' '.join(str(error).split()) or type(error).__name__})") from None


_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError, struct.error)
"""What Pillow's readers raise on files that are cut short or lie about themselves."""


def seen(image: Image.Image) -> Pixels:
    """An image as the eye sees it, in its own size and shape: RGB uint8 (height, width, 3), upright, sRGB, over white."""
    return np.array(_in_srgb(_eight_bits(_upright(image))), dtype=np.uint8)


def prepare(image: Image.Image, size: int) -> Pixels:
    """An upright image as RGB uint8 (size, size, 3): eight bits, sRGB, over white, centred square, Lanczos."""
    colours = _in_srgb(_eight_bits(image))
    side = min(colours.size)
    left, top = (colours.width - side) // 2, (colours.height - side) // 2
    # Not resize(box=…): its filter would look at what lies outside the square.
    square = colours.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
    return np.array(square, dtype=np.uint8)


def _load(spec: str, size: int) -> Iterator[Original]:
    kind = kind_of(spec)
    if kind == "stickers":
        yield from _stickers(spec, size)
    elif kind == "text":
        yield text_original(spec.removeprefix(TEXT))
    else:
        for file in _files(Path(spec).expanduser(), spec):
            yield picture_original(file.stem, load_image(file, size))


def picture_original(name: str, pixels: Pixels) -> Original:
    """An original made of pixels, with a readable name in its id."""
    return Original(f"{slug(name) or 'image'}-{pixel_hash(pixels)[:8]}", pixels=pixels)


def text_original(text: str) -> Original:
    """An original made of a text, with runs of white space made one space. Raises OriginalError when there is none."""
    words = " ".join(text.split())
    if not words:
        raise OriginalError("an original is an empty text; type some words in quotes")
    return Original(f"{slug(words) or 'text'}-{hashlib.sha256(words.encode()).hexdigest()[:8]}", text=words)


def slug(text: str, longest: int = 40) -> str:
    """Lower-case letters, digits and single dashes of a text; accents are dropped, and may be empty for other scripts."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].rstrip("-")


def _exists(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # a sentence can be longer than a file name may be
        return False


def _has_image_extension(spec: str) -> bool:
    return Path(spec).suffix.lower() in Image.registered_extensions()


def _files(path: Path, spec: str) -> list[Path]:
    if (path / "run.json").is_file():
        raise OriginalError(f"{spec}: is a run's folder; to go on with it, type its plan or originals again, with --out {spec}")
    if path.is_dir():
        try:
            files = sorted(
                file for file in path.iterdir() if file.is_file() and _has_image_extension(file.name) and not file.name.startswith(".")
            )
        except OSError as error:
            raise OriginalError(f"{spec}: the folder cannot be read: {error.strerror}") from None
        if not files:
            raise OriginalError(f"{spec}: no images directly in this folder; name one that holds PNG, JPEG or other image files")
        return files
    if not _exists(path):
        hint = "" if _has_image_extension(spec) else f'; to start from a text, write it as "{TEXT}{spec}"'
        raise OriginalError(f"{spec}: no such file or folder{hint}")
    return [path]


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greys of more than eight bits as L. Integers to 65,535 count as 16-bit unless none passes 255; other ranges are stretched to fit."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values: NDArray[np.float64] = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("some pixels are not numbers")
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65_535):
        scaled = values / 257
    elif image.mode == "F" and low >= 0 and high <= 1:
        scaled = values * 255
    elif low >= 0 and high <= 255:
        scaled = values
    else:
        scaled = (values - low) * (255 / (high - low))
    if "transparency" in image.info:
        scaled = np.where(values == image.info["transparency"], 255, scaled)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _in_srgb(image: Image.Image) -> Image.Image:
    """Opaque RGB. A colour profile that cannot be read is passed over, as image viewers do."""
    profile = image.info.get("icc_profile")
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if image.mode == "LAB":
        return _between(image, ImageCms.createProfile("LAB"))
    if image.mode != "CMYK":
        image = image.convert("RGB")
    if profile:
        try:
            return _between(image, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            return image.convert("RGB")
    return image.convert("RGB")


def _between(image: Image.Image, profile: Any) -> Image.Image:
    managed = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert managed is not None  # it is None only when changing in place
    return managed


def _stickers(spec: str, size: int) -> Iterator[Original]:
    for scene in scenes_named(spec):
        yield picture_original("-".join(scene.objects), scene_picture(scene, size))


def scene_picture(scene: "Scene", size: int) -> Pixels:
    """The scene as an original: drawn without jitter, scaled to RGB uint8 (size, size, 3)."""
    from imageloop.stickers import scenes

    return prepare(Image.fromarray(scenes.draw(scene)), size)


def scenes_named(spec: str) -> "list[Scene]":
    """The scenes that a `stickers:…` names, always the same ones. Raises OriginalError where it is not right."""
    wanted = spec.removeprefix(STICKERS).strip()
    sampled = re.fullmatch(r"sample\s+(\d+)(?:\s+seed\s+(\d+))?", wanted)
    if sampled:
        return _sample(spec, int(sampled[1]), int(sampled[2] or 0))
    if wanted.startswith("sample"):
        raise OriginalError(f"{spec}: must be stickers:sample N or stickers:sample N seed S, such as stickers:sample 8 seed 1")
    return [parse_scene(spec)]


def _sample(spec: str, count: int, seed: int) -> "list[Scene]":
    """`count` different held-out scenes: the first of a fixed order, so that a larger sample of one seed begins with the smaller."""
    from imageloop.stickers import scenes

    if not 1 <= count <= MOST_SAMPLED:
        raise OriginalError(f"{spec}: the number of scenes must be from 1 to {MOST_SAMPLED}, not {count}")
    rng = np.random.default_rng(seed)
    chosen: dict[Scene, None] = {}
    while len(chosen) < count:
        chosen[scenes.sample(rng, "heldout")] = None
    return list(chosen)


def parse_scene(spec: str) -> "Scene":
    """The scene that `stickers:OBJECT, OBJECT, OBJECT; BACKGROUND; STYLE[; TINT]` names. Raises OriginalError with the nearest names."""
    from imageloop.stickers import scenes

    parts = [part.strip() for part in spec.removeprefix(STICKERS).split(";")]
    objects = tuple(word.strip() for word in parts[0].split(","))
    if len(parts) not in (3, 4) or not 1 <= len(objects) <= 3:
        raise OriginalError(
            f"{spec}: must be stickers:1 to 3 OBJECTS; BACKGROUND; STYLE[; TINT], such as stickers:surfer, moai; beach; ink"
        )
    rooms = (
        *((word, "object", scenes.CONCEPTS) for word in objects),
        *zip(parts[1:], ("background", "style", "tint"), (scenes.BACKGROUNDS, scenes.STYLES, scenes.TINTS), strict=False),
    )
    for word, room, known in rooms:
        if word not in known:
            nearest = get_close_matches(word, known, n=3, cutoff=0.5) if len(known) > 16 else known
            hint = f"; try {', '.join(nearest)}" if nearest else ""
            raise OriginalError(f"{spec}: the sticker world has no {room} {word!r}{hint}")
    repeated = [word for position, word in enumerate(objects) if word in objects[:position]]
    if repeated:
        raise OriginalError(f"{spec}: names the object {repeated[0]!r} twice")
    return scenes.Scene(objects, *parts[1:])
