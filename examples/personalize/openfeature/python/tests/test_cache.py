import asyncio

import pytest
from sillage_flags.cache import Cache


def gives(found):
    async def read(_person):
        return found

    return read


async def test_who_was_asked_for_least_recently_goes_first():
    cache = Cache(2)
    await cache.read("a", 0, gives(1))
    await cache.read("b", 0, gives(2))
    cache.get("a")
    await cache.read("c", 0, gives(3))
    assert [entry and entry.found for entry in map(cache.get, "abc")] == [1, None, 3]


async def test_several_that_want_the_same_person_share_one_read():
    cache, reads = Cache(2), []

    async def slow(_person):
        await asyncio.sleep(0)
        reads.append(1)
        return len(reads)

    assert await asyncio.gather(*(cache.read("a", 0, slow) for _ in range(3))) == [1, 1, 1]


@pytest.mark.parametrize("happens", [lambda cache: cache.forget("a"), Cache.doubt, Cache.clear])
async def test_a_read_that_was_under_way_when_its_person_changed_is_not_kept(happens):
    cache, answer, asked = Cache(2), asyncio.Event(), asyncio.Event()

    async def slow(_person):
        asked.set()
        await answer.wait()
        return "old"

    old = asyncio.create_task(cache.read("a", 0, slow))
    await asked.wait()
    happens(cache)
    assert await cache.read("a", 0, gives("new")) == "new"
    answer.set()
    assert await old == "old"
    assert cache.get("a").found == "new"


async def test_one_that_waits_no_longer_does_not_end_the_read_of_the_others():
    cache, answer = Cache(2), asyncio.Event()

    async def slow(_person):
        await answer.wait()
        return 1

    patient = asyncio.create_task(cache.read("a", 0, slow))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cache.read("a", 0, slow), 0.01)
    answer.set()
    assert await patient == 1
