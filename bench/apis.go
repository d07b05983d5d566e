package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The names of the APIs, and of what calls them.
const (
	nameConnix = "connix"
	nameGitHub = "github"
	nameGitLab = "gitlab"
	nameOpenAI = "openai"
)

var apis = map[string]*api{
	nameConnix: {
		get: "/api/v1/projects/100001", list: "/api/v1/projects", post: "/api/v1/projects",
		object: func(i int) string {
			return fmt.Sprintf(`{"id":%d,"name":"project-%06d","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:06Z"}`, 100000+i, i)
		},
		headers: map[string]string{
			"X-RateLimit-Limit-Requests":     strconv.Itoa(budget),
			"X-RateLimit-Remaining-Requests": strconv.Itoa(budget - 1),
			"X-Response-Time":                "12ms",
		},
		page: func(r *http.Request) int { return number(r, "page", 1) },
		wrap: func(_ http.Header, page int, objects []byte) []byte {
			paging := fmt.Sprintf(`],"pagination":{"page":%d,"limit":%d,"total":%d,"pages":%d,"has_next":%t,"has_prev":%t}}`,
				page, pageItems, listItems, listPages, page < listPages, page > 1)
			return join(`{"data":[`, objects, paging)
		},
	},
	nameGitHub: {
		get: "/repos/owner/name/labels/label-000001", list: "/repos/owner/name/labels", post: "/repos/owner/name/labels",
		object: func(i int) string {
			return fmt.Sprintf(`{"id":%d,"name":"label-%06d","color":"f29513","default":false,"description":"What does not work"}`, 100000+i, i)
		},
		headers: map[string]string{
			"X-RateLimit-Limit":     strconv.Itoa(budget),
			"X-RateLimit-Remaining": strconv.Itoa(budget - 1),
			"X-RateLimit-Resource":  "core",
		},
		page: func(r *http.Request) int { return number(r, "page", 1) },
		wrap: func(h http.Header, page int, objects []byte) []byte {
			if page < listPages {
				const link = `<https://api.example.com/repos/owner/name/labels?page=%d>; rel="next", <https://api.example.com/repos/owner/name/labels?page=%d>; rel="last"`
				h.Set("Link", fmt.Sprintf(link, page+1, listPages))
			}
			return join("[", objects, "]")
		},
	},
	nameGitLab: {
		get: "/api/v4/projects/1/labels/100001", list: "/api/v4/projects/1/labels", post: "/api/v4/projects/1/labels",
		object: func(i int) string {
			return fmt.Sprintf(`{"id":%d,"name":"label-%06d","color":"#f29513","text_color":"#ffffff","description":"Not working"}`, 100000+i, i)
		},
		// RateLimit-Limit would turn its limiter on.
		headers: map[string]string{"X-Runtime": "0.012", "X-Gitlab-Meta": "{}"},
		page:    func(r *http.Request) int { return number(r, "page", 1) },
		wrap: func(h http.Header, page int, objects []byte) []byte {
			h.Set("X-Page", strconv.Itoa(page))
			h.Set("X-Per-Page", strconv.Itoa(pageItems))
			h.Set("X-Total", strconv.Itoa(listItems))
			h.Set("X-Total-Pages", strconv.Itoa(listPages))
			if page < listPages {
				h.Set("X-Next-Page", strconv.Itoa(page+1))
			}
			return join("[", objects, "]")
		},
	},
	nameOpenAI: {
		get: "/files/file-000001", list: "/files", post: "/conversations",
		object: func(i int) string {
			return fmt.Sprintf(`{"id":"file-%06d","object":"file","bytes":120000,"created_at":1767322845,"filename":"a.txt","purpose":"batch"}`, i)
		},
		created: func(i int) string {
			return fmt.Sprintf(`{"id":"conv_%06d","object":"conversation","created_at":1767322845,"metadata":{"name":"project-000001"}}`, i)
		},
		headers: map[string]string{
			"X-RateLimit-Limit-Requests":     strconv.Itoa(budget),
			"X-RateLimit-Remaining-Requests": strconv.Itoa(budget - 1),
			"OpenAI-Processing-Ms":           "12",
		},
		// Its cursor is the id of the last object seen.
		page: func(r *http.Request) int {
			after := r.URL.Query().Get("after")
			if after == "" {
				return 1
			}
			last, err := strconv.Atoi(strings.TrimPrefix(after, "file-"))
			if err != nil {
				return 0
			}
			return last/pageItems + 1
		},
		wrap: func(_ http.Header, page int, objects []byte) []byte {
			return join(`{"object":"list","data":[`, objects, fmt.Sprintf(`],"has_more":%t}`, page < listPages))
		},
	},
}

func join(before string, middle []byte, after string) []byte {
	return bytes.Join([][]byte{[]byte(before), middle, []byte(after)}, nil)
}
