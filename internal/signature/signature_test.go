package signature_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// The vector that the Standard Webhooks libraries publish.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

const (
	secret = "a webhook secret"
	body   = `{"id":"evt_1","type":"agent.launched"}`
)

var delivery = signature.Delivery{ID: "msg_1", Timestamp: time.Unix(1700000000, 0)}

// schemes are all of them, under the names the tests use.
var schemes = map[string]signature.Scheme{
	"standard": signature.Standard{},
	"github":   signature.NewGitHub(""),
	"stripe":   signature.NewStripe(""),
	"token":    signature.NewToken(""),
}

// headers builds a header from name, value pairs; a repeated name adds a value.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestStandardVector(t *testing.T) {
	d := signature.Delivery{ID: vectorID, Timestamp: time.Unix(vectorTime, 0)}
	h := http.Header{}
	if err := (signature.Standard{}).Sign(h, vectorSecret, d, []byte(vectorBody)); err != nil {
		t.Fatal(err)
	}
	want := headers("webhook-id", vectorID, "webhook-timestamp", fmt.Sprint(vectorTime), "webhook-signature", vectorSignature)
	for name := range want {
		if got := h.Get(name); got != want.Get(name) {
			t.Errorf("signed %s: %q, want %q", name, got, want.Get(name))
		}
	}
	got, err := (signature.Standard{}).Verify(want, []string{vectorSecret}, []byte(vectorBody))
	if err != nil || got.ID != d.ID || !got.Timestamp.Equal(d.Timestamp) {
		t.Errorf("verified: %+v, %v", got, err)
	}
}

// TestOtherVectors holds values computed with openssl (dgst -sha256 -hmac) and
// the texts that the other two schemes sign.
func TestOtherVectors(t *testing.T) {
	for _, c := range []struct {
		scheme, secret, body, name, value string
		at                                int64
	}{
		// The example of GitHub's documentation on validating deliveries.
		{"github", "It's a Secret to Everybody", "Hello, World!", "X-Hub-Signature-256",
			"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", 0},
		{"stripe", "whsec_test", `{"a":1}`, "Stripe-Signature",
			"t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789", 1700000000},
		{"token", "letmein", "anything", "X-Webhook-Token", "letmein", 0},
	} {
		h := http.Header{}
		d := signature.Delivery{}
		if c.at != 0 {
			d.Timestamp = time.Unix(c.at, 0)
		}
		if err := schemes[c.scheme].Sign(h, c.secret, d, []byte(c.body)); err != nil {
			t.Errorf("%s: %v", c.scheme, err)
			continue
		}
		if got := h.Get(c.name); got != c.value {
			t.Errorf("%s: %s: %q, want %q", c.scheme, c.name, got, c.value)
		}
		if _, err := schemes[c.scheme].Verify(headers(c.name, c.value), []string{c.secret}, []byte(c.body)); err != nil {
			t.Errorf("%s: %v", c.scheme, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	want := map[string]signature.Delivery{
		"standard": delivery,
		"github":   {ID: delivery.ID},
		"stripe":   {Timestamp: delivery.Timestamp},
		"token":    {},
	}
	for name, scheme := range schemes {
		h := http.Header{}
		if err := scheme.Sign(h, secret, delivery, []byte(body)); err != nil {
			t.Fatal(name, err)
		}
		for _, secrets := range [][]string{{secret}, {secret, "old"}, {"new", secret}, {"new", "newer", secret}} {
			got, err := scheme.Verify(h, secrets, []byte(body))
			if err != nil || got != want[name] {
				t.Errorf("%s with %d secrets: %+v, %v; want %+v", name, len(secrets), got, err, want[name])
			}
		}
		if _, err := scheme.Verify(h, []string{"new", "old"}, []byte(body)); !errors.Is(err, signature.ErrMismatch) {
			t.Errorf("%s with other secrets: %v", name, err)
		}
		_, err := scheme.Verify(h, []string{secret}, []byte(body+" "))
		if covered := name != "token"; covered != errors.Is(err, signature.ErrMismatch) {
			t.Errorf("%s over another body: %v", name, err)
		}
	}
}

// TestSecretsRefused: an empty or unusable secret is refused by every scheme,
// alone or beside good ones, and also when the request is not signed at all.
func TestSecretsRefused(t *testing.T) {
	for name, scheme := range schemes {
		bad := [][]string{nil, {}, {""}, {secret, ""}, {"", secret}}
		if name == "standard" {
			bad = append(bad, []string{"whsec_"}, []string{"whsec_not base64"}, []string{secret, "whsec_%%%%"}, []string{"v1," + vectorSecret},
				[]string{" " + vectorSecret}, []string{`"` + vectorSecret}, []string{"whsk_" + vectorSecret[6:]}, []string{secret, "whpk_" + vectorSecret[6:]})
		}
		if name == "token" {
			bad = append(bad, []string{"a\nb"}, []string{secret, " a"})
		}
		signed := http.Header{}
		if err := scheme.Sign(signed, secret, delivery, []byte(body)); err != nil {
			t.Fatal(name, err)
		}
		for _, secrets := range bad {
			if err := scheme.Check(secrets); !errors.Is(err, signature.ErrNoSecret) {
				t.Errorf("%s checks %d secrets: %v", name, len(secrets), err)
			}
			for _, h := range []http.Header{signed, {}, nil} {
				_, err := scheme.Verify(h, secrets, []byte(body))
				if !errors.Is(err, signature.ErrNoSecret) {
					t.Errorf("%s, %d secrets, header %v: %v", name, len(secrets), h != nil, err)
				}
			}
			if len(secrets) == 1 {
				if err := scheme.Sign(http.Header{}, secrets[0], delivery, nil); !errors.Is(err, signature.ErrNoSecret) {
					t.Errorf("%s signs with an unusable secret: %v", name, err)
				}
			}
		}
	}
}

// TestForgeries are requests that somebody without the secret can make.
func TestForgeries(t *testing.T) {
	good := map[string]http.Header{}
	for name, scheme := range schemes {
		good[name] = http.Header{}
		if err := scheme.Sign(good[name], secret, delivery, []byte(body)); err != nil {
			t.Fatal(name, err)
		}
	}
	empty := http.Header{}
	// What a verifier with an empty key would accept.
	empty.Set("webhook-id", "msg_1")
	empty.Set("webhook-timestamp", "1700000000")
	empty.Set("webhook-signature", "v1,HUj3+0UB/+qWv+da31GFqMLKOYn5W3jkMZa2a8gRyRc=")

	change := func(scheme string, pairs ...string) http.Header {
		h := good[scheme].Clone()
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	standard := good["standard"].Get("webhook-signature")
	stripe := good["stripe"].Get("Stripe-Signature")
	_, stripeV1, _ := strings.Cut(stripe, ",")
	zeros := strings.Repeat("0", 64)
	for _, c := range []struct {
		name, scheme, body string
		h                  http.Header
		want               error
	}{
		{"empty key", "standard", body, empty, signature.ErrMismatch},
		{"other id", "standard", body, change("standard", "webhook-id", "msg_2"), signature.ErrMismatch},
		{"other time", "standard", body, change("standard", "webhook-timestamp", "1700000001"), signature.ErrMismatch},
		{"time with a leading zero", "standard", body, change("standard", "webhook-timestamp", "01700000000"), signature.ErrMismatch},
		{"parts moved", "standard", "1700000000." + body, change("standard", "webhook-timestamp", "17", "webhook-id", "msg_1"), signature.ErrMismatch},
		{"id takes the time", "standard", body, change("standard", "webhook-id", "msg_1.1700000000"), signature.ErrMalformed},
		{"signed time", "standard", body, change("standard", "webhook-timestamp", "-1700000000"), signature.ErrMalformed},
		{"time with plus", "standard", body, change("standard", "webhook-timestamp", "+1700000000"), signature.ErrMalformed},
		{"time in words", "standard", body, change("standard", "webhook-timestamp", "2023-11-14T22:13:20Z"), signature.ErrMalformed},
		{"time out of range", "standard", body, change("standard", "webhook-timestamp", "999999999999"), signature.ErrMalformed},
		{"blank in the id", "standard", body, change("standard", "webhook-id", "msg 1"), signature.ErrMalformed},
		{"endless id", "standard", body, change("standard", "webhook-id", strings.Repeat("a", 257)), signature.ErrMalformed},
		{"no id", "standard", body, change("standard", "webhook-id", ""), signature.ErrMissing},
		{"no time", "standard", body, change("standard", "webhook-timestamp", ""), signature.ErrMissing},
		{"no signature", "standard", body, change("standard", "webhook-signature", ""), signature.ErrMissing},
		{"blank signature", "standard", body, change("standard", "webhook-signature", "  "), signature.ErrMissing},
		{"other versions only", "standard", body, change("standard", "webhook-signature", "v1a,abcd v2,efgh"), signature.ErrMissing},
		{"no version", "standard", body, change("standard", "webhook-signature", standard[3:]), signature.ErrMalformed},
		{"empty signature", "standard", body, change("standard", "webhook-signature", "v1,"), signature.ErrMalformed},
		{"short signature", "standard", body, change("standard", "webhook-signature", standard[:20]), signature.ErrMalformed},
		{"not base64", "standard", body, change("standard", "webhook-signature", "v1,"+strings.Repeat("!", 44)), signature.ErrMalformed},
		{"another spelling", "standard", body, change("standard", "webhook-signature", strings.Replace(standard, "zA=", "zB=", 1)), signature.ErrMalformed},
		{"33 bytes", "standard", body, change("standard", "webhook-signature", "v1,"+strings.Repeat("A", 44)), signature.ErrMalformed},
		{"another signature", "standard", body, change("standard", "webhook-signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="), signature.ErrMismatch},
		{"endless signatures", "standard", body, change("standard", "webhook-signature", strings.Repeat("v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= ", 17)+standard), signature.ErrMalformed},
		{"another scheme's header", "standard", body, good["github"], signature.ErrMissing},

		{"no header", "github", body, http.Header{}, signature.ErrMissing},
		{"weaker algorithm", "github", body, headers("X-Hub-Signature-256", "sha1=0000"), signature.ErrMissing},
		{"the older header", "github", body, headers("X-Hub-Signature", good["github"].Get("X-Hub-Signature-256")), signature.ErrMissing},
		{"no algorithm", "github", body, headers("X-Hub-Signature-256", zeros), signature.ErrMalformed},
		{"short", "github", body, headers("X-Hub-Signature-256", "sha256="), signature.ErrMalformed},
		{"not hex", "github", body, headers("X-Hub-Signature-256", "sha256="+strings.Repeat("g", 64)), signature.ErrMalformed},
		{"zeros", "github", body, headers("X-Hub-Signature-256", "sha256="+zeros), signature.ErrMismatch},

		{"no header", "stripe", body, http.Header{}, signature.ErrMissing},
		{"older version only", "stripe", body, headers("Stripe-Signature", "t=1700000000,v0="+zeros), signature.ErrMissing},
		{"no time", "stripe", body, headers("Stripe-Signature", stripeV1), signature.ErrMalformed},
		{"two times", "stripe", body, headers("Stripe-Signature", "t=1700000001,"+stripe), signature.ErrMalformed},
		{"other time", "stripe", body, headers("Stripe-Signature", "t=1700000001,"+stripeV1), signature.ErrMismatch},
		{"time in words", "stripe", body, headers("Stripe-Signature", "t=now,"+stripeV1), signature.ErrMalformed},
		{"not hex", "stripe", body, headers("Stripe-Signature", "t=1700000000,v1="+strings.Repeat("g", 64)), signature.ErrMalformed},
		{"no pairs", "stripe", body, headers("Stripe-Signature", "garbage"), signature.ErrMalformed},
		{"parts moved", "stripe", "1700000000." + body, headers("Stripe-Signature", "t=17,"+stripeV1), signature.ErrMismatch},

		{"no header", "token", body, http.Header{}, signature.ErrMissing},
		{"empty", "token", body, headers("X-Webhook-Token", ""), signature.ErrMissing},
		{"prefix", "token", body, headers("X-Webhook-Token", secret[:4]), signature.ErrMismatch},
		{"longer", "token", body, headers("X-Webhook-Token", secret+"x"), signature.ErrMismatch},
	} {
		_, err := schemes[c.scheme].Verify(c.h, []string{secret}, []byte(c.body))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %s: %v, want %v", c.scheme, c.name, err, c.want)
		}
	}
}

// TestSeveralSignatures: senders that rotate a secret sign with the old and the
// new one; one that matches is enough, in any order.
func TestSeveralSignatures(t *testing.T) {
	const other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	h := headers("webhook-id", vectorID, "webhook-timestamp", fmt.Sprint(vectorTime))
	for _, lines := range [][]string{
		{other + " " + vectorSignature},
		{vectorSignature + " " + other},
		{"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw " + other + "  " + vectorSignature + " v2,x"},
		{other, vectorSignature},
		{"v1,not-base64 " + vectorSignature},
		{vectorSignature + " v1, v1 " + strings.Repeat("v1,= ", 50)},
	} {
		h["Webhook-Signature"] = lines
		if _, err := (signature.Standard{}).Verify(h, []string{"other", vectorSecret}, []byte(vectorBody)); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	}
	stripe := schemes["stripe"]
	signed := http.Header{}
	if err := stripe.Sign(signed, secret, delivery, []byte(body)); err != nil {
		t.Fatal(err)
	}
	value := signed.Get("Stripe-Signature") + ",v0=abc,v1=" + strings.Repeat("0", 64)
	for _, value := range []string{value, strings.ReplaceAll(value, ",", ", "), strings.ReplaceAll(value, ",", " ,\t")} {
		if _, err := stripe.Verify(headers("Stripe-Signature", value), []string{secret}, []byte(body)); err != nil {
			t.Errorf("stripe %q: %v", value, err)
		}
	}
}

// TestVerify_anyCase: the names of headers are case-insensitive, also in a map
// that is not canonical.
func TestVerify_anyCase(t *testing.T) {
	for name, scheme := range schemes {
		signed := http.Header{}
		if err := scheme.Sign(signed, secret, delivery, []byte(body)); err != nil {
			t.Fatal(name, err)
		}
		for _, change := range []func(string) string{strings.ToLower, strings.ToUpper} {
			h := http.Header{}
			for key, values := range signed {
				h[change(key)] = values
			}
			if d, err := scheme.Verify(h, []string{secret}, []byte(body)); err != nil || d.ID == "" && signed["X-Github-Delivery"] != nil {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
		}
	}
}

// TestSignRefuses what Verify would not accept.
func TestSignRefuses(t *testing.T) {
	for _, c := range []struct {
		scheme, secret string
		d              signature.Delivery
		want           error
	}{
		{"standard", secret, signature.Delivery{Timestamp: delivery.Timestamp}, signature.ErrMalformed},
		{"standard", secret, signature.Delivery{ID: "a.b", Timestamp: delivery.Timestamp}, signature.ErrMalformed},
		{"standard", secret, signature.Delivery{ID: "a\r\nb", Timestamp: delivery.Timestamp}, signature.ErrMalformed},
		{"standard", secret, signature.Delivery{ID: "a"}, signature.ErrMalformed},
		{"standard", secret, signature.Delivery{ID: "a", Timestamp: time.Unix(-1, 0)}, signature.ErrMalformed},
		{"github", secret, signature.Delivery{ID: "a b"}, signature.ErrMalformed},
		{"stripe", secret, signature.Delivery{}, signature.ErrMalformed},
		{"token", "a\nb", delivery, signature.ErrNoSecret},
		{"token", "a ", delivery, signature.ErrNoSecret},
	} {
		h := http.Header{}
		if err := schemes[c.scheme].Sign(h, c.secret, c.d, nil); !errors.Is(err, c.want) || len(h) != 0 {
			t.Errorf("%s %+v: %v, %d headers", c.scheme, c.d, err, len(h))
		}
	}
}

func TestHeaderNames(t *testing.T) {
	for name, scheme := range map[string]signature.Scheme{
		"github": signature.NewGitHub("x-connix-signature"),
		"stripe": signature.NewStripe("x-connix-signature"),
		"token":  signature.NewToken("x-connix-signature"),
	} {
		h := http.Header{}
		if err := scheme.Sign(h, secret, delivery, []byte(body)); err != nil || h.Get("X-Connix-Signature") == "" {
			t.Errorf("%s: %v, %v", name, h, err)
		}
		if _, err := scheme.Verify(h, []string{secret}, []byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsTellNothing: no error holds a secret, a signature or what the
// request carried.
func TestErrorsTellNothing(t *testing.T) {
	const planted = "PLANTED"
	values := []string{planted, "v1," + planted, "sha256=" + planted, "t=1," + planted, "t=" + planted, "t=1,v1=" + planted}
	secrets := [][]string{{planted}, {planted, ""}, {"whsec_!" + planted}, {planted + "\n"}}
	for name, scheme := range schemes {
		for _, keys := range secrets {
			for _, value := range values {
				h := headers("webhook-id", value, "webhook-timestamp", value, "webhook-signature", value,
					"X-Hub-Signature-256", value, "Stripe-Signature", value, "X-Webhook-Token", value+"x")
				_, err := scheme.Verify(h, keys, []byte(planted))
				if err == nil || strings.Contains(err.Error(), planted) {
					t.Errorf("%s: %v", name, err)
				}
			}
			err := scheme.Sign(http.Header{}, keys[0], signature.Delivery{ID: planted + " "}, []byte(planted))
			if err != nil && strings.Contains(err.Error(), planted) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
