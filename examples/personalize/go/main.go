// Command lookup [-cluster] [-now MS] [-page FILE] [-measure N] URL PROJECT [PERSON...]
//
// Prints which hero each person sees, a line of JSON for each; without persons, reads them from the
// standard input. With -measure, what N lookups of the first one took.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"sort"
	"time"
)

func main() {
	cluster := flag.Bool("cluster", false, "")
	now := flag.Int64("now", 0, "")
	file := flag.String("page", "../hero.json", "")
	lookups := flag.Int("measure", 0, "")
	flag.Parse()
	text, err := os.ReadFile(*file)
	check(err)
	var page Page
	check(json.Unmarshal(text, &page))
	hero, err := Open(flag.Arg(0), flag.Arg(1), &page, *cluster)
	check(err)
	defer hero.Close()
	hero.Warm()

	out := json.NewEncoder(os.Stdout)
	choose := func(person string) Answer {
		at := *now
		if at == 0 {
			at = time.Now().UnixMilli()
		}
		return hero.Choose(context.Background(), person, at)
	}
	if *lookups > 0 {
		check(out.Encode(measure(*lookups, func() Answer { return choose(flag.Arg(2)) })))
		return
	}
	for _, person := range flag.Args()[2:] {
		check(out.Encode(choose(person)))
	}
	if flag.NArg() == 2 {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			check(out.Encode(choose(lines.Text())))
		}
	}
}

type measured struct {
	Lookups     int   `json:"lookups"`
	P50Us       int64 `json:"p50_us"`
	P99Us       int64 `json:"p99_us"`
	MaxUs       int64 `json:"max_us"`
	Unavailable int   `json:"unavailable"`
}

func measure(lookups int, choose func() Answer) measured {
	took, unavailable := make([]int64, lookups), 0
	for n := range took {
		started := time.Now()
		if choose().Reason == "unavailable" {
			unavailable++
		}
		took[n] = time.Since(started).Microseconds()
	}
	sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
	return measured{lookups, took[lookups/2], took[lookups*99/100], took[lookups-1], unavailable}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
