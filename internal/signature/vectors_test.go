package signature_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// TestVectors holds the schemes against deliveries that other libraries made:
// svix 1.99.1, standardwebhooks 1.1.1, stripe 23.1.0 and @octokit/webhooks-methods
// 6.0.0 for Node. accepted is the decision of the library that made the vector.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Peer, Name, Scheme, Secret, Body string
		At                               int64
		Headers                          map[string]string
		Accepted                         bool
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	accepted := map[string]int{}
	for _, v := range vectors {
		h := http.Header{}
		for name, value := range v.Headers {
			h.Set(name, value)
		}
		d, err := schemes[v.Scheme].Verify(h, []string{v.Secret}, []byte(v.Body))
		if (err == nil) != v.Accepted {
			t.Errorf("%s, %s: %v, the library accepts it: %v", v.Peer, v.Name, err, v.Accepted)
		}
		if err == nil {
			accepted[v.Peer]++
			if v.At != 0 && d.Timestamp.Unix() != v.At {
				t.Errorf("%s, %s: signed at %v, want %d", v.Peer, v.Name, d.Timestamp, v.At)
			}
		}
		if v.Name == "signed" {
			signed := http.Header{}
			d := signature.Delivery{ID: v.Headers["webhook-id"], Timestamp: time.Unix(v.At, 0)}
			if err := schemes[v.Scheme].Sign(signed, v.Secret, d, []byte(v.Body)); err != nil {
				t.Errorf("%s: %v", v.Peer, err)
			}
			for name := range signed {
				if got := signed.Get(name); got != h.Get(name) {
					t.Errorf("%s, %s is signed %q, want %q", v.Peer, name, got, h.Get(name))
				}
			}
		}
	}
	if len(accepted) != 4 {
		t.Errorf("accepted deliveries by library: %v, want some of four", accepted)
	}
}
