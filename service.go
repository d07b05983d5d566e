package connix

import "context"

// send makes a call whose answer is one T.
func send[T any](ctx context.Context, c *Client, r request, opts []CallOption) (*T, error) {
	out := new(T)
	if err := c.do(ctx, r, out, opts); err != nil {
		return nil, err
	}
	return out, nil
}

// noID names an id that is missing, "" for one that is there.
func noID(id ID) string {
	if id == "" {
		return "id"
	}
	return ""
}

// notFound is a search that matched nothing: no answer of the server says so.
func notFound(c *Client, e endpoint, what string) error {
	return &Error{Method: e.method, Route: e.route, Message: what, Err: ErrNotFound, credential: c.credential.masked()}
}
