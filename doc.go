// Package connix is the official Go SDK of the Connix API: projects, AI
// agents, webhooks, API keys and OAuth2.
package connix

// Version is the version of this module, sent in the User-Agent header.
const Version = "0.1.0"
