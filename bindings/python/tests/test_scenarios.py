"""What every host must do, in every language: see tests/fixtures/scenarios/README.md."""

import copy
import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from player import play

FOLDER = Path(__file__).parents[3] / "tests" / "fixtures" / "scenarios"


def stories() -> Dict[str, Any]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def test_every_scenario_gives_exactly_its_actions_and_what_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    told = stories()
    assert len(told) >= 60
    wrong = [line for name, story in told.items() for line in play(name, story)]
    with capsys.disabled():
        print(f" {len(told)} scenarios", end="")
    assert not wrong, "\n".join(wrong)


def of_an_action(story: Any, member: str, change: Callable[[Any], Any]) -> None:
    for step in story["steps"]:
        for action in step["actions"]:
            if member in action:
                action[member] = change(action[member])
                return
    raise AssertionError(f"no action has {member}")


WRONG: List[Callable[[Any], Any]] = [
    lambda story: of_an_action(story, "crc32", lambda crc: f"{int(crc, 16) ^ 1:08x}"),
    lambda story: of_an_action(story, "bytes", lambda count: count + 1),
    lambda story: of_an_action(story, "persist", lambda key: "event:77"),
    lambda story: of_an_action(story, "wakeAt", lambda at: at + 1),
    lambda story: of_an_action(story, "way", lambda way: "leaving"),
    lambda story: of_an_action(story, "body", lambda body: {**body, "sentAt": "2026-11-22T10:00:00.001Z"}),
    lambda story: of_an_action(story, "notice", lambda notice: {"delivered": 2}),
    lambda story: next(step for step in story["steps"] if step["actions"])["actions"].pop(),
    lambda story: story["steps"][1]["actions"].append({"forget": "event:1"}),
    lambda story: story["claims"].update(created=story["claims"].get("created", 0) + 7),
    lambda story: story["claims"].update({"body 0 /batch/0/event": "Something Else"}),
    lambda story: story["claims"].update({"idle": 1}),
    lambda story: story["claims"].update({"no such claim": 0}),
    lambda story: story["claims"].clear(),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_fixture_is_noticed(number: int) -> None:
    story = stories()["segments-told.json"]
    assert play("right", copy.deepcopy(story)) == []
    WRONG[number](story)
    assert play("wrong", story)
