// Package yamljson writes a YAML document as JSON, in the YAML's own order, so
// that a change to the one shows as the same change to the other.
package yamljson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Convert returns the JSON of the YAML document in source, indented by two
// spaces and ended by a newline.
//
// It takes the part of YAML that means the same to every reader: mappings with
// text keys, sequences, text, true, false, null and JSON's own numbers.
// Anchors, merges, repeated keys, bare dates and everything else that readers
// take differently is an error that names the line.
func Convert(source []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Load(source, &root); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, fmt.Errorf("yamljson: want exactly one document")
	}
	var compact bytes.Buffer
	if err := write(&compact, root.Content[0]); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func write(out *bytes.Buffer, node *yaml.Node) error {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		return fmt.Errorf("line %d: anchors are not taken", node.Line)
	case node.Kind == yaml.MappingNode:
		return writeMapping(out, node)
	case node.Kind == yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range node.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := write(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case node.Kind == yaml.ScalarNode:
		return writeScalar(out, node)
	}
	return fmt.Errorf("line %d: unknown kind of node", node.Line)
}

func writeMapping(out *bytes.Buffer, node *yaml.Node) error {
	seen := make(map[string]bool)
	out.WriteByte('{')
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return fmt.Errorf("line %d: the key %q is no text; quote it", key.Line, key.Value)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: the key %q is there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			out.WriteByte(',')
		}
		if err := write(out, key); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := write(out, value); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeScalar(out *bytes.Buffer, node *yaml.Node) error {
	switch tag := node.ShortTag(); tag {
	case "!!str":
		return writeText(out, node.Value)
	case "!!null":
		out.WriteString("null")
		return nil
	case "!!bool":
		word := strings.ToLower(node.Value)
		if word != "true" && word != "false" {
			return fmt.Errorf("line %d: %q is true or false only to some readers; quote it", node.Line, node.Value)
		}
		out.WriteString(word)
		return nil
	case "!!int", "!!float":
		if !json.Valid([]byte(node.Value)) {
			return fmt.Errorf("line %d: JSON has no number %q; quote it", node.Line, node.Value)
		}
		out.WriteString(node.Value)
		return nil
	default:
		return fmt.Errorf("line %d: JSON has no %s such as %q; quote it", node.Line, tag, node.Value)
	}
}

// writeText leaves <, > and & as they are: the JSON is no part of a web page.
func writeText(out *bytes.Buffer, text string) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the newline that Encode adds
	return nil
}
