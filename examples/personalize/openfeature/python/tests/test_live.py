"""The provider beside a collector, which `run`, two folders above, starts and names in these variables."""

import json
import os
import time
import urllib.request
import uuid

import pytest
from conftest import FLAGS, until
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from sillage_flags import Options, SillageProvider


def given(variable):
    assert os.environ.get(variable), f"{variable} is not set: examples/personalize/run sets it"
    return os.environ[variable]


def send(event, **more):
    batch = [{"type": "track", "event": event, "messageId": str(uuid.uuid4()), **more}]
    headers = {"X-Write-Key": "wk_shop", "Content-Type": "application/json"}
    body = json.dumps({"batch": batch}).encode()
    request = urllib.request.Request(given("PERSONALIZE_HTTP"), body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["accepted"] == 1


@pytest.mark.parametrize("variable", ["PERSONALIZE_FACE", "PERSONALIZE_REDIS"])
def test_an_event_turns_a_flag_and_an_order_turns_it_back(variable):
    provider = SillageProvider(given(variable), "shop", FLAGS, Options(deadline_s=2))
    api.set_provider_and_wait(provider, variable)
    try:
        client, told = api.get_client(variable), []
        client.add_handler(
            ProviderEvent.PROVIDER_CONFIGURATION_CHANGED,
            lambda details: "cart-reminder" in details.flags_changed and told.append(details),
        )
        user = f"flags-{uuid.uuid4()}"
        context = EvaluationContext(targeting_key=user)

        def ask():
            return client.get_boolean_details("cart-reminder", False, context)

        # Until it is served from what is cached, which only a change can turn before its time is over.
        until("a cached answer", lambda: ask().flag_metadata["cached"])
        send("Product Added", userId=user)
        until("the cart", lambda: ask().value)
        assert ask().reason == "TARGETING_MATCH"
        assert abs(ask().flag_metadata["entered_at"] - time.time() * 1000) < 60_000
        assert client.get_string_value("hero", "none", context) == "finish-order"
        assert client.get_float_value("engagement", -1.0, context) > 18
        send("Order Completed", userId=user)
        until("the order", lambda: not ask().value)
        until("both to be told", lambda: len(told) >= 2)
    finally:
        api.clear_providers()
