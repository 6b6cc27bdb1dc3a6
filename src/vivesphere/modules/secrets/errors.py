"""What secrets refuses."""

from vivesphere.kernel.errors import InvalidInput


class SecretInvalid(InvalidInput):
    """The name or the value is not one that can be kept. Says nothing of the value."""
