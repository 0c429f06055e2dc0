"""True tokenizer classes of the families, with a token for every character, so that any text can be counted by hand."""

import string

from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertTokenizer,
    CLIPTokenizer,
    GemmaTokenizer,
    GPT2Tokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerBase,
    Qwen2Tokenizer,
    T5Tokenizer,
)

BYTES = sorted(ByteLevel.alphabet())
CHARACTERS = string.ascii_letters + string.digits + string.punctuation
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}"
    "{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def numbered(tokens: list[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def clip() -> PreTrainedTokenizerBase:
    words = numbered([*BYTES, *(b + "</w>" for b in BYTES), "<|startoftext|>", "<|endoftext|>"])
    return CLIPTokenizer(vocab=words, merges=[], model_max_length=77)


def t5() -> PreTrainedTokenizerBase:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((c, -3.0) for c in CHARACTERS)]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def gemma() -> PreTrainedTokenizerBase:
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    return GemmaTokenizer(vocab=numbered([*special, *(f"<0x{b:02X}>" for b in range(256)), "▁", *CHARACTERS]), merges=[])


def qwen(*extra: str, image: str = "") -> PreTrainedTokenizerBase:
    tokenizer = Qwen2Tokenizer(vocab=numbered([*BYTES, "<|endoftext|>"]), merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", *extra]})
    tokenizer.chat_template = CHATML.replace("IMAGE", image)
    return tokenizer


def gpt2() -> PreTrainedTokenizerBase:
    return GPT2Tokenizer(vocab=numbered([*BYTES, "<|endoftext|>"]), merges=[])


def bert() -> PreTrainedTokenizerBase:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    return BertTokenizer(vocab=numbered([*special, *letters, *(f"##{c}" for c in letters)]))


def llama() -> PreTrainedTokenizerBase:
    special = ["<unk>", "<s>", "</s>"]
    return LlamaTokenizer(vocab=numbered([*special, *(f"<0x{b:02X}>" for b in range(256)), "▁", *CHARACTERS]), merges=[])
