package simulate
import ("testing";"os";"encoding/json";"compress/gzip";"path/filepath";"sort";"fmt";"time")
func TestDbg2(t *testing.T){
 name:=os.Getenv("S"); var n,k int; fmt.Sscan(os.Getenv("N"),&n); fmt.Sscan(os.Getenv("K"),&k)
 files,_:=filepath.Glob("../../testdata/durations/"+name+"/*.gz"); sort.Strings(files)
 h:=History{Name:name}
 for _,f:=range files{ g,_:=os.Open(f); z,_:=gzip.NewReader(g); var d Durations; json.NewDecoder(z).Decode(&d); h.Runs=append(h.Runs,d)}
 s:=h.Replays()[k-1]
 w:=World{Workers:n}
 b:=Bound(s,w)
 TraceHook=func(w int, now time.Duration, id string, est,act time.Duration){ if act>b/12 || now+act>b+b/20 { if len(id)>60 {id=id[len(id)-60:]}; t.Logf("%2d %9.3f est %7.3f act %7.3f %s",w,now.Seconds(),est.Seconds(),act.Seconds(),id)}}
 r:=Ours.Run(s,w); t.Logf("bound %v makespan %v", b, r.Makespan)
 TraceHook=nil
}
