// Command openapijson makes the JSON of an OpenAPI document from its YAML:
//
//	openapijson [-check] openapi.yaml openapi.json
//
// With -check it writes nothing, and fails if the JSON file differs from the one that
// it would write.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/connix-io/connix-go/contract/internal/yamljson"
)

func main() {
	check := flag.Bool("check", false, "compare only, write nothing")
	flag.Parse()
	if err := run(*check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "openapijson:", err)
		os.Exit(1)
	}
}

func run(check bool, args []string) error {
	if len(args) != 2 {
		return errors.New("two arguments are needed: the YAML file and the JSON file")
	}
	source, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	made, err := yamljson.Convert(source)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if !check {
		return os.WriteFile(args[1], made, 0o600)
	}
	there, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	if !bytes.Equal(made, there) {
		return fmt.Errorf("%s is out of date with %s: run go generate ./internal/openapi", args[1], args[0])
	}
	return nil
}
