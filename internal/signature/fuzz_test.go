package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/connix-io/connix-go/internal/signature"
)

// FuzzVerify: no header and no body makes a scheme panic, and what it accepts
// was signed with the secret by somebody: the signed text is rebuilt here the
// plain way, and one of the signatures sent must be its HMAC.
func FuzzVerify(f *testing.F) {
	for _, scheme := range []string{"standard", "github", "stripe", "token"} {
		h := http.Header{}
		if err := schemes[scheme].Sign(h, secret, delivery, []byte(body)); err != nil {
			f.Fatal(err)
		}
		f.Add(h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")+
			h.Get("X-Hub-Signature-256")+h.Get("Stripe-Signature")+h.Get("X-Webhook-Token"), []byte(body))
	}
	f.Add("msg_1.1", "17", "v1, v1,=== v1a,x", []byte("{}"))
	f.Add("", "", "t=,t=,v1=,v1", []byte(nil))
	f.Add("a", "00000000000", "sha256=,sha256", []byte("1."))
	f.Fuzz(func(t *testing.T, id, stamp, value string, body []byte) {
		h := http.Header{
			"Webhook-Id":          {id},
			"Webhook-Timestamp":   {stamp},
			"Webhook-Signature":   {value},
			"X-Hub-Signature-256": {value},
			"Stripe-Signature":    {value},
			"X-Webhook-Token":     {value},
		}
		mac := func(parts ...string) []byte {
			m := hmac.New(sha256.New, []byte(secret))
			m.Write([]byte(strings.Join(parts, ".")))
			return m.Sum(nil)
		}
		d, err := (signature.Standard{}).Verify(h, []string{secret}, body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac(id, stamp, string(body)))
		seconds, _ := strconv.ParseInt(stamp, 10, 64)
		if err == nil && (!strings.Contains(value, want) || d.ID != id || d.Timestamp.Unix() != seconds) {
			t.Errorf("standard accepts %q, %q, %q", id, stamp, value)
		}
		_, err = schemes["github"].Verify(h, []string{secret}, body)
		text, prefixed := strings.CutPrefix(value, "sha256=")
		if (err == nil) != (prefixed && strings.EqualFold(text, hex.EncodeToString(mac(string(body))))) {
			t.Errorf("github: %v for %q", err, value)
		}
		_, err = schemes["stripe"].Verify(h, []string{secret}, body)
		if err == nil && !signedByStripe(value, func(stamp string) string { return hex.EncodeToString(mac(stamp, string(body))) }) {
			t.Errorf("stripe accepts %q", value)
		}
		_, err = schemes["token"].Verify(h, []string{secret}, body)
		if (err == nil) != (value == secret) {
			t.Errorf("token: %v for %q", err, value)
		}
	})
}

// signedByStripe looks for the signature over the one time that value names.
func signedByStripe(value string, sign func(stamp string) string) bool {
	value = strings.NewReplacer(" ", "", "\t", "").Replace(value)
	_, stamp, _ := strings.Cut(","+value, ",t=")
	stamp, _, _ = strings.Cut(stamp, ",")
	return strings.Contains(strings.ToLower(value), "v1="+sign(stamp))
}

// TestConcurrentSecrets: HMACs are reused, and never under another's key.
func TestConcurrentSecrets(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			own, other := fmt.Sprint("secret ", i), fmt.Sprint("secret ", i+1)
			for range 200 {
				h := http.Header{}
				if err := (signature.Standard{}).Sign(h, own, delivery, []byte(body)); err != nil {
					t.Error(err)
					return
				}
				if _, err := (signature.Standard{}).Verify(h, []string{own}, []byte(body)); err != nil {
					t.Error(err)
					return
				}
				if _, err := (signature.Standard{}).Verify(h, []string{other}, []byte(body)); err == nil {
					t.Error("accepted under another secret")
					return
				}
			}
		})
	}
	wg.Wait()
}
