// Package yamljson writes a YAML document as JSON, in the YAML's own order, so
// that a change to the one shows as the same change to the other.
package yamljson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Convert returns the JSON of the YAML document in source, indented by two
// spaces and ended by a newline.
//
// It takes the part of YAML that means the same to every reader: mappings with
// text keys, sequences, text, true, false, null and JSON's own numbers. Repeated
// keys, bare dates and everything else that readers take differently is an error
// that names the line.
//
// Aliases are written out, and so is the merge key << with an alias of a mapping:
// the mapping's own keys win. The top-level key x-anchors, a place for anchors, is
// left out.
func Convert(source []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Load(source, &root); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, fmt.Errorf("yamljson: want exactly one document")
	}
	var compact bytes.Buffer
	c := converter{out: &compact, open: make(map[*yaml.Node]bool)}
	if err := c.write(withoutKey(root.Content[0], "x-anchors")); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("yamljson: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// converter writes nodes.
type converter struct {
	out  *bytes.Buffer
	open map[*yaml.Node]bool // anchored nodes that are being written
}

// maxSize bounds the JSON: a few aliases of aliases could ask for any amount.
const maxSize = 16 << 20

func (c *converter) write(node *yaml.Node) error {
	out := c.out
	switch {
	case out.Len() > maxSize:
		return fmt.Errorf("line %d: the document unfolds to more than %d MiB", node.Line, maxSize>>20)
	case c.open[node]:
		return fmt.Errorf("line %d: the anchor %q contains itself", node.Line, node.Anchor)
	case node.Kind == yaml.AliasNode:
		return c.write(node.Alias)
	}
	if node.Anchor != "" {
		c.open[node] = true
		defer delete(c.open, node)
	}
	switch {
	case node.Kind == yaml.MappingNode:
		merged, err := c.merge(node)
		if err != nil {
			return err
		}
		return c.writeMapping(merged)
	case node.Kind == yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range node.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := c.write(item); err != nil {
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

// withoutKey returns a mapping without a key.
func withoutKey(node *yaml.Node, key string) *yaml.Node {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			without := *node
			without.Content = slices.Delete(slices.Clone(node.Content), i, i+2)
			return &without
		}
	}
	return node
}

const mergeKey = "<<"

// merge returns a mapping with the keys of the mapping that it merges.
func (c *converter) merge(node *yaml.Node) (*yaml.Node, error) {
	at := -1
	own := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Value != mergeKey || key.Style != 0 {
			own[key.Value] = true
			continue
		}
		if at >= 0 {
			return nil, fmt.Errorf("line %d: a mapping merges once", node.Content[i].Line)
		}
		at = i
	}
	if at < 0 {
		return node, nil
	}
	value := node.Content[at+1]
	if value.Kind != yaml.AliasNode || value.Alias.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: %s takes an alias of a mapping", value.Line, mergeKey)
	}
	if c.open[value.Alias] {
		return nil, fmt.Errorf("line %d: the anchor %q contains itself", value.Line, value.Alias.Anchor)
	}
	c.open[value.Alias] = true
	defer delete(c.open, value.Alias)
	from, err := c.merge(value.Alias)
	if err != nil {
		return nil, err
	}
	var added []*yaml.Node
	for i := 0; i+1 < len(from.Content); i += 2 {
		if !own[from.Content[i].Value] {
			added = append(added, from.Content[i], from.Content[i+1])
		}
	}
	merged := *node
	merged.Content = slices.Concat(node.Content[:at], added, node.Content[at+2:])
	return &merged, nil
}

func (c *converter) writeMapping(node *yaml.Node) error {
	out := c.out
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
		if err := c.write(key); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := c.write(value); err != nil {
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
