"""What a flag is for a profile: plain functions, which know no Redis, no cache and no clock."""

from dataclasses import dataclass
from typing import Any

from decide import decayed, decide
from openfeature.flag_evaluation import FlagResolutionDetails, Reason

KINDS = {"segment": "boolean", "variants": "string", "score": "number", "profile": "object"}


@dataclass(frozen=True)
class Found:
    """What Redis holds: the fields of a profile, none for a stranger, and the half-life of scores."""

    fields: dict[str, str]
    half_life: str | None


def type_of(name: str, flag: dict) -> str:
    """The type of a flag's values, from what it is made of."""
    kinds = [kind for kind in KINDS if kind in flag]
    if len(kinds) != 1:
        raise ValueError(f"flag {name} needs one of {', '.join(KINDS)}")
    return KINDS[kinds[0]]


def depends_on(flag: dict, segment: str) -> bool:
    """Whether a change of this segment may be one of the flag; profiles and scores change with all."""
    if "segment" in flag:
        return flag["segment"] == segment
    return "variants" not in flag or any(rule.get("segment") == segment for rule in flag["variants"])


def evaluate(flag: dict, fallback: Any, found: Found, now: int) -> FlagResolutionDetails:
    metadata = metadata_of(found)
    if "segment" in flag:
        return membership(flag, found, metadata, now)
    if "variants" in flag:
        return variant(flag, fallback, found, metadata, now)
    value = None
    if metadata["known"]:
        value = profile(found, now) if "profile" in flag else score_of(flag["score"], found, now)
    if value is None:
        return FlagResolutionDetails(fallback, reason=Reason.DEFAULT, flag_metadata=metadata)
    if type(fallback) is int:
        value = int(value + 0.5)
    return FlagResolutionDetails(value, reason=Reason.TARGETING_MATCH, flag_metadata=metadata)


def metadata_of(found: Found) -> dict:
    """What is told about the profile behind a value. Each reader counts ages from `as_of` itself."""
    if "as_of" not in found.fields:
        return {"known": False}
    return {"known": True, "as_of": int(found.fields["as_of"]), "v": int(found.fields.get("v", "0"))}


def membership(flag: dict, found: Found, metadata: dict, now: int) -> FlagResolutionDetails:
    entered_at = found.fields.get(f"seg:{flag['segment']}")
    if entered_at is None:
        return FlagResolutionDetails(False, variant="off", reason=Reason.DEFAULT, flag_metadata=metadata)
    # Who is in a segment of the last hour leaves it at a deadline. If what is there is older than
    # that, nobody has written since, and the membership is over.
    if now - metadata["as_of"] > flag.get("as_of_max_age_ms", now):
        return FlagResolutionDetails(False, variant="off", reason=Reason.STALE, flag_metadata=metadata)
    metadata |= {"segment": flag["segment"], "entered_at": int(entered_at)}
    return FlagResolutionDetails(True, variant="on", reason=Reason.TARGETING_MATCH, flag_metadata=metadata)


def variant(flag: dict, fallback: str, found: Found, metadata: dict, now: int) -> FlagResolutionDetails:
    wanted = ["as_of", "score:engagement", *(f"seg:{rule.get('segment')}" for rule in flag["variants"])]
    fields = {field: found.fields.get(field) for field in wanted}
    answer = decide({"default": None, **flag}, fields, found.half_life, now)
    if answer["reason"] in ("unknown", "default"):
        usual = flag.get("default")
        value = fallback if usual is None else usual
        return FlagResolutionDetails(value, variant=usual, reason=Reason.DEFAULT, flag_metadata=metadata)
    if answer["segment"] is not None:
        metadata |= {"segment": answer["segment"], "entered_at": answer["entered_at"]}
    value = answer["variant"]
    return FlagResolutionDetails(value, variant=value, reason=Reason.TARGETING_MATCH, flag_metadata=metadata)


def score_of(name: str, found: Found, now: int) -> float | None:
    """A score as it is now; nothing without it, or without the half-life by which it decays."""
    published = found.fields.get(f"score:{name}")
    if published is None or found.half_life is None:
        return None
    return decayed(float(published), int(found.fields["as_of"]), int(found.half_life), now)


def profile(found: Found, now: int) -> dict:
    value: dict = {"segments": {}, "scores": {}, "session": {}, "traits": {}}
    value["as_of"] = int(found.fields["as_of"])
    for field, text in found.fields.items():
        kind, _, name = field.partition(":")
        if kind == "seg":
            value["segments"][name] = int(text)
        elif kind == "score":
            now_at = score_of(name, found, now)
            value["scores"][name] = float(text) if now_at is None else now_at
        elif kind == "sess":
            value["session"][name] = text if name == "id" else int(text)
        elif kind == "trait":
            value["traits"][name] = text
    return value
