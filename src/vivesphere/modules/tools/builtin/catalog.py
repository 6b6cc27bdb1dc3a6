"""All builtin tools."""

from vivesphere.modules.tools.builtin import arithmetic, chance, dates, encoding, structured, text, web
from vivesphere.sdk import Tool

BUILTIN: tuple[Tool, ...] = (
    text.change_case,
    text.replace,
    text.count_words,
    text.render_template,
    structured.parse,
    structured.get_pointer,
    dates.now,
    dates.add_duration,
    dates.difference,
    encoding.digest_text,
    encoding.base64,
    chance.pick_number,
    chance.make_uuid,
    arithmetic.evaluate,
    web.get_url,
    web.post_json,
)

CATEGORIES = frozenset(each.declaration.name.partition(".")[0] for each in BUILTIN)
"""No plugin may have one of these as its id: its tools would look like the server's own."""
