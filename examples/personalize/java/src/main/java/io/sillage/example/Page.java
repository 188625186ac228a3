package io.sillage.example;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Which variant a page shows to a person: plain functions, which know no Redis and no clock. */
public record Page(long deadlineMs, String defaultVariant, List<Rule> variants) {

    /** Four decimals are published: 100 stands for anything from here on, so this is the least it can be. */
    private static final double SCORE_MOST = 99.99995;

    /** One variant, with the segment or the score that it is for. */
    public record Rule(String variant, String segment, Long asOfMaxAgeMs, Double scoreAtLeast) {}

    /** A variant, and why this one. */
    public record Answer(String variant, String reason, String segment, Long enteredAt, Long score, Long asOf) {}

    /** The key of {@code 42} or {@code u:42}, a user, or of {@code a:d-1}, a device. */
    public static String key(String project, String person) {
        boolean hasKind = person.startsWith("u:") || person.startsWith("a:");
        return "sl:" + project + ":" + (hasKind ? person : "u:" + person);
    }

    /** All that {@link #decide} looks at, and nothing else of the profile. */
    public String[] fields() {
        var fields = new ArrayList<>(List.of("as_of", "score:engagement"));
        variants.stream().map(Rule::segment).filter(Objects::nonNull).distinct()
                .forEach(segment -> fields.add("seg:" + segment));
        return fields.toArray(String[]::new);
    }

    /**
     * What a score of {@code asOf} is at {@code now}, all in milliseconds.
     *
     * <p>A score is 100 · (1 − e^(−raw / scale)), and raw halves in a half-life. So 1 − score / 100 is
     * raised to what is left of raw, and the scale does not matter.
     */
    public static double decayed(double score, long asOf, long halfLife, long now) {
        long age = Math.max(0, now - asOf); // clocks differ a little
        if (age == 0) return score;
        double left = Math.pow(2, -(double) age / halfLife);
        return 100 * (1 - Math.pow(1 - Math.min(score, SCORE_MOST) / 100, left));
    }

    /** The usual variant, for this reason. */
    public Answer usual(String reason) {
        return new Answer(defaultVariant, reason, null, null, null, null);
    }

    /**
     * The first variant that fits, and why; the default one if none does.
     *
     * @throws NumberFormatException if a field holds no number, so that the profile is not ours
     */
    public Answer decide(Map<String, String> profile, String halfLife, long now) {
        if (!profile.containsKey("as_of")) return usual("unknown");
        long asOf = Long.parseLong(profile.get("as_of"));
        Double score = null;
        if (profile.containsKey("score:engagement") && halfLife != null) {
            double published = Double.parseDouble(profile.get("score:engagement"));
            score = decayed(published, asOf, Long.parseLong(halfLife), now);
        }
        Long whole = score == null ? null : (long) Math.floor(score + 0.5);
        for (Rule rule : variants) {
            if (rule.segment() != null) {
                String enteredAt = profile.get("seg:" + rule.segment());
                // A segment of the last hour ends at its deadline. If what is there is older than that,
                // nobody has written since: the collector or its way to Redis is down.
                boolean fresh = rule.asOfMaxAgeMs() == null || now - asOf <= rule.asOfMaxAgeMs();
                if (enteredAt != null && fresh) {
                    long since = Long.parseLong(enteredAt);
                    return new Answer(rule.variant(), "segment", rule.segment(), since, whole, asOf);
                }
            } else if (score != null && score >= rule.scoreAtLeast()) {
                return new Answer(rule.variant(), "score", null, null, whole, asOf);
            }
        }
        return new Answer(defaultVariant, "default", null, null, whole, asOf);
    }
}
