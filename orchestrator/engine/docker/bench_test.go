package docker

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// BenchmarkStart starts workers at once, warm, and waits for all of them.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := open(b, project(b))
			base, tree := mustBase(b, e), mustLoad(b, e, "t1")
			for round := 0; b.Loop(); round++ {
				instances := make([]engine.Instance, n)
				var starts, ends errgroup.Group
				for k := range n {
					starts.Go(func() (err error) {
						instances[k], err = e.Start(b.Context(), engine.Spec{
							Run: fmt.Sprint("r", round), Name: fmt.Sprint("worker-", k), Role: engine.Worker, Base: base, Tree: tree, TreeName: "proj",
						})
						return err
					})
				}
				if err := starts.Wait(); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				for _, i := range instances {
					ends.Go(func() error { return i.Remove(b.Context()) })
				}
				if err := ends.Wait(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
