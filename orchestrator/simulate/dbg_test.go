package simulate_test
import ("testing";"math";"github.com/shardyard/shardyard/orchestrator/simulate")
func TestDbg(t *testing.T){
 for _,h:=range corpus(t){ sum:=map[int]float64{}; c:=0.; for _,s:=range h.Replays(){
  c++
  for _,n:=range []int{4,8,16,32,64}{ w:=simulate.World{Workers:n}; b:=simulate.Bound(s,w)
   r:=simulate.Ours.Run(s,w); x:=float64(r.Makespan)/float64(b); sum[n]+=math.Log(x); if x>1.3 {t.Logf("   %s %d ours %.3f bound %v", s.Name,n,x, b)}
   }
 }
 for _,n:=range []int{4,8,16,32,64}{ t.Logf("%s %d: %.4f",h.Name,n,math.Exp(sum[n]/c))}
 }
}
