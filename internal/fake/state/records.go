// Package state is what the fake knows: projects, agents, webhooks and API
// keys, and the rules by which they change.
package state

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// ID is the id of any record.
type ID = table.ID

// Project is one project. Like every record of this package it does not change
// once it has been handed out.
type Project struct{ table.Key }

// Agent is one agent of a project.
type Agent struct {
	table.Key
	Description    string
	ProjectID      ID
	Status         string
	Config         *AgentConfig // nil for none
	Metadata       map[string]any
	LastActivityAt *time.Time // nil for none
}

// AgentConfig is how an agent runs. A nil field is not shown.
type AgentConfig struct {
	Model       string
	Temperature *float64
	MaxTokens   *int
	Tools       []string
}

// Webhook is one receiver of events.
type Webhook struct {
	table.Key // Label is the URL
	Events    []string
	Secret    string
	Status    string
}

// URL returns where the webhook's events go. Webhooks are sorted and searched by it.
func (w *Webhook) URL() string { return w.Label }

// APIKey is one key.
type APIKey struct {
	table.Key   // UpdatedAt is CreatedAt
	Description string
	Secret      string // the key itself
	Scopes      []string
	ExpiresAt   *time.Time // nil for never
	LastUsedAt  *time.Time // nil for never
}

// The states that the fake itself gives to records.
const (
	StatusActive    = "active"
	StatusDisabled  = "disabled"
	StatusCreating  = "creating"
	StatusRunning   = "running"
	StatusStopped   = "stopped"
	StatusCompleted = "completed"
	StatusFailed    = "failed"
	StatusError     = "error"
)

// Ended reports whether an agent in this state runs no more.
func Ended(status string) bool {
	switch status {
	case StatusStopped, StatusCompleted, StatusFailed, StatusError:
		return true
	}
	return false
}
