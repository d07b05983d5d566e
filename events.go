package connix

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// Why a delivery was refused, for [errors.Is]. No error holds a secret, a
// signature or a part of the body.
var (
	// ErrSignatureMissing: the request carries no signature of the scheme. Where
	// the API does sign, look for a proxy that drops headers.
	ErrSignatureMissing = signature.ErrMissing
	// ErrSignatureMismatch: the signature was made with another secret or over
	// other bytes. Verify the body as it came: decoding and encoding it again
	// changes it.
	ErrSignatureMismatch = signature.ErrMismatch
	// ErrWebhookStale: the signature is right, but its time is further from now
	// than the tolerance allows, in the past or in the future: a replay, or a
	// clock that is wrong.
	ErrWebhookStale = errors.New("connix: webhook outside the tolerance of time")
	// ErrWebhookMalformed: a header or the body cannot be read as what it should be.
	ErrWebhookMalformed = signature.ErrMalformed
	// ErrWebhookTooLarge: the body exceeds MaxBody; no more of it was read.
	ErrWebhookTooLarge = errors.New("connix: webhook body too large")
	// ErrNoWebhookSecret: the verifier has no secret, or an empty or unusable one
	// among them. It is a mistake of the receiver, not of the sender.
	ErrNoWebhookSecret = signature.ErrNoSecret
)

// Event is one event of a webhook delivery.
//
// The API overview lists the types and documents no body; this is the assumed
// form: {"id", "type", "created_at", "data"}.
type Event struct {
	// ID is the event's id, the same however often and to however many webhooks
	// it is delivered; "" where the body has none.
	ID string `json:"id"`
	// Type says what happened. Types that this package does not know are kept.
	Type EventType `json:"type"`
	// CreatedAt is when it happened; zero where the body has no time in RFC 3339.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Data is the project or agent as it came, undecoded; nil for none.
	Data json.RawMessage `json:"data,omitempty"`
	// Delivery is how the event came. It is not part of the body.
	Delivery Delivery `json:"-"`
}

// Project returns the project that a "project." event carries. The error says
// that the event is of another kind or, with [ErrWebhookMalformed], that its
// data cannot be read.
func (e *Event) Project() (*Project, error) {
	return eventData[Project](e, "project.")
}

// Agent returns the agent that an "agent." event carries. The error says that
// the event is of another kind or, with [ErrWebhookMalformed], that its data
// cannot be read.
func (e *Event) Agent() (*Agent, error) {
	return eventData[Agent](e, "agent.")
}

func eventData[T any](e *Event, family string) (*T, error) {
	kind := strings.TrimSuffix(family, ".")
	if !strings.HasPrefix(string(e.Type), family) {
		return nil, fmt.Errorf("connix: an event of type %.100q carries no %s", string(e.Type), kind)
	}
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return nil, fmt.Errorf("%w: the event has no data", ErrWebhookMalformed)
	}
	out := new(T)
	if err := unmarshal(e.Data, out); err != nil {
		return nil, fmt.Errorf("%w: the event's data is no %s: %w", ErrWebhookMalformed, kind, err)
	}
	return out, nil
}

// Delivery is what a scheme says of one delivery; zero where it says nothing.
type Delivery struct {
	// ID is the delivery's id. Retries of a delivery have the same one.
	ID string
	// Timestamp is when this attempt was signed, in whole seconds.
	Timestamp time.Time
}

// WebhookScheme is one way of signing deliveries. The schemes of this package
// are [StandardWebhooks], [GitHubWebhooks], [StripeWebhooks] and [SharedToken];
// any other implementation serves as well.
//
// A scheme is chosen by the receiver and never guessed from the headers of a
// request, for the sender of a forgery writes those.
type WebhookScheme interface {
	// Sign sets the headers that sign the body.
	Sign(h http.Header, secret Secret, d Delivery, body []byte) error
	// Verify returns nil if the headers sign the body with any one of the
	// secrets, and what the scheme says of the delivery. Comparisons take
	// constant time. A Timestamp that it returns must be covered by the
	// signature: its age is judged by the [WebhookVerifier].
	Verify(h http.Header, secrets []Secret, body []byte) (Delivery, error)
}

// StandardWebhooks is Standard Webhooks 1.0 (symmetric): the headers webhook-id,
// webhook-timestamp and webhook-signature, the latter with "v1," and the base64
// HMAC-SHA256 of "id.timestamp.body". A secret's own bytes are the key; one
// that begins with "whsec_" is the base64 of the key, as that standard says.
//
// The API overview says that a webhook has a secret and not how it is used.
// This scheme is the assumed one, until the API documents its own.
var StandardWebhooks WebhookScheme = webhookScheme{signature.Standard{}}

// GitHubWebhooks is the scheme of GitHub: "sha256=" and the hex HMAC-SHA256 of
// the body in the named header, X-Hub-Signature-256 if header is "". The
// delivery's id is read from X-GitHub-Delivery, which is not signed. There is
// no time, so that nothing but a [Dedup] keeps an old delivery from being
// played again.
//
// Experimental: the API documents no use of it.
func GitHubWebhooks(header string) WebhookScheme {
	return webhookScheme{signature.NewGitHub(header)}
}

// StripeWebhooks is the scheme of Stripe: "t=", Unix seconds, ",v1=" and the
// hex HMAC-SHA256 of "seconds.body" in the named header, Stripe-Signature if
// header is "". Secrets are used as they are, also those that begin with
// "whsec_". It carries no delivery id.
//
// Experimental: the API documents no use of it.
func StripeWebhooks(header string) WebhookScheme {
	return webhookScheme{signature.NewStripe(header)}
}

// SharedToken is no signature: the secret itself travels in the named header,
// X-Webhook-Token if header is "". It says nothing about the body, and who
// reads one request can forge others, so it needs TLS all the way.
//
// Experimental: the API documents no use of it.
func SharedToken(header string) WebhookScheme {
	return webhookScheme{signature.NewToken(header)}
}

// webhookScheme lends a scheme of package signature the types of this one.
type webhookScheme struct{ signature.Scheme }

func (s webhookScheme) Sign(h http.Header, secret Secret, d Delivery, body []byte) error {
	return s.Scheme.Sign(h, secret.Reveal(), signature.Delivery(d), body)
}

func (s webhookScheme) Verify(h http.Header, secrets []Secret, body []byte) (Delivery, error) {
	revealed := make([]string, len(secrets))
	for i, secret := range secrets {
		revealed[i] = secret.Reveal()
	}
	d, err := s.Scheme.Verify(h, revealed, body)
	return Delivery(d), err
}

// SignWebhook returns the headers of a signed delivery, for tests of receivers
// and for senders. A nil scheme means [StandardWebhooks]. Where d has no ID or
// Timestamp, a random id and the present time are used.
func SignWebhook(scheme WebhookScheme, secret Secret, d Delivery, body []byte) (http.Header, error) {
	if scheme == nil {
		scheme = StandardWebhooks
	}
	if d.ID == "" {
		d.ID = "msg_" + rand.Text()
	}
	if d.Timestamp.IsZero() {
		d.Timestamp = time.Now()
	}
	h := http.Header{}
	if err := scheme.Sign(h, secret, d, body); err != nil {
		return nil, err
	}
	return h, nil
}

// errWebhookUnread marks a body that broke off.
var errWebhookUnread = errors.New("connix: reading the webhook's body")

const (
	defaultWebhookTolerance = 5 * time.Minute
	defaultWebhookMaxBody   = 1 << 20
)

// WebhookVerifier verifies deliveries. Set its fields before the first use and
// leave them alone afterwards: then it is safe for concurrent use. A nil one
// refuses everything with [ErrNoWebhookSecret].
type WebhookVerifier struct {
	// Secrets are those that a signature may be made with: one, or the old and
	// the new one while it rotates. None, or an empty one among them, refuses
	// every delivery with [ErrNoWebhookSecret].
	Secrets []Secret
	// Scheme is how deliveries are signed; nil means [StandardWebhooks].
	Scheme WebhookScheme
	// Tolerance is how far the signed time may lie from now, either way. 0 means
	// 5 minutes; a negative one accepts nothing. A scheme without a time is not
	// held to it.
	Tolerance time.Duration
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// MaxBody is how many bytes of a body Parse reads at most; 0 and below mean
	// 1 MiB. A larger body is [ErrWebhookTooLarge].
	MaxBody int64
}

// LogValue gives slog the settings, and of the secrets their number.
func (v WebhookVerifier) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("secrets", len(v.Secrets)), slog.Duration("tolerance", v.Tolerance), slog.Int64("max_body", v.MaxBody))
}

// Verify reports nil if the headers sign exactly these bytes, in time. The
// header must have canonical keys, as those of net/http and of [http.Header.Set]
// have. The errors are [ErrSignatureMissing], [ErrSignatureMismatch],
// [ErrWebhookStale], [ErrWebhookMalformed] and [ErrNoWebhookSecret].
func (v *WebhookVerifier) Verify(h http.Header, body []byte) error {
	_, err := v.verify(h, body)
	return err
}

func (v *WebhookVerifier) verify(h http.Header, body []byte) (Delivery, error) {
	if v == nil || len(v.Secrets) == 0 {
		return Delivery{}, ErrNoWebhookSecret
	}
	scheme := v.Scheme
	if scheme == nil {
		scheme = StandardWebhooks
	}
	d, err := scheme.Verify(h, v.Secrets, body)
	if err != nil {
		return Delivery{}, err
	}
	// Only now, so that what is said about the time is said to the sender alone.
	if err := v.checkTime(d.Timestamp); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

func (v *WebhookVerifier) checkTime(stamp time.Time) error {
	if stamp.IsZero() {
		return nil
	}
	now, tolerance := time.Now, v.Tolerance
	if v.Now != nil {
		now = v.Now
	}
	if tolerance == 0 {
		tolerance = defaultWebhookTolerance
	}
	// Sub saturates, and the smallest Duration has no negative: compare age as it is.
	switch age := now().Sub(stamp); {
	case age > tolerance:
		return fmt.Errorf("%w: signed %v ago, allowed are %v", ErrWebhookStale, age.Round(time.Second), tolerance)
	case age < -tolerance:
		return fmt.Errorf("%w: signed %v from now, allowed are %v", ErrWebhookStale, age.Abs().Round(time.Second), tolerance)
	}
	return nil
}

// Parse reads and verifies a request and returns its event. It consumes the
// body, of which Event.Data is a part. Besides the errors of Verify there are
// [ErrWebhookTooLarge], [ErrWebhookMalformed] for a body that is not an event,
// and what reading the body fails with.
func (v *WebhookVerifier) Parse(r *http.Request) (*Event, error) {
	if v == nil || len(v.Secrets) == 0 {
		return nil, ErrNoWebhookSecret
	}
	limit := v.MaxBody
	if limit <= 0 {
		limit = defaultWebhookMaxBody
	}
	body, err := readWebhookBody(r, limit)
	if err != nil {
		return nil, err
	}
	d, err := v.verify(r.Header, body)
	if err != nil {
		return nil, err
	}
	e, err := readEnvelope(body)
	if err != nil {
		return nil, err
	}
	return &Event{ID: e.id, Type: e.typ, CreatedAt: e.createdAt, Data: e.data, Delivery: d}, nil
}

// readWebhookBody reads the body into a slice of its own, of the announced
// size unless that is a large claim that nothing has backed yet.
func readWebhookBody(r *http.Request, limit int64) ([]byte, error) {
	tooLarge := func() error { return fmt.Errorf("%w: more than %d bytes", ErrWebhookTooLarge, limit) }
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	if r.Body == nil {
		return nil, nil
	}
	const unknownRoom, mostRoom = 4 << 10, 64 << 10
	room := int64(unknownRoom)
	if r.ContentLength >= 0 {
		room = min(r.ContentLength, mostRoom)
	}
	body := make([]byte, 0, room+1)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, tooLarge()
		case err == io.EOF:
			return body, nil
		case err != nil:
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return nil, tooLarge()
			}
			return nil, fmt.Errorf("%w: %w", errWebhookUnread, err)
		}
	}
}
