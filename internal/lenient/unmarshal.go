package lenient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"sync"
)

// Unmarshal is [json.Unmarshal], except that numbers keep their digits: where a
// value's type is any, a number becomes a [json.Number]. A byte order mark is
// ignored.
func Unmarshal(body []byte, out any) error {
	body = TrimMark(body)
	d := decoders.Get().(*decoder)
	d.source.Reset(body)
	if err := d.json.Decode(out); err != nil { // the decoder remembers it: it is not used again
		return cmp.Or(syntaxError(body), err)
	}
	read := d.json.InputOffset() - d.given
	d.given += int64(len(body) - d.source.Len())
	if len(bytes.TrimLeft(body[read:], " \t\r\n")) > 0 {
		return cmp.Or(syntaxError(body), errTrailing)
	}
	d.source.Reset(nil)
	if len(body) <= maxPooled {
		decoders.Put(d)
	}
	return nil
}

var errTrailing = errors.New("the body goes on after its JSON")

// syntaxError returns the error of [json.Unmarshal] for a body that is not JSON, nil
// for one that is. A json.Decoder has other words for it.
func syntaxError(body []byte) error { return json.Unmarshal(body, new(json.RawMessage)) }

// maxPooled bounds the buffers that wait for another use.
const maxPooled = 1 << 20

// decoder is a json.Decoder for many bodies, one after the other. A new one for
// each would grow a buffer for each.
type decoder struct {
	source bytes.Reader
	json   *json.Decoder
	given  int64 // bytes of the bodies so far
}

var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.json = json.NewDecoder(&d.source)
	d.json.UseNumber()
	return d
}}

// TrimMark removes a byte order mark, which some servers put before their JSON.
func TrimMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
