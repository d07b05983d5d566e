package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
)

// serveVariable makes this program the server, when it is in the environment.
const serveVariable = "CONNIX_BENCH_SERVE"

// child is the server in another process, so that its allocations are not counted as
// a client's.
type child struct {
	addresses
	command *exec.Cmd
	stdin   io.Closer
	control http.Client
}

// startChild runs this program once more, as the server.
func startChild(ctx context.Context) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := certificate()
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	c := &child{command: exec.CommandContext(ctx, self)}
	c.command.Env = append(os.Environ(), serveVariable+"=1", certificateVariable+"="+folder)
	c.command.Stderr = os.Stderr
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(stdout).Decode(&c.addresses); err != nil {
		c.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return c, nil
}

// stop ends the server and waits for it.
func (c *child) stop() {
	c.control.CloseIdleConnections()
	_ = c.stdin.Close()
	_ = c.command.Wait()
}

// traffic returns what a fast listener has got so far.
func (c *child) traffic(ctx context.Context, listener string) (traffic, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Control+"/traffic?url="+url.QueryEscape(listener), http.NoBody)
	if err != nil {
		return traffic{}, err
	}
	resp, err := c.control.Do(req)
	if err != nil {
		return traffic{}, err
	}
	defer resp.Body.Close()
	var t traffic
	return t, json.NewDecoder(resp.Body).Decode(&t)
}

// during returns what a fast listener gets while do is done.
func (c *child) during(ctx context.Context, listener string, do doing) (traffic, error) {
	before, err := c.traffic(ctx, listener)
	if err != nil {
		return traffic{}, err
	}
	if err := do(ctx); err != nil {
		return traffic{}, err
	}
	after, err := c.traffic(ctx, listener)
	return traffic{after.Connections - before.Connections, after.Bytes - before.Bytes}, err
}
