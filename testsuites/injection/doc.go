// Package injection breaks real runs at random moments, on the process engine
// and on Docker, and holds what they end with against what the documentation
// promises: docs/reliability.md has the table of faults, and figures.
//
// A round is one run of a generated project whose verdicts plain pytest has
// given before, with one fault. FAULTS_SEED repeats the rounds of an earlier
// test, FAULTS_ROUNDS says how many there are of each fault (a small choice of
// faults, once, where it is not set), FAULTS_ENGINE is "process" or "docker", or
// "own" for faults of the engine itself, and FAULTS_LANES is how many rounds are
// under way at once.
package injection
