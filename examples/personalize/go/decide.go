// Which variant a page shows to a person: plain functions, which know no Redis and no clock.

package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Four decimals are published: 100 stands for anything from here on, so this is the least it can be.
const scoreMost = 99.99995

// Page is what hero.json holds.
type Page struct {
	DeadlineMs int64  `json:"deadline_ms"`
	Default    string `json:"default"`
	Variants   []Rule `json:"variants"`
}

// Rule is one variant, with the segment or the score that it is for.
type Rule struct {
	Variant      string  `json:"variant"`
	Segment      string  `json:"segment"`
	AsOfMaxAgeMs *int64  `json:"as_of_max_age_ms"`
	ScoreAtLeast float64 `json:"score_at_least"`
}

// Answer is a variant, and why this one.
type Answer struct {
	Variant   string  `json:"variant"`
	Reason    string  `json:"reason"`
	Segment   *string `json:"segment"`
	EnteredAt *int64  `json:"entered_at"`
	Score     *int64  `json:"score"`
	AsOf      *int64  `json:"as_of"`
}

// Key is that of `42` or `u:42`, a user, or of `a:d-1`, a device.
func Key(project, person string) string {
	if !strings.HasPrefix(person, "u:") && !strings.HasPrefix(person, "a:") {
		person = "u:" + person
	}
	return "sl:" + project + ":" + person
}

// Fields is all that Decide looks at, and nothing else of the profile.
func (page *Page) Fields() []string {
	fields, seen := []string{"as_of", "score:engagement"}, map[string]bool{"": true}
	for _, rule := range page.Variants {
		if !seen[rule.Segment] {
			seen[rule.Segment] = true
			fields = append(fields, "seg:"+rule.Segment)
		}
	}
	return fields
}

// Decayed is what a score of asOf is at now, all in milliseconds.
//
// A score is 100 * (1 - exp(-raw / scale)), and raw halves in a half-life. So 1 - score / 100 is
// raised to what is left of raw, and the scale does not matter.
func Decayed(score float64, asOf, halfLife, now int64) float64 {
	age := now - asOf
	if age <= 0 { // clocks differ a little
		return score
	}
	left := math.Exp2(-float64(age) / float64(halfLife))
	return 100 * (1 - math.Pow(1-math.Min(score, scoreMost)/100, left))
}

// Decide gives the first variant that fits, and why; the default one if none does.
func (page *Page) Decide(profile map[string]string, halfLife string, now int64) (Answer, error) {
	if _, known := profile["as_of"]; !known {
		return Answer{Variant: page.Default, Reason: "unknown"}, nil
	}
	asOf, err := strconv.ParseInt(profile["as_of"], 10, 64)
	answer := Answer{Variant: page.Default, Reason: "default", AsOf: &asOf}
	score, hasScore := -1.0, false
	if published, there := profile["score:engagement"]; there && halfLife != "" {
		published, failed := strconv.ParseFloat(published, 64)
		halfLife, failedToo := strconv.ParseInt(halfLife, 10, 64)
		err = firstOf(err, failed, failedToo)
		score, hasScore = Decayed(published, asOf, halfLife, now), true
		whole := int64(math.Floor(score + 0.5))
		answer.Score = &whole
	}
	for _, rule := range page.Variants {
		rule := rule
		if rule.Segment == "" {
			if hasScore && score >= rule.ScoreAtLeast {
				answer.Variant, answer.Reason = rule.Variant, "score"
				break
			}
			continue
		}
		// A segment of the last hour ends at its deadline. If what is there is older than that,
		// nobody has written since: the collector or its way to Redis is down.
		fresh := rule.AsOfMaxAgeMs == nil || now-asOf <= *rule.AsOfMaxAgeMs
		if text, in := profile["seg:"+rule.Segment]; in && fresh {
			enteredAt, failed := strconv.ParseInt(text, 10, 64)
			err = firstOf(err, failed)
			answer.Variant, answer.Reason = rule.Variant, "segment"
			answer.Segment, answer.EnteredAt = &rule.Segment, &enteredAt
			break
		}
	}
	return answer, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return errors.New("a field that is no number")
		}
	}
	return nil
}
