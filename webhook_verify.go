package connix

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// The reasons to refuse a delivery, for [errors.Is]. No error contains a secret,
// a signature or a part of the body.
var (
	// ErrSignatureMissing: the request has no signature of the scheme. If the API
	// does sign, look for a proxy that drops headers.
	ErrSignatureMissing = signature.ErrMissing
	// ErrSignatureMismatch: the signature was made with another secret or over
	// other bytes. Verify the body as it was received: decoding and encoding it
	// again changes it.
	ErrSignatureMismatch = signature.ErrMismatch
	// ErrWebhookStale: the signature is right, but its time is further from now
	// than the tolerance, in the past or in the future. The delivery is replayed,
	// or one of the clocks is wrong.
	ErrWebhookStale = errors.New("connix: webhook timestamp outside the tolerance")
	// ErrWebhookMalformed: a header or the body cannot be parsed.
	ErrWebhookMalformed = signature.ErrMalformed
	// ErrWebhookTooLarge: the body is larger than MaxBody. The rest was not read.
	ErrWebhookTooLarge = errors.New("connix: webhook body too large")
	// ErrNoWebhookSecret: the verifier has no secret, or an empty or malformed
	// one. The receiver is configured wrongly; the sender did nothing wrong.
	ErrNoWebhookSecret = signature.ErrNoSecret
)

// WebhookScheme is one way of signing deliveries. The schemes of this package
// are [StandardWebhooks], [GitHubWebhooks], [StripeWebhooks] and [SharedToken];
// any other implementation works too.
//
// The receiver chooses the scheme. It is never guessed from the headers of a
// request, because the sender of a forgery writes those.
type WebhookScheme interface {
	// Sign sets the headers that sign body.
	Sign(h http.Header, secret Secret, d Delivery, body []byte) error
	// Verify returns a nil error if the headers sign body with any one of the
	// secrets, and the delivery's ID and Timestamp as far as the scheme carries
	// them. It compares in constant time. The signature must cover the Timestamp:
	// the [WebhookVerifier] checks its age.
	Verify(h http.Header, secrets []Secret, body []byte) (Delivery, error)
}

// StandardWebhooks is Standard Webhooks 1.0 (symmetric): the headers webhook-id,
// webhook-timestamp and webhook-signature. The signature is "v1," and the base64
// HMAC-SHA256 of "id.timestamp.body". The bytes of the secret are the key; if it
// begins with "whsec_", the rest is the key in base64, as that standard says.
//
// The API overview says that a webhook has a secret, but not how it is used.
// This scheme is assumed until the API documents one.
var StandardWebhooks WebhookScheme = webhookScheme{signature.Standard{}}

// GitHubWebhooks is the scheme of GitHub: "sha256=" and the hex HMAC-SHA256 of
// the body in the named header, X-Hub-Signature-256 if header is "". The
// delivery's ID comes from X-GitHub-Delivery, which is not signed. There is no
// timestamp: only a [Dedup] recognizes a replayed delivery.
//
// Experimental: the API documents no use of it.
func GitHubWebhooks(header string) WebhookScheme {
	return webhookScheme{signature.NewGitHub(header)}
}

// StripeWebhooks is the scheme of Stripe: "t=", Unix seconds, ",v1=" and the
// hex HMAC-SHA256 of "seconds.body" in the named header, Stripe-Signature if
// header is "". The bytes of the secret are the key, even if it begins with
// "whsec_". The scheme carries no delivery ID.
//
// Experimental: the API documents no use of it.
func StripeWebhooks(header string) WebhookScheme {
	return webhookScheme{signature.NewStripe(header)}
}

// SharedToken is not a signature: the named header, X-Webhook-Token if header is
// "", contains the secret itself. It does not protect the body, and whoever reads
// one request can forge others: use it over TLS only.
//
// Experimental: the API documents no use of it.
func SharedToken(header string) WebhookScheme {
	return webhookScheme{signature.NewToken(header)}
}

// webhookScheme adapts a scheme of package signature to the types of this one.
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
// and for senders. A nil scheme means [StandardWebhooks]. A zero ID or Timestamp
// in d is replaced by a random ID or the current time. The error matches
// [ErrNoWebhookSecret] or [ErrWebhookMalformed].
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

// errWebhookUnread marks a body that could not be read to its end.
var errWebhookUnread = errors.New("connix: reading the webhook's body")

const (
	defaultWebhookTolerance = 5 * time.Minute
	defaultWebhookMaxBody   = 1 << 20
)

// WebhookVerifier verifies deliveries. Set its fields before the first use and
// do not change them afterwards; it is then safe for concurrent use. A nil
// WebhookVerifier refuses every delivery with [ErrNoWebhookSecret].
type WebhookVerifier struct {
	// Secrets are the secrets that a signature may be made with: one, or the old
	// and the new one during a rotation. If there is none, or an empty one among
	// them, every delivery is refused with [ErrNoWebhookSecret].
	Secrets []Secret
	// Scheme is the way in which deliveries are signed; nil means
	// [StandardWebhooks].
	Scheme WebhookScheme
	// Tolerance is the longest accepted distance between the signed time and now,
	// in the past or in the future. 0 means 5 minutes; a negative value accepts
	// nothing. It does not apply to a scheme without a time.
	Tolerance time.Duration
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// MaxBody is the most bytes of a body that Parse reads; 0 and below mean
	// 1 MiB. A larger body is refused with [ErrWebhookTooLarge].
	MaxBody int64
}

// LogValue returns the settings for slog, with the number of secrets in their
// place.
func (v WebhookVerifier) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("secrets", len(v.Secrets)), slog.Duration("tolerance", v.Tolerance), slog.Int64("max_body", v.MaxBody))
}

// Verify returns nil if the headers sign exactly these bytes, within the
// tolerance. The keys of h must be canonical, as net/http and [http.Header.Set]
// make them. The error matches one of [ErrSignatureMissing],
// [ErrSignatureMismatch], [ErrWebhookStale], [ErrWebhookMalformed] and
// [ErrNoWebhookSecret].
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
	// Checked last, so that only the holder of a secret learns about the time.
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
		return fmt.Errorf("%w: signed %v ago, the tolerance is %v", ErrWebhookStale, age.Round(time.Second), tolerance)
	case age < -tolerance:
		return fmt.Errorf("%w: signed %v from now, the tolerance is %v", ErrWebhookStale, age.Abs().Round(time.Second), tolerance)
	}
	return nil
}

// Parse reads and verifies a request and returns its event. It consumes the
// request's body. Beside the errors of Verify it returns [ErrWebhookTooLarge],
// [ErrWebhookMalformed] if the body is not an event, and the error of reading
// the body.
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
	event := &Event{Delivery: d}
	if err := event.read(body); err != nil {
		return nil, err
	}
	return event, nil
}

// readWebhookBody reads the body into a new slice. It allocates the announced
// size at once, unless that is large: a sender can announce anything.
func readWebhookBody(r *http.Request, limit int64) ([]byte, error) {
	tooLarge := func() error { return fmt.Errorf("%w: more than %d bytes", ErrWebhookTooLarge, limit) }
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	if r.Body == nil {
		return nil, nil
	}
	const unknownSize, mostAtOnce = 4 << 10, 64 << 10
	size := int64(unknownSize)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength, mostAtOnce)
	}
	body := make([]byte, 0, size+1)
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
