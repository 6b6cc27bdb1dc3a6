"""Secrets kept for modules, encrypted; the plain value crosses the bus only as a reply to the one who stored it."""

import msgspec

from vivesphere.kernel.bus.messages import Event, Request


class SecretStored(msgspec.Struct, frozen=True, tag="stored"):
    secret_id: str


class StoreSecret(Request[SecretStored]):
    """Keep `value` for the asking module. The same `name` in the same project replaces the old value."""

    topic = "secrets.store"
    permission = "secrets.secret.write"
    secret = frozenset({"value"})
    name: str
    value: str


class SecretValue(msgspec.Struct, frozen=True, tag="value"):
    value: str


class SecretUnknown(msgspec.Struct, frozen=True, tag="unknown"):
    """No such secret, or one that the asker did not store: the two are not told apart."""


class RevealSecret(Request[SecretValue | SecretUnknown]):
    topic = "secrets.reveal"
    permission = "secrets.secret.reveal"
    secret_id: str


class SecretChanged(Event, durable=True):
    topic = "secrets.secret.changed"
    permission = "secrets.secret.read"
    secret_id: str
    name: str
