"""What a new installation has in it, so that `!roll 2d6` works within a minute: made once, and over the bus."""

import structlog

from vivesphere.contracts.bots import AccountMade, AddAccount, BotMade, CreateBot
from vivesphere.contracts.plans import CreatePlan, PlanSaved
from vivesphere.contracts.triggers import CreateTrigger, TriggerMade
from vivesphere.kernel.bus.handle import BusHandle

BOT = "Vivi"

log = structlog.get_logger("vivesphere.first_start")


async def furnish(bus: BusHandle) -> None:
    """Make the bot Vivi on the web chat, and a paused trigger with its plan.

    A first start that was cut short is taken up by the next one: a part that is there already is left as it is.
    """
    made = await bus.request(CreateBot(name=BOT))
    if not isinstance(made, BotMade):
        log.info("first_start_part_exists", part="bot", detail=made.detail)
    account = await bus.request(AddAccount(bot_id=BOT, platform="webchat", start=True))
    if not isinstance(account, AccountMade):
        log.info("first_start_part_exists", part="account", detail=account.detail)
    await _furnish_trigger(bus)


async def _furnish_trigger(bus: BusHandle) -> None:
    plan = await bus.request(
        CreatePlan(
            name="Morning roll",
            definition={
                "steps": [
                    {"id": "roll", "kind": "tool", "tool": "dice.roll", "arguments": {"notation": "2d6"}},
                    {"id": "breathe", "kind": "wait", "seconds": 2},
                    {
                        "id": "announce",
                        "kind": "tool",
                        "tool": "text.change_case",
                        "arguments": {"text": "today's roll is {{ steps.roll.result.total }}", "case": "sentence"},
                    },
                ]
            },
        )
    )
    if not isinstance(plan, PlanSaved):
        log.warning("first_start_part_refused", part="plan", detail=plan.detail)
        return
    trigger = await bus.request(
        CreateTrigger(
            name="Every morning at eight",
            schedule={"cron": "0 8 * * *", "timezone": "UTC"},
            action={"kind": "plan", "plan_id": plan.plan_id},
            enabled=False,
        )
    )
    if not isinstance(trigger, TriggerMade):
        log.warning("first_start_part_refused", part="trigger", detail=trigger.detail)
