import threading
import time

import pytest
from conftest import DAY, FLAGS, NOW, until
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode, GeneralError, ProviderFatalError
from openfeature.provider import ProviderStatus
from redis.exceptions import RedisError
from sillage_flags import SillageProvider

AS_OF = str(NOW - 1000)
USER = EvaluationContext(targeting_key="42")
DEVICE = EvaluationContext(attributes={"anonymousId": "d-1"})


def user(key):
    return EvaluationContext(targeting_key=key)


def test_a_boolean_flag_is_a_membership_and_says_since_when_and_as_of_when(world):
    world.server.profile("u:42", seg__hot_cart="1799999990000", as_of=AS_OF, v="7")
    details = world.ready().get_boolean_details("cart-reminder", False, USER)
    assert (details.value, details.variant, details.reason) == (True, "on", "TARGETING_MATCH")
    assert details.error_code is None
    assert details.flag_metadata == {
        "known": True,
        "as_of": NOW - 1000,
        "v": 7,
        "segment": "hot-cart",
        "entered_at": 1_799_999_990_000,
        "cached": False,
    }


@pytest.mark.parametrize(("key", "known"), [("42", True), ("nobody", False)])
def test_who_is_in_no_segment_or_unknown_gets_false_whatever_the_default(world, key, known):
    world.server.profile("u:42", as_of=AS_OF, v="7")
    details = world.ready().get_boolean_details("cart-reminder", True, user(key))
    assert (details.value, details.variant, details.reason) == (False, "off", "DEFAULT")
    assert details.flag_metadata["known"] is known


def test_a_membership_whose_deadline_nobody_has_looked_at_is_over_and_says_so(world):
    world.server.profile("u:42", seg__hot_cart="1", as_of=str(NOW - 3_900_001))
    details = world.ready().get_boolean_details("cart-reminder", True, USER)
    assert (details.value, details.reason) == (False, "STALE")


def test_a_string_flag_is_the_first_variant_that_fits(world):
    world.server.profile("u:both", seg__pro="1", seg__hot_cart="2", as_of=AS_OF)
    world.server.profile("u:pro", seg__pro="1", as_of=AS_OF)
    world.server.profile("u:fan", score__engagement="25", as_of=str(NOW))
    world.server.profile("u:new", score__engagement="24.9999", as_of=str(NOW))
    client = world.ready()
    for key, value, reason, entered_at in [
        ("both", "finish-order", "TARGETING_MATCH", 2),
        ("pro", "pro-tips", "TARGETING_MATCH", 1),
        ("fan", "for-fans", "TARGETING_MATCH", None),
        ("new", "welcome", "DEFAULT", None),
        ("nobody", "welcome", "DEFAULT", None),
    ]:
        details = client.get_string_details("hero", "none", user(key))
        assert (details.value, details.variant, details.reason) == (value, value, reason)
        assert details.flag_metadata.get("entered_at") == entered_at


def test_a_number_flag_is_the_score_as_it_is_now(world):
    world.server.profile("u:42", score__engagement="75", as_of=str(NOW))
    client = world.ready()
    assert client.get_float_value("engagement", -1.0, USER) == 75
    world.now += 7 * DAY
    # Half of raw is left: 1 - sqrt(1 - 0.75).
    assert abs(client.get_float_value("engagement", -1.0, USER) - 50) < 1e-9
    assert client.get_integer_value("engagement", -1, USER) == 50
    stranger = client.get_float_details("engagement", -1.0, user("nobody"))
    assert (stranger.value, stranger.reason) == (-1, "DEFAULT")


def test_an_object_flag_is_the_whole_profile(world):
    session = {"sess__id": "ab", "sess__events": "3"}
    scores = {"score__engagement": "10", "trait__plan": "pro"}
    world.server.profile("u:42", seg__pro="5", **session, **scores, as_of=str(NOW), v="7")
    client = world.ready()
    assert client.get_object_value("visitor", {}, USER) == {
        "segments": {"pro": 5},
        "scores": {"engagement": 10},
        "session": {"id": "ab", "events": 3},
        "traits": {"plan": "pro"},
        "as_of": NOW,
    }
    assert client.get_object_value("visitor", {"a": 1}, user("nobody")) == {"a": 1}


def test_a_device_is_looked_up_by_its_anonymous_id_a_user_before_it(world):
    world.server.profile("a:d-1", seg__pro="1", as_of=AS_OF)
    client = world.ready()
    assert client.get_boolean_value("pro-menu", False, DEVICE)
    assert not client.get_boolean_value("pro-menu", True, EvaluationContext("42", {"anonymousId": "d-1"}))


async def test_the_asynchronous_calls_say_the_same(world):
    world.server.profile("u:42", seg__pro="1", score__engagement="10", as_of=str(NOW))
    client = world.ready()
    assert await client.get_boolean_value_async("pro-menu", False, USER) is True
    assert await client.get_string_value_async("hero", "none", USER) == "pro-tips"
    assert await client.get_float_value_async("engagement", -1.0, USER) == 10
    assert await client.get_integer_value_async("engagement", -1, USER) == 10
    assert (await client.get_object_value_async("visitor", {}, USER))["as_of"] == NOW
    details = await client.get_boolean_details_async("no-such", True, USER)
    assert (details.value, details.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)


@pytest.mark.parametrize(
    ("flag", "context", "code"),
    [
        ("no-such", USER, ErrorCode.FLAG_NOT_FOUND),
        ("hero", USER, ErrorCode.TYPE_MISMATCH),
        ("pro-menu", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("pro-menu", EvaluationContext(attributes={"anonymousId": 7}), ErrorCode.TARGETING_KEY_MISSING),
        ("pro-menu", user("broken"), ErrorCode.GENERAL),
        ("pro-menu", user("no-hash"), ErrorCode.GENERAL),
    ],
)
def test_what_cannot_be_resolved_says_why_and_gives_the_default(world, flag, context, code):
    world.server.profile("u:broken", seg__pro="yes", as_of=AS_OF)
    world.server.redis.set("sl:shop:u:no-hash", "1")
    details = world.ready().get_boolean_details(flag, True, context)
    assert (details.value, details.reason, details.error_code) == (True, "ERROR", code)
    assert details.variant is None
    assert details.error_message


@pytest.mark.parametrize("flag", [{}, {"segment": "a", "score": "b"}])
def test_a_flag_that_is_made_of_nothing_or_of_two_things_is_refused_at_once(flag):
    with pytest.raises(ValueError, match="needs one of"):
        SillageProvider("redis://127.0.0.1", "shop", {"flag": flag})


def test_a_change_drops_the_cached_profile_and_tells_which_flags_may_have_changed(world):
    world.server.profile("u:42", as_of=AS_OF)
    client = world.ready()
    world.following(USER)
    world.server.profile("u:42", seg__pro="9", as_of=AS_OF)
    assert not client.get_boolean_value("pro-menu", False, USER), "it is cached"
    world.server.change("u:42", "pro", "enter")
    until("the change", lambda: client.get_boolean_value("pro-menu", False, USER))
    changed = until("the event", lambda: world.saw(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED))
    assert changed[0].flags_changed == ["pro-menu", "hero", "engagement", "visitor"]


def test_a_cached_profile_is_read_again_when_it_is_old_a_devices_sooner(world):
    people = {"u:42": USER, "a:d-1": DEVICE}
    for person in people:
        world.server.profile(person, as_of=AS_OF)
    client = world.ready()
    for context in people.values():
        world.following(context)
    for person in people:
        world.server.profile(person, seg__pro="9")
    for later, expected in [(0, [False, False]), (2000, [False, True]), (28_000, [True, True])]:
        world.now += later
        answers = [client.get_boolean_value("pro-menu", False, context) for context in people.values()]
        assert answers == expected


def test_no_more_profiles_are_cached_than_allowed(world):
    client = world.ready(cache_max=3)
    for n in range(10):
        client.get_boolean_value("pro-menu", False, user(f"p{n}"))
    assert world.provider.cached == 3


def test_without_redis_the_cache_answers_as_stale_the_rest_by_default_and_all_is_well_after(world):
    world.server.profile("u:42", seg__pro="1", as_of=AS_OF)
    client = world.ready(deadline_s=0.1)
    world.following(USER)
    world.server.stop()
    until("the event", lambda: world.saw(ProviderEvent.PROVIDER_STALE))
    assert client.get_provider_status() == ProviderStatus.STALE
    known = client.get_boolean_details("pro-menu", False, USER)
    assert (known.value, known.variant, known.reason) == (True, "on", "STALE")
    started = time.monotonic()
    other = client.get_boolean_details("pro-menu", True, user("7"))
    assert time.monotonic() - started < 0.6
    assert (other.value, other.reason, other.error_code) == (True, "ERROR", ErrorCode.GENERAL)
    world.now += 300_000
    too_old = client.get_boolean_details("pro-menu", False, USER)
    assert (too_old.value, too_old.error_code) == (False, ErrorCode.GENERAL)

    before = len(world.saw(ProviderEvent.PROVIDER_READY))
    world.server.again()
    world.server.meta()
    until("it", lambda: len(world.saw(ProviderEvent.PROVIDER_READY)) > before)
    assert client.get_provider_status() == ProviderStatus.READY

    def fresh():
        # That Redis is empty now: what was cached before is not believed.
        details = client.get_boolean_details("pro-menu", True, USER)
        return details.reason == "DEFAULT" and details.value is False

    until("a fresh answer", fresh)


def test_a_provider_that_lost_redis_for_long_is_in_error(world):
    client = world.ready(stale_s=0.3)
    world.server.stop()
    until("the event", lambda: world.saw(ProviderEvent.PROVIDER_ERROR))
    assert client.get_provider_status() == ProviderStatus.ERROR


def test_a_redis_that_hangs_costs_no_more_than_the_deadline_and_late_answers_reach_nobody(world):
    people = range(20)
    for n in people:
        world.server.profile(f"u:p{n}", score__engagement=str(n), as_of=AS_OF)
    client = world.ready(deadline_s=0.1, ttl_s=0, stale_s=0)
    ask = lambda n: client.get_float_details("engagement", -1.0, user(f"p{n}"))  # noqa: E731
    ask(0)
    world.server.hold()
    held = []
    threads = [threading.Thread(target=lambda n=n: held.append(ask(n))) for n in people]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    world.server.release()
    assert [(details.value, details.error_code) for details in held] == [(-1, ErrorCode.GENERAL)] * 20
    assert took < 0.6
    until("an answer", lambda: ask(1).error_code is None)
    for n in people:
        assert round(ask(n).value) in (-1, n)


def test_a_provider_that_starts_before_redis_becomes_ready_with_it(world):
    world.server.stop()
    with pytest.raises(RedisError):
        world.ready(connect_s=0.3)
    assert world.client.get_provider_status() == ProviderStatus.ERROR
    world.server.again()
    world.server.meta()
    world.server.profile("u:42", seg__pro="1", as_of=AS_OF)
    until("it", lambda: world.client.get_provider_status() == ProviderStatus.READY)
    until("an answer", lambda: world.client.get_boolean_value("pro-menu", False, USER))


def test_keys_of_another_schema_are_fatal(world):
    world.server.meta("2")
    with pytest.raises(ProviderFatalError):
        world.ready()
    assert world.client.get_provider_status() == ProviderStatus.FATAL
    details = world.client.get_boolean_details("pro-menu", True, USER)
    assert (details.value, details.error_code) == (True, ErrorCode.PROVIDER_FATAL)


def test_when_the_stream_was_lost_nothing_cached_is_believed(world):
    world.server.change("u:other", "pro", "enter")
    world.server.profile("u:42", as_of=AS_OF)
    client = world.ready()
    world.following(USER)
    world.server.redis.delete("sl:shop:changes")
    world.server.profile("u:42", seg__pro="9")

    def all_changed():
        changed = world.saw(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        return any(len(details.flags_changed) == len(FLAGS) for details in changed)

    until("the event", all_changed)
    assert client.get_boolean_value("pro-menu", False, USER)


def test_after_its_end_it_holds_nothing_and_it_can_begin_again(world):
    world.server.profile("u:42", seg__pro="1", as_of=AS_OF)
    world.ready()
    provider = world.provider
    provider.shutdown()
    assert provider.cached == 0
    assert "sillage-flags" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(GeneralError):
        provider.resolve_boolean_details("pro-menu", False, USER)
    until("its connections to be closed", lambda: len(world.server.redis.client_list()) == 1)
    provider.initialize(EvaluationContext())
    assert provider.resolve_boolean_details("pro-menu", False, USER).value is True
    provider.shutdown()
