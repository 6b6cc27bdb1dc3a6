"""HTTP for a plugin: the effects gate in the shape that the SDK shows."""

from collections.abc import Mapping

import msgspec

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.effect_errors import EffectFailed, EffectRefused
from vivesphere.kernel.effects import EffectsHandle, HttpRequest
from vivesphere.sdk import HttpAnswer, PluginError
from vivesphere.sdk.acts import next_key


class GatedHttp:
    """Implements `sdk.context.Http`. EffectUnknown comes through as it is: nobody may take it for a failure."""

    def __init__(self, effects: EffectsHandle) -> None:
        self._effects = effects

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return await self._fetch(HttpRequest(method="GET", url=url, headers=headers or {}))

    async def post_json(self, url: str, body: JSON, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        encoded = msgspec.json.encode(body)
        typed = {"content-type": "application/json", **(headers or {})}
        return await self._fetch(HttpRequest(method="POST", url=url, headers=typed, body=encoded), next_key())

    async def _fetch(self, request: HttpRequest, key: str | None = None) -> HttpAnswer:
        try:
            answer = await self._effects.fetch(request, idempotency_key=key)
        except (EffectRefused, EffectFailed) as error:
            raise PluginError(error.detail) from error
        return HttpAnswer(status=answer.status, headers=answer.headers, text=answer.text, stand_in=answer.stand_in)
