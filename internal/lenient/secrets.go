package lenient

import (
	"bytes"
	"encoding/json"
	"strings"
)

// secretNames are the parts of the names of secret values, in lower case.
var secretNames = [...]string{"secret", "token", "password", "passwd", "credential", "authorization", "api_key", "apikey", "api-key"}

// IsSecretName reports whether the name of a value says that it is secret.
func IsSecretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "key"
}

// MayHoldSecret reports whether it is worth the cost to ask for the [Secrets] of a
// body.
func MayHoldSecret(body []byte) bool {
	for _, part := range [...]string{"ey", "ecret", "oken", "assw", "redential", "uthorization"} { // in either case
		if bytes.Contains(body, []byte(part)) {
			return true
		}
	}
	return false
}

// Secrets returns the texts in JSON whose names say that they are secret.
func Secrets(body []byte) []string {
	var value any
	if len(body) == 0 || json.Unmarshal(TrimMark(body), &value) != nil {
		return nil
	}
	return appendSecrets(nil, value, false)
}

func appendSecrets(found []string, value any, secret bool) []string {
	switch value := value.(type) {
	case string:
		if secret && value != "" {
			found = append(found, value)
		}
	case []any:
		for _, item := range value {
			found = appendSecrets(found, item, secret)
		}
	case map[string]any:
		for name, item := range value {
			found = appendSecrets(found, item, secret || IsSecretName(name))
		}
	}
	return found
}
