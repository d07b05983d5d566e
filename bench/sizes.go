package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// program is a stripped binary that makes one call.
type program struct {
	bytes   int64
	modules int // linked into it, but for its own
}

// measureSizes builds the programs below hello: the floor's first, then those of
// the subjects in order.
func measureSizes(ctx context.Context) ([]program, error) {
	dir, err := os.MkdirTemp("", "connix-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	names := []string{"plain"}
	for _, s := range subjects {
		names = append(names, s.name)
	}
	var programs []program
	for _, name := range names {
		p, err := build(ctx, name, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		progress("%s: %d bytes, %d modules", name, p.bytes, p.modules)
		programs = append(programs, p)
	}
	return programs, nil
}

func build(ctx context.Context, name, binary string) (program, error) {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary,
		"github.com/connix-io/connix-go/bench/hello/"+name)
	if output, err := command.CombinedOutput(); err != nil {
		return program{}, fmt.Errorf("building %s, which takes this module's folder: %w\n%s", name, err, output)
	}
	file, err := os.Stat(binary)
	if err != nil {
		return program{}, err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return program{}, err
	}
	return program{bytes: file.Size(), modules: len(info.Deps)}, nil
}
