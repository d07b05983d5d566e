package connix

import "errors"

// ErrRateLimited matches every error that comes of a rate limit.
var ErrRateLimited = errors.New("connix: rate limited")
