// Package connix is the official Go SDK of the Connix API: projects, AI agents,
// webhooks, API keys and OAuth2.
//
//	client, err := connix.NewClient() // CONNIX_API_KEY
//	project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
//	launch, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID})
//	for agent, err := range client.Agents.All(ctx, &connix.ListAgentsOptions{ProjectID: project.ID}) { … }
//
// One [Client] serves a whole program. It authenticates, keeps to the API's rate
// limits, retries what is safe to retry and turns every failure into a typed
// error. Package connixtest is a fake of the whole API for your tests.
//
// # Errors
//
// A call that is refused for its arguments returns an [*ArgumentError], and
// nothing was sent. Every other failure is an [*Error]. Ask for its class with
// [errors.Is] ([ErrNotFound], [ErrConflict], [ErrRateLimited], …) and for the
// rest (status, code, request id, attempts) with [errors.As].
//
// # Retries
//
// What is repeated depends on what is known of an attempt's effect, its fate:
//
//	fate      when                                                     repeated
//	unsent    no connection, proxy or TLS; no permit or credential     any method
//	declined  429; 401 after the credential was renewed                any method
//	          any other 4xx but 408                                    never
//	done      2xx, its body read and decoded                           –
//	unknown   an answer that was lost or cut, 5xx, 408; of a write     GET, HEAD, PUT, DELETE after 408, 500,
//	          also a 3xx other than 307 and 308, and a 2xx that        502, 503, 504, a lost or a cut answer;
//	          cannot be read                                           POST and PATCH only with WithRetryUnsafe
//
// A certificate that is not trusted and an answer that is too large are never
// retried: the next attempt would meet them again.
//
// A write that ends with its fate unknown matches [ErrUnknownOutcome], and stays
// unknown whatever a repetition on demand meets. Look before repeating it, under a
// context that has not ended; what is not found may still be done by a slow server:
//
//	project, err := client.Projects.Create(ctx, req)
//	if errors.Is(err, connix.ErrUnknownOutcome) {
//		if found, lookErr := client.Projects.FindByName(fresh, req.Name); lookErr == nil {
//			project, err = found, nil
//		}
//	}
//
// A DELETE that is repeated after a lost answer and meets 404 has succeeded.
//
// Pauses are drawn evenly from zero to a bound that doubles ([RetryPolicy]). The
// server's Retry-After is honoured up to a cap; beyond it the call ends at once
// with the server's answer. No pause outlasts the context: a call whose next
// attempt would come after the deadline ends at once, and its error matches
// [context.DeadlineExceeded] as well as the server's last answer. A quota shared
// by all calls of a client keeps an outage from multiplying its requests.
//
// Beneath all this, net/http itself repeats a GET, unseen, whose kept connection
// turns out to be dead before anything of the answer has come.
//
// # Rate limits
//
// The API allows 1000 requests an hour and 100 a minute for each key. A client
// waits for its turn before each attempt, outside of the attempt's timeout and
// for [WithMaxRateLimitWait] at most; a longer wait is a [*RateLimitError] at
// once. Clients that use one key share a budget by being given one
// [RateLimiter].
//
// # Redirects
//
// They are followed within the scheme, host and port of the base URL only, and
// never turn a POST, PATCH or DELETE into a GET: [ErrRedirectRefused].
//
// # Secrets
//
// Keys, tokens and webhook secrets are never printed: not by fmt under any verb,
// not by slog, not in errors. They are sent to the base URL's origin alone.
package connix

// Version is the version of this module, sent in the User-Agent header.
const Version = "0.1.0"
