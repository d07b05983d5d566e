package contract

import "github.com/getkin/kin-openapi/openapi3"

// NewOpen returns a Checker that takes fields which the document does not mention, as
// the document itself does.
func NewOpen(document []byte) (*Checker, error) {
	return newChecker(document, func(*openapi3.T) {})
}
