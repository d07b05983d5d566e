package fake

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/problem"
	"github.com/connix-io/connix-go/internal/fake/state"
)

// call is one request on its way to its handler.
type call struct {
	fake   *Fake
	store  *state.Store // of the user who calls
	r      *http.Request
	id     state.ID // of the path, "" for none
	object object   // the body of a POST or PATCH that has one
	now    time.Time
}

// response is the response of a handler: a status, and what its body is made from;
// nil for no body.
type response struct {
	status int
	body   any
}

func ok(body any) (response, error)      { return response{http.StatusOK, body}, nil }
func created(body any) (response, error) { return response{http.StatusCreated, body}, nil }
func noContent() (response, error)       { return response{status: http.StatusNoContent}, nil }

// serveAPI is the API itself, without what surrounds it.
func (f *Fake) serveAPI(w http.ResponseWriter, r *http.Request) {
	now := f.Now()
	who, authErr := f.authenticate(r)
	budget := f.budget(who)
	// Only an authenticated request counts; and the headers are those of after it.
	allowed := authErr != nil || f.take(budget, now)
	f.writeLimits(w.Header(), budget, now)
	w.Header().Set("Date", now.Format(http.TimeFormat)) // here, where a fault can still skew it
	out, err := f.call(w, r, now, who, authErr, allowed)
	if err != nil {
		f.fail(w, r, err)
		return
	}
	f.write(w, r, out)
}

func (f *Fake) call(w http.ResponseWriter, r *http.Request, now time.Time, who *credential, authErr error, allowed bool) (response, error) {
	template, id := match(r)
	route, methods := find(r.Method, template)
	switch {
	case authErr == nil && !allowed:
		return response{}, &problem.Problem{Status: http.StatusTooManyRequests, Message: "Too many requests"}
	case template == "":
		message := "The requested resource doesn't exist"
		if r.URL.Path != "/api/v1" && !strings.HasPrefix(r.URL.Path, "/api/v1/") {
			message += ": the API's paths begin with /api/v1/"
		}
		return response{}, &problem.Problem{Status: http.StatusNotFound, Message: message}
	case authErr != nil && (route == nil || !route.open):
		w.Header().Set("WWW-Authenticate", "Bearer")
		return response{}, authErr
	case route == nil:
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return response{}, &problem.Problem{Status: http.StatusMethodNotAllowed, Message: "The method " + r.Method + " is not allowed here"}
	case !route.open && !who.may(route):
		return response{}, &problem.Problem{Status: http.StatusForbidden, Message: who.lacks(route)}
	}
	if bad, ok := r.Context().Value(requestProblemKey{}).(error); ok {
		return response{}, bad
	}
	user := ""
	if who != nil {
		user = who.user
	}
	c := &call{fake: f, store: f.storeOf(user), r: r, id: id, now: now}
	if route.body {
		object, err := readObject(r)
		if err != nil {
			return response{}, err
		}
		c.object = object
	}
	return route.handle(c)
}

func badRequest(field, issue string) *problem.Problem {
	return &problem.Problem{Status: http.StatusBadRequest, Message: "The request data is invalid", Field: field, Issue: issue}
}

func internalError(message string) *problem.Problem {
	return &problem.Problem{Status: http.StatusInternalServerError, Message: message}
}

// asProblem turns any error of a handler into what the client is told.
func asProblem(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*state.Error](err)
	if !ok {
		return internalError(err.Error())
	}
	p := &problem.Problem{Message: e.Message, Field: e.Field, Issue: e.Issue}
	switch e.Kind {
	case state.Invalid:
		p.Status = http.StatusBadRequest
	case state.NotFound:
		p.Status = http.StatusNotFound
	case state.Conflict:
		p.Status = http.StatusConflict
	default:
		panic(fmt.Sprintf("fake: unknown kind of refusal %d", e.Kind))
	}
	return p
}
