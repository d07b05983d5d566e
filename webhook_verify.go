package connix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
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
	// one. The receiver is configured wrongly; the sender did nothing wrong. See
	// [WebhookVerifier.Check].
	ErrNoWebhookSecret = signature.ErrNoSecret
)

var (
	// errWebhookUnread marks a body that could not be read to its end.
	errWebhookUnread = errors.New("connix: reading the webhook's body")
	// errWebhookSecretSource marks an error of a SecretSource.
	errWebhookSecretSource = errors.New("connix: getting the webhook's secrets")
)

const (
	defaultWebhookTolerance = 5 * time.Minute
	defaultWebhookMaxBody   = 1 << 20
)

// WebhookVerifier verifies deliveries. Set its fields before the first use and
// do not change them afterwards; it is then safe for concurrent use. A nil
// WebhookVerifier refuses every delivery with [ErrNoWebhookSecret].
type WebhookVerifier struct {
	// Secrets are the secrets that a signature may be made with: one, or the old
	// and the new one during a rotation. If there is none, or an empty or malformed
	// one among them, every delivery is refused with [ErrNoWebhookSecret].
	Secrets []Secret
	// SecretSource, unless nil, returns the secrets for one request in place of
	// Secrets, for example of the tenant that the URL names, or after a rotation.
	// It must not read the request's body, which nothing has verified yet, and
	// should return soon after the request's context ends: it is waited for. Its
	// error refuses the delivery; a [WebhookHandler] then responds with 500, or
	// with 400 if the error matches [ErrSignatureMismatch], as for an unknown
	// tenant. For Verify and ParseEvent the request has only its Header.
	SecretSource func(*http.Request) ([]Secret, error)
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
	return slog.GroupValue(slog.Int("secrets", len(v.Secrets)), slog.Bool("secret_source", v.SecretSource != nil), slog.Duration("tolerance", v.Tolerance), slog.Int64("max_body", v.MaxBody))
}

// Check reports whether the verifier is usable: it returns an error that matches
// [ErrNoWebhookSecret] if there is no secret, or an empty or malformed one. Call it
// when the program starts; a [WebhookHandler] calls it on its first request. The
// secrets of a SecretSource are checked when they are used.
func (v *WebhookVerifier) Check() error {
	if v == nil {
		return ErrNoWebhookSecret
	}
	if v.SecretSource != nil {
		return nil
	}
	secrets, err := v.secrets(nil)
	if err != nil {
		return err
	}
	if s, ok := v.scheme().(interface{ CheckSecrets([]Secret) error }); ok {
		return s.CheckSecrets(secrets)
	}
	return nil
}

func (v *WebhookVerifier) scheme() WebhookScheme {
	if v.Scheme == nil {
		return StandardWebhooks
	}
	return v.Scheme
}

// secrets returns the secrets for a request, at least one.
func (v *WebhookVerifier) secrets(r *http.Request) ([]Secret, error) {
	if v == nil {
		return nil, ErrNoWebhookSecret
	}
	secrets := v.Secrets
	if v.SecretSource != nil {
		var err error
		if secrets, err = v.SecretSource(r); err != nil {
			return nil, fmt.Errorf("%w: %w", errWebhookSecretSource, err)
		}
	}
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return nil, fmt.Errorf("%w: there is none, or an empty one", ErrNoWebhookSecret)
	}
	return secrets, nil
}

// Verify returns nil if the headers sign exactly these bytes, within the
// tolerance. The error matches one of [ErrSignatureMissing],
// [ErrSignatureMismatch], [ErrWebhookStale], [ErrWebhookMalformed] and
// [ErrNoWebhookSecret], or is that of the SecretSource.
func (v *WebhookVerifier) Verify(h http.Header, body []byte) error {
	_, err := v.verifyBytes(h, body)
	return err
}

// ParseEvent verifies a delivery whose body was read before and returns its event,
// for example in a serverless function or for a queue of deliveries. h may be any
// map of the request's headers; names are case-insensitive. MaxBody is not
// applied. The errors are those of Verify, and [ErrWebhookMalformed] if the body
// is not an event. The event does not share memory with body.
func (v *WebhookVerifier) ParseEvent(h http.Header, body []byte) (*Event, error) {
	d, err := v.verifyBytes(h, body)
	if err != nil {
		return nil, err
	}
	event := &Event{Delivery: d}
	if err := event.read(body); err != nil {
		return nil, err
	}
	event.Data = bytes.Clone(event.Data)
	return event, nil
}

func (v *WebhookVerifier) verifyBytes(h http.Header, body []byte) (Delivery, error) {
	secrets, err := v.secrets(&http.Request{Method: http.MethodPost, URL: new(url.URL), Header: h})
	if err != nil {
		return Delivery{}, err
	}
	return v.verify(secrets, h, body)
}

func (v *WebhookVerifier) verify(secrets []Secret, h http.Header, body []byte) (Delivery, error) {
	d, err := v.scheme().Verify(h, secrets, body)
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
//
// Parse waits for as long as the sender takes to send the body: set the server's
// ReadTimeout. A [WebhookHandler] sets a deadline itself.
func (v *WebhookVerifier) Parse(r *http.Request) (*Event, error) {
	event, _, err := v.parse(r)
	return event, err
}

// parse returns the event of a request and its body.
func (v *WebhookVerifier) parse(r *http.Request) (*Event, []byte, error) {
	secrets, err := v.secrets(r)
	if err != nil {
		return nil, nil, err
	}
	limit := v.MaxBody
	if limit <= 0 {
		limit = defaultWebhookMaxBody
	}
	body, err := readWebhookBody(r, limit)
	if err != nil {
		return nil, nil, err
	}
	d, err := v.verify(secrets, r.Header, body)
	if err != nil {
		return nil, nil, err
	}
	event := &Event{Delivery: d}
	if err := event.read(body); err != nil {
		return nil, nil, err
	}
	return event, body, nil
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
