"""The SDK's face: its names, its hooks, and that each hook is documented and tried."""

import ast
import inspect
from pathlib import Path

import pytest

from vivesphere import sdk
from vivesphere.sdk import hookspecs
from vivesphere.sdk.loading import make_plugins

HOOKS = ["commands", "health", "listeners", "on_disable", "on_enable", "tools"]


def test_the_names_are_pinned() -> None:
    assert sorted(sdk.__all__) == [
        "Command",
        "Envelope",
        "Event",
        "Health",
        "HttpAnswer",
        "JSON",
        "Listener",
        "Message",
        "PluginContext",
        "PluginError",
        "Reply",
        "Rows",
        "Tool",
        "command",
        "hookimpl",
        "listener",
        "tool",
    ]


def test_the_hooks_are_pinned() -> None:
    hooks = make_plugins().hook
    assert sorted(name for name in vars(hooks) if not name.startswith("_")) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    assert len(inspect.getdoc(getattr(hookspecs, hook)) or "") > 40


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tried_in_a_plugin(hook: str) -> None:
    """Somewhere in the tests of the SDK a plugin implements it, and a test's name says so."""
    source = Path(__file__).with_name("test_plugin.py").read_text(encoding="utf-8")
    assert f"def {hook}(" in source
    tests = [node.name for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)]
    assert any(name.startswith(f"test_{hook}_") for name in tests)
