package main

import (
	"context"
	"errors"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/google/go-github/v89/github"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/conversations"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const (
	key = "key_0123456789abcdefghij" // of no server

	// budget is what the servers say a client may spend: more than is spent here.
	budget = 1_000_000
)

// work is what is measured, done in one way. Each function checks that it got
// the right result.
type work struct {
	get, post, list, all func(context.Context) error
}

// subject is an SDK and the floor that it is compared with, which reads the same
// bytes.
type subject struct {
	name, title string
	sdk         func(base string) (work, error)
	floor       func(base string, ids bool) work // with ids: each request has an id
}

var subjects = []subject{
	{nameConnix, "connix-go", connixWork(), func(base string, ids bool) work {
		return plainWork[plainProject, plainProject, plainProjects](base, ids, apis[nameConnix], pageQuery("limit"),
			connix.CreateProjectRequest{Name: "project-000001"}, func(p *plainProject) bool { return p.Name == "project-000001" })
	}},
	{nameGitHub, "go-github", githubWork, func(base string, ids bool) work {
		return plainWork[plainLabel, plainLabel, plainLabels](base, ids, apis[nameGitHub], pageQuery("per_page"),
			plainNew{"label-000001", "f29513"}, isFirstLabel)
	}},
	{nameGitLab, "GitLab client-go", gitlabWork, func(base string, ids bool) work {
		return plainWork[plainLabel, plainLabel, plainLabels](base, ids, apis[nameGitLab], pageQuery("per_page"),
			plainNew{"label-000001", "#f29513"}, isFirstLabel)
	}},
	{nameOpenAI, "openai-go", openaiWork, func(base string, ids bool) work {
		return plainWork[plainFile, plainConversation, plainFiles](base, ids, apis[nameOpenAI], afterQuery,
			map[string]any{"metadata": map[string]string{"name": "project-000001"}}, func(f *plainFile) bool { return f.ID == "file-000001" })
	}},
}

type plainNew struct {
	Name  string `json:"name"`
	Color string `json:"color"`
}

func isFirstLabel(l *plainLabel) bool { return l.Name == "label-000001" }

var errWrong = errors.New("the result is wrong")

func check(err error, right bool) error {
	if err == nil && !right {
		return errWrong
	}
	return err
}

// connixWork uses the client as it comes, but for the limiter's windows: the
// API's hundred calls a minute would be spent in a few milliseconds.
func connixWork(opts ...connix.CallOption) func(base string) (work, error) {
	return func(base string) (work, error) {
		c, err := connix.NewClient(connix.WithAPIKey(key), connix.WithBaseURL(base),
			connix.WithRateLimiter(connix.NewRateLimiter(connix.Window{Limit: budget, Period: time.Minute})))
		if err != nil {
			return work{}, err
		}
		const id, name = "100001", "project-000001"
		page := &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Page: 1, Limit: pageItems}}
		return work{
			get: func(ctx context.Context) error {
				p, err := c.Projects.Get(ctx, id)
				return check(err, err == nil && p.Name == name)
			},
			post: func(ctx context.Context) error {
				p, err := c.Projects.Create(ctx, connix.CreateProjectRequest{Name: name})
				return check(err, err == nil && p.Name == name)
			},
			list: func(ctx context.Context) error {
				l, err := c.Projects.List(ctx, page)
				return check(err, err == nil && len(l.Items) == pageItems)
			},
			all: func(ctx context.Context) error {
				items := 0
				for _, err := range c.Projects.All(ctx, nil, opts...) {
					if err != nil {
						return err
					}
					items++
				}
				return check(nil, items == listItems)
			},
		}, nil
	}
}

func githubWork(base string) (work, error) {
	base += "/"
	c, err := github.NewClient(github.WithAuthToken(key), github.WithURLs(&base, &base))
	if err != nil {
		return work{}, err
	}
	const owner, repo, name = "owner", "name", "label-000001"
	page := func() *github.ListOptions { return &github.ListOptions{Page: 1, PerPage: pageItems} }
	return work{
		get: func(ctx context.Context) error {
			l, _, err := c.Issues.GetLabel(ctx, owner, repo, name)
			return check(err, l.GetName() == name)
		},
		post: func(ctx context.Context) error {
			l, _, err := c.Issues.CreateLabel(ctx, owner, repo, &github.Label{Name: new(name), Color: new("f29513")})
			return check(err, l.GetName() == name)
		},
		list: func(ctx context.Context) error {
			l, _, err := c.Issues.ListLabels(ctx, owner, repo, page())
			return check(err, len(l) == pageItems)
		},
		all: func(ctx context.Context) error {
			items := 0
			for _, err := range c.Issues.ListLabelsIter(ctx, owner, repo, page()) {
				if err != nil {
					return err
				}
				items++
			}
			return check(nil, items == listItems)
		},
	}, nil
}

func gitlabWork(base string) (work, error) {
	c, err := gitlab.NewClient(key, gitlab.WithBaseURL(base))
	if err != nil {
		return work{}, err
	}
	const project, id, name = 1, 100001, "label-000001"
	page := &gitlab.ListLabelsOptions{ListOptions: gitlab.ListOptions{Page: 1, PerPage: pageItems}}
	return work{
		get: func(ctx context.Context) error {
			l, _, err := c.Labels.GetLabel(project, id, gitlab.WithContext(ctx))
			return check(err, err == nil && l.Name == name)
		},
		post: func(ctx context.Context) error {
			l, _, err := c.Labels.CreateLabel(project, &gitlab.CreateLabelOptions{Name: new(name), Color: new("#f29513")}, gitlab.WithContext(ctx))
			return check(err, err == nil && l.Name == name)
		},
		list: func(ctx context.Context) error {
			l, _, err := c.Labels.ListLabels(project, page, gitlab.WithContext(ctx))
			return check(err, len(l) == pageItems)
		},
		all: func(ctx context.Context) error {
			items := 0
			for _, err := range gitlab.Scan2(func(next gitlab.PaginationOptionFunc) ([]*gitlab.Label, *gitlab.Response, error) {
				return c.Labels.ListLabels(project, page, next, gitlab.WithContext(ctx))
			}) {
				if err != nil {
					return err
				}
				items++
			}
			return check(nil, items == listItems)
		},
	}, nil
}

func openaiWork(base string) (work, error) {
	c := openai.NewClient(option.WithAPIKey(key), option.WithBaseURL(base))
	page := openai.FileListParams{Limit: openai.Int(pageItems)}
	return work{
		get: func(ctx context.Context) error {
			f, err := c.Files.Get(ctx, "file-000001")
			return check(err, err == nil && f.ID == "file-000001")
		},
		post: func(ctx context.Context) error {
			conv, err := c.Conversations.New(ctx, conversations.ConversationNewParams{Metadata: shared.Metadata{"name": "project-000001"}})
			return check(err, err == nil && conv.ID == "conv_000001")
		},
		list: func(ctx context.Context) error {
			l, err := c.Files.List(ctx, page)
			return check(err, err == nil && len(l.Data) == pageItems)
		},
		all: func(ctx context.Context) error {
			items := 0
			pager := c.Files.ListAutoPaging(ctx, page)
			for pager.Next() {
				items++
			}
			return check(pager.Err(), items == listItems)
		},
	}, nil
}
