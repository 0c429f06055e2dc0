"""What chat captioners are asked: by name, or in one's own words."""

import pytest

from imageloop.errors import ModelError
from imageloop.instructions import DEFAULT, folder, instruction, names


def test_every_name_stands_for_its_file() -> None:
    assert {"short", "long"} <= set(names())
    assert DEFAULT in names()
    for name in names():
        assert instruction(name) == (folder() / f"{name}.txt").read_text().strip()
        assert " " in instruction(name)
        assert "\n" not in instruction(name)


def test_a_text_of_ones_own_is_taken_as_it_is() -> None:
    for text in ("What is here?", " short and long ", "Décris l'image.", "図を説明してください。"):
        assert instruction(text) == text


def test_a_word_that_names_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ModelError, match=r"^instruction 'shrot': no instruction is called that; did you mean 'short'\? One of your own has"
    ):
        instruction("shrot")
    with pytest.raises(ModelError, match=r"there are long, short; One of your own has more than one word$"):
        instruction("xyz")
    for empty in ("", "  "):
        with pytest.raises(ModelError, match="is empty; name one of"):
            instruction(empty)


@pytest.mark.parametrize("name", ["../surfer", "short.txt", "/etc/passwd"])
def test_a_path_is_no_name(name: str) -> None:
    assert instruction(name) == name
