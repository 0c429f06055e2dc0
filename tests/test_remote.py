"""Models behind a server: the contract, and what is sent. The server is real, and answers by a hash of what it is asked."""

import base64
import json
import threading
from io import BytesIO
from typing import Any

import contract
import numpy as np
import pytest
from PIL import Image
from scripted_server import Reply, Request, Server, png, said, serving, truth

from imageloop import catalog, models
from imageloop.errors import ModelError
from imageloop.identity import REACH
from imageloop.loop import in_batches
from imageloop.models import budget, server_settings
from imageloop.models.parallel import ask_each
from imageloop.roles import Captioner, Generator

SIDE = 16
SIZED = {"size": SIDE}


def captioner(server: Server, batch: int = contract.BATCH, **settings: Any) -> Captioner:
    return models.load_captioner(catalog.find("captioner", server.openai), batch=batch, overrides=settings)


def generator(server: Server, batch: int = contract.BATCH, **settings: Any) -> Generator:
    return models.load_generator(catalog.find("generator", server.openai), batch=batch, overrides={**SIZED, **settings})


def webui(server: Server, model: str = "", **settings: Any) -> Generator:
    row = catalog.find("generator", f"a1111:{server.root}{model}")
    return models.load_generator(row, batch=contract.BATCH, overrides={**SIZED, **settings})


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize("load", [generator, webui])
def test_a_served_generator_keeps_the_contract(load: Any) -> None:
    with serving() as server:
        contract.check_generator(load(server), SIDE, SIDE)
        contract.check_generator(load(server, size=[16, 24]), 16, 24)
        contract.check_hostile_prompts(load(server))
        assert load(server).fits("surf " * 1000)


def test_a_served_captioner_keeps_the_contract() -> None:
    images = contract.noise_pictures(4, SIDE)
    with serving() as server:
        model = captioner(server, logprobs=True)
        told = model.caption(images[:3], [11, 22, 33])
        assert len({caption.text for caption in told}) == contract.BATCH
        assert {(caption.tokens, caption.cut, caption.log_probability, caption.entropy) for caption in told} == {(6, False, -1.5, None)}
        wide = images[0].repeat(2, axis=1)
        assert model.caption([images[3], wide, images[0]], [44, 55, 11])[2] == told[0], "a row depends on its neighbours or its slot"
        again = model.caption([images[2], images[2], images[0]], [33, 34, 11])
        assert (again[0], again[2]) == (told[2], told[0]), "the same seed gives another caption"
        assert again[1] != again[0], "another seed gives the same caption"
        contract.check_candidates(model, captioner(server, temperature=0.0), SIDE)
        contract.check_caption_limit(lambda limit: captioner(server, max_tokens=limit), SIDE)


def test_the_captioner_sees_the_very_pixels_and_the_instruction_and_nothing_else() -> None:
    [image] = contract.noise_pictures(1, SIDE)
    with serving() as server:
        captioner(server, 1, instruction="What is it, in one word?").caption([image], [2**63 - 1])
        [request] = server.requests
    picture, question = request.body.pop("messages")[0]["content"]
    assert question == {"type": "text", "text": "What is it, in one word?"}
    with Image.open(BytesIO(base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,")))) as sent:
        assert (np.array(sent) == image).all()
        assert sent.info == {}
    assert request.body == {"model": "m", "temperature": 1.0, "top_p": 1.0, "max_tokens": 64, "seed": 2**31 - 1}


def test_what_is_sent_can_be_changed_and_is_in_the_recipe() -> None:
    with serving(always=lambda request: truth(Request(request.path, {}, {"seed": 0, "temperature": 1.0, **request.body}))) as server:
        changes = {"send_seed": False, "leave_out": ["temperature"], "extra": {"top_k": 5}, "max_tokens": 9}
        model = captioner(server, 1, **changes)
        model.caption(contract.noise_pictures(1, SIDE), [1])
        assert server.requests[0].body.keys() == {"model", "messages", "top_p", "max_tokens", "top_k"}
        drawing = generator(server, 1, leave_out=["n", "response_format"], extra={"num_inference_steps": 4})
        drawing.generate(["a surfer"], [3])
        assert server.requests[1].body == {"model": "m", "prompt": "a surfer", "size": "16x16", "seed": 3, "num_inference_steps": 4}
    assert {name: model.recipe.settings[name] for name in changes} == changes
    assert model.recipe.settings["instruction"] == "Describe this image in one sentence."
    assert (model.recipe.settings["model"], model.recipe.settings["reproducible"]) == ("m", False)
    assert drawing.recipe.settings["extra"] == {"num_inference_steps": 4}


def test_how_a_server_is_reached_is_no_part_of_the_recipe() -> None:
    with serving() as server:
        plain = captioner(server).recipe
        reached = captioner(server, parallel=1, timeout=5, tries=1, key_variable="", max_requests=7).recipe
    assert plain == reached
    assert plain.hash == reached.hash
    assert tuple(server_settings.Reach.model_fields) == REACH


def test_rows_that_pad_a_batch_are_not_paid_for() -> None:
    images = contract.noise_pictures(5, SIDE)
    with serving() as server:
        model = captioner(server, batch=4)
        told = in_batches(model.caption, 4, images, [1, 2, 3, 4, 5])
        assert len(server.requests) == 5
        assert told[4] == captioner(server, batch=1).caption([images[4]], [5])[0]


def test_rows_go_out_side_by_side_and_come_back_in_order() -> None:
    def slow(request: Request) -> Reply:
        last = request.body["prompt"] == "p0"
        return Reply(truth(request).body, delay=0.1 if last else 0.03)

    prompts, seeds = [f"p{i}" for i in range(12)], list(range(12))
    with serving(always=slow) as server:
        drawn = generator(server, 12, parallel=3).generate(prompts, seeds)
        assert server.most_at_once == 3
        alone = [generator(server, 1).generate([prompt], [seed])[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    assert all((one.pixels == other.pixels).all() for one, other in zip(drawn, alone, strict=True))


def test_after_an_error_no_further_row_is_asked_and_waiting_rows_are_given_up() -> None:
    asked: list[int] = []
    waited = threading.Event()

    def ask(row: int, stopped: threading.Event) -> int:
        asked.append(row)
        if row == 1:
            raise ModelError("broken")
        if stopped.wait(5):
            waited.set()
        return row

    with pytest.raises(ModelError, match=r"^broken$"):
        ask_each(list(range(50)), ask, 2)
    assert sorted(asked) == [0, 1]
    assert waited.wait(5)


def test_a_mistake_in_a_thread_is_raised_and_not_waited_for() -> None:
    def ask(row: int, stopped: threading.Event) -> int:
        return 1 // row

    with pytest.raises(ZeroDivisionError):
        ask_each([0, 1], ask, 2)


def test_a_server_that_counts_no_tokens_leaves_them_unknown_and_thoughts_are_not_counted() -> None:
    def uncounted(request: Request) -> Reply:
        return Reply({key: value for key, value in said(request.body).items() if key != "usage"})

    def thinking(request: Request) -> Reply:
        return Reply({**said(request.body), "usage": {"completion_tokens": 106, "completion_tokens_details": {"reasoning_tokens": 100}}})

    with serving(uncounted, thinking) as server:
        model = captioner(server, 1)
        tokens = [model.caption(contract.noise_pictures(1, SIDE), [1])[0].tokens for _ in range(2)]
    assert tokens == [None, 6]


def test_what_a_served_generator_reads_is_not_known() -> None:
    with serving() as server:
        [picture] = generator(server, 1).generate(["a surfer"], [1])
    assert (dict(picture.prompt_tokens), dict(picture.prompt_tokens_read)) == ({}, {})


def test_a_picture_may_come_by_its_address() -> None:
    with serving() as server:
        server.script = [Reply({"data": [{"url": f"{server.root}/picture.png"}]})]
        [picture] = generator(server, 1).generate(["a surfer"], [1])
        assert [request.path for request in server.requests] == ["/v1/images/generations", "/picture.png"]
    assert picture.pixels.shape == (SIDE, SIDE, 3)


def test_a_picture_of_another_size_is_scaled_where_the_recipe_says_so() -> None:
    with serving(always=Reply({"data": [{"b64_json": base64.b64encode(png(np.full((8, 8, 3), 77, np.uint8))).decode()}]})) as server:
        model = generator(server, 1, resize=True)
        [picture] = model.generate(["a surfer"], [1])
    assert (picture.pixels == np.full((SIDE, SIDE, 3), 77)).all()
    assert model.recipe.settings["resize"] is True


def test_transparent_and_grey_pictures_are_taken_as_the_eye_sees_them() -> None:
    clear = Image.new("RGBA", (SIDE, SIDE), (10, 20, 30, 0))
    grey = Image.new("L", (SIDE, SIDE), 9)
    with serving() as server:
        for image, colour in ((clear, (255, 255, 255)), (grey, (9, 9, 9))):
            file = BytesIO()
            image.save(file, "PNG")
            server.script = [Reply({"data": [{"b64_json": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()}]})]
            [picture] = generator(server, 1).generate(["a surfer"], [1])
            assert (picture.pixels == colour).all()


@pytest.mark.parametrize("prompt", contract.HOSTILE)
def test_a_prompt_reaches_the_server_word_for_word(prompt: str) -> None:
    with serving() as server:
        generator(server, 1).generate([prompt], [1])
        assert server.requests[0].body["prompt"] == prompt


def test_the_web_interface_is_asked_for_one_picture_and_no_other_networks() -> None:
    with serving() as server:
        webui(server, "#model v1.ckpt", steps=9, guidance_scale=3.5, extra={"sampler_name": "Euler"}).generate(
            ["(a) surfer"] * 3, [5, 5, 5]
        )
        [request] = server.requests
    assert request.body == {
        "prompt": r"\(a\) surfer",
        "negative_prompt": "",
        "seed": 5,
        "steps": 9,
        "cfg_scale": 3.5,
        "height": SIDE,
        "width": SIDE,
        "batch_size": 1,
        "n_iter": 1,
        "disable_extra_networks": True,
        "override_settings": {"sd_model_checkpoint": "model v1.ckpt"},
        "sampler_name": "Euler",
    }


@pytest.mark.parametrize(
    ("caption", "spelt"),
    [
        ("a surfer, at noon", "a surfer, at noon"),
        ("a (red:1.3) sun [sea]", r"a \(red:1.3\) sun \[sea\]"),
        (r"C:\waves", r"C:\\waves"),
        ("salt AND sand BREAK wave BRAND", "salt and sand break wave BRAND"),
        ("the time: 1.5", "the time: 1.5\\"),
        ("a score of 3:2, he said", "a score of 3:2, he said"),
    ],
)
def test_a_caption_means_to_the_web_interface_what_it_says(caption: str, spelt: str) -> None:
    from imageloop.models.a1111 import literal

    assert literal(caption) == spelt


def test_a_budget_is_shared_by_all_who_hold_it() -> None:
    with serving() as server:
        shared = budget.Budget(3)
        captioner(server, 1, max_requests=shared).caption(contract.noise_pictures(1, SIDE), [1])
        with pytest.raises(
            ModelError, match=r": all 3 requests that --max-requests allows are sent; every finished round is kept: type the"
        ):
            generator(server, 3, max_requests=shared, parallel=1).generate(["a", "b", "c"], [1, 2, 3])
        assert (len(server.requests), shared.spent) == (3, 3)


def test_nothing_is_sent_when_a_model_is_loaded() -> None:
    with serving() as server:
        captioner(server)
        generator(server)
        webui(server)
        assert server.requests == []


def test_a_recipe_is_json() -> None:
    with serving() as server:
        for model in (captioner(server), generator(server), webui(server)):
            assert len(model.recipe.hash) == 16
            json.dumps(dict(model.recipe.settings), allow_nan=False)
