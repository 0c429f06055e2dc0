"""Pictures as servers send them: any bytes, until they are shown to be a picture of the asked size."""

import base64
import binascii
import re
import struct
import warnings
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from imageloop.originals import seen
from imageloop.records import Pixels

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 8192 * 8192
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError, struct.error)
"""What Pillow's readers raise on files that are cut short or lie about themselves."""


def decoded(text: str) -> bytes:
    """The bytes of a base64 text, with or without the head of a data URL. Raises ValueError in a few words."""
    plain = re.sub(r"\s+", "", re.sub(r"^data:image/[a-z+.-]+;base64,", "", text[:64]) + text[64:])
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None


def encoded(pixels: Pixels) -> str:
    """A picture as a data URL, lossless and with no metadata: all that a served captioner gets to see."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def received(content: bytes, height: int, width: int, *, resize: bool) -> Pixels:
    """A picture's file as RGB uint8 (height, width, 3): sRGB, over white. With `resize`, one of another size is scaled by Lanczos.

    Raises ValueError in a few words when it is no whole picture, or one of another size.
    """
    if not content:
        raise ValueError("it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(f"it claims to have {image.width}×{image.height} pixels")
                image.load()
                pixels = seen(image)
    except UnidentifiedImageError:
        raise ValueError(f"it is none of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise ValueError("it claims to have hundreds of millions of pixels") from None
    except _BROKEN as error:
        raise ValueError(" ".join(str(error).split())[:80] or type(error).__name__) from None
    if pixels.shape[:2] == (height, width):
        return pixels
    if not resize:
        raise WrongSize(*pixels.shape[:2])
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS), dtype=np.uint8)


class WrongSize(ValueError):
    """A whole picture, but not of the asked size."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(f"it has {height}×{width} pixels")
        self.height, self.width = height, width
