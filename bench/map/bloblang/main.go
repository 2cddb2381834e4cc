// bloblang - the changes of bench map by Bloblang, the language of Benthos and what is made of it, on
// the message that a pipeline there passes on.
//
//	bloblang in|both|in-validated|both-validated FILE SECONDS|show THERE BACK SCHEMA
//
// Prints {"us": per document, "bytes": of it}, or with "show" what comes out. "us" is the processor
// time of the whole process, the collector too, the least of 20 slices.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

const slices = 20

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bloblang:", err)
		os.Exit(1)
	}
	return value
}

func mapping(path string) *bloblang.Executor {
	return must(bloblang.Parse(string(must(os.ReadFile(path)))))
}

// Its validator knows drafts 4 to 7: the schema is given without the name of its own draft.
func validator(path string) *bloblang.Executor {
	var schema map[string]any
	must(0, json.Unmarshal(must(os.ReadFile(path)), &schema))
	delete(schema, "$schema")
	text := must(json.Marshal(schema))
	return must(bloblang.Parse("root = this.json_schema(" + strconv.Quote(string(text)) + ")"))
}

func through(bytes []byte, steps []*bloblang.Executor) []byte {
	message := service.NewMessage(bytes)
	for _, step := range steps {
		message = must(message.BloblangQuery(step))
	}
	return must(message.AsBytes())
}

func processor() time.Duration {
	var usage syscall.Rusage
	must(0, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func measure(seconds float64, turn func() []byte) float64 {
	best, step := 1e9, 1
	for slice := 0; slice < slices; {
		begun := processor()
		for i := 0; i < step; i++ {
			turn()
		}
		taken := (processor() - begun).Seconds()
		if taken < seconds/slices/2 {
			step *= 2
			continue
		}
		best = min(best, taken/float64(step))
		slice++
	}
	return best * 1e6
}

func main() {
	if len(os.Args) != 7 {
		must(0, fmt.Errorf("usage: bloblang WAY FILE SECONDS|show THERE BACK SCHEMA"))
	}
	runtime.GOMAXPROCS(1)
	bytes := must(os.ReadFile(os.Args[2]))
	there := []*bloblang.Executor{mapping(os.Args[4])}
	back := []*bloblang.Executor{mapping(os.Args[5])}
	if strings.HasSuffix(os.Args[1], "-validated") {
		valid := validator(os.Args[6])
		there, back = append(there, valid), append([]*bloblang.Executor{valid}, back...)
	}
	turn := func() []byte { return through(bytes, there) }
	if strings.HasPrefix(os.Args[1], "both") {
		turn = func() []byte { return through(through(bytes, there), back) }
	}
	if os.Args[3] == "show" {
		fmt.Println(string(turn()))
		return
	}
	us := measure(must(strconv.ParseFloat(os.Args[3], 64)), turn)
	fmt.Printf("{\"us\":%.4f,\"bytes\":%d}\n", us, len(bytes))
}
