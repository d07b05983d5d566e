package connix

import "time"

// Project is one project of the organization.
type Project struct {
	// ID is the project's id, a number on the wire.
	ID ID `json:"id"`
	// Name is unique within the organization.
	Name string `json:"name"`
	// CreatedAt and UpdatedAt are zero where a list item carries id and name alone.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}
