package fake

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/problem"
)

// write sends a response.
func (f *Fake) write(w http.ResponseWriter, r *http.Request, out response) {
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	body, ok := out.body.(json.RawMessage)
	if !ok {
		var err error
		if body, err = json.Marshal(out.body); err != nil {
			// Only a test's own Metadata or Config can hold what JSON has no form for.
			f.fail(w, r, internalError("the response has no JSON form: "+err.Error()))
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept-Encoding")
	const worthwhile = 1024 // below, gzip hardly saves a packet
	if len(body) >= worthwhile && acceptsGzip(r.Header) {
		body = f.gzip(body)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(out.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who is gone cannot be told
	}
}

func (f *Fake) gzip(body []byte) []byte {
	var buf bytes.Buffer
	z, ok := f.gzips.Get().(*gzip.Writer)
	if !ok {
		// The level is a constant that is valid.
		z, _ = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	}
	z.Reset(&buf)
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	f.gzips.Put(z)
	return buf.Bytes()
}

// acceptsGzip reports whether the client named gzip and did not rule it out.
func acceptsGzip(h http.Header) bool {
	for _, field := range h.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(field, ",") {
			coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, found := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}

// errorBody is an error as the API writes it, in the fields of both dialects.
type errorBody struct {
	Error struct {
		Code      string     `json:"code"`
		Message   string     `json:"message"`
		Details   any        `json:"details,omitempty"`
		RequestID string     `json:"request_id"`
		Timestamp *time.Time `json:"timestamp,omitempty"`
	} `json:"error"`
}

type errorDetails struct {
	Field string `json:"field"`
	Issue string `json:"issue"`
}

// codes are the error codes by status, in the dialects' order.
var codes = map[int][2]string{
	http.StatusBadRequest:          {"INVALID_REQUEST", "validation_error"},
	http.StatusUnauthorized:        {"UNAUTHORIZED", "invalid_api_key"},
	http.StatusForbidden:           {"FORBIDDEN", "forbidden"},
	http.StatusNotFound:            {"RESOURCE_NOT_FOUND", "resource_not_found"},
	http.StatusMethodNotAllowed:    {"METHOD_NOT_ALLOWED", "method_not_allowed"},
	http.StatusConflict:            {"CONFLICT", "conflict"},
	http.StatusTooManyRequests:     {"RATE_LIMIT_EXCEEDED", "rate_limit_exceeded"},
	http.StatusInternalServerError: {"INTERNAL_ERROR", "internal_error"},
}

// fail sends an error.
func (f *Fake) fail(w http.ResponseWriter, r *http.Request, err error) {
	f.writeProblem(w, r, asProblem(err))
}

// writeProblem is the one writer of errors: those of the API, and those that faults
// inject. An error of the API shows what is left of the rate limits, like every response
// of it; an injected one is written before anything was counted.
func (f *Fake) writeProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	if _, shown := w.Header()[limitHeader]; !shown && !IsOAuth(r) {
		f.writeLimits(w.Header(), f.budget(f.identify(r)), f.Now())
	}
	var body errorBody
	e := &body.Error
	e.Code, e.Message = p.Code, p.Message
	if e.Code == "" {
		e.Code = codes[p.Status][f.config.Dialect]
	}
	e.RequestID, _ = r.Context().Value(requestIDKey{}).(string)
	switch {
	case f.config.Dialect == Reference:
		now := f.Now().Truncate(time.Millisecond)
		e.Timestamp = &now
		if p.Field != "" {
			e.Details = p.Field + " " + p.Issue
		}
	case p.Field != "":
		e.Details = errorDetails{p.Field, p.Issue}
	}
	f.write(w, r, response{p.Status, body})
}
