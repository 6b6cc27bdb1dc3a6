"""Every query of this module."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.principals import Principal
from vivesphere.modules.secrets.models import SecretRow
from vivesphere.modules.secrets.schemas import Secret


class SealedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as it is kept."""

    id: str
    owner: Principal
    project: str
    name: str
    sealed: bytes


_secrets = table_of(SecretRow)

_ID_BY_NAME = sa.select(_secrets.c.id).where(
    _secrets.c.project == sa.bindparam("project"),
    _secrets.c.owner == sa.bindparam("owner"),
    _secrets.c.name == sa.bindparam("name"),
)
_INSERT = sa.insert(_secrets)
_REPLACE = sa.update(_secrets).where(_secrets.c.id == sa.bindparam("secret_id"))
_SEALED = sa.select(*(_secrets.c[field] for field in SealedSecret.__struct_fields__))
_OWNED = _SEALED.where(
    _secrets.c.id == sa.bindparam("secret_id"),
    _secrets.c.project == sa.bindparam("project"),
    _secrets.c.owner == sa.bindparam("owner"),
)
_ANY = _SEALED.limit(1)
_PAGE = (
    sa.select(*(_secrets.c[field] for field in Secret.__struct_fields__))
    .where(_secrets.c.project == sa.bindparam("project"), _secrets.c.id > sa.bindparam("after"))
    .order_by(_secrets.c.id)
    .limit(sa.bindparam("limit"))
)


def id_by_name(tx: Unit, project: str, owner: Principal, name: str) -> str | None:
    return tx.execute(_ID_BY_NAME, {"project": project, "owner": owner, "name": name}).scalar_one_or_none()


def insert(tx: Unit, secret: SealedSecret, last_four: str, now: datetime) -> None:
    tx.execute(_INSERT, msgspec.structs.asdict(secret) | {"last_four": last_four, "created_at": now, "updated_at": now})


def replace(tx: Unit, secret_id: str, sealed: bytes, last_four: str, now: datetime) -> None:
    tx.execute(_REPLACE, {"secret_id": secret_id, "sealed": sealed, "last_four": last_four, "updated_at": now})


def owned(tx: Unit, project: str, owner: Principal, secret_id: str) -> SealedSecret | None:
    row = tx.execute(_OWNED, {"project": project, "owner": owner, "secret_id": secret_id}).one_or_none()
    return None if row is None else SealedSecret(**row._mapping)


def any_secret(tx: Unit) -> SealedSecret | None:
    """Some secret, whosever it is; None if there is none at all."""
    row = tx.execute(_ANY).one_or_none()
    return None if row is None else SealedSecret(**row._mapping)


def page(tx: Unit, project: str, after: str, limit: int) -> list[Secret]:
    rows = tx.execute(_PAGE, {"project": project, "after": after, "limit": limit})
    return [Secret(**row._mapping) for row in rows]
