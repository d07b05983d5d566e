package connix

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// WebhookScheme is one way of signing deliveries. The schemes of this package
// are [StandardWebhooks], [GitHubWebhooks], [StripeWebhooks] and [SharedToken];
// any other implementation works too.
//
// The receiver chooses the scheme. It is never guessed from the headers of a
// request, because the sender of a forgery writes those.
//
// An implementation can add two methods. CheckSecrets(secrets []Secret) error is
// called by [WebhookVerifier.Check]. SignsDeliveryID() bool reports whether the
// signature covers the delivery's ID; without it, a [WebhookHandler] assumes that
// it does not.
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
// timestamp: a replayed delivery is recognized by its body alone, for as long as
// the [Dedup] of the [WebhookHandler] remembers it.
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

// CheckSecrets is called by [WebhookVerifier.Check].
func (s webhookScheme) CheckSecrets(secrets []Secret) error { return s.Check(reveal(secrets)) }

// SignsDeliveryID reports whether the signature covers the delivery's ID.
func (s webhookScheme) SignsDeliveryID() bool { return s.SignsID() }

func (s webhookScheme) Sign(h http.Header, secret Secret, d Delivery, body []byte) error {
	return s.Scheme.Sign(h, secret.Reveal(), signature.Delivery(d), body)
}

func (s webhookScheme) Verify(h http.Header, secrets []Secret, body []byte) (Delivery, error) {
	d, err := s.Scheme.Verify(h, reveal(secrets), body)
	return Delivery(d), err
}

func reveal(secrets []Secret) []string {
	revealed := make([]string, len(secrets))
	for i, secret := range secrets {
		revealed[i] = secret.Reveal()
	}
	return revealed
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
