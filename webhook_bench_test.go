package connix_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

const benchSecret = "a webhook secret of some length"

// benchEvent is a delivery of 2 KB as the API would send one: an agent with a
// description, a configuration and some metadata.
func benchEvent(tb testing.TB) (http.Header, []byte) {
	agent := connix.Agent{
		ID: "agent_5f2c91", Name: "data-processor", Description: strings.Repeat("Reads the day's files and sums them up. ", 20),
		ProjectID: "123", Status: connix.StatusRunning,
		Config: &connix.AgentConfig{Model: "large", Temperature: new(0.2), MaxTokens: new(4096), Tools: []string{"search", "files", "shell"}},
		Metadata: map[string]any{
			"team": "data", "ticket": "OPS-1024", "priority": 3, "dry_run": false,
			"labels": []string{"nightly", "finance", "eu-west"}, "owner": map[string]any{"name": "ops", "mail": "ops@example.com"},
		},
		CreatedAt: time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC), UpdatedAt: time.Date(2024, 1, 15, 10, 31, 0, 0, time.UTC),
	}
	for i := len(agent.Metadata); i < 20; i++ {
		agent.Metadata[fmt.Sprintf("setting_%d", i)] = fmt.Sprintf("the value of number %d", i)
	}
	data, err := json.Marshal(agent)
	if err != nil {
		tb.Fatal(err)
	}
	body, err := json.Marshal(connix.Event{ID: "evt_1", Type: connix.EventAgentLaunched, CreatedAt: agent.CreatedAt, Data: data})
	if err != nil {
		tb.Fatal(err)
	}
	h, err := connix.SignWebhook(nil, benchSecret, connix.Delivery{}, body)
	if err != nil {
		tb.Fatal(err)
	}
	return h, body
}

// webhookFloor is the least that any receiver does: one HMAC, one Unmarshal.
func webhookFloor(h http.Header, body []byte) error {
	m := hmac.New(sha256.New, []byte(benchSecret))
	m.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	m.Write(body)
	got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("webhook-signature"), "v1,"))
	if err != nil || !hmac.Equal(got, m.Sum(nil)) {
		return errors.New("mismatch")
	}
	var event struct {
		ID        string       `json:"id"`
		Type      string       `json:"type"`
		CreatedAt time.Time    `json:"created_at"`
		Data      connix.Agent `json:"data"`
	}
	return json.Unmarshal(body, &event)
}

// webhookParse is what this package does, reading the request included.
func webhookParse(v *connix.WebhookVerifier, h http.Header, body []byte) error {
	r := &http.Request{Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
	event, err := v.Parse(r)
	if err != nil {
		return err
	}
	_, err = event.Agent()
	return err
}

// TestParse_allocations holds what does not depend on the machine: Parse and
// Agent allocate no more often than the floor, although they also read a request.
// The slack is for the race detector, under which pools forget at random.
func TestParse_allocations(t *testing.T) {
	h, body := benchEvent(t)
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{benchSecret}}
	allocs := func(f func() error) float64 {
		return testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
	}
	const slack = 5
	floor := allocs(func() error { return webhookFloor(h, body) })
	if parse := allocs(func() error { return webhookParse(v, h, body) }); parse > floor+slack {
		t.Errorf("%v allocations, %v are the floor", parse, floor)
	}
}

func BenchmarkWebhookFloor(b *testing.B) {
	h, body := benchEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := webhookFloor(h, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWebhookParse(b *testing.B) {
	h, body := benchEvent(b)
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{benchSecret}}
	b.ReportAllocs()
	for b.Loop() {
		if err := webhookParse(v, h, body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWebhookRatio alternates short blocks of the floor and of this
// package, since a machine drifts, and reports the ratio of their medians, and
// that of their fastest tenths, which a busy machine disturbs less.
func BenchmarkWebhookRatio(b *testing.B) {
	h, body := benchEvent(b)
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{benchSecret}}
	const blocks, perBlock = 601, 20
	var floors, parses []time.Duration
	for b.Loop() {
		floors, parses = floors[:0], parses[:0]
		for range blocks {
			start := time.Now()
			for range perBlock {
				if err := webhookFloor(h, body); err != nil {
					b.Fatal(err)
				}
			}
			middle := time.Now()
			for range perBlock {
				if err := webhookParse(v, h, body); err != nil {
					b.Fatal(err)
				}
			}
			floors, parses = append(floors, middle.Sub(start)), append(parses, time.Since(middle))
		}
	}
	slices.Sort(floors)
	slices.Sort(parses)
	b.ReportMetric(float64(parses[blocks/2])/float64(floors[blocks/2]), "x-floor")
	b.ReportMetric(float64(len(body)), "body-bytes")
	b.ReportMetric(float64(parses[blocks/10])/float64(floors[blocks/10]), "x-p10")
}
