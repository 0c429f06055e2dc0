"""The one contract, held by every adapter on tiny random checkpoints of every family, loaded by path as a user's own model is."""

from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
import tiny_captioners
import tiny_embedders
import tiny_generators
import tiny_own_code
from conftest import Saver

from imageloop import catalog, models
from imageloop.errors import ModelError
from imageloop.models.captioners import TransformersCaptioner
from imageloop.models.generators import DiffusersGenerator

pytestmark = pytest.mark.architectures


def load_generator(checkpoint: Saver, family: str, *, dtype: str = "fp32", **overrides: Any) -> DiffusersGenerator:
    row = catalog.find("generator", str(checkpoint("generator", family)))
    settings = {"steps": 2, "size": tiny_generators.SIDE, **tiny_generators.BUILDERS[family][1], **overrides}
    generator = models.load_generator(row, device="cpu", dtype=dtype, batch=contract.BATCH, overrides=settings)
    assert isinstance(generator, DiffusersGenerator)
    return generator


def load_captioner(checkpoint: Saver, family: str, *, dtype: str = "fp32", **overrides: Any) -> TransformersCaptioner:
    row = catalog.find("captioner", str(checkpoint("captioner", family)))
    settings = {"max_new_tokens": 12, **tiny_captioners.BUILDERS[family][1], **overrides}
    captioner = models.load_captioner(row, device="cpu", dtype=dtype, batch=contract.BATCH, overrides=settings)
    assert isinstance(captioner, TransformersCaptioner)
    return captioner


@pytest.mark.parametrize("family", tiny_generators.BUILDERS)
def test_a_generator_keeps_the_contract(checkpoint: Saver, family: str) -> None:
    generator = load_generator(checkpoint, family)
    contract.check_generator(generator, tiny_generators.SIDE, tiny_generators.SIDE)
    contract.check_hostile_prompts(generator)


@pytest.mark.parametrize("family", tiny_generators.BUILDERS)
def test_a_generator_tells_what_it_read(checkpoint: Saver, family: str) -> None:
    contract.check_prompt_limit(load_generator(checkpoint, family, steps=1), lambda count: "a" * count)


@pytest.mark.parametrize("family", ["sana", "sd15", "flux"])
def test_a_generator_draws_the_height_and_width_asked_for(checkpoint: Saver, family: str) -> None:
    contract.check_generator(load_generator(checkpoint, family, size=[32, 64]), 32, 64)


@pytest.mark.parametrize("family", tiny_captioners.BUILDERS)
def test_a_captioner_keeps_the_contract(checkpoint: Saver, family: str) -> None:
    sampling = load_captioner(checkpoint, family)
    contract.check_captioner(sampling, tiny_captioners.SIDE)
    contract.check_candidates(sampling, load_captioner(checkpoint, family, decoding="greedy"), tiny_captioners.SIDE)


@pytest.mark.parametrize("family", tiny_captioners.BUILDERS)
def test_a_captioner_tells_whether_its_caption_was_cut(checkpoint: Saver, family: str) -> None:
    contract.check_caption_limit(
        lambda limit: load_captioner(checkpoint, family, max_new_tokens=limit, temperature=3.0), tiny_captioners.SIDE
    )


@pytest.mark.parametrize("family", tiny_captioners.BUILDERS)
def test_beam_search_is_independent_of_neighbours_and_seeds(checkpoint: Saver, family: str) -> None:
    captioner = load_captioner(checkpoint, family, decoding="beam", beams=2)
    images = contract.noise_pictures(4, tiny_captioners.SIDE)
    first = captioner.caption(images[:3], [1, 2, 3])
    assert captioner.caption([images[3], images[3], images[0]], [4, 5, 6])[2] == first[0]
    assert first[0].log_probability is not None
    assert first[0].entropy is None


@pytest.mark.parametrize("family", tiny_embedders.BUILDERS)
def test_an_embedder_keeps_the_contract(checkpoint: Saver, family: str) -> None:
    row = catalog.find("embedder", str(checkpoint("embedder", family)))
    embedder = models.load_embedder(row, device="cpu", batch=contract.BATCH)
    contract.check_embedder(embedder, tiny_embedders.SIDE, reads=family != "dinov2")


@pytest.mark.parametrize(
    ("family", "word", "added"), [("open_clip", "b", 2), ("open_clip-plain", "a ", 2), ("clip", "b", 2), ("siglip", "b", 2)]
)
def test_an_embedder_tells_what_it_read(checkpoint: Saver, family: str, word: str, added: int) -> None:
    row = catalog.find("embedder", str(checkpoint("embedder", family)))
    embedder = models.load_embedder(row, device="cpu", batch=contract.BATCH)
    contract.check_text_limit(embedder, 24, lambda count: word * (count + 2 - added))


def test_a_model_that_only_sees_says_so_when_it_is_given_a_text(checkpoint: Saver) -> None:
    embedder = models.load_embedder(catalog.find("embedder", str(checkpoint("embedder", "dinov2"))), device="cpu", batch=1)
    for call in (embedder.embed_texts, embedder.truncated):
        with pytest.raises(ModelError, match=r"this embedder reads no texts; name one that does, e\.g\. clip-l14$"):
            call(["a surfer"])


@pytest.mark.parametrize("role", ["captioner", "embedder", "text-embedder"])
def test_code_beside_the_weights_is_never_run_nor_asked_about(tmp_path: Path, role: catalog.Role, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_own_code.save(tmp_path / "strange")
    (folder / "modules.json").write_text("[]")
    ran = tmp_path / "it-ran"
    (folder / "modeling_tiny_dream.py").write_text(f"open({str(ran)!r}, 'w').close()\n" + tiny_own_code.CODE)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    load = {"captioner": models.load_captioner, "embedder": models.load_embedder, "text-embedder": models.load_text_embedder}[role]
    with pytest.raises(ModelError):
        load(catalog.Row(str(folder), role, "transformers", str(folder), local=True), device="cpu", batch=1)
    assert not ran.exists()


@pytest.mark.parametrize(("role", "family"), [("generator", "sana"), ("captioner", "blip"), ("captioner", "git")])
def test_the_contract_holds_in_bf16(checkpoint: Saver, role: str, family: str) -> None:
    if role == "generator":
        contract.check_generator(load_generator(checkpoint, family, dtype="bf16"), tiny_generators.SIDE, tiny_generators.SIDE)
    else:
        contract.check_captioner(load_captioner(checkpoint, family, dtype="bf16"), tiny_captioners.SIDE)


def test_a_compiled_generator_keeps_the_contract_and_draws_the_same_within_rounding(checkpoint: Saver) -> None:
    compiled = load_generator(checkpoint, "sana", compile=True)
    contract.check_generator(compiled, tiny_generators.SIDE, tiny_generators.SIDE)
    plain = load_generator(checkpoint, "sana")
    pairs = zip(*(each.generate(["a surfer"] * contract.BATCH, [1, 2, 3]) for each in (compiled, plain)), strict=True)
    assert all(np.abs(one.pixels.astype(int) - other.pixels).max() <= 1 for one, other in pairs)
    assert compiled.recipe.hash != plain.recipe.hash


def test_compiling_without_a_compiler_says_what_to_install(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match=r"compile needs a C\+\+ compiler; install g\+\+, or leave compile out"):
        load_generator(checkpoint, "sana", compile=True)
