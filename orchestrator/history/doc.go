// Package history owns what is kept between runs: how long each test took and
// how it ended, the last list of tests, and small facts about a suite. It is
// one SQLite file, which any number of runs may use at once.
//
// It refuses to know estimates and plans, which are made elsewhere from the plain
// values that it returns. Losing the history costs balance, never a verdict; so
// a broken file is set aside and the run goes on.
package history
