package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
)

// serveVariable makes this program the server, when it is in the environment.
const serveVariable = "CONNIX_BENCH_SERVE"

// child is the server in a process of its own: what it allocates is not counted
// as a client's.
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
	c := &child{command: exec.CommandContext(ctx, self)}
	c.command.Env = append(os.Environ(), serveVariable+"=1")
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

// opened returns how many connections the fast listener of an API has got.
func (c *child) opened(ctx context.Context, name string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Control+"/connections/"+name, http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := c.control.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}
