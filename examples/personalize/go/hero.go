// Looks up which variant of a page a person sees, in one round trip and within a deadline.

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a program that starts waits for Redis.
const warmMost = 2 * time.Second

// Hero is made once for each process: it keeps a pool of connections for all goroutines.
type Hero struct {
	redis   redis.UniversalClient
	project string
	page    *Page
	fields  []string
}

// Open connects to nothing yet: a Redis that is down now may come later.
func Open(url, project string, page *Page, cluster bool) (*Hero, error) {
	hero := &Hero{project: project, page: page, fields: page.Fields()}
	if cluster {
		options, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, err
		}
		// Without this the context's deadline ends the waiting for a connection, but not a read.
		options.ContextTimeoutEnabled = true
		options.MaxRetries = 1
		hero.redis = redis.NewClusterClient(options)
		return hero, nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled = true
	options.MaxRetries = 1 // for a connection that Redis closed since its last use
	hero.redis = redis.NewClient(options)
	return hero, nil
}

// Warm connects, so that the first page need not.
func (hero *Hero) Warm() {
	timeout := hero.deadline()
	if timeout < warmMost {
		timeout = warmMost
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = hero.redis.HGet(ctx, "sl:"+hero.project+":meta", "schema").Err()
}

// Choose never fails: a page without its hero is worse than a page with the usual one.
func (hero *Hero) Choose(ctx context.Context, person string, now int64) Answer {
	answer, err := hero.choose(ctx, person, now)
	if err != nil { // count these in your metrics
		return Answer{Variant: hero.page.Default, Reason: "unavailable"}
	}
	return answer
}

func (hero *Hero) choose(ctx context.Context, person string, now int64) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, hero.deadline())
	defer cancel()
	pipe := hero.redis.Pipeline()
	found := pipe.HMGet(ctx, Key(hero.project, person), hero.fields...)
	meta := pipe.HMGet(ctx, "sl:"+hero.project+":meta", "schema", "half_life_ms")
	if _, err := pipe.Exec(ctx); err != nil {
		return Answer{}, err
	}
	if schema := meta.Val()[0]; schema != nil && schema != "1" {
		return Answer{}, fmt.Errorf("keys of schema %v", schema)
	}
	halfLife, _ := meta.Val()[1].(string)
	profile := make(map[string]string, len(hero.fields))
	for index, value := range found.Val() {
		if text, there := value.(string); there {
			profile[hero.fields[index]] = text
		}
	}
	return hero.page.Decide(profile, halfLife, now)
}

func (hero *Hero) deadline() time.Duration {
	return time.Duration(hero.page.DeadlineMs) * time.Millisecond
}

// Close closes all connections.
func (hero *Hero) Close() error { return hero.redis.Close() }
