"""Guided profile generation: narrow questions about a user's history first, then a profile guided by the answers."""

from __future__ import annotations

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Stage, Strategy
from duetbench.parsing import read_fields
from duetbench.prompts import prompt_key, render_text, unique_prompts
from duetbench.types import Profile

HISTORY = """[[user]]
What one person wrote about some {{ plural }}, oldest first:
{% for line in history %}{% call droppable(loop.revindex) %}
- {{ line.rating }} stars: {{ line.item.title | cut(80) }}. {{ line.review | cut(200) }}
{% endcall %}{% else %}- nothing yet
{% endfor %}
"""
QUESTIONS = """Which kinds come back, what is praised, what is complained of, how strict are the ratings?
Answer as <digest>four short answers</digest>."""
PROFILE = """Notes on this person: {{ digest }}
Guided by the notes, say in two sentences what the person will like. Answer as <profile>two sentences</profile>."""


class Gpg(Strategy):
    """Two rounds: a digest of the history, which no scorer sees, and the profile."""

    name = "gpg"
    summary = "a user profile guided by answers to narrow questions"
    source = "Zhang, Guided Profile Generation Improves Personalization with LLMs, Findings of EMNLP 2024"

    def stages(self):
        return (Digest(), Written())


class Digest(Stage):
    name, side, text = "digest", "note", HISTORY + QUESTIONS

    def ask(self, request, digest=""):
        return render_text(self.text, plural=request.domain.plural, history=request.user_history[-10:], digest=digest)

    def prompts(self, requests, earlier):
        return unique_prompts(self.side, [(n, self.ask(request)) for n, request in enumerate(requests)])

    def parse(self, prompt, text):
        found = read_fields(text, [self.name])
        return [Profile(self.side, found[self.name])] if found and found[self.name] else None


class Written(Digest):
    name, side, text = "profile", "user", HISTORY + PROFILE

    def prompts(self, requests, earlier):
        asked = []
        for n, request in enumerate(requests):
            found = earlier.get(prompt_key(Digest().ask(request)))  # an unreadable digest is counted by the core
            asked.append((n, self.ask(request, found[0].text if found else "none")))
        return unique_prompts(self.side, asked)


@hookimpl
def duetbench_register_strategies():
    return [Gpg]
