"""What lies in the plugins folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.settings import Settings
from vivesphere.sdk.manifest import MANIFEST, Manifest, ManifestInvalid, read_manifest


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """One folder with a `plugin.toml`. Either the manifest is there, or `problem` says why not."""

    id: str
    folder: Path
    manifest: Manifest | None = None
    config: dict[str, JSON] | None = None
    problem: str = ""


def discover(folder: Path, settings: Settings) -> dict[str, FoundPlugin]:
    """Every plugin in the folder, by id. What a manifest lets an operator set becomes the settings section `plugin_<id>`."""
    folders = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    return {each.name: _read(each, settings) for each in folders}


def _read(folder: Path, settings: Settings) -> FoundPlugin:
    try:
        manifest = read_manifest(folder)
        return FoundPlugin(folder.name, folder, manifest, _config(manifest, settings))
    except (ManifestInvalid, StartError) as error:
        return FoundPlugin(folder.name, folder, problem=str(error))


def _config(manifest: Manifest, settings: Settings) -> dict[str, JSON]:
    if not manifest.config:
        return {}
    fields = [
        (key, Annotated[type(field.default), Meta(description=field.description)], field.default)
        for key, field in manifest.config.items()
    ]
    section = msgspec.defstruct(f"{manifest.id}_config", fields, kw_only=True, frozen=True)
    return msgspec.structs.asdict(settings.section(f"plugin_{manifest.id}", section))
