package connix_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	connix "github.com/connix-io/connix-go"
)

func TestRotatingKeyRefusesKeysThatCannotBeSent(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_first")
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{
		"empty": "", "line feed": "cx_planted\n", "carriage return": "cx_pla\rnted", "space": "cx_planted x",
		"tab": "\tcx_planted", "NUL": "cx_planted\x00", "DEL": "cx_planted\x7f", "not ASCII": "cx_plantedé", "not UTF-8": "cx_planted\xff",
	} {
		t.Run(name, func(t *testing.T) {
			_, made := connix.NewRotatingKey(key)
			for _, err := range []error{made, k.Rotate(key)} {
				refused, ok := errors.AsType[*connix.ArgumentError](err)
				if !ok || refused.Name != "key" {
					t.Fatalf("got %v, want a refusal of the key", err)
				}
				if strings.Contains(err.Error(), "planted") {
					t.Errorf("the refusal shows the key: %v", err)
				}
			}
		})
	}
	if key, err := k.Key(t.Context()); key != "cx_first" || err != nil {
		t.Errorf("a refused key changed the key to %q, %v", key, err)
	}
}

func TestRotatingKeyIsSeenByAllOnceRotated(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_0")
	if err != nil {
		t.Fatal(err)
	}
	var rotated sync.Map // by number of the key: present once Rotate returned
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 200 {
				newest := 0
				for i := 1; i <= 50; i++ {
					if _, ok := rotated.Load(i); ok {
						newest = i
					}
				}
				key, err := k.Key(t.Context())
				var got int
				if _, scanErr := fmt.Sscanf(key, "cx_%d", &got); err != nil || scanErr != nil {
					t.Errorf("key %q: %v, %v", key, err, scanErr)
				}
				if got < newest {
					t.Errorf("got key %d after Rotate to %d had returned", got, newest)
				}
			}
		})
	}
	for i := 1; i <= 50; i++ {
		if err := k.Rotate(fmt.Sprintf("cx_%d", i)); err != nil {
			t.Error(err)
		}
		rotated.Store(i, true)
	}
	wg.Wait()
}

func TestRotatingKeyPrintsAsAMask(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_planted")
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ key *connix.RotatingKey }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{k, holder{k}, &holder{k}} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, "planted") || strings.Contains(text, fmt.Sprintf("%x", "planted")) {
				t.Errorf("%s of %T shows the key: %s", verb, value, text)
			}
		}
	}
	if got := k.LogValue().String(); got != "connix.RotatingKey(****)" {
		t.Errorf("logs as %s", got)
	}
	if _, err := new(connix.RotatingKey).Key(t.Context()); err == nil {
		t.Error("a RotatingKey that nobody made gives a key")
	}
}
