"""Two commands that leave the process: `!look URL` reads, `!act URL` acts."""

from vivesphere.sdk import Command, Message, PluginContext, command, hookimpl


@command("look", usage="URL")
async def look(context: PluginContext, message: Message) -> str:
    """Read a page."""
    answer = await context.http.get(message.argument_text)
    return f"It says {answer.text}"


@command("act", usage="URL")
async def act(context: PluginContext, message: Message) -> str:
    """Change something."""
    answer = await context.http.post_json(message.argument_text, {})
    return f"It did {answer.text}"


@hookimpl
def commands() -> list[Command]:
    return [look, act]
