"""All queries of plans. The journal's statements are built once: every step of every run passes through them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.hot import HotStatement
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.plans.engine.journal import ACTIVE, RunRecord, RunStatus, StepRecord, StepStatus
from vivesphere.modules.plans.models import PlanRow, PlanVersionRow, RunRow, RunStepRow
from vivesphere.modules.plans.schemas import PlanView

plans = table_of(PlanRow)
versions = table_of(PlanVersionRow)
runs = table_of(RunRow)
steps = table_of(RunStepRow)

_RUN = [runs.c[field] for field in RunRecord.__struct_fields__]
_STEP = [steps.c[field] for field in StepRecord.__struct_fields__]

_PLANS = sa.select(plans, versions.c.definition).join(
    versions, (versions.c.plan_id == plans.c.id) & (versions.c.version == plans.c.version)
)
_IN_PROJECT = plans.c.project == sa.bindparam("project")
_PLAN = _PLANS.where(plans.c.id == sa.bindparam("id"), _IN_PROJECT)
_PLAN_PAGE = _PLANS.where(_IN_PROJECT, plans.c.id < sa.bindparam("before")).order_by(plans.c.id.desc())
_INSERT_PLAN = sa.insert(plans)
_INSERT_VERSION = sa.insert(versions)
_UPDATE_PLAN = sa.update(plans).where(plans.c.id == sa.bindparam("plan"))
_DEFINITION = sa.select(versions.c.definition).where(
    versions.c.plan_id == sa.bindparam("plan"), versions.c.version == sa.bindparam("number")
)

_INSERT_RUN = sa.insert(runs)
_RUN_BY_ID = HotStatement(sa.select(*_RUN).where(runs.c.id == sa.bindparam("run")))
_RUN_BY_KEY = sa.select(*_RUN).where(runs.c.project == sa.bindparam("project"), runs.c.idempotency_key == sa.bindparam("key"))
_RUN_PAGE = (
    sa.select(*_RUN)
    .where(runs.c.plan_id == sa.bindparam("plan"), runs.c.id < sa.bindparam("before"))
    .order_by(runs.c.id.desc())
)
_ACTIVE = sa.select(runs.c.id).where(runs.c.status.in_(ACTIVE)).order_by(runs.c.id)
_UPDATE_RUN = HotStatement(sa.update(runs).where(runs.c.id == sa.bindparam("run")), ("status", "detail", "finished_at"))

_STEPS = HotStatement(sa.select(*_STEP).where(steps.c.run_id == sa.bindparam("run")).order_by(steps.c.started_at))
_INSERT_STEP = HotStatement(sa.insert(steps))
_THE_STEP = sa.update(steps).where(steps.c.run_id == sa.bindparam("run"), steps.c.step_id == sa.bindparam("step"))
_DECIDED = ("status", "attempt", "result", "detail", "wake_at", "finished_at")
_UPDATE_STEP = HotStatement(_THE_STEP, _DECIDED)
_BEGIN_STEP = HotStatement(_THE_STEP, (*_DECIDED, "arguments"))
_CLOSE_STEPS = sa.update(steps).where(steps.c.run_id == sa.bindparam("run"), steps.c.status == sa.bindparam("was"))


def insert_plan(tx: Unit, plan: PlanView, author: str) -> None:
    row = msgspec.structs.asdict(plan)
    del row["definition"]
    tx.execute(_INSERT_PLAN, row)
    insert_version(tx, plan, author)


def insert_version(tx: Unit, plan: PlanView, author: str) -> None:
    tx.execute(
        _INSERT_VERSION,
        {
            "plan_id": plan.id,
            "version": plan.version,
            "definition": plan.definition,
            "created_by": author,
            "created_at": plan.updated_at,
        },
    )


def update_plan(tx: Unit, plan: PlanView) -> None:
    tx.execute(_UPDATE_PLAN, {"plan": plan.id, "name": plan.name, "version": plan.version, "updated_at": plan.updated_at})


def plan(tx: Unit, plan_id: str) -> PlanView | None:
    """The plan with its newest definition, if it is in the unit's project."""
    row = tx.execute(_PLAN, {"id": plan_id, "project": tx.cause.project}).one_or_none()
    return None if row is None else PlanView(**row._mapping)


def plan_page(tx: Unit, before: str, limit: int) -> list[PlanView]:
    """Newest first, from the one after `before` on."""
    found = tx.execute(_PLAN_PAGE.limit(limit), {"project": tx.cause.project, "before": before})
    return [PlanView(**row._mapping) for row in found]


def definition(tx: Unit, plan_id: str, version: int) -> Any:
    return tx.execute(_DEFINITION, {"plan": plan_id, "number": version}).scalar_one()


def insert_run(tx: Unit, run: RunRecord) -> None:
    tx.execute(_INSERT_RUN, msgspec.structs.asdict(run))


def run(tx: Unit, run_id: str) -> RunRecord | None:
    """The run, whichever project it is in."""
    found = tx.rows(_RUN_BY_ID, {"run": run_id})
    return RunRecord(**found[0]) if found else None


def run_by_key(tx: Unit, key: str) -> RunRecord | None:
    return _record(tx.execute(_RUN_BY_KEY, {"key": key, "project": tx.cause.project}).one_or_none())


def run_page(tx: Unit, plan_id: str, before: str, limit: int) -> list[RunRecord]:
    """Newest first, from the one after `before` on."""
    return [RunRecord(**row._mapping) for row in tx.execute(_RUN_PAGE.limit(limit), {"plan": plan_id, "before": before})]


def active_runs(tx: Unit) -> list[str]:
    """The ids of all runs that are running or waiting, in every project, oldest first."""
    return list(tx.execute(_ACTIVE).scalars())


def update_run(tx: Unit, run_id: str, status: RunStatus, detail: str, finished_at: datetime | None) -> None:
    tx.change(_UPDATE_RUN, {"run": run_id, "status": status, "detail": detail, "finished_at": finished_at})


def steps_of(tx: Unit, run_id: str) -> dict[str, StepRecord]:
    return {row["step_id"]: StepRecord(**row) for row in tx.rows(_STEPS, {"run": run_id})}


def insert_steps(tx: Unit, run_id: str, rows: Iterable[StepRecord]) -> None:
    for row in rows:
        tx.change(_INSERT_STEP, {"run_id": run_id, **msgspec.structs.asdict(row)})


def update_steps(tx: Unit, run_id: str, rows: Iterable[StepRecord]) -> None:
    """What an attempt leads to. Arguments change with a new attempt only, so a finished step's are not written again."""
    for row in rows:
        statement = _BEGIN_STEP if row.status == "running" else _UPDATE_STEP
        tx.change(statement, {"run": run_id, "step": row.step_id, **msgspec.structs.asdict(row)})


def close_steps(tx: Unit, run_id: str, was: StepStatus, status: StepStatus, detail: str = "") -> None:
    """Give every step of the run that is `was` another status for good."""
    tx.execute(
        _CLOSE_STEPS, {"run": run_id, "was": was, "status": status, "detail": detail, "wake_at": None, "finished_at": tx.now()}
    )


def _record(row: sa.Row[Any] | None) -> RunRecord | None:
    return None if row is None else RunRecord(**row._mapping)
