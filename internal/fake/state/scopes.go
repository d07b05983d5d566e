package state

import "slices"

// The scopes of API keys: one to read and one to write for each kind of record.
// The overview documents none; they follow the form "projects:read" that the
// API's reference shows.
const (
	ScopeProjectsRead  = "projects:read"
	ScopeProjectsWrite = "projects:write"
	ScopeAgentsRead    = "agents:read"
	ScopeAgentsWrite   = "agents:write"
	ScopeWebhooksRead  = "webhooks:read"
	ScopeWebhooksWrite = "webhooks:write"
	ScopeAPIKeysRead   = "api-keys:read"
	ScopeAPIKeysWrite  = "api-keys:write"
)

var allScopes = []string{
	ScopeProjectsRead, ScopeProjectsWrite, ScopeAgentsRead, ScopeAgentsWrite,
	ScopeWebhooksRead, ScopeWebhooksWrite, ScopeAPIKeysRead, ScopeAPIKeysWrite,
}

// AllScopes returns every scope there is.
func AllScopes() []string { return slices.Clone(allScopes) }
