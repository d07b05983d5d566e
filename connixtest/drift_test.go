package connixtest_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/openapi"
)

// TestEndpoints_clientDocumentAndFake derives the endpoints of all three: those that the
// fake routes, those that the document describes, and those that the client's methods
// call. An endpoint that one of them lacks fails it.
func TestEndpoints_clientDocumentAndFake(t *testing.T) {
	routed := fake.Routes()
	var documented []string
	for _, op := range openapi.Operations() {
		if path, ok := strings.CutPrefix(op.Path, "/api/v1"); ok { // else it is a delivery
			documented = append(documented, op.Method+" "+path)
		}
	}
	called := callEverything(t)
	slices.Sort(routed)
	slices.Sort(documented)
	if !slices.Equal(routed, documented) {
		t.Errorf("the fake routes\n\t%v\nthe document has\n\t%v", routed, documented)
	}
	if !slices.Equal(called, documented) {
		t.Errorf("the client calls\n\t%v\nthe document has\n\t%v", called, documented)
	}
}

// callEverything calls each method of the client and of its services, and returns the
// endpoints that these calls reach.
func callEverything(t *testing.T) (endpoints []string) {
	srv := connixtest.NewServer(t, connixtest.WithInMemory())
	client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
	receivers := []reflect.Value{reflect.ValueOf(client)}
	for _, field := range reflect.ValueOf(client).Elem().Fields() {
		if field.CanInterface() && field.Kind() == reflect.Pointer {
			receivers = append(receivers, field)
		}
	}
	for _, receiver := range receivers {
		for i := range receiver.NumMethod() {
			if receiver.Type().Method(i).Name == "Do" {
				continue // it calls any path
			}
			srv.Reset()
			seedOnes(srv)
			callMethod(t, receiver.Method(i))
			for _, r := range srv.Requests() {
				endpoints = append(endpoints, r.Method+" "+r.Route)
			}
		}
	}
	slices.Sort(endpoints)
	return slices.Compact(endpoints)
}

// seedOnes makes one record of each kind, all with the id 1.
func seedOnes(srv *connixtest.Server) {
	srv.AddProject(connix.Project{ID: "1"})
	srv.AddAgent(connix.Agent{ID: "1", ProjectID: "1", Status: connix.StatusCompleted})
	srv.AddWebhook(connix.Webhook{ID: "1"}, "")
	srv.AddAPIKey(connix.APIKey{ID: "1"})
}

// callMethod calls a method that takes a context, with made up arguments, and runs
// through the iterator that it may return.
func callMethod(t *testing.T, method reflect.Value) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	typ := method.Type()
	if typ.NumIn() == 0 || typ.In(0) != reflect.TypeFor[context.Context]() {
		return
	}
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < typ.NumIn() && !(typ.IsVariadic() && i == typ.NumIn()-1); i++ {
		args = append(args, argument(typ.In(i)))
	}
	for _, result := range method.Call(args) {
		if result.Kind() != reflect.Func {
			continue
		}
		// An iterator: one element is enough.
		yield := reflect.MakeFunc(result.Type().In(0), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(false)} })
		result.Call([]reflect.Value{yield})
	}
}

// argument returns a value that the client takes: the id 1, a name, every field set.
func argument(typ reflect.Type) reflect.Value {
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.String:
		v.SetString("made-up")
		if typ == reflect.TypeFor[connix.ID]() {
			v.SetString("1")
		}
	case reflect.Slice:
		v.Set(reflect.Append(v, argument(typ.Elem())))
	case reflect.Pointer:
		if typ.Elem().Kind() == reflect.Struct {
			return v // options: none
		}
		v.Set(reflect.New(typ.Elem()))
		v.Elem().Set(argument(typ.Elem()))
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			return v
		}
		for i := range typ.NumField() {
			if typ.Field(i).IsExported() {
				v.Field(i).Set(argument(typ.Field(i).Type))
			}
		}
	}
	return v
}
