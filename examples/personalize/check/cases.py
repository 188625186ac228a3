"""Profiles as Redis may hold them, and what every language must say of them."""

import json

NOW = 1_800_000_000_000
DAY = 86_400_000
HALF_LIFE = 7 * DAY
CART_MAX = 3_900_000  # how old a profile may be for its cart to be believed; in hero.json


def row(variant, reason, segment=None, entered_at=None, score=None, as_of=None) -> str:
    fields = {"variant": variant, "reason": reason, "segment": segment, "entered_at": entered_at}
    return json.dumps(fields | {"score": score, "as_of": as_of}, separators=(",", ":"))


def cart(entered_at, as_of, score=None) -> str:
    return row("finish-order", "segment", "hot-cart", entered_at, score, as_of)


def pro(as_of, score=None) -> str:
    return row("pro-tips", "segment", "pro", 6, score, as_of)


def fan(score, as_of) -> str:
    return row("for-fans", "score", None, None, score, as_of)


def usual(score, as_of) -> str:
    return row("welcome", "default", None, None, score, as_of)


UNAVAILABLE = row("welcome", "unavailable")
UNKNOWN = row("welcome", "unknown")
RECENT, OLD, HALF = NOW - 1000, NOW - CART_MAX - 1, NOW - HALF_LIFE // 2

# A person as it is asked for, the fields of the profile or None, and the line that is expected.
PROFILES = [
    ("nobody", None, UNKNOWN),
    ("u:cart", {"seg:hot-cart": 5, "as_of": RECENT}, cart(5, RECENT)),
    ("both", {"seg:hot-cart": 5, "seg:pro": 6, "as_of": RECENT}, cart(5, RECENT)),
    ("last-moment", {"seg:hot-cart": 5, "as_of": NOW - CART_MAX}, cart(5, NOW - CART_MAX)),
    ("too-old", {"seg:hot-cart": 5, "as_of": OLD}, usual(None, OLD)),
    ("too-old-but-pro", {"seg:hot-cart": 5, "seg:pro": 6, "as_of": OLD}, pro(OLD)),
    ("pro-for-a-year", {"seg:pro": 6, "as_of": NOW - 365 * DAY}, pro(NOW - 365 * DAY)),
    ("fan", {"score:engagement": 25, "as_of": NOW}, fan(25, NOW)),
    ("nearly", {"score:engagement": 24.9999, "as_of": NOW}, usual(25, NOW)),
    ("pro-fan", {"seg:pro": 6, "score:engagement": 60.1234, "as_of": NOW}, pro(NOW, 60)),
    # 1 - sqrt(1 - 0.3) = 0.163
    ("cooled", {"score:engagement": 30, "as_of": NOW - HALF_LIFE}, usual(16, NOW - HALF_LIFE)),
    # 1 - 0.5 ^ (1 / sqrt 2) = 0.387
    ("warm", {"score:engagement": 50, "as_of": HALF}, fan(39, HALF)),
    # 100 is rounded, and falls as well: 1 - 0.0000005 ^ (1 / 16) = 0.596
    ("most", {"score:engagement": 100, "as_of": NOW - 4 * HALF_LIFE}, fan(60, NOW - 4 * HALF_LIFE)),
    ("none-yet", {"score:engagement": 0, "as_of": NOW - DAY}, usual(0, NOW - DAY)),
    ("ahead", {"seg:hot-cart": 5, "score:engagement": 40, "as_of": NOW + 60_000}, cart(5, NOW + 60_000, 40)),
    ("ahead-fan", {"score:engagement": 40, "as_of": NOW + 60_000}, fan(40, NOW + 60_000)),
    ("no-instant", {"seg:pro": 6}, UNKNOWN),
    ("broken-instant", {"seg:pro": 6, "as_of": "soon"}, UNAVAILABLE),
    ("empty-instant", {"seg:pro": 6, "as_of": ""}, UNAVAILABLE),
    ("broken-score", {"score:engagement": "much", "as_of": NOW}, UNAVAILABLE),
    ("broken-entry", {"seg:pro": "yes", "as_of": NOW}, UNAVAILABLE),
    ("no-hash", "a string", UNAVAILABLE),
    ("a:d-1", {"seg:pro": 6, "as_of": NOW}, pro(NOW)),
    ("u:a:d-1", {"seg:hot-cart": 7, "as_of": NOW}, cart(7, NOW)),
    ('Zoë & <co> "7" {x}', {"seg:pro": 6, "as_of": NOW}, pro(NOW)),
]
PERSONS = [person for person, _, _ in PROFILES]
LINES = "".join(line + "\n" for _, _, line in PROFILES)


def put(redis, project: str, meta: dict) -> None:
    """Writes the profiles, and what they are made by."""
    if meta:
        redis.hset(f"sl:{project}:meta", mapping=meta)
    for person, fields, _ in PROFILES:
        key = f"sl:{project}:{person if person[:2] in ('u:', 'a:') else 'u:' + person}"
        if isinstance(fields, dict):
            redis.hset(key, mapping=fields)
        elif fields is not None:
            redis.set(key, fields)


META = {"schema": "1", "half_life_ms": HALF_LIFE}
