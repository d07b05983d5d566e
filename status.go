package connix

// Status is the state of an agent, a webhook or a project. The API may add
// words at any time: an unknown one is kept as it came.
type Status string

// The states of projects, webhooks and agents. Active and Disabled are a
// webhook's, Active also a project's; the others are an agent's.
const (
	StatusActive    Status = "active"
	StatusDisabled  Status = "disabled"
	StatusCreating  Status = "creating"
	StatusRunning   Status = "running"
	StatusPaused    Status = "paused"
	StatusUpdating  Status = "updating"
	StatusStopped   Status = "stopped"
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
	StatusError     Status = "error"
)

// Ended reports whether an agent in this state will not run again by itself:
// stopped, completed, failed or error. It is false for a word that this
// package does not know.
func (s Status) Ended() bool {
	switch s {
	case StatusStopped, StatusCompleted, StatusFailed, StatusError:
		return true
	}
	return false
}
