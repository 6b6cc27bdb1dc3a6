"""What only a wired server knows: its routes, and who publishes, listens and answers."""

import asyncio
import tempfile
from functools import cache
from typing import Any

import msgspec

from vivesphere import app
from vivesphere.kernel import release
from vivesphere.kernel.catalog import Catalog, catalog_of
from vivesphere.kernel.http.asyncapi import asyncapi_document
from vivesphere.kernel.http.openapi import openapi_document
from vivesphere.kernel.settings import Settings


class Installation(msgspec.Struct, frozen=True):
    """A new installation, described. The documents are what it serves below `/schema`."""

    openapi: dict[str, Any]
    asyncapi: dict[str, Any]
    catalog: Catalog


@cache
def new_installation() -> Installation:
    """Started in a folder of its own, and stopped again."""

    async def described(folder: str) -> Installation:
        async with app.running(Settings.load({"VIVESPHERE_DATA_DIR": folder})) as application:
            modules = [module for module, _ in application.modules]
            return Installation(
                openapi_document(application.http), asyncapi_document(modules, release.version()), catalog_of(modules)
            )

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(described(folder))


def indented(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
