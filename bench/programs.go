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
	path    string
	bytes   int64
	modules int     // linked into it, without its own
	cold    float64 // the time of a run, of the floor's; only of connix-go
}

// coldStarts is how many runs of each program are compared.
const coldStarts = 30

// measurePrograms builds the programs below hello: the floor's first, then those of
// the subjects in order. It runs the first two against the server.
func measurePrograms(ctx context.Context, base string) ([]program, error) {
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
	times, err := interleaved(ctx, coldStarts, []doing{start(programs[0].path, base), start(programs[1].path, base)})
	if err != nil {
		return nil, err
	}
	programs[1].cold = medianRatio(times[1], times[0])
	progress("cold start: %.3f x", programs[1].cold)
	return programs, nil
}

// start runs a program from its start to its end: its first call is its only one.
func start(path, base string) doing {
	return func(ctx context.Context) error {
		command := exec.CommandContext(ctx, path)
		command.Env = append(os.Environ(), "CONNIX_BASE_URL="+base, "CONNIX_API_KEY="+key)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", path, err, output)
		}
		return nil
	}
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
	return program{path: binary, bytes: file.Size(), modules: len(info.Deps)}, nil
}
