"""Looks up which variant of a page a person sees, in one round trip and within a deadline."""

import asyncio
import time

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from decide import answer, decide, fields, key


WARM_S = 2  # how long a program that starts waits for Redis


class Hero:
    """Make one for each process: it keeps its connections and hands them to concurrent lookups."""

    def __init__(self, url: str, project: str, page: dict, cluster: bool = False):
        client = RedisCluster if cluster else Redis
        self._redis = client.from_url(
            url,
            decode_responses=True,
            # Once, for a connection that Redis closed since its last use; by default three times,
            # with pauses in between, which is longer than a page waits.
            retry=Retry(NoBackoff(), 1),
            # The deadline below is the only one. With both, Python before 3.12 may lose the shorter.
            socket_timeout=None,
        )
        self._meta = f"sl:{project}:meta"
        self._project = project
        self._page = page
        self._fields = fields(page)
        self._deadline = page["deadline_ms"] / 1000

    async def warm(self) -> None:
        """Connects, so that the first page need not. A Redis that is down now may come later."""
        try:
            async with asyncio.timeout(max(WARM_S, self._deadline)):
                await self._redis.hget(self._meta, "schema")
        except Exception:
            pass

    async def choose(self, person: str, now: int | None = None) -> dict:
        """Never raises: a page without its hero is worse than a page with the usual one."""
        try:
            # Over the whole lookup. `socket_timeout` counts each read anew, and connecting apart.
            async with asyncio.timeout(self._deadline):
                pipe = self._redis.pipeline(transaction=False)
                pipe.hmget(key(self._project, person), self._fields)
                pipe.hmget(self._meta, ["schema", "half_life_ms"])
                values, (schema, half_life) = await pipe.execute()
            if schema not in (None, "1"):
                raise ValueError(f"keys of schema {schema}")
            now = int(time.time() * 1000) if now is None else now
            return decide(self._page, dict(zip(self._fields, values)), half_life, now)
        except Exception:  # count these in your metrics
            return answer(self._page["default"], "unavailable")

    async def close(self) -> None:
        await self._redis.aclose()
