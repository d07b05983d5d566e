package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/jsonscan"
	"github.com/connix-io/connix-go/internal/lenient"
)

// Event is one event of a webhook delivery.
//
// The API overview lists the types and documents no body. This is the assumed
// form: {"id", "type", "created_at", "data"}.
type Event struct {
	// ID identifies the event. It is the same however often and to however many
	// webhooks the event is delivered; "" if the body has none.
	ID string `json:"id"`
	// Type names the kind of event. Types that this package does not know are kept.
	Type EventType `json:"type"`
	// CreatedAt is the time of the event; zero if the body has no time in RFC 3339.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Data is the project or agent as it was sent, not decoded; nil if the body
	// has none.
	Data json.RawMessage `json:"data,omitempty"`
	// Delivery describes the delivery that carried the event. It is not part of
	// the body.
	Delivery Delivery `json:"-"`
}

// Delivery is the part of a delivery that its scheme carries beside the body. A
// field that the scheme does not carry is zero.
type Delivery struct {
	// ID identifies the delivery. Its retries have the same ID.
	ID string
	// Timestamp is the time at which this attempt was signed, in whole seconds.
	Timestamp time.Time
}

// Project returns the project that a "project." event carries. It returns an
// error if the event is of another type, and [ErrWebhookMalformed] if the data
// cannot be read.
func (e *Event) Project() (*Project, error) {
	return eventData[Project](e, "project.")
}

// Agent returns the agent that an "agent." event carries. It returns an error if
// the event is of another type, and [ErrWebhookMalformed] if the data cannot be
// read.
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
	unread, err := unmarshal(e.Data, out)
	if result, ok := any(out).(named); ok && err == nil && len(unread) > 0 {
		err = incomplete(result)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the event's data is not a valid %s: %w", ErrWebhookMalformed, kind, err)
	}
	return out, nil
}

// UnmarshalJSON reads the body of an event as [WebhookVerifier.Parse] does: an id
// may be a number, keys are case-sensitive, a time that cannot be read is zero. A
// text that is not an event is [ErrWebhookMalformed]. Delivery stays as it is.
func (e *Event) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	event := Event{Delivery: e.Delivery}
	if err := event.read(text); err != nil {
		return err
	}
	event.Data = bytes.Clone(event.Data)
	*e = event
	return nil
}

// read reads an event's body in one pass that also checks that all of it is
// JSON. Data is a part of body. It is decoded only if a caller asks for it, into
// the type that the event names: encoding/json would scan it three times for the
// same result.
//
// As everywhere in this package an odd optional value costs nothing else: an id
// may be a number, and a time that cannot be read is the zero time.
func (e *Event) read(body []byte) error {
	ok := jsonscan.Object(body, func(key, value []byte) {
		switch string(key) {
		case "id":
			e.ID = jsonscan.Text(value)
		case "type":
			e.Type = eventType(value)
		case "created_at":
			e.CreatedAt = eventTime(value)
		case "data":
			e.Data = slices.Clip(value)
		}
	})
	switch {
	case !ok:
		return fmt.Errorf("%w: the body is not a JSON object", ErrWebhookMalformed)
	case e.Type == "":
		return fmt.Errorf("%w: the body has no type", ErrWebhookMalformed)
	}
	return nil
}

// eventType returns the type that a JSON string names, "" for any other value.
func eventType(value []byte) EventType {
	// The known types need no memory of their own.
	switch string(value) {
	case `"project.created"`:
		return EventProjectCreated
	case `"project.updated"`:
		return EventProjectUpdated
	case `"project.deleted"`:
		return EventProjectDeleted
	case `"agent.launched"`:
		return EventAgentLaunched
	case `"agent.completed"`:
		return EventAgentCompleted
	case `"agent.failed"`:
		return EventAgentFailed
	case `"agent.stopped"`:
		return EventAgentStopped
	}
	if value[0] != '"' {
		return ""
	}
	return EventType(jsonscan.Text(value))
}

// eventTime reads a time as everywhere in a response; the zero time if it is none.
func eventTime(value []byte) time.Time {
	var t time.Time
	if value[0] == '"' && t.UnmarshalText(value[1:len(value)-1]) == nil {
		return t // as nearly all are
	}
	t, _ = lenient.Time(value)
	return t
}
