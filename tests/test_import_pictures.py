"""Imported pictures: every format as the eye sees it, in its own size, and what had to be done for that is told."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elsewhere import imported, written
from PIL import Image, ImageCms

from imageloop.errors import RoundsError
from imageloop.importing import Imported
from imageloop.records import Pixels

RED, WHITE = (255, 0, 0), (255, 255, 255)
SMOOTH = np.dstack([np.add.outer(np.arange(24), np.arange(40)) * 4] * 3).astype(np.uint8)
"""A ramp that JPEG keeps nearly as it is."""


def drawn(tmp_path: Path, name: str, image: Image.Image, **options: Any) -> tuple[Imported, Pixels]:
    """What an image becomes as the picture of round 1."""
    folder = written(tmp_path, {"00.png": 0, "01.txt": "words"})
    image.save(folder / name, **options)
    found = imported(folder)
    (chain,) = found.chains
    (done,) = found.run.rounds(chain.key)
    assert done.picture is not None
    return found, found.run.picture(chain.key, done.picture)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("01.png", {}),
        ("01.bmp", {}),
        ("01.tiff", {}),
        ("01.TIF", {"compression": "tiff_deflate"}),
        ("01.webp", {"lossless": True}),
    ],
)
def test_what_is_lossless_stays_as_it_is(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    found, pixels = drawn(tmp_path, name, Image.fromarray(SMOOTH), **options)
    assert (pixels == SMOOTH).all()
    assert found.notes == ()


@pytest.mark.parametrize(("name", "options"), [("01.jpg", {"quality": 95}), ("01.jpeg", {"quality": 95}), ("01.webp", {"quality": 95})])
def test_what_is_lossy_is_kept_as_it_looks(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    found, pixels = drawn(tmp_path, name, Image.fromarray(SMOOTH), **options)
    assert pixels.shape == SMOOTH.shape
    assert np.abs(pixels.astype(int) - SMOOTH).max() <= 6
    assert found.notes == ()


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    found, pixels = drawn(tmp_path, "01.gif", frames[0], save_all=True, append_images=frames[1:])
    assert (pixels == RED).all()
    assert found.notes == ("pictures with several frames, of which the first was taken: 1",)


def test_transparent_parts_are_put_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (6, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    found, pixels = drawn(tmp_path, "01.png", image)
    assert (tuple(pixels[0, 0]), tuple(pixels[3, 5])) == (RED, WHITE)
    assert found.notes == ("pictures with transparent parts, put over white: 1",)


def test_an_alpha_channel_that_hides_nothing_is_not_worth_a_word(tmp_path: Path) -> None:
    found, pixels = drawn(tmp_path, "01.png", Image.new("RGBA", (6, 4), (255, 0, 0, 255)))
    assert (pixels == RED).all()
    assert found.notes == ()


def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.full((4, 6, 3), 255, np.uint8))
    image.putpixel((0, 0), RED)
    found, pixels = drawn(tmp_path, "01.png", image, exif=exif)
    assert pixels.shape == (6, 4, 3)
    assert tuple(pixels[0, 3]) == RED
    assert found.notes == ("pictures turned as their EXIF orientation says: 1",)


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    found, pixels = drawn(tmp_path, "01.png", Image.fromarray(np.full((4, 6), 257 * 200, np.uint16)))
    assert (pixels == 200).all()
    assert found.notes == ("pictures brought to eight bits a channel: 1",)


def test_cmyk_is_told(tmp_path: Path) -> None:
    found, pixels = drawn(tmp_path, "01.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=95)
    assert np.abs(pixels.astype(int) - RED).max() <= 3
    assert found.notes == ("pictures brought from CMYK to RGB: 1",)


def test_a_palette_shows_its_colours(tmp_path: Path) -> None:
    _, pixels = drawn(tmp_path, "01.png", Image.new("RGB", (6, 4), RED).quantize(4))
    assert (pixels == RED).all()


def test_a_foreign_colour_profile_is_applied_and_told(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    found, _ = drawn(tmp_path, "01.png", Image.new("RGB", (6, 4), RED), icc_profile=lab.tobytes())
    assert found.notes == ("pictures brought to sRGB from a colour profile of their own: 1",)


def test_the_colours_of_srgb_are_left_alone(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    found, pixels = drawn(tmp_path, "01.png", Image.fromarray(SMOOTH), icc_profile=srgb.tobytes())
    assert (pixels == SMOOTH).all()
    assert found.notes == ()


@pytest.mark.parametrize("side", [8_200, 30_000])
def test_a_huge_picture_is_refused_before_it_is_read(tmp_path: Path, side: int) -> None:
    small = BytesIO()
    Image.new("L", (8, 8)).save(small, "PNG")
    header = b"IHDR" + struct.pack(">II", side, side) + small.getvalue()[24:29]
    claims = small.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + small.getvalue()[33:]
    with pytest.raises(RoundsError, match=r"01\.png: the image has more than \d+ million pixels; scale it down first"):
        imported(written(tmp_path, {"00.png": 0, "01.txt": "words", "01.png": claims}))


def test_a_long_thin_picture_is_no_danger(tmp_path: Path) -> None:
    _, pixels = drawn(tmp_path, "01.png", Image.new("L", (30_000, 2), 7))
    assert pixels.shape == (2, 30_000, 3)


def test_a_format_that_is_not_read_says_so(tmp_path: Path) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64
    folder = written(tmp_path, {"00.png": 0, "01.txt": "words", "01.heic": heic})
    with pytest.raises(RoundsError, match=r"01\.heic: is no image that can be read; save it as PNG or JPEG"):
        imported(folder)
