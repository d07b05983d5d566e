package oauthcli

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"html/template"
)

var (
	//go:embed page.html
	pageHTML string
	page     = template.Must(template.New("page").Parse(pageHTML))
)

// renderPage returns the page that ends a login, and its content security policy.
func renderPage(appName, problem string) (body []byte, policy string) {
	nonce := rand.Text()
	var b bytes.Buffer
	// Executing into memory with fields that exist cannot fail.
	_ = page.Execute(&b, struct{ App, Problem, Nonce string }{appName, problem, nonce})
	return b.Bytes(), "default-src 'none'; style-src 'nonce-" + nonce + "'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
}

// problemText tells a user why a login failed.
func problemText(err error) string {
	if refused, ok := errors.AsType[*Error](err); ok {
		if refused.Code == "access_denied" {
			return "Access was denied."
		}
		if refused.Description != "" {
			return "The server refused: " + refused.Description + " (" + refused.Code + ")."
		}
		return "The server refused: " + refused.Code + "."
	}
	return "The program says why."
}
