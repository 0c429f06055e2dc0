"""Originals: every kind of picture as the eye sees it, texts, scenes, and what a person reads when one cannot be taken."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from imageloop.errors import OriginalError
from imageloop.originals import kind_of, load_image, load_originals, slug
from imageloop.records import pixel_hash

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    file = folder / name
    image.save(file, **options)  # type: ignore[arg-type]
    return file


def line_for(spec: str | Path, size: int = 16) -> str:
    with pytest.raises(OriginalError) as caught:
        load_originals([str(spec)], size)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{spec}: ")
    return line.removeprefix(f"{spec}: ")


def middle(file: Path) -> tuple[int, ...]:
    return tuple(int(value) for value in load_image(file, 16)[8, 8])


def test_a_picture_is_the_centred_square_scaled(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = RED
    assert (load_image(saved(tmp_path, "a.png", Image.fromarray(pixels)), 24) == RED).all()
    tall = saved(tmp_path, "b.png", Image.fromarray(pixels.transpose(1, 0, 2).copy()))
    assert (load_image(tall, 24) == RED).all()


def test_a_picture_of_the_asked_size_is_untouched(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert (load_image(saved(tmp_path, "a.png", Image.fromarray(pixels)), 32) == pixels).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    seen = np.zeros((16, 16, 3), np.uint8)
    seen[:8, :8], seen[:8, 8:], seen[8:, :8] = RED, GREEN, BLUE
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(seen) if undo is None else Image.fromarray(seen).transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (load_image(saved(tmp_path, "a.png", stored, exif=exif), 16) == seen).all()


def transparent_palette() -> Image.Image:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("name", "image", "colour"),
    [
        ("rgba.png", Image.new("RGBA", (16, 16), (255, 0, 0, 0)), WHITE),
        ("half.png", Image.new("RGBA", (16, 16), (0, 0, 0, 128)), (127, 127, 127)),
        ("la.png", Image.new("LA", (16, 16), (0, 0)), WHITE),
        ("grey.png", Image.new("L", (16, 16), 100), (100, 100, 100)),
        ("bits.png", Image.new("1", (16, 16), 1), WHITE),
        ("palette.gif", Image.new("P", (16, 16)), (0, 0, 0)),
        ("cmyk.tif", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), RED),
        ("cmyk.jpg", Image.new("CMYK", (16, 16), (0, 0, 0, 0)), WHITE),
        ("lab.tif", Image.new("LAB", (16, 16), (255, 128, 128)), WHITE),
        ("deep.png", Image.fromarray(np.full((16, 16), 100 * 257, np.uint16)), (100, 100, 100)),
        ("dark.png", Image.fromarray(np.full((16, 16), 2, np.uint16)), (0, 0, 0)),
        ("deep.tif", Image.fromarray(np.full((16, 16), 100 * 257, np.int32)), (100, 100, 100)),
        ("unit.tif", Image.fromarray(np.full((16, 16), 0.4, np.float32)), (102, 102, 102)),
        ("bytes.tif", Image.fromarray(np.full((16, 16), 77.0, np.float32)), (77, 77, 77)),
        ("lossless.webp", Image.new("RGBA", (16, 16), (255, 0, 0, 0)), WHITE),
        ("plain.bmp", Image.new("RGB", (16, 16), BLUE), BLUE),
    ],
)
def test_every_mode_is_taken_as_the_eye_sees_it(tmp_path: Path, name: str, image: Image.Image, colour: tuple[int, ...]) -> None:
    assert np.abs(np.subtract(middle(saved(tmp_path, name, image)), colour)).max() <= 1


def test_a_transparent_palette_colour_is_white(tmp_path: Path) -> None:
    assert middle(saved(tmp_path, "a.png", transparent_palette())) == WHITE


def test_a_transparent_sixteen_bit_grey_is_white(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">H", 1000) * 16) * 16
    header = struct.pack(">IIBBBBB", 16, 16, 16, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"tRNS", struct.pack(">H", 1000)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert middle(tmp_path / "a.png") == WHITE


def test_ranges_beyond_sixteen_bits_are_stretched(tmp_path: Path) -> None:
    values = np.linspace(-1000, 100_000, 256).reshape(16, 16).astype(np.int32)
    pixels = load_image(saved(tmp_path, "a.tif", Image.fromarray(values)), 16)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN)]
    for name in ("a.gif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        assert middle(saved(tmp_path, name, frames[0], save_all=True, append_images=frames[1:], **options)) == RED


def test_an_embedded_colour_profile_is_followed_and_a_broken_one_passed_over(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(np.subtract(middle(saved(tmp_path, "a.png", image, icc_profile=srgb)), (200, 100, 50))).max() <= 1
    assert middle(saved(tmp_path, "b.png", image, icc_profile=b"nonsense")) == (200, 100, 50)


def test_a_strip_of_thirty_thousand_pixels_is_taken(tmp_path: Path) -> None:
    assert middle(saved(tmp_path, "a.png", Image.new("RGB", (30_000, 3), BLUE))) == BLUE


def png_claiming(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def test_an_image_of_thirty_thousand_pixels_a_side_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_claiming(30_000, 30_000))
    assert line_for(tmp_path / "a.png") == "the image has more than 178 million pixels; scale it down first"


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.png").write_text("not an image")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("nothing to see")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for name in ("cut.png", "cut.jpg"):
        whole = saved(tmp_path, name, noise)
        whole.write_bytes(whole.read_bytes()[:1500])
        assert line_for(whole).startswith("the image is broken or truncated (")
    assert line_for(tmp_path / "empty.png") == "the file is empty"
    assert line_for(tmp_path / "words.png") == "is no image that can be read; save it as PNG or JPEG"
    assert line_for(tmp_path / "missing.png") == "no such file or folder"
    assert line_for(tmp_path / "folder") == "no images directly in this folder; name one that holds PNG, JPEG or other image files"


def test_a_file_without_read_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, "a.png", Image.new("RGB", (16, 16)))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    assert line_for(file) == "may not be read; check its permissions"


def test_a_single_missing_word_is_told_how_to_become_a_text() -> None:
    assert line_for("surfer") == 'no such file or folder; to start from a text, write it as "text:surfer"'


def test_a_folder_gives_the_images_directly_in_it_by_name(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    for name, colour in (("b.png", RED), ("a.JPG", GREEN), ("deeper/c.png", BLUE), (".hidden.png", BLUE)):
        saved(tmp_path, name, Image.new("RGB", (16, 16), colour))
    (tmp_path / "notes.txt").write_text("nothing to see")
    assert [original.id.partition("-")[0] for original in load_originals([str(tmp_path)], 16)] == ["a", "b"]


def test_the_same_original_twice_is_told(tmp_path: Path) -> None:
    file = saved(tmp_path, "a.png", Image.new("RGB", (16, 16)))
    with pytest.raises(OriginalError, match=r"the original a-[0-9a-f]{8} is named twice; name each once"):
        load_originals([str(tmp_path), str(file)], 16)


def test_an_id_is_readable_and_follows_the_pixels_not_the_path(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    image = Image.new("RGB", (16, 16), RED)
    first, second = saved(tmp_path, "Été à la Plage!.png", image), saved(tmp_path, "x/Été à la Plage!.png", image)
    one, two = (load_originals([str(file)], 16)[0] for file in (first, second))
    assert one.pixels is not None
    assert one.id == two.id == f"ete-a-la-plage-{pixel_hash(one.pixels)[:8]}"
    assert load_originals([str(saved(tmp_path, "海.png", image))], 16)[0].id.startswith("image-")


def test_a_sentence_is_a_text_and_a_path_is_not(tmp_path: Path) -> None:
    (tmp_path / "holiday pictures").mkdir()
    assert kind_of("a surfer under a palm tree") == "text"
    assert kind_of("cats and/or dogs. At 3.5 m") == "text"
    assert kind_of("text:surfer") == "text"
    assert kind_of("x " * 5000) == "text"
    assert [kind_of(spec) for spec in ("surfer", "my photo.jpg", "my photos/", "./my photos", "/no such/place")] == ["path"] * 5
    assert kind_of("holiday pictures", tmp_path) == "path"
    assert kind_of("holiday pictures") == "text"


def test_a_text_original_keeps_its_words(tmp_path: Path) -> None:
    (original,) = load_originals(["a  surfer\nunder a palm tree "], 16)
    assert (original.text, original.pixels) == ("a surfer under a palm tree", None)
    assert original.id.startswith("a-surfer-under-a-palm-tree-")
    assert load_originals(["text:<script>alert(1)</script>"], 16)[0].id.startswith("script-alert-1-script-")
    with pytest.raises(OriginalError, match="an original is an empty text; type some words in quotes"):
        load_originals(["text:  "], 16)


def test_no_originals_at_all_is_told() -> None:
    with pytest.raises(OriginalError, match="no originals: name an image, a folder, a text in quotes, or a plan"):
        load_originals([], 16)


def test_a_scene_is_drawn_by_its_words_at_any_size() -> None:
    (small,) = load_originals(["stickers:surfer, palm tree, hibiscus; beach; cartoon"], 64)
    (large,) = load_originals(["stickers: surfer,palm tree , hibiscus ;beach;cartoon;pink"], 128)
    assert small.id.startswith("surfer-palm-tree-hibiscus-")
    assert small.pixels is not None
    assert large.pixels is not None
    assert (small.pixels.shape, large.pixels.shape) == ((64, 64, 3), (128, 128, 3))


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("stickers:surfr; beach; ink", "the sticker world has no object 'surfr'; try surfer, sunflower"),
        (
            "stickers:surfer; bech; ink",
            "the sticker world has no background 'bech'; try beach, sea, meadow, night, snow, desert, city, forest, stripes, dots, checks, teal",  # noqa: E501
        ),
        ("stickers:surfer; beach; oil", "the sticker world has no style 'oil'; try cartoon, sticker, ink"),
        ("stickers:surfer; beach; ink; red", "the sticker world has no tint 'red'; try daylight, pink, bronze, mono"),
        ("stickers:surfer", "must be stickers:1 to 3 OBJECTS; BACKGROUND; STYLE[; TINT], such as stickers:surfer, moai; beach; ink"),
        ("stickers:cat, cat; beach; ink", "names the object 'cat' twice"),
        ("stickers:sample", "must be stickers:sample N or stickers:sample N seed S, such as stickers:sample 8 seed 1"),
        ("stickers:sample 0", "the number of scenes must be from 1 to 10000, not 0"),
    ],
)
def test_a_scene_that_cannot_be_is_told_in_one_line(spec: str, line: str) -> None:
    assert line_for(spec) == line


def test_a_sample_is_of_different_held_out_scenes_and_a_larger_one_begins_with_the_smaller() -> None:
    few, many = ([original.id for original in load_originals([f"stickers:sample {n} seed 3"], 64)] for n in (4, 12))
    assert many[:4] == few
    assert len(set(many)) == 12
    assert [original.id for original in load_originals(["stickers:sample 4"], 64)] != few


def test_a_slug_is_short_plain_and_safe() -> None:
    assert slug("../../etc/passwd <b>É") == "etc-passwd-b-e"
    assert len(slug("x" * 500)) == 40
