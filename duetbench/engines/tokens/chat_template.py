"""From chat messages to token ids with the model's own chat template; no text can introduce special tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.digests import digest_of_value
from duetbench.documents.bounds import MAX_TEMPLATE_BYTES, read_text
from duetbench.engines.tokens.template_arguments import check_arguments
from duetbench.errors import DocumentError, EngineError, ModelError
from duetbench.models.json_files import read_json
from duetbench.types import Message, ModelRef

_MERGE = "--set model.merge_system=true puts its text at the beginning of the user turn"


def load_chat_template(model: ModelRef) -> ChatTemplate:
    """The tokenizer of a model with its chat template and the model's arguments for it.

    Raises:
        ModelError: either cannot be read, or the template has no such argument.
    """
    from duetbench.engines.tokens.tokenizer import load_tokenizer

    template = template_of(Path(model.path))
    check_arguments(template, model)
    return ChatTemplate(load_tokenizer(model), template, model.template_args, merge_system=model.merge_system)


def template_of(folder: Path) -> str:
    """The chat template of a model folder, read without loading the tokenizer.

    Raises:
        ModelError: the folder has none, or it cannot be read.
    """
    file = folder / "chat_template.jinja"
    if file.is_file():
        try:
            return read_text(file, MAX_TEMPLATE_BYTES)
        except (OSError, DocumentError) as error:
            raise ModelError(f"chat template {file} cannot be read: {error}") from error
    config = folder / "tokenizer_config.json"
    template = read_json(config).get("chat_template") if config.is_file() else None
    if isinstance(template, list):  # several by name
        template = {entry["name"]: entry["template"] for entry in template}.get("default")
    if not template:
        raise ModelError(f"model folder {folder} has no chat template: add one as chat_template.jinja")
    return str(template)


def template_digest(template: str, args: Mapping[str, Any], *, merge_system: bool = False) -> str:
    """SHA-256 over a chat template, its arguments and what is done with the system turn."""
    return digest_of_value([template, dict(args), *(["system turn merged"] if merge_system else [])])


class ChatTemplate:
    """Turns prompts into token ids.

    Args:
        tokenizer: The model's own.
        template: The chat template's text.
        args: Arguments of the template.
        merge_system: Whether the system turn is put at the beginning of the user turn.
    """

    def __init__(self, tokenizer: Any, template: str, args: Mapping[str, Any], *, merge_system: bool = False) -> None:
        self.tokenizer = tokenizer
        self._template = template
        self._args = dict(args)
        self._merge_system = merge_system
        self._special_tokens = _special_tokens(tokenizer)
        self._checked_ids = set(self._special_tokens) - _unknown_ids(tokenizer)
        self._is_checked = False
        self._ids_by_roles: dict[tuple[str, ...], list[int]] = {}

    @property
    def pad_id(self) -> int:
        """The token that pads shorter rows; padding is masked, so any token will do."""
        for token in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        return 0

    def ids(self, messages: Sequence[Message], prefill: str = "") -> list[int]:
        """Token ids of the messages, the header of the assistant's turn and the prefill.

        Raises:
            EngineError: the template starts the sequence twice, or a text introduces a special token.
            ModelError: the template leaves out the text of a turn.
        """
        messages = self._turns(messages)
        rendered = self._render(messages)
        ids = self._encode(rendered + self.escape(prefill))
        self._check_start(ids)
        special_ids = [token for token in ids if token in self._checked_ids]
        if special_ids != self._special_ids_of(tuple(message.role for message in messages)):
            raise EngineError("a text in the prompt is tokenized into special tokens; the prompt is not sent")
        self._check_texts(messages, rendered)
        return ids

    def text(self, messages: Sequence[Message], prefill: str = "") -> str:
        """The rendered text that `ids` tokenizes."""
        messages = self._turns(messages)
        rendered = self._render(messages)
        self._check_texts(messages, rendered)
        return rendered + self.escape(prefill)

    def length(self, text: str) -> int:
        """The number of tokens of a text by itself."""
        return len(self._encode(self.escape(text)))

    def escape(self, text: str) -> str:
        """The text with a space inside everything that would be tokenized as a special token."""
        changed = True
        while changed:
            previous = text
            for special in self._special_tokens.values():
                if special in text:
                    text = text.replace(special, f"{special[0]} {special[1:]}")
            changed = text != previous
        return text

    def decode_continuation(self, preceding: Sequence[int], new: Sequence[int]) -> str:
        """The text of new tokens after the tokens before them, special tokens left out.

        Both are decoded together, because some tokenizers drop a space at the beginning of a text.
        """
        context = list(preceding[-8:])
        start = self._decode(context)
        joined = self._decode([*context, *new])
        return joined[len(start) :] if joined.startswith(start) else self._decode(list(new))

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row of tokens, special tokens left out."""
        return list(self.tokenizer.batch_decode(rows, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _turns(self, messages: Sequence[Message]) -> Sequence[Message]:
        return merged_system(messages) if self._merge_system else messages

    def _render(self, messages: Sequence[Message]) -> str:
        try:
            return self._apply(self._escaped(messages))
        except EngineError as error:
            if any(message.role == "system" for message in messages) and self._accepts(merged_system(messages)):
                raise ModelError(f"{error}; it accepts them without a system turn: {_MERGE}") from error
            raise

    def _accepts(self, messages: Sequence[Message]) -> bool:
        try:
            self._apply(self._escaped(messages))
        except EngineError:
            return False
        return True

    def _escaped(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        return [{"role": message.role, "content": self.escape(message.content)} for message in messages]

    def _check_texts(self, messages: Sequence[Message], rendered: str) -> None:
        """Refuses a prompt from which the template dropped a turn: the model would not see it, unnoticed.

        Raises:
            ModelError: names the turn.
        """
        position = 0
        for message in messages:
            text = self.escape(message.content).strip()
            position = rendered.find(text, position)
            if position < 0:
                remedy = _MERGE if message.role == "system" else "use a template that writes it unchanged"
                raise ModelError(f"the model's chat template drops or changes the {message.role} turn: {remedy}")
            position += len(text)

    def _apply(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        if not self._is_checked:
            _check_cost(self._template, messages, self._args)
            self._is_checked = True
        try:
            rendered = self.tokenizer.apply_chat_template(
                messages, chat_template=self._template, tokenize=False, add_generation_prompt=True, **self._args
            )
        except Exception as error:  # a template is the program of the model's author
            roles = ", ".join(message["role"] for message in messages)
            kind = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
            text = " ".join(str(error).split())[:300]
            raise EngineError(
                f"the model's chat template rejects messages of the roles {roles}: {kind}{text}"
            ) from error
        return str(rendered)

    def _encode(self, text: str) -> list[int]:
        # The template has written the start of the sequence; the tokenizer must not add it a second time.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _special_ids_of(self, roles: tuple[str, ...]) -> list[int]:
        """The special tokens that the template itself writes around messages of these roles."""
        if roles not in self._ids_by_roles:
            ids = self._encode(self._apply([{"role": role, "content": "x"} for role in roles]))
            self._ids_by_roles[roles] = [token for token in ids if token in self._checked_ids]
        return self._ids_by_roles[roles]

    def _check_start(self, ids: Sequence[int]) -> None:
        start = self.tokenizer.bos_token_id
        if start is not None and list(ids[:2]) == [start, start]:
            raise EngineError("the chat template starts the sequence twice; remove one of the two start tokens from it")


def merged_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with the text of the system turn at the beginning of the first user turn."""
    system = [message.content for message in messages if message.role == "system"]
    others = [message for message in messages if message.role != "system"]
    if not system:
        return tuple(messages)
    first = next((position for position, message in enumerate(others) if message.role == "user"), None)
    if first is None:
        return (Message("user", "\n\n".join(system)), *others)
    merged = Message("user", "\n\n".join([*system, others[first].content]))
    return (*others[:first], merged, *others[first + 1 :])


def _check_cost(template: str, messages: Sequence[Mapping[str, str]], args: Mapping[str, Any]) -> None:
    """Renders messages within the bounds of prompt templates, which the tokenizer's own rendering does not have.

    Raises:
        EngineError: the template exceeds them.
    """
    from duetbench.prompts.bounded import BoundedEnvironment, TooExpensive, budget

    environment = BoundedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    try:
        with budget():
            environment.from_string(template).render(messages=messages, add_generation_prompt=True, **args)
    except TooExpensive as error:
        raise EngineError(f"the model's chat template {error}") from error
    except Exception:
        return  # the tokenizer's rendering has functions that this one lacks, and reports what is wrong with the rest


def _special_tokens(tokenizer: Any) -> dict[int, str]:
    """Special tokens by id, without those of one character: they cannot be split, so only `ids` checks for them."""
    added = {number: token.content for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {number: str(text) for number, text in {**named, **added}.items() if len(str(text)) > 1}


def _unknown_ids(tokenizer: Any) -> set[int]:
    """The unknown token, which ordinary text may contain, unless it also starts or ends a sequence."""
    return {tokenizer.unk_token_id} - {tokenizer.bos_token_id, tokenizer.eos_token_id}
