package contract

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are the formats of the document that a pattern cannot tell.
var formats = map[string]func(string) error{
	"uri":            absoluteURI,
	"date-time":      dateTime,
	"date-or-time":   dateOrTime,
	"webhook-secret": webhookSecret,
}

func formatValidators() (options []openapi3.SchemaValidationOption) {
	for name, check := range formats {
		options = append(options, openapi3.WithStringFormatValidator(name, openapi3.NewCallbackValidator(check)))
	}
	return options
}

// uri is the syntax of RFC 3986 for URIs with an authority.
var uri = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://` +
	`((?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?` + // user information
	`(\[[^\]]*\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)` + // host
	`(?::([0-9]*))?` + // port
	`(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?` + // path
	`(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?` + // query
	`(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$`) // fragment

func absoluteURI(text string) error {
	parts := uri.FindStringSubmatch(text)
	if parts == nil {
		return errors.New("is not an absolute URI")
	}
	if _, err := url.Parse(text); err != nil {
		return errors.New("is a URI that cannot be parsed")
	}
	if host := parts[2]; strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return errors.New("is a URI whose host is no IPv6 address")
		}
	}
	if port := parts[3]; port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("is a URI whose port is above 65535")
		}
	}
	return nil
}

var timeSyntax = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)

func dateTime(text string) error {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !timeSyntax.MatchString(text) {
		return errors.New("is not an RFC 3339 time that exists")
	}
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		return errors.New("is a time beyond the years 0 to 9999 in UTC")
	}
	return nil
}

func dateOrTime(text string) error {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil || !timeSyntax.MatchString(text) {
		return errors.New("is neither a date nor an RFC 3339 time that exists")
	}
	return nil
}

func webhookSecret(text string) error {
	for _, prefix := range []string{"v1,", "whsk_", "whpk_"} {
		if strings.HasPrefix(text, prefix) {
			return errors.New("is not a secret: it begins with " + prefix)
		}
	}
	encoded, found := strings.CutPrefix(text, "whsec_")
	if !found {
		return nil
	}
	if key, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(key) == 0 {
		return errors.New("is not base64 after whsec_")
	}
	return nil
}
