package simulate
import "time"
var TraceHook func(w int, now time.Duration, id string, est, act time.Duration)
var TickHook func(f *fleet)
