"""What becomes of Python's values on their way to JSON."""

import dataclasses
import enum
import json
import math
import sys
import time as clock
from collections import OrderedDict, deque, namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, List
from uuid import UUID

import numpy
import pytest

from sillage._values import DEPTH_MAX, json_text, moment_ms, utf8


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Word(str, enum.Enum):
    YES = "yes"


@dataclasses.dataclass
class Line:
    sku: str
    price: Decimal


class Odd:
    def __str__(self) -> str:
        return "odd one"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("made for this test")


Point = namedtuple("Point", "x y")
ID = UUID("01a202b2-c500-7202-8181-818181810203")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, 1.5, "é\n\""]}, '{"b":1,"a":[true,null,1.5,"é\\n\\""]}'),
        ({"big": 2**80}, '{"big":1208925819614629174706176}'),
        ({1: "a", True: "b", None: "c", 2.5: "d"}, '{"1":"b","null":"c","2.5":"d"}'),
        (datetime(2026, 11, 22, 10, 0, 0, 5000, timezone.utc), '"2026-11-22T10:00:00.005000Z"'),
        (datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=2))), '"2026-11-22T08:00:00Z"'),
        (date(2026, 11, 22), '"2026-11-22"'),
        (time(10, 30), '"10:30:00"'),
        (timedelta(minutes=1.5), "90.0"),
        (Decimal("80.50"), "80.50"),
        (Decimal("1E+3"), "1E+3"),
        (Decimal("NaN"), "null"),
        (Decimal("-Infinity"), "null"),
        (ID, f'"{ID}"'),
        (Colour.RED, '"red"'),
        (Size.LARGE, "3"),
        (Word.YES, '"yes"'),
        ({"s": {3, 1, 2}}, '{"s":[1,2,3]}'),
        (frozenset("a"), '["a"]'),
        ((1, "two"), '[1,"two"]'),
        (Point(1, ID), f'[1,"{ID}"]'),
        (deque([1, ID]), f'[1,"{ID}"]'),
        (b"text", '"text"'),
        (bytearray(b"text"), '"text"'),
        ({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.0}, '{"a":null,"b":null,"c":null,"d":1.0}'),
        ({math.nan: 1, Colour.RED: 2, ID: 3, b"k": 4}, f'{{"nan":1,"red":2,"{ID}":3,"k":4}}'),
        (MappingProxyType({"a": ID}), f'{{"a":"{ID}"}}'),
        (OrderedDict(z=ID, a=1), f'{{"z":"{ID}","a":1}}'),
        (Line("s", Decimal("1.10")), '{"sku":"s","price":1.10}'),
        (PurePosixPath("/a/b"), '"/a/b"'),
        (Odd(), '"odd one"'),
        (3 + 4j, '"(3+4j)"'),
        ({"n": numpy.float64(1.5), "i": numpy.int64(7), "t": numpy.bool_(True)}, '{"n":1.5,"i":7,"t":true}'),
        (numpy.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (numpy.array([1.5, math.nan]), "[1.5,null]"),
        (numpy.float32(0.5), "0.5"),
        (numpy.datetime64("2026-11-22T10:00:00", "s"), '"2026-11-22T10:00:00Z"'),
    ],
)
def test_each_value_has_its_text(value: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    clock.tzset()
    given = json_text(value)
    assert given == text
    json.loads(given)


def test_a_date_beside_plain_values_changes_none_of_them() -> None:
    plain: Any = {"t": True, "n": None, "i": -7, "f": 0.1, "s": "é\u2028\x00</script>", "l": [[], {}], "o": {"x": 1}}
    assert json.loads(json_text({**plain, "at": ID})) == {**plain, "at": str(ID)}


def test_a_loop_costs_its_member_only(caplog: pytest.LogCaptureFixture) -> None:
    loop: List[Any] = [1]
    loop.append(loop)
    round: Any = {"a": 1}
    round["self"] = round
    assert json_text({"loop": loop, "kept": 2}) == '{"loop":[1,null],"kept":2}'
    assert json_text(round) == '{"a":1}'
    assert "a member is left out: it contains itself" in caplog.messages


def test_the_same_object_twice_is_no_loop() -> None:
    shared = {"at": ID}
    assert json_text([shared, shared]) == f'[{{"at":"{ID}"}},{{"at":"{ID}"}}]'


def test_deep_nesting_ends_instead_of_the_program() -> None:
    deep: Any = {"at": ID}
    for _ in range(100_000):
        deep = [deep]
    text = json_text({"deep": deep, "kept": 1})
    assert json.loads(text)["kept"] == 1 and text.count("[") < DEPTH_MAX
    while deep:
        deep = deep[0] if isinstance(deep, list) else None


def test_what_cannot_be_said_is_left_out_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert json_text({"raw": b"\xff\xfe", "broken": Broken(), "kept": 1}) == '{"kept":1}'
    assert len(caplog.messages) == 2
    assert "2 bytes are no text" in caplog.messages[0] and "Broken" in caplog.messages[1]


def test_an_endless_value_is_cut() -> None:
    wide = {str(number): ID for number in range(150_000)}
    assert len(json.loads(json_text(wide))) < 150_000


def test_halves_of_pairs_become_replacement_characters() -> None:
    assert utf8("a\ud83d").decode() == "a\ufffd"
    assert utf8("\ud83d\ude00").decode() == "\U0001f600"
    assert utf8(json_text({"k\udc00": "\udc00"})).decode() == '{"k\ufffd":"\ufffd"}'


def test_moments_are_milliseconds_since_1970(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moment_ms(None) is None
    assert moment_ms(datetime(1970, 1, 1, 0, 0, 1, 999_999, timezone.utc)) == 1_999
    assert moment_ms(datetime(1969, 12, 31, 23, 59, 59, 999_000, timezone.utc)) == -1
    assert moment_ms(datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2)))) == 1_795_341_600_000
    local = datetime(2026, 11, 22, 10)
    assert moment_ms(local) == round(local.timestamp() * 1_000)
    wrong: Any = "2026-11-22"
    assert moment_ms(wrong) is None


def test_numbers_too_long_for_text_are_left_out() -> None:
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python writes any number")
    assert json_text({"n": 10**5000, "kept": 1}) == '{"kept":1}'
