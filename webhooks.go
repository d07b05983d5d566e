package connix

import "time"

// EventType names what happened. The API may add types at any time: an
// unknown one is kept as it came.
type EventType string

// The events that the API overview documents.
const (
	EventProjectCreated EventType = "project.created"
	EventProjectUpdated EventType = "project.updated"
	EventProjectDeleted EventType = "project.deleted"
	EventAgentLaunched  EventType = "agent.launched"
	EventAgentCompleted EventType = "agent.completed"
	EventAgentFailed    EventType = "agent.failed"
	EventAgentStopped   EventType = "agent.stopped"
)

// Webhook is one registered receiver of events. The secret it was created with
// is never sent back.
type Webhook struct {
	// ID is the webhook's id, such as "wh_5f2c".
	ID  ID     `json:"id"`
	URL string `json:"url"`
	// Events lists what is delivered.
	Events []EventType `json:"events"`
	// Status is StatusActive or StatusDisabled.
	Status    Status    `json:"status"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}
