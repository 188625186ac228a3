"""Live segments as OpenFeature flags: a flag is what Redis says of a person at this moment."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    GeneralError,
    ProviderFatalError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from watch import Watcher

from .cache import Cache
from .evaluate import Found, depends_on, evaluate, type_of


CANCELS_MAX, CANCEL_S = 5, 0.5  # a cancellation can be lost, when it meets the end of a wait
SLACK_S = 1  # for the other thread to say that its deadline is over


@dataclass(frozen=True)
class Options:
    deadline_s: float = 0.05  # how long an evaluation may wait for Redis
    connect_s: float = 2  # how long the provider may take to become ready
    read_s: float = 1  # how long a read goes on for those who will ask later
    ttl_s: float = 30  # how old a user's profile may be: scores and traits change without an entry
    device_ttl_s: float = 2  # a device's: once linked, its changes are told under its person's id
    stale_s: float = 300  # how old one may be while Redis cannot be read
    cache_max: int = 10_000  # how many profiles are kept
    cluster: bool = False
    clock: Callable[[], float] = time.time


class SillageProvider(AbstractProvider):
    """`flags` gives each flag one of `segment`, `variants`, `score`, `profile`; see flags.json.

    Calls may come from any thread or event loop: Redis is asked on a thread of the provider's own,
    with one event loop, so that the deadline is one for connecting, sending and reading together.
    """

    def __init__(self, url: str, project: str, flags: dict[str, dict], options: Options = Options()):
        super().__init__()
        self._url = url
        self._project = project
        self._flags = {name: (flag, type_of(name, flag)) for name, flag in flags.items()}
        self._options = options
        self._cache = Cache(options.cache_max)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._is_live = False  # whether changes are followed, so that what is cached can be trusted
        self._is_initialized = False
        self._lost_timer: asyncio.TimerHandle | None = None

    def get_metadata(self) -> Metadata:
        return Metadata(name="sillage")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Raises if Redis is not there in time; the provider goes on trying, and tells when it is ready."""
        if self._loop is not None:
            return
        client = RedisCluster if self._options.cluster else Redis
        self._redis = client.from_url(
            self._url,
            decode_responses=True,
            # Once again for a connection that Redis closed since its last use, and no more.
            retry=Retry(NoBackoff(), 1),
            # The deadlines below are the only ones. With both, Python before 3.12 may lose one.
            socket_timeout=None,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="sillage-flags", daemon=True)
        self._thread.start()
        self._watcher = Watcher(self._url, self._project, cluster=self._options.cluster)
        self._following = self._start(self._follow(self._watcher))
        try:
            self._start(self._greet()).result(self._options.connect_s + SLACK_S)
        except ProviderFatalError:
            self.shutdown()  # no use in trying again
            raise
        finally:
            self._is_initialized = self._loop is not None

    def shutdown(self) -> None:
        """Back to what it was before `initialize`."""
        if self._loop is None or self._thread is None:
            return
        loop, self._loop = self._loop, None
        asyncio.run_coroutine_threadsafe(self._close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
        self._cache.clear()
        self._is_live = self._is_initialized = False

    def resolve_boolean_details(self, flag_key, default_value, evaluation_context=None):
        return self._resolve(flag_key, "boolean", default_value, evaluation_context)

    def resolve_string_details(self, flag_key, default_value, evaluation_context=None):
        return self._resolve(flag_key, "string", default_value, evaluation_context)

    def resolve_integer_details(self, flag_key, default_value, evaluation_context=None):
        return self._resolve(flag_key, "number", default_value, evaluation_context)

    def resolve_float_details(self, flag_key, default_value, evaluation_context=None):
        return self._resolve(flag_key, "number", default_value, evaluation_context)

    def resolve_object_details(self, flag_key, default_value, evaluation_context=None):
        return self._resolve(flag_key, "object", default_value, evaluation_context)

    async def resolve_boolean_details_async(self, flag_key, default_value, evaluation_context=None):
        return await self._resolve_async(flag_key, "boolean", default_value, evaluation_context)

    async def resolve_string_details_async(self, flag_key, default_value, evaluation_context=None):
        return await self._resolve_async(flag_key, "string", default_value, evaluation_context)

    async def resolve_integer_details_async(self, flag_key, default_value, evaluation_context=None):
        return await self._resolve_async(flag_key, "number", default_value, evaluation_context)

    async def resolve_float_details_async(self, flag_key, default_value, evaluation_context=None):
        return await self._resolve_async(flag_key, "number", default_value, evaluation_context)

    async def resolve_object_details_async(self, flag_key, default_value, evaluation_context=None):
        return await self._resolve_async(flag_key, "object", default_value, evaluation_context)

    @property
    def cached(self) -> int:
        """How many profiles are cached."""
        return len(self._cache)

    def _resolve(self, name: str, kind: str, fallback: Any, context: EvaluationContext | None):
        flag, person = self._flag(name, kind), person_of(context)
        found = self._cached(person)
        if found is not None:
            return self._details(flag, fallback, found, is_cached=True)
        try:
            found = self._start(self._read(person)).result(self._options.deadline_s + SLACK_S)
        except Exception as error:
            return self._stale(flag, fallback, person, error)
        return self._details(flag, fallback, found)

    async def _resolve_async(self, name: str, kind: str, fallback: Any, context: EvaluationContext | None):
        flag, person = self._flag(name, kind), person_of(context)
        found = self._cached(person)
        if found is not None:
            return self._details(flag, fallback, found, is_cached=True)
        try:
            asked = asyncio.wrap_future(self._start(self._read(person)))
            found = await asyncio.wait_for(asked, self._options.deadline_s + SLACK_S)
        except Exception as error:
            return self._stale(flag, fallback, person, error)
        return self._details(flag, fallback, found)

    def _flag(self, name: str, kind: str) -> dict:
        if name not in self._flags:
            raise FlagNotFoundError(f"no flag is called {name}")
        flag, its_kind = self._flags[name]
        if its_kind != kind:
            raise TypeMismatchError(f"{name} is a {its_kind}, not a {kind}")
        return flag

    def _cached(self, person: str) -> Found | None:
        entry = self._cache.get(person)
        ttl = self._options.device_ttl_s if person.startswith("a:") else self._options.ttl_s
        if entry is None or entry.is_doubted or not self._is_live or self._now() - entry.at >= ttl * 1000:
            return None
        return entry.found

    def _stale(self, flag: dict, fallback: Any, person: str, error: Exception) -> FlagResolutionDetails:
        if isinstance(error, ProviderFatalError):
            raise error
        entry = self._cache.get(person)
        if entry is None or self._now() - entry.at >= self._options.stale_s * 1000:
            raise GeneralError(f"Redis did not tell: {error!r}") from error
        details = self._details(flag, fallback, entry.found, is_cached=True)
        details.reason = Reason.STALE
        return details

    def _details(self, flag: dict, fallback: Any, found: Found, is_cached: bool = False):
        details = evaluate(flag, fallback, found, self._now())
        details.flag_metadata = {**details.flag_metadata, "cached": is_cached}
        return details

    def _now(self) -> int:
        return int(self._options.clock() * 1000)

    def _start(self, work: Coroutine) -> Future:
        if self._loop is None:
            work.close()
            raise GeneralError("the provider is closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # What follows runs on the thread of the provider.

    async def _greet(self) -> None:
        async with asyncio.timeout(self._options.connect_s):
            check_schema(await self._redis.hget(self._meta, "schema"))

    async def _read(self, person: str) -> Found:
        async with asyncio.timeout(self._options.deadline_s):
            return await self._cache.read(person, self._now(), self._ask)

    async def _ask(self, person: str) -> Found:
        """The whole profile, for all flags, in one round trip."""
        async with asyncio.timeout(self._options.read_s):
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(f"sl:{self._project}:{person}")
            pipe.hmget(self._meta, ["schema", "half_life_ms"])
            fields, (schema, half_life) = await pipe.execute()
        check_schema(schema)
        return Found(fields, half_life)

    @property
    def _meta(self) -> str:
        return f"sl:{self._project}:meta"

    async def _follow(self, watcher: Watcher) -> None:
        async for kind, changes in watcher.events():
            if kind == "live":
                self._on_live()
            elif kind == "lost":
                self._on_lost()
            elif kind == "gap":
                self._cache.doubt()
                self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=list(self._flags)))
            else:
                self._on_changes(changes)

    def _on_live(self) -> None:
        if self._lost_timer is not None:
            self._lost_timer.cancel()
        self._cache.doubt()  # what was read before may have changed before
        self._is_live = True
        # The SDK itself says so when `initialize` succeeds.
        if self._is_initialized:
            self.emit_provider_ready(ProviderEventDetails(message="Redis answers"))

    def _on_lost(self) -> None:
        self._is_live = False
        if not self._is_initialized:
            return
        self.emit_provider_stale(ProviderEventDetails(message="Redis does not answer"))
        if self._lost_timer is not None:
            self._lost_timer.cancel()
        self._lost_timer = asyncio.get_running_loop().call_later(self._options.stale_s, self._on_over)

    def _on_over(self) -> None:
        message = f"Redis has not answered for {self._options.stale_s} s"
        self.emit_provider_error(ProviderEventDetails(message=message, error_code=ErrorCode.GENERAL))

    def _on_changes(self, changes: list[dict]) -> None:
        for change in changes:
            self._cache.forget(change["id"])
        segments = {change["segment"] for change in changes}
        changed = [
            name
            for name, (flag, _) in self._flags.items()
            if any(depends_on(flag, segment) for segment in segments)
        ]
        if changed:
            details = ProviderEventDetails(flags_changed=changed, metadata={"changes": len(changes)})
            self.emit_provider_configuration_changed(details)

    async def _close(self) -> None:
        if self._lost_timer is not None:
            self._lost_timer.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for _ in range(CANCELS_MAX):
            for task in others:
                task.cancel()
            if others:
                _, others = await asyncio.wait(others, timeout=CANCEL_S)
        await self._watcher.close()
        await self._redis.aclose()


def check_schema(schema: str | None) -> None:
    if schema not in (None, "1"):
        raise ProviderFatalError(f"keys of schema {schema} are not known here")


def person_of(context: EvaluationContext | None) -> str:
    context = context or EvaluationContext()
    if context.targeting_key:
        return f"u:{context.targeting_key}"
    device = context.attributes.get("anonymousId")
    if isinstance(device, str) and device:
        return f"a:{device}"
    raise TargetingKeyMissingError("a targeting key, the user's id, or the attribute anonymousId is needed")
