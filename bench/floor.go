package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// attemptTimeout is connix-go's, and the floor's.
const attemptTimeout = 30 * time.Second

// plain is the floor: what a careful program does with net/http and
// encoding/json alone. It authenticates, bounds every call by a timeout, and
// keeps its connections as connix-go does.
type plain struct {
	client http.Client
	ids    bool // each request has another X-Request-ID, as connix-go's
}

func newPlain(ids bool) *plain {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &plain{ids: ids, client: http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   64,
		MaxConnsPerHost:       64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}}
}

// call makes one call: in, unless nil, is sent as JSON, and the response is decoded
// into out.
func (p *plain) call(ctx context.Context, method, url string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "plain/1.0")
	req.Header.Set("X-API-Key", key)
	if p.ids {
		req.Header.Set("X-Request-ID", rand.Text()) // 26 characters, as connix-go's
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// The objects of the APIs, with the fields that the server sends.
type (
	plainProject struct {
		ID        int       `json:"id"`
		Name      string    `json:"name"`
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	plainLabel struct { // of GitHub and of GitLab
		ID          int    `json:"id"`
		Name        string `json:"name"`
		Color       string `json:"color"`
		TextColor   string `json:"text_color"`
		Default     bool   `json:"default"`
		Description string `json:"description"`
	}
	plainFile struct {
		ID        string `json:"id"`
		Object    string `json:"object"`
		Bytes     int    `json:"bytes"`
		CreatedAt int    `json:"created_at"`
		Filename  string `json:"filename"`
		Purpose   string `json:"purpose"`
	}
	plainConversation struct {
		ID        string            `json:"id"`
		Object    string            `json:"object"`
		CreatedAt int               `json:"created_at"`
		Metadata  map[string]string `json:"metadata"`
	}
)

// The lists of the APIs.
type (
	plainProjects struct {
		Data       []plainProject `json:"data"`
		Pagination struct {
			Page    int  `json:"page"`
			Limit   int  `json:"limit"`
			Total   int  `json:"total"`
			Pages   int  `json:"pages"`
			HasNext bool `json:"has_next"`
			HasPrev bool `json:"has_prev"`
		} `json:"pagination"`
	}
	plainLabels []plainLabel
	plainFiles  struct {
		Object  string      `json:"object"`
		Data    []plainFile `json:"data"`
		HasMore bool        `json:"has_more"`
	}
)

func (l plainProjects) len() int { return len(l.Data) }
func (l plainLabels) len() int   { return len(l) }
func (l plainFiles) len() int    { return len(l.Data) }

// plainWork does an API's work on the floor. T is its object, L its list and C
// the response to creating one; query is a list's, up to the number of the page.
func plainWork[T, C any, L interface{ len() int }](base string, ids bool, a *api, query func(page int) string, in any, named func(*T) bool) work {
	p := newPlain(ids)
	list := func(ctx context.Context, page int) (int, error) {
		var out L
		err := p.call(ctx, http.MethodGet, base+a.list+"?"+query(page), nil, &out)
		return out.len(), err
	}
	return work{
		get: func(ctx context.Context) error {
			var out T
			err := p.call(ctx, http.MethodGet, base+a.get, nil, &out)
			return check(err, err == nil && named(&out))
		},
		post: func(ctx context.Context) error {
			var out C
			return p.call(ctx, http.MethodPost, base+a.post, in, &out)
		},
		list: func(ctx context.Context) error {
			n, err := list(ctx, 1)
			return check(err, n == pageItems)
		},
		all: func(ctx context.Context) error {
			items := 0
			for page := range listPages {
				n, err := list(ctx, page+1)
				if err != nil {
					return err
				}
				items += n
			}
			return check(nil, items == listItems)
		},
	}
}

// pageQuery queries a page by its number.
func pageQuery(limit string) func(page int) string {
	return func(page int) string { return limit + "=" + strconv.Itoa(pageItems) + "&page=" + strconv.Itoa(page) }
}

// afterQuery queries the page after the last object of the one before.
func afterQuery(page int) string {
	if page == 1 {
		return "limit=" + strconv.Itoa(pageItems)
	}
	return fmt.Sprintf("limit=%d&after=file-%06d", pageItems, (page-1)*pageItems)
}
