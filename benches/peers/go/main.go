// The contestant in Go: x/time/rate, errgroup and net/http, as one writes it where Go is the language.
// The first error cancels the context, and so every request under way.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

type Job struct {
	Question  string `json:"question"`
	URL       string `json:"url"`
	IDs       uint32 `json:"ids"`
	Body      int    `json:"body"`
	InFlight  int    `json:"in_flight"`
	Keep      bool   `json:"keep"`
	Quota     *Quota `json:"quota"`
	TimeoutMS int64  `json:"timeout_ms"`
	Runs      int    `json:"runs"`
}

type Quota struct {
	Requests uint32 `json:"requests"`
	Seconds  uint64 `json:"seconds"`
	Burst    int    `json:"burst"`
}

type Report struct {
	Fetched    uint32    `json:"fetched"`
	Checksum   uint64    `json:"checksum"`
	Seconds    float64   `json:"seconds"`
	CPUSeconds float64   `json:"cpu_seconds"`
	PeakKiB    uint64    `json:"peak_kib"`
	ReturnedAt []int64   `json:"returned_at"`
	LateMS     []float64 `json:"late_ms"`
}

func main() {
	var job Job
	if err := json.Unmarshal([]byte(os.Args[1]), &job); err != nil {
		log.Fatal(err)
	}
	report := Report{ReturnedAt: []int64{}, LateMS: []float64{}}
	timeout := time.Duration(job.TimeoutMS) * time.Millisecond
	began, cpuBefore := time.Now(), cpuSeconds()
	switch job.Question {
	case "speed", "tokens":
		harvest, err := fetch(&job, timeout)
		if err != nil {
			log.Fatal(err)
		}
		report.Seconds, report.CPUSeconds = time.Since(began).Seconds(), cpuSeconds()-cpuBefore
		for id, body := range harvest.bodies {
			if err := harvest.lookAt(id, body, &job); err != nil {
				log.Fatal(err)
			}
		}
		report.Fetched, report.Checksum = harvest.fetched, harvest.checksum
	case "stop":
		for len(report.ReturnedAt) < job.Runs {
			if _, err := fetch(&job, timeout); err == nil {
				log.Fatal("succeeded where it could not")
			}
			report.ReturnedAt = append(report.ReturnedAt, time.Now().UnixNano())
		}
	case "lateness":
		for len(report.LateMS) < job.Runs {
			began := time.Now()
			if _, err := fetch(&job, timeout); err == nil {
				log.Fatal("succeeded where it could not")
			}
			report.LateMS = append(report.LateMS, (time.Since(began)-timeout).Seconds()*1e3)
		}
	}
	report.PeakKiB = peakKiB()
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
}

// fetch does one whole batch, or returns the first error when everything has stopped.
func fetch(job *Job, timeout time.Duration) (*harvest, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: job.InFlight}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: timeout}
	limit := rate.NewLimiter(rate.Inf, 0)
	if job.Quota != nil {
		perSecond := float64(job.Quota.Requests) / float64(job.Quota.Seconds)
		limit = rate.NewLimiter(rate.Limit(perSecond), job.Quota.Burst)
	}
	found := &harvest{}
	if job.Keep {
		found.bodies = make(map[uint32][]byte)
	}
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(job.InFlight)
	for id := uint32(0); id < job.IDs && ctx.Err() == nil; id++ {
		id := id
		group.Go(func() error {
			if err := limit.Wait(ctx); err != nil {
				return err
			}
			if job.Question == "tokens" {
				return found.take(id, nil, job)
			}
			body, err := get(ctx, client, job.URL+"/"+strconv.FormatUint(uint64(id), 10))
			if err != nil {
				return err
			}
			return found.take(id, body, job)
		})
	}
	return found, group.Wait()
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

// harvest holds the bodies, or a tally of them only.
type harvest struct {
	mutex    sync.Mutex
	bodies   map[uint32][]byte
	fetched  uint32
	checksum uint64
}

func (h *harvest) take(id uint32, body []byte, job *Job) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.bodies == nil {
		return h.lookAt(id, body, job)
	}
	h.bodies[id] = body
	return nil
}

// lookAt counts an id, if this is its body: each begins with its id in 16 digits.
func (h *harvest) lookAt(id uint32, body []byte, job *Job) error {
	if len(body) != job.Body {
		return fmt.Errorf("id %d has %d bytes, not %d", id, len(body), job.Body)
	}
	if job.Body > 0 {
		if got, err := strconv.ParseUint(string(body[:16]), 10, 32); err != nil || uint32(got) != id {
			return fmt.Errorf("what came for id %d is not its body", id)
		}
	}
	spread := (uint64(id) + 1) * 0x9E3779B97F4A7C15
	h.fetched++
	h.checksum += spread ^ (spread >> 32)
	return nil
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func peakKiB() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			kib, _ := strconv.ParseUint(strings.Fields(line)[1], 10, 64)
			return kib
		}
	}
	return 0
}
