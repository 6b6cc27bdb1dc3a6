"""The reference is written from the code, and must be what the code says today."""

import msgspec
import pytest
from docs.generate import REFERENCE, described_settings, documents, events_page

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event, Request


@pytest.mark.parametrize("name", ["openapi.json", "settings.md", "events.md"])
def test_the_committed_document_is_fresh(name: str) -> None:
    assert (REFERENCE / name).read_bytes() == documents()[name], "run `make docs` and commit what it writes"


def test_every_message_is_in_the_reference() -> None:
    page = events_page()
    messages = [
        value
        for contracts in (*app.CONTRACTS, kernel_events)
        for value in vars(contracts).values()
        if isinstance(value, type) and issubclass(value, Event | Request) and value.__module__ == contracts.__name__
    ]
    assert messages
    for message in messages:
        assert f"### {message.topic}\n\n{message.__name__}, " in page


def test_every_setting_says_what_it_is_for() -> None:
    assert not [each.environment for each in described_settings() if len(each.description) < 10]


def test_secret_settings_show_no_default() -> None:
    assert not [each.environment for each in described_settings() if each.secret and each.default is not None]


def test_the_openapi_document_is_of_version_3_1_and_names_every_problem() -> None:
    document = msgspec.json.decode(app.openapi_document())
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "ViveSphere"
