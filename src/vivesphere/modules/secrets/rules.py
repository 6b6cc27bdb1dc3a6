"""The rules of secrets, over one unit of work each."""

import msgspec

from vivesphere.contracts.secrets import SecretChanged
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.principals import Principal
from vivesphere.modules.secrets import repository
from vivesphere.modules.secrets.repository import SealedSecret
from vivesphere.modules.secrets.schemas import Secret


def store(tx: Unit, secret: SealedSecret, last_four: str) -> str:
    """Keep it under a new id, or put it in the place of its owner's secret of the same name, whose id stays. Returns the id."""
    known = repository.id_by_name(tx, secret.project, secret.owner, secret.name)
    if known is None:
        repository.insert(tx, secret, last_four, tx.now())
    else:
        secret = msgspec.structs.replace(secret, id=known)
        repository.replace(tx, known, secret.sealed, last_four, tx.now())
    tx.emit(SecretChanged(secret_id=secret.id, name=secret.name))
    return secret.id


def owned(tx: Unit, project: str, owner: Principal, secret_id: str) -> SealedSecret | None:
    return repository.owned(tx, project, owner, secret_id)


def any_secret(tx: Unit) -> SealedSecret | None:
    return repository.any_secret(tx)


def list_secrets(tx: Unit, after: str, limit: int) -> list[Secret]:
    return repository.page(tx, tx.cause.project, after, limit)
