"""Settings: which layer wins, what is refused and in which words, and that no secret is shown."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from vivesphere.kernel.errors import StartError
from vivesphere.kernel.setting_fields import SECRET
from vivesphere.kernel.settings import MASK, Reloaded, ServerSettings, Settings


class Limits(msgspec.Struct, frozen=True):
    enabled: Annotated[bool, Meta(description="Whether there are any.")] = False
    rate: Annotated[float, Meta(gt=0, description="Events a second.")] = 10.0
    burst: Annotated[int | None, Meta(description="How many at once.")] = None
    exempt: Annotated[tuple[str, ...], Meta(description="Who has none.")] = ()
    ports: Annotated[list[int], Meta(description="Where.")] = msgspec.field(default_factory=lambda: [80, 443])
    token: Annotated[str | None, Meta(description="A secret.", extra=SECRET)] = None


def load(environ: dict[str, str], tmp_path: Path, text: str | None = None, **layers: Any) -> Settings:
    if text is not None:
        (tmp_path / "vivesphere.toml").write_text(text)
    return Settings.load({"VIVESPHERE_DATA_DIR": str(tmp_path)} | environ, **layers)


def test_the_defaults_are_those_of_the_readme() -> None:
    assert Settings.load({}, file=Path("/nowhere/vivesphere.toml")).server == ServerSettings(
        data_dir=Path("data"), host="127.0.0.1", port=8000, database_url=None, admin_password=None, master_key=None
    )


def test_the_environment_beats_what_is_stored_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    text = "[limits]\nrate = 1.5\nburst = 2\nenabled = true"
    stored = {"limits": {"rate": 2.5, "burst": 3}}
    settings = load({"VIVESPHERE_LIMITS_RATE": "3.5"}, tmp_path, text, stored=stored)
    limits = settings.section("limits", Limits)
    assert (limits.rate, limits.burst, limits.enabled, limits.exempt) == (3.5, 3, True, ())
    sources = {each.key: each.source for each in settings.described() if each.group == "limits"}
    assert sources == {
        "rate": "environment",
        "burst": "stored",
        "enabled": "file",
        "exempt": "default",
        "ports": "default",
        "token": "default",
    }


def test_the_kernels_own_section_has_no_prefix_and_no_table(tmp_path: Path) -> None:
    server = load({"VIVESPHERE_HOST": "0.0.0.0"}, tmp_path, 'host = "::1"\nport = 9000').server  # noqa: S104 - nothing binds here
    assert (server.data_dir, server.host, server.port) == (tmp_path, "0.0.0.0", 9000)  # noqa: S104 - the same


@pytest.mark.parametrize(
    ("environ", "text", "expected"),
    [
        ({"VIVESPHERE_DATABASE_URL": "a", "DATABASE_URL": "b"}, 'database_url = "c"', "a"),
        ({"DATABASE_URL": "b"}, 'database_url = "c"', "b"),
        ({}, 'database_url = "c"', "c"),
        ({"VIVESPHERE_DATABASE_URL": "", "DATABASE_URL": ""}, "", None),
    ],
)
def test_the_database_url_is_looked_for_in_order(
    tmp_path: Path, environ: dict[str, str], text: str, expected: str | None
) -> None:
    assert load(environ, tmp_path, text).server.database_url == expected


def test_text_becomes_what_the_field_says(tmp_path: Path) -> None:
    environ = {"ENABLED": "true", "RATE": "2", "BURST": "7", "EXEMPT": " echo, dice,", "PORTS": "1,2"}
    settings = load({f"VIVESPHERE_LIMITS_{key}": value for key, value in environ.items()}, tmp_path)
    expected = Limits(enabled=True, rate=2.0, burst=7, exempt=("echo", "dice"), ports=[1, 2])
    assert settings.section("limits", Limits) == expected


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"VIVESPHERE_PORT": "http"}, "VIVESPHERE_PORT cannot be 'http': expected a whole number."),
        ({"VIVESPHERE_PORT": "70000"}, "VIVESPHERE_PORT cannot be '70000': expected a whole number <= 65535."),
        ({"VIVESPHERE_LIMITS_ENABLED": "maybe"}, "VIVESPHERE_LIMITS_ENABLED cannot be 'maybe': expected true or false."),
        ({"VIVESPHERE_LIMITS_RATE": "0"}, "VIVESPHERE_LIMITS_RATE cannot be '0': expected a number > 0.0."),
    ],
)
def test_a_bad_value_stops_the_start_with_the_name_of_the_variable(
    tmp_path: Path, environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(StartError) as refused:
        load(environ, tmp_path).section("limits", Limits)
    assert str(refused.value) == sentence


def test_a_bad_value_in_the_file_or_the_stored_layer_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"port in .*vivesphere\.toml cannot be \[1\]: expected a whole number"):
        load({}, tmp_path, "port = [1]")
    with pytest.raises(StartError, match=r"The stored setting limits\.rate cannot be 'x'"):
        load({}, tmp_path, "", stored={"limits": {"rate": "x"}}).section("limits", Limits)


def test_a_bad_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(StartError) as refused:
        load({}, tmp_path, "[limits]\ntoken = 123456789").section("limits", Limits)
    assert "limits.token" in str(refused.value)
    assert "123456789" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"vivesphere\.toml is not valid TOML: .*line 1"):
        load({}, tmp_path, "port: 8000")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "vivesphere.toml").mkdir()
    with pytest.raises(StartError, match=r"vivesphere\.toml cannot be read"):
        load({}, tmp_path)


def test_an_unknown_key_in_the_file_stops_the_start_with_the_nearest_name(tmp_path: Path) -> None:
    settings = load({}, tmp_path, "[limits]\nrates = 1")
    settings.section("limits", Limits)
    with pytest.raises(StartError, match=r"vivesphere\.toml sets 'limits\.rates', .*did you mean limits\.rate\?"):
        settings.check()


def test_a_section_nobody_reads_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"'zebra\.stripes', which is not a setting; remove or correct it"):
        load({}, tmp_path, "[zebra]\nstripes = 1").check()


def test_a_section_written_as_a_value_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"write \[limits\]"):
        load({}, tmp_path, "limits = 3").section("limits", Limits)


def test_the_file_cannot_move_the_directory_it_lies_in(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="set VIVESPHERE_DATA_DIR"):
        load({}, tmp_path, 'data_dir = "/elsewhere"')


def test_an_unknown_variable_is_a_warning_with_the_nearest_name(tmp_path: Path) -> None:
    settings = load({"VIVESPHERE_PROT": "1", "VIVESPHERE_ZZZ": "2", "OTHER": "3", "VIVESPHERE_EMPTY": ""}, tmp_path, "port = 1")
    assert settings.check() == (
        "The environment variable VIVESPHERE_PROT is not a setting (did you mean VIVESPHERE_PORT?); it is ignored.",
        "The environment variable VIVESPHERE_ZZZ is not a setting; it is ignored.",
    )


def test_every_setting_is_described_and_no_secret_is_shown(tmp_path: Path) -> None:
    hush = "hush-hush-hush-hush"
    environ = {f"VIVESPHERE_{name}": hush for name in ("DATABASE_URL", "ADMIN_PASSWORD", "MASTER_KEY", "LIMITS_TOKEN")}
    settings = load(environ, tmp_path)
    settings.section("limits", Limits)
    described = settings.described()
    assert [each.key for each in described if each.secret] == ["database_url", "admin_password", "master_key", "token"]
    assert {each.value for each in described if each.secret} == {MASK}
    assert all(each.description for each in described)
    assert hush not in msgspec.json.encode(described).decode()
    assert hush not in repr(settings.server)
    port = next(each for each in described if each.key == "port")
    assert (port.group, port.type, port.value, port.default, port.environment) == (
        "server",
        "integer",
        8000,
        8000,
        "VIVESPHERE_PORT",
    )


def test_the_types_are_json_schemas(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    settings.section("limits", Limits)
    described = {each.key: (each.type, each.default) for each in settings.described() if each.group == "limits"}
    assert described == {
        "enabled": ("boolean", False),
        "rate": ("number", 10.0),
        "burst": ("integer", None),
        "exempt": ("array", []),
        "ports": ("array", [80, 443]),
        "token": ("string", None),
    }


def test_a_secret_that_is_not_set_has_no_mask(tmp_path: Path) -> None:
    assert [each.value for each in load({}, tmp_path).described() if each.secret] == [None, None, None]


def test_asking_twice_gives_the_same_section_and_another_class_is_a_mistake(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert settings.section("limits", Limits) is settings.section("limits", Limits)
    with pytest.raises(ValueError, match="declared twice"):
        settings.section("limits", ServerSettings)


def test_two_settings_cannot_share_a_variable(tmp_path: Path) -> None:
    class Data(msgspec.Struct, frozen=True):
        dir: Annotated[str, Meta(description="Collides with the data directory.")] = ""

    with pytest.raises(ValueError, match="VIVESPHERE_DATA_DIR"):
        load({}, tmp_path).section("data", Data)


def test_a_field_without_description_or_default_is_a_mistake(tmp_path: Path) -> None:
    class Bare(msgspec.Struct, frozen=True):
        field: int = 1

    class Required(msgspec.Struct, frozen=True):
        field: Annotated[int, Meta(description="No default.")]

    class Inner(msgspec.Struct, frozen=True):
        field: Annotated[complex, Meta(description="No text becomes one.")] = 1j

    for section in (Bare, Required):
        with pytest.raises(ValueError, match=r"mistaken\.field needs a default and a description"):
            load({}, tmp_path).section("mistaken", section)
    with pytest.raises(StartError):
        load({"VIVESPHERE_MISTAKEN_FIELD": "1"}, tmp_path).section("mistaken", Inner)


def test_a_section_that_could_not_be_read_is_no_stranger_to_the_file(tmp_path: Path) -> None:
    settings = load({}, tmp_path, "[limits]\nrate = 0")
    for _ in range(2):
        with pytest.raises(StartError, match=r"limits\.rate"):
            settings.section("limits", Limits)
    assert settings.check() == ()
    assert {each.group for each in settings.described()} == {"server"}


class Reloading:
    """Settings in a folder, with what the watchers of `limits` were told."""

    def __init__(self, folder: Path, text: str, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.told: list[Limits] = []
        self.settings = load(environ or {}, folder, text)
        self.first = self.settings.watch("limits", Limits, self.told.append)

    def write(self, text: str) -> "Reloading":
        (self.folder / "vivesphere.toml").write_text(text)
        return self


def test_a_reload_tells_those_who_watch_what_changed(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, "[limits]\nrate = 1\nburst = 2")
    assert reloading.first.rate == 1.0
    assert reloading.write("[limits]\nrate = 5\nburst = 2\nenabled = true").settings.reload() == Reloaded(
        keys=("limits.enabled", "limits.rate")
    )
    (told,) = reloading.told
    assert (told.rate, told.burst, told.enabled) == (5.0, 2, True)
    assert reloading.settings.section("limits", Limits) == told
    rate = next(each for each in reloading.settings.described() if each.key == "rate")
    assert (rate.value, rate.source, rate.live) == (5.0, "file", True)


def test_a_reload_of_the_same_file_changes_nothing_and_tells_nobody(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, "[limits]\nrate = 1")
    assert not reloading.settings.reload()
    (tmp_path / "vivesphere.toml").write_text("# the same\n[limits]\nrate = 1.0\nenabled = false")
    assert not reloading.settings.reload()
    assert reloading.told == []


def test_a_file_that_went_away_leaves_the_defaults(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, "[limits]\nrate = 1")
    (tmp_path / "vivesphere.toml").unlink()
    assert reloading.settings.reload().keys == ("limits.rate",)
    assert reloading.told == [Limits()]


def test_the_environment_still_beats_the_file_after_a_reload(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, "", {"VIVESPHERE_LIMITS_RATE": "3"})
    assert not reloading.write("[limits]\nrate = 9").settings.reload()
    assert reloading.settings.section("limits", Limits).rate == 3.0


def test_what_nobody_watches_waits_for_a_restart_and_is_shown_as_it_is_in_force(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, "port = 9000")
    for _ in range(2):  # It waits until somebody restarts, however often it is asked.
        assert reloading.write('port = 9001\nhost = "127.0.0.1"').settings.reload() == Reloaded(restart_needed=("port",))
        shown = {each.key: (each.value, each.source, each.live) for each in reloading.settings.described()}
        assert shown["port"] == (9000, "file", False)
        assert shown["host"] == ("127.0.0.1", "file", False)
    assert not reloading.write("port = 9000").settings.reload()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[limits]\nrate = 2\nburst = 'x'", r"limits\.burst in .*vivesphere\.toml cannot be 'x': expected a whole number"),
        ("port = 'x'\n[limits]\nrate = 2", r"^port in .*vivesphere\.toml cannot be 'x'"),
        ("[limits]\nrate = 2\nrates = 3", r"sets 'limits\.rates', .*did you mean limits\.rate\?\); remove or correct it"),
        ("limits = 3", r"write \[limits\]"),
        ("[limits", "is not valid TOML"),
    ],
)
def test_a_reload_with_anything_wrong_changes_nothing(tmp_path: Path, text: str, sentence: str) -> None:
    reloading = Reloading(tmp_path, "[limits]\nrate = 1")
    with pytest.raises(StartError, match=sentence + r".*\. Nothing has changed; mend it and reload again\.$"):
        reloading.write(text).settings.reload()
    assert reloading.told == []
    assert reloading.settings.section("limits", Limits).rate == 1.0


def test_a_watcher_that_refuses_leaves_everything_as_it_was(tmp_path: Path) -> None:
    class Others(msgspec.Struct, frozen=True):
        rules: Annotated[tuple[str, ...], Meta(description="Checked by who uses them.")] = ()

    def refuse(others: Others) -> None:
        raise StartError(f"others.rules has the rule {others.rules[0]!r}, which is none.")

    reloading = Reloading(tmp_path, "[limits]\nrate = 1")
    settings = reloading.settings
    settings.watch("others", Others, refuse)
    with pytest.raises(StartError, match=r"the rule 'odd', which is none\. Nothing has changed"):
        reloading.write("[limits]\nrate = 2\n[others]\nrules = ['odd']").settings.reload()
    assert [told.rate for told in reloading.told] == [2.0, 1.0]
    assert settings.section("limits", Limits).rate == 1.0
    assert settings.section("others", Others).rules == ()
    assert reloading.write("[limits]\nrate = 2").settings.reload().keys == ("limits.rate",)
