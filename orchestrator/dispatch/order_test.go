package dispatch_test

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
)

var reorder = dispatch.Config{Workers: 2, Reorder: time.Minute, MaxReplacements: 2}

// misplaced is a failure behind other tests than in a plain run, up to where a
// fresh worker has the whole file.
const misplaced = `
			add a:2s@f b:1s@f c:1s@f
			complete
			ready 1 full
			> hand 1 a
			ready 2 full
			> hand 2 b c
			start 1 a
			start 2 b
			1s fail 2 b 1s
			start 2 c
			2s pass 2 c 1s
			3s pass 1 a 2s
			> release 1
			> replace 3 full
			4s ready 3 full
			> hand 3 a b c`

// What a failure is worth of a test that ran in another order than in a plain run.
var orderSpecs = []spec{
	{
		name: "a failure behind others than in a plain run is settled by the whole file, on a fresh worker",
		cfg:  reorder,
		script: misplaced + `
			start 3 a
			6s pass 3 a 2s
			start 3 b
			7s pass 3 b 1s
			start 3 c
			8s fail 3 c 1s
			> release 3
			> release 2
			> done`,
		verdicts: "a passed, b passed reordered, c failed",
	},
	{
		name: "a failure in its place stands, and so does one of a file of one test",
		cfg:  dispatch.Config{Workers: 1, Reorder: time.Minute},
		script: `
			add a:2s@f b:1s@f c:3s
			complete
			ready 1 full
			> hand 1 c a
			start 1 c
			3s fail 1 c 3s
			> hand 1 b
			start 1 a
			5s pass 1 a 2s
			start 1 b
			6s fail 1 b 1s
			> release 1
			> done`,
		verdicts: "a passed, b failed, c failed",
	},
	{
		name: "what waits of the file elsewhere runs only with it",
		cfg:  reorder,
		script: `
			add a:2s@f b:2s@f c:2s@f d:2s@f e:2s@f f:2s@f
			complete
			ready 1 full
			> hand 1 a c
			ready 2 full
			> hand 2 b d
			start 2 b
			start 1 a
			2s fail 2 b 2s
			start 2 d
			2s pass 1 a 2s
			start 1 c
			4s pass 1 c 2s
			4s pass 2 d 2s
			> release 1
			> replace 3 full
			ready 3 full
			> hand 3 a b c d e f`,
		verdicts: "a passed, b failed, c passed, d passed, e not-run, f not-run",
	},
	{
		name: "files whose tests interleave are settled together, in the suite's order",
		cfg:  reorder,
		script: `
			add a:2s@f b:1s@g c:1s@f d:1s@g e:1s@h
			complete
			ready 1 full
			> hand 1 a d
			ready 2 full
			> hand 2 c b
			start 1 a
			start 2 c
			1s fail 2 c 1s
			> hand 2 e
			start 2 b
			2s pass 2 b 1s
			start 2 e
			2s pass 1 a 2s
			start 1 d
			3s fail 1 d 1s
			> release 1
			> replace 3 full
			3s ready 3 full
			> hand 3 a b c d
			start 3 a
			5s pass 3 a 2s
			start 3 b
			6s fail 3 b 1s
			start 3 c
			7s pass 3 c 1s
			start 3 d
			8s pass 3 d 1s
			> release 3
			9s pass 2 e 1s
			> release 2
			> done`,
		verdicts: "a passed, b failed, c passed reordered, d passed reordered, e passed",
	},
	{
		name: "where they would take too long together, the file is settled alone",
		cfg:  dispatch.Config{Workers: 2, Reorder: 3 * time.Second, MaxReplacements: 2},
		script: `
			add a:2s@f b:1s@g c:1s@f d:1s@g
			complete
			ready 1 full
			> hand 1 a d
			ready 2 full
			> hand 2 c b
			start 1 a
			start 2 c
			1s fail 2 c 1s
			start 2 b
			2s pass 2 b 1s
			2s pass 1 a 2s
			> release 2
			> replace 3 full
			start 1 d
			3s fail 1 d 1s
			3s ready 3 full
			> hand 3 a c`,
		verdicts: "a passed, b passed, c failed, d failed",
	},
	{
		name: "when its worker is lost, what is known stands",
		cfg:  reorder,
		script: misplaced + `
			lost 3 killed
			> release 2
			> done`,
		verdicts: "a passed, b failed, c passed",
	},
	{
		name: "a file that would take too long does not run again",
		cfg:  dispatch.Config{Workers: 2, Reorder: time.Second},
		script: `
			add a:2s@f b:1s@f
			complete
			ready 1 full
			> hand 1 a
			ready 2 full
			> hand 2 b
			start 1 a
			start 2 b
			1s fail 2 b 1s
			2s pass 1 a 2s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, b failed",
	},
	{
		name: "what a test leaves behind and fails when no test runs is settled likewise",
		cfg:  reorder,
		script: `
			add a:2s@f b:1s@f
			complete
			ready 1 full
			> hand 1 a
			ready 2 full
			> hand 2 b
			start 2 b
			1s pass 2 b 1s
			start 1 a
			2s stray 1 a 2s
			> release 1
			> replace 3 full
			3s ready 3 full
			> hand 3 a b
			start 3 a
			5s pass 3 a 2s
			start 3 b
			6s error 3 b 1s
			> release 3
			> release 2
			> done`,
		verdicts: "a passed, b failed",
	},
}

func TestOrder(t *testing.T) { play(t, orderSpecs) }
