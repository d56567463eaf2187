package cache

import (
	"testing"
	"time"
)

func TestSurplus(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	things := []Kept{
		{Name: "b", Size: 20, Used: at(2)}, {Name: "d", Size: 10, Used: at(4)}, {Name: "a", Size: 40, Used: at(1)}, {Name: "c", Size: -1, Used: at(3)},
	}
	for _, test := range []struct {
		limits Limits
		want   string
	}{
		{Limits{Size: -1, Age: -1}, ""},
		{Limits{Size: 70, Age: -1}, ""},
		{Limits{Size: 69, Age: -1}, "d"},
		{Limits{Size: 60, Age: -1}, "d"},
		{Limits{Size: 59, Age: -1}, "dcb"},
		{Limits{Size: 0, Age: -1}, "dcba"},
		{Limits{Size: -1, Age: 150 * time.Minute}, "dc"},
		{Limits{Size: 40, Age: 210 * time.Minute}, "dcb"},
		{Limits{Size: -1, Age: 0}, "dcba"},
	} {
		got := ""
		for _, k := range test.limits.Surplus(things, now) {
			got += k.Name
		}
		if got != test.want {
			t.Errorf("%+v: %q goes, want %q", test.limits, got, test.want)
		}
	}
	if got := Total(things); got != 70 {
		t.Errorf("a total of %d", got)
	}
}
