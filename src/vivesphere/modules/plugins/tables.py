"""The tables that plugins declare: made when a plugin is enabled, grown with its version, and dropped by no mistake."""

from collections.abc import Awaitable, Callable

from vivesphere.kernel import principals
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.modules.plugins import rules
from vivesphere.modules.plugins.errors import TableRefused
from vivesphere.sdk.manifest import Manifest, ManifestInvalid


class PluginTables:
    """Brings what is in the database up to what a manifest declares."""

    def __init__(self, db: DatabaseHandle, refresh_access: Callable[[], Awaitable[None]]) -> None:
        self._db = db
        self._refresh_access = refresh_access

    async def bring_up_to_date(self, manifest: Manifest) -> None:
        """Raises TableRefused, with nothing changed. What the manifest does not declare any more stays as it is."""
        if not manifest.tables:
            return
        from vivesphere.sdk.tables import definitions  # noqa: PLC0415 - most plugins have none, and DDL is heavy

        try:
            declared = definitions(manifest)
            changed = await self._db.write(rules.grow_tables, principals.plugin(manifest.id), manifest.version, declared)
        except (ManifestInvalid, DatabaseError) as error:
            raise TableRefused(str(error)) from error
        if changed:
            await self._refresh_access()
