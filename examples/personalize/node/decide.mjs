// Which variant a page shows to a person: plain functions, which know no Redis and no clock.

// Four decimals are published: 100 stands for anything from here on, so this is the least it can be.
const SCORE_MOST = 99.99995;

/** The key of `42` or `u:42`, a user, or of `a:d-1`, a device. */
export const key = (project, person) => `sl:${project}:${/^[ua]:/.test(person) ? person : `u:${person}`}`;

/** All that `decide` looks at, and nothing else of the profile. */
export function fields(page) {
  const segments = new Set(page.variants.filter((rule) => rule.segment).map((rule) => rule.segment));
  return ["as_of", "score:engagement", ...[...segments].map((segment) => `seg:${segment}`)];
}

/**
 * What a score of `asOf` is at `now`, all in milliseconds.
 *
 * A score is 100 * (1 - exp(-raw / scale)), and raw halves in a half-life. So 1 - score / 100 is
 * raised to what is left of raw, and the scale does not matter.
 */
export function decayed(score, asOf, halfLife, now) {
  const age = Math.max(0, now - asOf); // clocks differ a little
  if (age === 0) return score;
  return 100 * (1 - (1 - Math.min(score, SCORE_MOST) / 100) ** (2 ** (-age / halfLife)));
}

/** The number that a field holds; a profile that holds anything else is not ours. */
export function number(text) {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new Error("a field that is no number");
  return value;
}

/** The first variant that fits, and why; the default one if none does. */
export function decide(page, profile, halfLife, now) {
  if (profile.as_of == null) return answer(page.default, "unknown");
  const asOf = number(profile.as_of);
  const published = profile["score:engagement"];
  const score =
    published == null || halfLife == null ? null : decayed(number(published), asOf, number(halfLife), now);
  for (const rule of page.variants) {
    if (rule.segment) {
      const enteredAt = profile[`seg:${rule.segment}`];
      // A segment of the last hour ends at its deadline. If what is there is older than that,
      // nobody has written since: the collector or its way to Redis is down.
      const fresh = now - asOf <= (rule.as_of_max_age_ms ?? now);
      if (enteredAt != null && fresh) {
        return answer(rule.variant, "segment", rule.segment, number(enteredAt), score, asOf);
      }
    } else if (score != null && score >= rule.score_at_least) {
      return answer(rule.variant, "score", null, null, score, asOf);
    }
  }
  return answer(page.default, "default", null, null, score, asOf);
}

export function answer(variant, reason, segment = null, enteredAt = null, score = null, asOf = null) {
  const whole = score == null ? null : Math.floor(score + 0.5);
  return { variant, reason, segment, entered_at: enteredAt, score: whole, as_of: asOf };
}
