"""From turns to token ids: the model's own chat template, and text that cannot pretend to be part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.digests import digest_of_value
from duetbench.errors import EngineError, ModelError
from duetbench.models.folder import read_json
from duetbench.types import Message


def template_of(folder: Path) -> str:
    """The chat template of a model folder, read without loading anything.

    Raises:
        ModelError: it has none.
    """
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    found = read_json(config).get("chat_template") if config.is_file() else None
    if isinstance(found, list):  # several by name
        found = {entry["name"]: entry["template"] for entry in found}.get("default")
    if not found:
        raise ModelError(f"model folder {folder} has no chat template: add one as chat_template.jinja")
    return str(found)


def template_digest(template: str, args: Mapping[str, Any]) -> str:
    """SHA-256 over a chat template and its arguments."""
    return digest_of_value([template, dict(args)])


class ChatTemplate:
    """Turns prompts into token ids.

    Args:
        tokenizer: The model's own.
        template: The chat template's text.
        args: Arguments of the template.
    """

    def __init__(self, tokenizer: Any, template: str, args: Mapping[str, Any]) -> None:
        self.tokenizer = tokenizer
        self._template = template
        self._args = dict(args)
        self._specials = _specials(tokenizer)
        self._watched = set(self._specials) - _stand_ins(tokenizer)
        self._expected: dict[tuple[str, ...], list[int]] = {}

    @property
    def pad_id(self) -> int:
        """The token that fills shorter rows; it is masked, so any token will do."""
        for token in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        return 0

    def ids(self, messages: Sequence[Message], answer: str = "") -> list[int]:
        """Token ids of the turns, the header of the answer, and the answer's beginning.

        Raises:
            EngineError: the template starts the sequence twice, or a text forged a special token.
        """
        ids = self._encode(self.text(messages, answer))
        self._check_start(ids)
        found = [token for token in ids if token in self._watched]
        if found != self._structure(tuple(message.role for message in messages)):
            raise EngineError("a text in the prompt makes special tokens of its own; it is not sent to the model")
        return ids

    def text(self, messages: Sequence[Message], answer: str = "") -> str:
        """What `ids` cuts into tokens."""
        return self._render(messages) + self.defused(answer)

    def length(self, text: str) -> int:
        """How many tokens a text has that stands alone."""
        return len(self._encode(self.defused(text)))

    def defused(self, text: str) -> str:
        """The text with a space inside everything that would be read as a special token."""
        changed = True
        while changed:
            before = text
            for special in self._specials.values():
                if special in text:
                    text = text.replace(special, f"{special[0]} {special[1:]}")
            changed = text != before
        return text

    def written(self, before: Sequence[int], new: Sequence[int]) -> str:
        """The text of new tokens.

        Decoded after the tokens before them, because some tokenizers drop a space that a text begins with.
        """
        head = list(before[-8:])
        start = self._decode(head)
        whole = self._decode([*head, *new])
        return whole[len(start) :] if whole.startswith(start) else self._decode(list(new))

    def tails(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row of tokens, special ones left out."""
        return list(self.tokenizer.batch_decode(rows, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _render(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": self.defused(message.content)} for message in messages]
        return self._apply(turns)

    def _apply(self, turns: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            rendered = self.tokenizer.apply_chat_template(
                turns, chat_template=self._template, tokenize=False, add_generation_prompt=True, **self._args
            )
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise EngineError(f"the model's chat template does not take the turns {roles}: {error}") from error
        return str(rendered)

    def _encode(self, text: str) -> list[int]:
        # The template has written what a sequence starts with; the tokenizer must not add it a second time.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _structure(self, roles: tuple[str, ...]) -> list[int]:
        """The special tokens that the template itself writes around such turns."""
        if roles not in self._expected:
            ids = self._encode(self._apply([{"role": role, "content": "x"} for role in roles]))
            self._expected[roles] = [token for token in ids if token in self._watched]
        return self._expected[roles]

    def _check_start(self, ids: Sequence[int]) -> None:
        start = self.tokenizer.bos_token_id
        if start is not None and list(ids[:2]) == [start, start]:
            raise EngineError("the chat template starts the sequence twice; remove one of the two start tokens from it")


def _specials(tokenizer: Any) -> dict[int, str]:
    """Special tokens by id. Tokens of one character are left to the structure check: they cannot be split."""
    added = {number: token.content for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {number: str(text) for number, text in {**named, **added}.items() if len(str(text)) > 1}


def _stand_ins(tokenizer: Any) -> set[int]:
    """The token for unknown words, which honest text may contain, unless it also starts or ends a sequence."""
    return {tokenizer.unk_token_id} - {tokenizer.bos_token_id, tokenizer.eos_token_id}
