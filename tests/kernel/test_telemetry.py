"""Logs: one form for people, one for machines, and no secret in either."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.telemetry import LogSettings, configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_machines_get_json_with_the_cause_and_without_secrets() -> None:
    out = io.StringIO()
    configure_logging(LogSettings(), out)
    cause = Cause(source=SYSTEM, actor=SYSTEM)
    with acting_under(cause):
        structlog.get_logger("vivesphere.test").info("signed_in", refresh_token="abc", who="ada", odd=object)
    logging.getLogger("library").warning("something %s", "odd")
    structlog.get_logger("vivesphere.test").debug("not important enough")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("signed_in", "info", "vivesphere.test")
    assert (first["refresh_token"], first["who"], first["correlation_id"]) == ("***", "ada", cause.correlation_id)
    assert (second["event"], second["logger"]) == ("something odd", "library")


@pytest.mark.parametrize("out", [Terminal(), io.StringIO()])
def test_a_traceback_holds_no_local_variables(out: io.StringIO) -> None:
    configure_logging(LogSettings(), out)

    def sign_in(password: str) -> None:
        raise ValueError(len(password))

    try:
        sign_in("hunter2")
    except ValueError:
        structlog.get_logger("vivesphere.test").exception("failed")
    assert "ValueError" in out.getvalue()
    assert "hunter2" not in out.getvalue().replace('sign_in("hunter2")', "")


def test_people_get_lines() -> None:
    out = Terminal()
    configure_logging(LogSettings(level="error"), out)
    structlog.get_logger("vivesphere.test").warning("quiet")
    structlog.get_logger("vivesphere.test").error("loud")
    assert "loud" in out.getvalue()
    assert "quiet" not in out.getvalue()
    forced = io.StringIO()
    configure_logging(LogSettings(format="console"), forced)
    structlog.get_logger("vivesphere.test").info("plain")
    assert not forced.getvalue().startswith("{")


def test_level_and_form_change_for_loggers_that_have_written_already() -> None:
    out = io.StringIO()
    configure_logging(LogSettings(), out)
    log = structlog.get_logger("vivesphere.test").bind()
    log.info("first")
    log.debug("hidden")
    configure_logging(LogSettings(level="debug", format="console"), out)
    log.debug("shown")
    logging.getLogger("library").debug("heard")
    first, *others = out.getvalue().splitlines()
    assert json.loads(first)["event"] == "first"
    assert "T" in json.loads(first)["timestamp"]
    assert [("shown" in line, "heard" in line) for line in others] == [(True, False), (False, True)]
    assert not any(line.startswith("{") for line in others)
