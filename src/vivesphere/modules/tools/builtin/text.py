"""Tools of the category `text`."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vivesphere.modules.tools.builtin.template import LONGEST_TEMPLATE, render
from vivesphere.sdk import PluginError, tool

LONGEST_TEXT = 1_000_000

Text = Annotated[str, Meta(max_length=LONGEST_TEXT, description="The text to work on.")]
Case = Literal["upper", "lower", "title", "sentence", "snake", "kebab", "camel"]


class Counts(msgspec.Struct, frozen=True):
    words: int
    characters: int
    lines: int


@tool("text.change_case")
def change_case(text: Text, case: Annotated[Case, Meta(description="`sentence` capitalises the first letter only.")]) -> str:
    """Change the case of a text, or join its words in snake_case, kebab-case or camelCase."""
    match case:
        case "upper":
            return text.upper()
        case "lower":
            return text.lower()
        case "title":
            return text.title()
        case "sentence":
            return text[:1].upper() + text[1:].lower()
        case "camel":
            first, *others = _words(text) or [""]
            return first + "".join(word.capitalize() for word in others)
        case _:
            return ("_" if case == "snake" else "-").join(_words(text))


@tool("text.replace")
def replace(
    text: Text,
    find: Annotated[str, Meta(min_length=1, max_length=1000, description="What to look for, letter by letter.")],
    replacement: Annotated[str, Meta(max_length=1000, description="What to put in its place.")],
) -> str:
    """Replace every occurrence of one text in another."""
    if len(text) + text.count(find) * (len(replacement) - len(find)) > LONGEST_TEXT:
        raise PluginError(f"The result would have more than {LONGEST_TEXT} characters.")
    return text.replace(find, replacement)


@tool("text.count_words")
def count_words(text: Text) -> Counts:
    """Count the words, characters and lines of a text."""
    return Counts(words=len(text.split()), characters=len(text), lines=len(text.splitlines()))


@tool("text.render_template")
def render_template(
    template: Annotated[str, Meta(max_length=LONGEST_TEMPLATE, description="Text with `{{ name }}` where a value belongs.")],
    values: Annotated[dict[str, Any], Meta(description="What the template may use, by name.")],
) -> str:
    """Fill a template from values: `Hello {{ person.name | title }}`.

    Between the braces stands a name, with dots for what is inside it and filters after bars: capitalize, default("…"),
    first, int, join("…"), last, length, lower, round(2), title, tojson, trim, upper.
    """
    return render(template, values)


def _words(text: str) -> list[str]:
    spaced = "".join(char if char.isalnum() else " " for char in text)
    return [word.lower() for word in spaced.split()]
