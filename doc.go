// Package connix is the official Go SDK of the Connix API: projects, AI agents,
// webhooks, API keys and OAuth2.
//
//	client, err := connix.NewClient() // reads CONNIX_API_KEY
//	project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
//	launch, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID})
//	for agent, err := range client.Agents.All(ctx, &connix.ListAgentsOptions{ProjectID: project.ID}) { … }
//
// One [Client] serves a whole program. It authenticates, stays within the API's
// rate limits, retries failed attempts where that is safe, and returns typed
// errors. Package connixtest provides a fake of the whole API for tests.
//
// # Errors
//
// A call with an invalid argument returns an [*ArgumentError] and sends nothing.
// Every other failure is an [*Error]. Use [errors.Is] to test its class
// ([ErrNotFound], [ErrConflict], [ErrRateLimited] and others), and [errors.As] to
// read its status, code, request ID and attempts.
//
// # Retries
//
// A failed attempt is retried if sending the request again can do no harm. That
// depends on the outcome of the attempt: on whether the server may have applied the
// request.
//
//	outcome    when                                                    retryable
//	not sent   no connection to the server, the proxy or by TLS; an    any method
//	           HTTP/2 stream that the server refused
//	rejected   429; 401 after the credential was refreshed             any method
//	           421, 425                                                GET and HEAD
//	           any other 4xx except 408 and 499                        never
//	succeeded  2xx whose body was read and decoded                     –
//	unknown    a lost or incomplete response, 5xx, 408, 499, 101;      GET, HEAD, PUT and DELETE after 408, 500,
//	           for a write also a 3xx except 307 and 308, and a 2xx    502-504, 520-527, 529, 530 and a lost or
//	           that cannot be read                                     incomplete response; POST and PATCH only
//	                                                                   with WithRetryUnsafe
//
// GET, HEAD, PUT and DELETE are idempotent: to apply one twice has the same effect
// as to apply it once. POST and PATCH are not. A write is every method that may
// change something. An untrusted certificate, a proxy that asks for a password and a
// response that is too large are never retried, because the next attempt would fail in
// the same way.
//
// Whether a write was sent is proved by what the transport reports to
// [net/http/httptrace], not by the type of its error: a transport may send, lose the
// response and then fail to dial again. A failed write through a transport that
// reports nothing is of unknown outcome.
//
// A write whose outcome is unknown returns an error that matches
// [ErrUnknownOutcome], whatever later attempts returned. Look before you repeat
// such a write, with a context that has not ended:
//
//	project, err := client.Projects.Create(ctx, req)
//	if errors.Is(err, connix.ErrUnknownOutcome) {
//		if found, lookErr := client.Projects.FindByName(fresh, req.Name); lookErr == nil {
//			project, err = found, nil
//		} // else a slow server may still create it
//	}
//
// A DELETE that meets the API's own 404 or 410, with its error body, after an attempt
// of unknown outcome has succeeded. A 404 of a gateway proves nothing, and for
// [Client.Do] none does.
//
// Retries use exponential backoff with full jitter: each delay is random, between
// zero and a bound that doubles from retry to retry; see [RetryPolicy]. A Retry-After
// adds to this delay, up to a cap: MaxDelay, or [WithMaxRateLimitWait] after a 429. If
// the server asks for a longer delay, the call returns the server's response at once.
// No attempt starts before the server's Retry-After has passed, whatever limiter the
// client has. No delay outlasts the context: if the next attempt would start after the
// deadline, the call returns at once, with an error that matches
// [context.DeadlineExceeded] and holds the last response. All calls of a client share a
// retry budget, which limits the extra load during an outage.
//
// net/http repeats requests by itself. Over HTTP/2 the client does not let it. Over
// HTTP/1.1 it resends a read if its reused connection turns out to be dead: each such
// request is listed in [Error.Attempts] and [Response.Attempts], and takes its part of
// the rate limit. A write is resent only if no byte of it was sent.
//
// A call ends with its context, whatever a transport, a response body, a source of keys
// or a reader of the caller's does. Only hooks are waited for.
//
// # Rate limits
//
// The API allows 1000 requests an hour and 100 a minute for each API key. The client
// waits for its turn before each attempt. This wait does not count towards the
// attempt's timeout. If it would exceed [WithMaxRateLimitWait], the call is throttled
// at once with a [*RateLimitError]. Clients that use the same API key share one budget
// if they are given the same [RateLimiter].
//
// # Redirects
//
// The client follows redirects within the base URL's scheme, host and port, and only
// those that keep the method. All others return [ErrRedirectRefused]. A temporary
// redirect holds for one attempt: a retry asks the original URL again.
//
// # Secrets
//
// API keys, tokens and webhook secrets are masked in all output of fmt and slog, and in
// errors and their JSON, also where a server quotes them in a message or a request ID.
// Only [Error].Body and the Header and Body of a [Response] are as received; nothing of
// this package prints them. The client sends credentials only to the base URL's scheme, host and
// port.
package connix

// Version is the version of this module. The User-Agent header carries it.
const Version = "0.1.0"
