package connix

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// RotatingKey is an API key that can be swapped while calls are in flight:
// give its Key method to [WithAPIKeySource]. It is safe for concurrent use and
// prints as a mask.
type RotatingKey struct {
	key atomic.Pointer[string]
}

// NewRotatingKey returns a RotatingKey that holds key. A key that cannot go
// into a header, because it is empty or has other characters than visible
// ASCII, is refused with an [*ArgumentError] that does not show it.
func NewRotatingKey(key string) (*RotatingKey, error) {
	k := new(RotatingKey)
	if err := k.Rotate(key); err != nil {
		return nil, err
	}
	return k, nil
}

// Rotate replaces the key. Every call that begins after it has returned uses
// the new key; calls in flight finish with the one they began with, or are
// repeated with the new one where the API refuses the old. A key that is
// refused, as by [NewRotatingKey], changes nothing.
func (k *RotatingKey) Rotate(key string) error {
	if err := checkAPIKey(key); err != nil {
		return err
	}
	k.key.Store(&key)
	return nil
}

// Key returns the current key. It does not wait and ignores its context.
func (k *RotatingKey) Key(context.Context) (string, error) {
	if k == nil || k.key.Load() == nil {
		return "", &ArgumentError{Name: "RotatingKey", Issue: "must be made by NewRotatingKey"}
	}
	return *k.key.Load(), nil
}

// String returns a mask.
func (k *RotatingKey) String() string { return "connix.RotatingKey(****)" }

// Format prints a mask under every verb.
func (k *RotatingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue gives slog a mask.
func (k *RotatingKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// checkAPIKey refuses a key that could not be sent as it is: a line break left
// over from a file, a control byte, a space, anything but ASCII.
func checkAPIKey(key string) error {
	if key == "" {
		return &ArgumentError{Name: "key", Issue: "must not be empty"}
	}
	for i := range len(key) {
		switch c := key[i]; {
		case c == '\n' || c == '\r':
			return &ArgumentError{Name: "key", Issue: "holds a line break"}
		case c == ' ':
			return &ArgumentError{Name: "key", Issue: "holds a space"}
		case c < ' ' || c == 0x7f:
			return &ArgumentError{Name: "key", Issue: "holds a control character"}
		case c > 0x7f:
			return &ArgumentError{Name: "key", Issue: "holds a character that is not ASCII"}
		}
	}
	return nil
}
