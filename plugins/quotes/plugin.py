"""Quotes in the chat: `!quote` says one, `!quote add TEXT` keeps one, `!quote find WORD` looks for one."""

from vivesphere.sdk import Command, Message, PluginContext, PluginError, Rows, command, hookimpl

LONGEST = 400
MOST_FOUND = 5

ADD = "INSERT INTO quotes (body, added_by) VALUES (:body, :who) ON CONFLICT (body) DO NOTHING RETURNING id"
# The one that was said least often, and of those the oldest: everybody's turn comes.
NEXT = "UPDATE quotes SET said = said + 1 WHERE id = (SELECT id FROM quotes ORDER BY said, id LIMIT 1) RETURNING id, body"
FIND = "SELECT id, body FROM quotes WHERE body LIKE :pattern ESCAPE '!' ORDER BY id LIMIT :most"
COUNT = "SELECT count(*) AS found FROM quotes WHERE body LIKE :pattern ESCAPE '!'"


@command("quote", usage="[add TEXT | find WORD]")
async def quote(context: PluginContext, message: Message) -> str:
    """Say a quote, keep one, or find one."""
    word, _, rest = message.argument_text.partition(" ")
    match word:
        case "":
            said = await say(context)
        case "add":
            said = await add(context, message.sender, rest)
        case "find":
            said = await find(context, rest)
        case _:
            raise PluginError(f"I do not know {word!r}: say quote alone, quote add TEXT, or quote find WORD.")
    return said


async def say(context: PluginContext) -> str:
    found = (await context.sql.execute(NEXT)).first()
    if found is None:
        raise PluginError("There are no quotes yet: keep one with quote add TEXT.")
    return f"#{found['id']}: {found['body']}"


async def add(context: PluginContext, who: str, body: str) -> str:
    if not body:
        raise PluginError("Say what to keep: quote add TEXT.")
    if len(body) > LONGEST:
        raise PluginError(f"A quote has at most {LONGEST} characters; this one has {len(body)}.")
    kept = (await context.sql.execute(ADD, {"body": body, "who": who})).first()
    return f"Kept as #{kept['id']}." if kept else "That one is kept already."


async def find(context: PluginContext, word: str) -> str:
    if not word:
        raise PluginError("Say what to look for: quote find WORD.")
    pattern = f"%{escaped(word)}%"
    found = await context.sql.query(FIND, {"pattern": pattern, "most": MOST_FOUND})
    if not found.rows:
        return f"No quote has {word!r} in it."
    more = await _count(context, pattern) - len(found.rows)
    return "\n".join([*_lines(found), *([f"… and {more} more."] if more else [])])


async def _count(context: PluginContext, pattern: str) -> int:
    ((found,),) = (await context.sql.query(COUNT, {"pattern": pattern})).rows
    assert isinstance(found, int)  # noqa: S101 - narrows the type; a count is a number
    return found


def _lines(found: Rows) -> list[str]:
    return [f"#{number}: {body}" for number, body in found.rows]


def escaped(word: str) -> str:
    """The word for LIKE, in which % and _ stand for anything."""
    return "".join(f"!{char}" if char in "!%_" else char for char in word)


@hookimpl
def commands() -> list[Command]:
    return [quote]
