package signature

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// The headers of Standard Webhooks, in net/http's canonical form.
const (
	standardID        = "Webhook-Id"
	standardTimestamp = "Webhook-Timestamp"
	standardSignature = "Webhook-Signature"
)

// strictBase64 reads one spelling of a signature; without Strict there are four,
// which differ in bits that stand for nothing.
var strictBase64 = base64.StdEncoding.Strict()

// Standard is Standard Webhooks 1.0 with symmetric keys: webhook-id,
// webhook-timestamp, and webhook-signature with "v1," and the base64 HMAC-SHA256
// of "id.timestamp.body", several of them separated by blanks. A secret that
// begins with "whsec_" is the base64 of the key; any other is the key itself.
type Standard struct{}

// Check implements [Scheme].
func (Standard) Check(secrets []string) error { return standardKey.check(secrets) }

// SignsID implements [Scheme].
func (Standard) SignsID() bool { return true }

// Sign implements [Scheme]. The delivery needs an id and a time.
func (Standard) Sign(h http.Header, secret string, d Delivery, body []byte) error {
	key, err := standardKey.key(nil, secret)
	if err != nil {
		return err
	}
	if !validID(d.ID) {
		return fmt.Errorf("%w: the delivery's id is empty, longer than %d characters, or has some that are not allowed", ErrMalformed, maxIDLength)
	}
	stamp, err := formatStamp(d.Timestamp)
	if err != nil {
		return err
	}
	digest := sum(key, body, d.ID, ".", stamp, ".")
	h.Set(standardID, d.ID)
	h.Set(standardTimestamp, stamp)
	h.Set(standardSignature, "v1,"+base64.StdEncoding.EncodeToString(digest[:]))
	return nil
}

// Verify implements [Scheme].
func (Standard) Verify(h http.Header, secrets []string, body []byte) (Delivery, error) {
	if err := standardKey.check(secrets); err != nil {
		return Delivery{}, err
	}
	var offered candidates
	d, stamp, err := readStandard(h, &offered)
	if err != nil {
		return Delivery{}, err
	}
	if err := verify(secrets, standardKey, &offered, body, d.ID, ".", stamp, "."); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

// readStandard reads the three headers. The timestamp is also returned as it
// was written, because that is what was signed.
func readStandard(h http.Header, offered *candidates) (d Delivery, stamp string, err error) {
	id, hasID := header(h, standardID)
	stamp, hasStamp := header(h, standardTimestamp)
	_, hasSignature := header(h, standardSignature)
	if !hasID || !hasStamp || !hasSignature {
		return d, "", fmt.Errorf("%w: webhook-id, webhook-timestamp and webhook-signature are all needed", ErrMissing)
	}
	if !validID(id) {
		return d, "", fmt.Errorf("%w: the webhook-id header", ErrMalformed)
	}
	d.ID = id
	if d.Timestamp, err = parseStamp(stamp); err != nil {
		return d, "", err
	}
	if err := offered.addStandard(lines(h, standardSignature)); err != nil {
		return d, "", err
	}
	return d, stamp, nil
}

// addStandard reads the signatures of the webhook-signature header. It skips an
// entry that cannot be read if another one can: a sender may add versions and
// forms that are not known here.
func (c *candidates) addStandard(header []string) error {
	foreign, unreadable := false, false
	for _, line := range header {
		for entry := range strings.FieldsSeq(line) {
			version, text, ok := strings.Cut(entry, ",")
			if ok && version != "v1" {
				foreign = true // v1a is the asymmetric kind
				continue
			}
			// The decoder may write up to 33 bytes for 44 characters.
			var out [len(digest{}) + 1]byte
			if !ok || len(text) != base64.StdEncoding.EncodedLen(len(digest{})) {
				unreadable = true
				continue
			}
			if n, err := strictBase64.Decode(out[:], []byte(text)); err != nil || n != len(digest{}) {
				unreadable = true
				continue
			}
			room, err := c.next()
			if err != nil {
				return err
			}
			copy(room[:], out[:])
		}
	}
	switch {
	case c.n > 0:
		return nil
	case unreadable:
		return fmt.Errorf("%w: the webhook-signature header", ErrMalformed)
	case foreign:
		return fmt.Errorf("%w: the webhook-signature header has no v1 signature", ErrMissing)
	}
	return fmt.Errorf("%w: the webhook-signature header is blank", ErrMissing)
}
