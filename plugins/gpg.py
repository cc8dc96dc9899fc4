"""Guided profile generation: narrow questions about a user's history, then a profile guided by the answers."""

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Stage, Strategy
from duetbench.parsing import parse_tagged_fields
from duetbench.prompts import prompt_key, render_text, unique_prompts
from duetbench.types import Profile

HISTORY = """[[user]]\nWhat one person wrote about some {{ plural }}, oldest first:
{% for line in history %}{% call droppable(loop.revindex) %}
- {{ line.rating }} stars: {{ line.item.title | cut(80) }}. {{ line.review | cut(200) }}
{% endcall %}{% else %}- nothing yet\n{% endfor %}\n"""
QUESTIONS = """Which kinds come back, what is praised, what is complained of, how strict are the ratings?
Answer as <digest>four short answers</digest>."""
PROFILE = """Notes on this person: {{ digest }}
Guided by the notes, say in two sentences what the person will like. Answer as <profile>two sentences</profile>."""


class GuidedStage(Stage):
    def __init__(self, name, side, text):
        self.name, self.side, self.text = name, side, HISTORY + text

    def messages(self, request, digest="none"):
        history = request.user_history[-10:]
        return render_text(self.text, plural=request.domain.plural, history=history, digest=digest)

    def prompts(self, requests, earlier):
        def messages(request):
            notes = earlier.get(prompt_key(Gpg.digest.messages(request)), ())  # () if the digest was unreadable
            return self.messages(request, *(note.text for note in notes))

        return unique_prompts(self.side, enumerate(map(messages, requests)))

    def parse(self, prompt, text):
        fields = parse_tagged_fields(text, [self.name])
        return [Profile(self.side, fields[self.name])] if fields and fields[self.name] else None


class Gpg(Strategy):
    """Two stages: a digest of the history, which no scorer sees, and the profile."""

    name, summary = "gpg", "a user profile guided by answers to narrow questions"
    source = "Zhang, Guided Profile Generation Improves Personalization with LLMs, Findings of EMNLP 2024"
    digest, profile = GuidedStage("digest", "note", QUESTIONS), GuidedStage("profile", "user", PROFILE)

    def stages(self):
        return self.digest, self.profile

    def writes(self):
        return ("user",)


@hookimpl
def duetbench_register_strategies():
    return [Gpg]
