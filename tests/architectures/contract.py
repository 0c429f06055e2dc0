"""The contract of the three roles, for any adapter: what `roles.py` promises, tried on a loaded model."""

from collections.abc import Callable, Sequence

import numpy as np

from imageloop.records import Caption, Picture, Pixels
from imageloop.roles import Captioner, Embedder, Generator, TextEmbedder

BATCH = 3
HOSTILE = [
    "",
    " ",
    "<script>alert('surf')</script>",
    "../../../etc/passwd",
    "{0} {prompt} %s %(x)d {{ 7 * 7 }} ${HOME} `id`",
    "<|endoftext|></s><eos>[SEP]<|im_end|><image><pad>",
    "nul \0 bell \a escape \x1b[31m line\r\nbreak",
    "🏄‍♀️ سلام 波 \u202egnp.exe \ufffd",
    "surf " * 400,
]


def noise_pictures(count: int, side: int, seed: int = 0) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


def batches(rows: Sequence[str]) -> list[list[str]]:
    """Rows in batches of the contract's size, the last filled up with its last row."""
    filled = [*rows, *[rows[-1]] * (-len(rows) % BATCH)]
    return [list(filled[start : start + BATCH]) for start in range(0, len(filled), BATCH)]


def same(one: Picture, other: Picture) -> bool:
    return bool((one.pixels == other.pixels).all()) and (one.prompt_tokens, one.blanked) == (other.prompt_tokens, other.blanked)


def check_generator(generator: Generator, height: int, width: int, prompts: tuple[str, str] = ("aaaa", "zzzz")) -> None:
    """Order, size, independence of neighbours and slot, seeds, and that two `prompts` of words the model knows give two pictures."""
    drawn = generator.generate(["a surfer", "a palm tree", "the sea"], [11, 22, 33])
    assert len(drawn) == BATCH
    for picture in drawn:
        assert picture.pixels.shape == (height, width, 3)
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.flags["C_CONTIGUOUS"]
        assert not picture.blanked
    moved = generator.generate(["a long tale of a night in the snow", "a surfer", ""], [44, 11, 55])
    assert same(moved[1], drawn[0]), "a row depends on its neighbours or its slot"
    again = generator.generate(["the sea", "the sea", "a surfer"], [33, 34, 11])
    assert same(again[0], drawn[2]), "the same seed gives another picture"
    assert same(again[2], drawn[0])
    assert not same(again[1], again[0]), "another seed gives the same picture"
    one, other, _ = generator.generate([*prompts, ""], [7, 7, 7])
    assert not same(one, other), "the prompt does not reach the picture"


def check_prompt_limit(generator: Generator, letters: Callable[[int], str]) -> None:
    """Tokens told at each encoder's limit − 1, limit and limit + 1, and nothing read beyond; `letters(n)` is a prompt of n + c tokens."""
    (short, *_) = generator.generate([letters(1)] * BATCH, [1] * BATCH)
    (endless, *_) = generator.generate([letters(1200)] * BATCH, [1] * BATCH)
    limits = dict(endless.prompt_tokens_read)
    for name, limit in limits.items():
        near = [letters(limit + step - short.prompt_tokens[name] + 1) for step in (-1, 0, 1)]
        told = generator.generate(near, [1, 1, 1])
        assert [picture.prompt_tokens[name] for picture in told] == [limit - 1, limit, limit + 1]
        assert [picture.prompt_tokens_read[name] for picture in told] == [limit - 1, limit, limit]
    beyond = letters(max(limits.values()) + 5)
    one, other, _ = generator.generate([beyond + "a", beyond + "z", beyond], [1, 1, 1])
    assert (one.pixels == other.pixels).all(), "the picture knows what it was said not to have read"


def check_hostile_prompts(generator: Generator) -> None:
    for prompts in batches(HOSTILE):
        for picture in generator.generate(prompts, list(range(BATCH))):
            assert all(picture.prompt_tokens_read[name] <= count for name, count in picture.prompt_tokens.items())


def check_captioner(captioner: Captioner, side: int) -> None:
    """Order, statistics, independence of neighbours, slot and sizes, and seeds, for a captioner that samples."""
    images = noise_pictures(4, side)
    told = captioner.caption(images[:3], [11, 22, 33])
    assert len(told) == BATCH
    assert all(caption.log_probability is not None and caption.log_probability <= 0 for caption in told)
    assert all(caption.entropy is not None and caption.entropy >= 0 for caption in told)
    wide = noise_pictures(1, side)[0].repeat(2, axis=1)
    moved = captioner.caption([images[3], wide, images[0]], [44, 55, 11])
    assert moved[2] == told[0], "a row depends on its neighbours or its slot"
    again = captioner.caption([images[2], images[2], images[0]], [33, 34, 11])
    assert again[0] == told[2], "the same seed gives another caption"
    assert again[1] != again[0], "another seed gives the same caption"
    one, other, _ = captioner.caption([images[0], images[1], images[2]], [7, 7, 7])
    assert one.log_probability != other.log_probability, "the picture does not reach the caption"


def check_candidates(sampling: Captioner, greedy: Captioner, side: int) -> None:
    """K captions of one picture are distinct under sampling and equal under greedy decoding."""
    image = noise_pictures(1, side)[0]
    assert len(set(sampling.caption([image] * BATCH, [1, 2, 3]))) == BATCH
    assert len(set(greedy.caption([image] * BATCH, [1, 2, 3]))) == 1


def check_caption_limit(load: Callable[[int], Captioner], side: int, most: int = 60) -> None:
    """A caption of n tokens is cut at limit n − 1, and whole at n and n + 1; a cut one fills its limit."""
    image = noise_pictures(1, side)[0]
    ended, seed = _ended_caption(load(most), image)
    for limit in (ended.tokens - 1, ended.tokens, ended.tokens + 1):
        told = load(limit).caption([image] * BATCH, [seed] * BATCH)[0]
        assert told.cut == (limit < ended.tokens)
        assert told.tokens == min(limit, ended.tokens)
        if not told.cut:
            assert told == ended


def _ended_caption(captioner: Captioner, image: Pixels) -> tuple[Caption, int]:
    """The first caption of at least two tokens that ends by itself, with its seed."""
    for seed in range(0, 300, BATCH):
        for offset, caption in enumerate(captioner.caption([image] * BATCH, [seed + i for i in range(BATCH)])):
            if not caption.cut and caption.tokens > 1:
                return caption, seed + offset
    raise AssertionError("no caption ended by itself")


def check_embedder(embedder: Embedder, side: int, reads: bool = True) -> None:
    """Unit rows, order, and independence of neighbours and slot, bit by bit."""
    images = noise_pictures(4, side)
    rows = embedder.embed_images(images[:3])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    moved = embedder.embed_images([images[3], noise_pictures(1, 2 * side)[0], images[0]])
    assert (moved[2] == rows[0]).all(), "a row depends on its neighbours or its slot"
    assert not (rows[0] == rows[1]).all()
    if reads:
        check_text_embedder(embedder, rows.shape[1])


def check_text_embedder(embedder: TextEmbedder, width: int) -> None:
    """The same for texts: a row neither knows its neighbours nor their lengths."""
    texts = embedder.embed_texts(["a surfer", "the sea", "snow"])
    assert texts.shape == (BATCH, width)
    assert texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    again = embedder.embed_texts(["a long tale of a night in the snow " * 3, "", "a surfer"])
    assert (again[2] == texts[0]).all(), "a row depends on its neighbours or its slot"
    assert not (texts[0] == texts[1]).all()
    for batch in batches(HOSTILE):
        assert np.isfinite(embedder.embed_texts(batch)).all()


def check_text_limit(embedder: TextEmbedder, limit: int, letters: Callable[[int], str]) -> None:
    """A text of limit − 1 and of limit tokens is whole, one of limit + 1 is truncated, and what is beyond changes nothing.

    `letters(n)` is a text of n + 2 tokens.
    """
    texts = [letters(limit - 2 + more) for more in (-1, 0, 1)]
    assert embedder.truncated(texts) == [False, False, True]
    assert embedder.truncated([]) == []
    assert embedder.truncated([*texts, "", *HOSTILE]) == [False, False, True, False, *embedder.truncated(HOSTILE)]
    # Two characters before the limit still count, so that the equality below says something.
    first, last, _ = embedder.embed_texts([letters(limit - 5) + "azz", letters(limit - 5) + "zaa", ""])
    assert not (first == last).all()
    one, other, _ = embedder.embed_texts([letters(limit + 3) + "a" * 40, letters(limit + 3) + "z" * 40, ""])
    assert (one == other).all(), "the vector knows what it was said not to have read"
