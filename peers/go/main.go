// Measures golang.org/x/sync/singleflight for `cargo xtask compare`: one round for each start,
// so that it takes turns with the others. Prints the figure, the calls and the executions.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

// The processor time of this process, what the garbage collector takes included.
func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A call that nobody joins, on one goroutine.
func lone() {
	const calls = 300000
	var group singleflight.Group
	keys := make([]string, 256)
	for i := range keys {
		keys[i] = "key-" + strconv.Itoa(i)
	}
	executions := 0
	work := func() (interface{}, error) { executions++; return nil, nil }
	round := func(count int) {
		for i := 0; i < count; i++ {
			group.Do(keys[i%256], work)
		}
	}
	round(calls / 10)
	executions = 0
	start := used()
	round(calls)
	took := used() - start
	fmt.Println(float64(took.Nanoseconds())/calls, calls, executions)
}

// One key, as fast as eight goroutines can, with a work that takes a few hundred nanoseconds.
func hot() {
	const callers, calls = 8, 4000
	var group singleflight.Group
	var executions, sink atomic.Int64
	work := func() (interface{}, error) {
		n := int64(0)
		for i := int64(0); i < 400; i++ {
			n += i ^ n
		}
		sink.Store(n)
		executions.Add(1)
		return nil, nil
	}
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := 0; i < callers; i++ {
		ready.Add(1)
		done.Add(1)
		go func() {
			ready.Done()
			<-begin
			for j := 0; j < calls; j++ {
				group.Do("key", work)
			}
			done.Done()
		}()
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	took := time.Since(start)
	fmt.Println(float64(took.Nanoseconds())/(callers*calls), callers*calls, executions.Load())
}

func main() {
	modes := map[string]func(){"lone": lone, "hot": hot}
	if len(os.Args) == 2 {
		if run, ok := modes[os.Args[1]]; ok {
			run()
			return
		}
	}
	fmt.Fprintln(os.Stderr, "say what to measure: lone or hot")
	os.Exit(2)
}
