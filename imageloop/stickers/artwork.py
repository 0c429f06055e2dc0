"""Render the artwork that ships with the package: sprites of every concept in every style, and the backgrounds.

    npm pack @iconify-json/noto @iconify-json/twemoji @iconify-json/fluent-emoji-high-contrast   # unpack each beside the others
    python -m imageloop.stickers.artwork FOLDER

FOLDER holds `noto/`, `twemoji/` and `fluent-emoji-high-contrast/`, each with the package's `icons.json`. Needs `resvg-py`
(extra `[dev]`). Licences and authors are in NOTICE.
"""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

HERE = Path(__file__).parent
SIZE = 64
SPRITE_SIZES = (40, 30)
SETS = {"cartoon": "noto", "sticker": "twemoji", "ink": "fluent-emoji-high-contrast"}
OVERSAMPLE = 4


def main(folder: Path) -> None:
    """Write `sprites.npz`: for each sprite size `(styles, concepts, size, size, 4)` and backgrounds `(n, 64, 64, 3)`, all uint8."""
    with (HERE / "concepts.csv").open() as file:
        icons = [row["icon"] for row in csv.DictReader(file)]
    sprites = {size: [[sprite(folder, style, icon, size) for icon in icons] for style in SETS] for size in SPRITE_SIZES}
    scenery = [np.asarray(draw().resize((SIZE, SIZE), Image.Resampling.LANCZOS)) for draw in BACKGROUNDS.values()]
    np.savez_compressed(
        HERE / "sprites.npz",
        backgrounds=np.stack(scenery),
        sprites40=np.array(sprites[40], dtype=np.uint8),
        sprites30=np.array(sprites[30], dtype=np.uint8),
    )


def sprite(folder: Path, style: str, icon: str, size: int) -> NDArray[np.uint8]:
    """One icon as RGBA of `size` pixels square, with its outline."""
    import resvg_py

    pack = json.loads((folder / SETS[style] / "icons.json").read_text())
    body, width = pack["icons"][icon]["body"], pack.get("width", 16)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {width}" color="#1b1b1f">{body}</svg>'
    scale = size * OVERSAMPLE
    margin = scale // 20
    inner = scale - 2 * margin
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=inner, height=inner))
    art = Image.new("RGBA", (scale, scale))
    art.paste(Image.open(io.BytesIO(png)).convert("RGBA"), (margin, margin))
    halo = {"cartoon": 0, "sticker": 2.0, "ink": 1.0}[style]
    return np.asarray(outlined(art, round(halo * OVERSAMPLE)).resize((size, size), Image.Resampling.LANCZOS))


def outlined(art: Image.Image, radius: int) -> Image.Image:
    """The picture over its own silhouette grown by `radius` pixels, in white: a die-cut border."""
    if not radius:
        return art
    alpha = art.getchannel("A")
    grown = alpha.filter(ImageFilter.MaxFilter(2 * radius + 1)).filter(ImageFilter.GaussianBlur(radius / 3))
    paper = Image.new("RGBA", art.size, (255, 255, 255, 0))
    paper.putalpha(ImageChops.lighter(grown, alpha))
    return Image.alpha_composite(paper, art)


def canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (256, 256), colour)
    return image, ImageDraw.Draw(image)


def beach() -> Image.Image:
    image, pen = canvas("#8fd8f2")
    pen.ellipse((186, 18, 230, 62), fill="#fff3b0")
    pen.rectangle((0, 104, 256, 160), fill="#2f9fc4")
    pen.polygon([(0, 148), (70, 140), (150, 156), (256, 146), (256, 256), (0, 256)], fill="#f2d79b")
    pen.line([(0, 148), (70, 140), (150, 156), (256, 146)], fill="#ffffff", width=7)
    return image


def sea() -> Image.Image:
    image, pen = canvas("#c9ecf7")
    for i, colour in enumerate(("#3d8fd1", "#2b76b9", "#1f609f", "#174d85")):
        top = 72 + 46 * i
        pen.rectangle((0, top + 10, 256, 256), fill=colour)
        for x in range(-32 + 20 * (i % 2), 256, 42):
            pen.ellipse((x, top, x + 42, top + 24), fill=colour)
    return image


def meadow() -> Image.Image:
    image, pen = canvas("#bfe7ff")
    pen.ellipse((-70, 116, 170, 330), fill="#8ccf5c")
    pen.ellipse((90, 124, 340, 340), fill="#73bb48")
    for x, y in ((26, 190), (74, 226), (120, 180), (166, 220), (214, 184), (236, 232), (40, 240), (190, 244)):
        pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill="#fff6d6")
    return image


def night() -> Image.Image:
    image, pen = canvas("#141b45")
    pen.rectangle((0, 208, 256, 256), fill="#0b1030")
    pen.ellipse((26, 22, 78, 74), fill="#f6efc2")
    pen.ellipse((42, 14, 92, 64), fill="#141b45")
    for x, y in ((120, 30), (170, 60), (220, 26), (30, 110), (96, 90), (236, 104), (150, 120), (200, 150), (60, 170)):
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill="#ffffff")
    return image


def snow() -> Image.Image:
    image, pen = canvas("#a9bfd6")
    pen.polygon([(0, 170), (70, 70), (140, 170)], fill="#7d95b3")
    pen.polygon([(110, 170), (190, 50), (256, 150), (256, 190)], fill="#6c86a6")
    pen.polygon([(46, 104), (70, 70), (94, 104), (70, 98)], fill="#ffffff")
    pen.polygon([(162, 92), (190, 50), (222, 94), (190, 86)], fill="#ffffff")
    pen.ellipse((-80, 146, 336, 420), fill="#f4f8fd")
    return image


def desert() -> Image.Image:
    image, pen = canvas("#f9c58a")
    pen.ellipse((28, 24, 84, 80), fill="#fbe9c0")
    pen.polygon([(0, 176), (60, 118), (130, 168), (200, 124), (256, 160), (256, 256), (0, 256)], fill="#d98a4b")
    pen.polygon([(0, 214), (90, 176), (180, 220), (256, 190), (256, 256), (0, 256)], fill="#bf6b33")
    return image


def city() -> Image.Image:
    image, pen = canvas("#d9dee8")
    for x, top, wide, colour in (
        (0, 84, 52, "#7a8197"),
        (56, 40, 46, "#5e657c"),
        (106, 100, 44, "#878ea3"),
        (154, 56, 48, "#666d85"),
        (206, 92, 50, "#757c93"),
    ):
        pen.rectangle((x, top, x + wide, 220), fill=colour)
        for wx in range(x + 8, x + wide - 8, 15):
            for wy in range(top + 12, 204, 22):
                pen.rectangle((wx, wy, wx + 7, wy + 10), fill="#ffe9a3")
    pen.rectangle((0, 212, 256, 256), fill="#3d4150")
    return image


def forest() -> Image.Image:
    image, pen = canvas("#24503a")
    for x in range(-20, 260, 44):
        pen.polygon([(x, 170), (x + 34, 20), (x + 68, 170)], fill="#1b3f2d")
    for x in range(0, 260, 52):
        pen.rectangle((x + 22, 120, x + 32, 230), fill="#4a3323")
    pen.rectangle((0, 216, 256, 256), fill="#12301f")
    return image


def stripes() -> Image.Image:
    image, pen = canvas("#ffd84a")
    for x in range(0, 256, 64):
        pen.rectangle((x, 0, x + 31, 256), fill="#fff0b3")
    return image


def dots() -> Image.Image:
    image, pen = canvas("#8558b8")
    for row, y in enumerate(range(16, 256, 32)):
        for x in range(16 + 16 * (row % 2), 272, 32):
            pen.ellipse((x - 7, y - 7, x + 7, y + 7), fill="#d6bdf2")
    return image


def checks() -> Image.Image:
    image, pen = canvas("#ef7d2e")
    for i in range(4):
        for j in range(4):
            if (i + j) % 2:
                pen.rectangle((64 * i, 64 * j, 64 * i + 63, 64 * j + 63), fill="#f9b27a")
    return image


def teal() -> Image.Image:
    return canvas("#2aa198")[0]


BACKGROUNDS: dict[str, Callable[[], Image.Image]] = {
    "beach": beach,
    "sea": sea,
    "meadow": meadow,
    "night": night,
    "snow": snow,
    "desert": desert,
    "city": city,
    "forest": forest,
    "stripes": stripes,
    "dots": dots,
    "checks": checks,
    "teal": teal,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
