package injection

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// tries is how often a round is drawn anew whose run ended before the strike.
const tries = 6

// count is what became of the rounds of one fault on one engine.
type count struct{ rounds, held, late, proven int }

// TestFaultsAtRandomMoments plays the rounds.
func TestFaultsAtRandomMoments(t *testing.T) {
	seed := uint64(number(t, "FAULTS_SEED", int(time.Now().UnixNano()>>10&0x7fffffff)))
	rounds := number(t, "FAULTS_ROUNDS", 0)
	lanes := number(t, "FAULTS_LANES", 1)
	t.Logf("FAULTS_SEED=%d", seed)
	bin := build(t)
	of := truths{red: plain(t), green: plain(t, green...)}
	engines := []string{"process", "docker"}
	if only := os.Getenv("FAULTS_ENGINE"); only != "" {
		engines = []string{only}
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			c := &campaign{t: t, bin: bin, engine: engine, of: of, seed: seed, counts: map[string]*count{}}
			for _, row := range chosen(engine, rounds) {
				c.rows = append(c.rows, row)
				for i := range max(rounds, 1) {
					c.todo = append(c.todo, job{row, i})
				}
			}
			if rounds == 0 {
				shuffle := rand.New(rand.NewPCG(seed, 1))
				shuffle.Shuffle(len(c.todo), func(i, j int) { c.todo[i], c.todo[j] = c.todo[j], c.todo[i] })
			}
			var all sync.WaitGroup
			for range lanes {
				l := newLane(t, bin, engine)
				all.Go(func() { c.work(l) })
			}
			all.Wait()
			c.print()
		})
	}
}

// chosen are the faults of an engine that FAULTS_ONLY names, by the beginnings of
// their names with commas between them: all, or the small choice when no number
// of rounds is set.
func chosen(engine string, rounds int) (rows []row) {
	only := strings.Split(os.Getenv("FAULTS_ONLY"), ",")
	for _, r := range table {
		named := slices.ContainsFunc(only, func(name string) bool { return strings.HasPrefix(r.name, name) })
		if named && (r.only == engine || r.only == "" && engine != own) && (rounds > 0 || strings.Contains(r.quick, engine)) {
			rows = append(rows, r)
		}
	}
	return rows
}

type job struct {
	row   row
	round int
}

// A campaign is all rounds on one engine.
type campaign struct {
	t      *testing.T
	bin    string
	engine string
	of     truths
	seed   uint64
	rows   []row

	mu     sync.Mutex
	todo   []job
	counts map[string]*count
}

func (c *campaign) next() (job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.todo) == 0 {
		return job{}, false
	}
	j := c.todo[0]
	c.todo = c.todo[1:]
	return j, true
}

// work plays rounds in a lane until none is left.
func (c *campaign) work(l *lane) {
	for j, ok := c.next(); ok; j, ok = c.next() {
		rng := rand.New(rand.NewPCG(c.seed, hash(c.engine, j.row.name, strconv.Itoa(j.round))))
		var r *round
		hit := false
		late := -1
		for range tries {
			r = draw(c.t, l, c.of, j.row, rng)
			hit = r.play()
			if late++; hit {
				break
			}
		}
		c.account(j, r, hit, late)
	}
}

func hash(parts ...string) (h uint64) {
	for _, b := range []byte(strings.Join(parts, "\x00")) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

func (c *campaign) account(j job, r *round, hit bool, late int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts[j.row.name]
	if n == nil {
		n = new(count)
		c.counts[j.row.name] = n
	}
	n.late += late
	if !hit {
		c.t.Errorf("%s, round %d: the run ended before there was anything to hit, %d times", j.row.name, j.round, tries)
		return
	}
	n.rounds++
	n.proven += r.proven
	if len(r.bad) > 0 {
		c.t.Errorf("round %d of FAULTS_SEED=%d on %s: %s", j.round, c.seed, c.engine, r.story)
		return
	}
	n.held++
	c.t.Logf("held: %s after %s: %s", r.row.name, r.delay.Round(time.Millisecond), r.did)
}

// print shows the figures, and appends them to the file that FAULTS_FIGURES
// names.
func (c *campaign) print() {
	var text strings.Builder
	for _, row := range c.rows {
		if n := c.counts[row.name]; n != nil {
			fmt.Fprintf(&text, "| %s | %s | %d | %d | %d | %d |\n", row.name, c.engine, n.rounds, n.held, n.late, n.proven)
		}
	}
	c.t.Logf("| fault | engine | rounds | held | too late | verdicts taken over |\n%s", text.String())
	path := os.Getenv("FAULTS_FIGURES")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "<!-- FAULTS_SEED=%d -->\n%s", c.seed, text.String())
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// build makes the binary that the rounds run; SHARDYARD_BIN names one that is
// there already.
func build(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("SHARDYARD_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "shardyard")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/shardyard/shardyard/cmd/shardyard")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}
