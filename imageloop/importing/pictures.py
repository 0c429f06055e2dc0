"""Imported pictures as the eye sees them, in their own size, and what had to be done to them for that."""

from collections import Counter
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms

from imageloop.errors import OriginalError
from imageloop.importing.found import Trouble, inside
from imageloop.originals import opened, seen
from imageloop.records import Pixels

MOST_PIXELS = 64_000_000
"""Pixels of a picture, at most: some seven hundred megabytes while it is read."""
UPRIGHT, ORIENTATION = 1, 0x0112

Changes = Counter[str]
"""How many pictures had to be changed in which way: what follows the word “pictures”."""


def read_picture(file: Path, root: Path, changes: Changes) -> Pixels:
    """An image file within `root` as RGB uint8 (height, width, 3), as the eye sees it; counts what that changed. Raises Trouble."""
    inside(file, root)
    try:
        with opened(file, MOST_PIXELS) as image:
            found = _changes(image)
            pixels = seen(image)
    except OriginalError as error:
        raise Trouble(str(error).replace(str(file), file.name)) from None
    changes.update(found)
    return pixels


def _changes(image: Image.Image) -> list[str]:
    deep = image.mode.startswith("I") or image.mode == "F"
    profile = image.info.get("icc_profile")
    found = {
        "turned as their EXIF orientation says": image.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT,
        "brought to eight bits a channel": deep,
        "with transparent parts, put over white": _transparent(image, deep),
        "brought from CMYK to RGB": image.mode == "CMYK",
        "brought to sRGB from a colour profile of their own": profile is not None and not _is_srgb(profile),
        "with several frames, of which the first was taken": image.format != "MPO" and bool(getattr(image, "is_animated", False)),
    }
    return [what for what, so in found.items() if so]


def _transparent(image: Image.Image, deep: bool) -> bool:
    if deep:
        return "transparency" in image.info
    if not image.has_transparency_data:
        return False
    low, _ = image.convert("RGBA").getchannel("A").getextrema()
    return int(str(low)) < 255


def _is_srgb(profile: bytes) -> bool:
    try:
        return "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).lower()
    except (ImageCms.PyCMSError, OSError):
        return True  # cannot be read, and is passed over
