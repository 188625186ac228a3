"""Which variant a page shows to a person: plain functions, which know no Redis and no clock."""

# Four decimals are published: 100 stands for anything from here on, so this is the least it can be.
SCORE_MOST = 99.99995


def key(project: str, person: str) -> str:
    """The key of `42` or `u:42`, a user, or of `a:d-1`, a device."""
    return f"sl:{project}:{person if person[:2] in ('u:', 'a:') else 'u:' + person}"


def fields(page: dict) -> list[str]:
    """All that `decide` looks at, and nothing else of the profile."""
    segments = dict.fromkeys(rule["segment"] for rule in page["variants"] if "segment" in rule)
    return ["as_of", "score:engagement", *(f"seg:{segment}" for segment in segments)]


def decayed(score: float, as_of: int, half_life: int, now: int) -> float:
    """What a score of `as_of` is at `now`, all in milliseconds.

    A score is 100 * (1 - exp(-raw / scale)), and raw halves in a half-life. So 1 - score / 100 is
    raised to what is left of raw, and the scale does not matter.
    """
    age = max(0, now - as_of)  # clocks differ a little
    if age == 0:
        return score
    return 100 * (1 - (1 - min(score, SCORE_MOST) / 100) ** (2 ** (-age / half_life)))


def decide(page: dict, profile: dict[str, str | None], half_life: str | None, now: int) -> dict:
    """The first variant that fits, and why; the default one if none does."""
    if profile["as_of"] is None:
        return answer(page["default"], "unknown")
    as_of = int(profile["as_of"])
    score = None
    if profile["score:engagement"] is not None and half_life is not None:
        score = decayed(float(profile["score:engagement"]), as_of, int(half_life), now)
    for rule in page["variants"]:
        if segment := rule.get("segment"):
            entered_at = profile[f"seg:{segment}"]
            # A segment of the last hour ends at its deadline. If what is there is older than that,
            # nobody has written since: the collector or its way to Redis is down.
            fresh = now - as_of <= rule.get("as_of_max_age_ms", now)
            if entered_at is not None and fresh:
                return answer(rule["variant"], "segment", segment, int(entered_at), score, as_of)
        elif score is not None and score >= rule["score_at_least"]:
            return answer(rule["variant"], "score", None, None, score, as_of)
    return answer(page["default"], "default", None, None, score, as_of)


def answer(variant, reason, segment=None, entered_at=None, score=None, as_of=None) -> dict:
    return {
        "variant": variant,
        "reason": reason,
        "segment": segment,
        "entered_at": entered_at,
        "score": None if score is None else int(score + 0.5),
        "as_of": as_of,
    }
