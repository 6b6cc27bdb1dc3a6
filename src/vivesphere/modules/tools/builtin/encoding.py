"""Tools of the categories `hash` and `encoding`."""

import binascii
import hashlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Annotated, Literal

from msgspec import Meta

from vivesphere.sdk import PluginError, tool

Text = Annotated[str, Meta(max_length=1_000_000)]
Algorithm = Literal["sha256", "sha512", "sha3_256", "blake2b"]


@tool("hash.digest_text")
def digest_text(text: Text, algorithm: Algorithm = "sha256") -> str:
    """The digest of a text's UTF-8 bytes, in lower-case hex."""
    return hashlib.new(algorithm, text.encode()).hexdigest()


@tool("encoding.base64")
def base64(
    text: Text,
    direction: Literal["encode", "decode"],
    url_safe: Annotated[bool, Meta(description="Encode with - and _ and without padding; decoding takes both forms.")] = False,
) -> str:
    """Encode a text's UTF-8 bytes in base64 (RFC 4648), or decode base64 into a text."""
    if direction == "encode":
        data = text.encode()
        return urlsafe_b64encode(data).rstrip(b"=").decode() if url_safe else b64encode(data).decode()
    compact = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode()
    except UnicodeDecodeError as error:
        raise PluginError("What is encoded is not a UTF-8 text.") from error
    except (binascii.Error, ValueError) as error:
        raise PluginError("The text is not base64.") from error
