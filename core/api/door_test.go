// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// centre is a company with all that the verbs about work need: conversations by
// status with wrap-up, work by skills, a flow, a queue that is closed for good
// and one without members.
func centre() engine.Definition {
	all := []string{"case", "chat", "mail", "web"}
	d := engine.Definition{
		Channels: []engine.Channel{
			{Name: "case", Size: engine.Units(engine.Unit)},
			{
				Name: "chat", Size: engine.Units(engine.Unit), Capacity: engine.ByStatus, PausedSize: engine.Units(engine.Unit / 4),
				WrapUp: engine.WrapUp{For: 600_000, Extension: 60_000, Extensions: 1}, LastAgentFor: 60_000,
			},
			{
				Name: "mail", Size: engine.Units(engine.Unit), Interruptible: true,
				SkillRules: []engine.SkillRule{{Attribute: "lang", Values: map[string][]engine.Need{"de": {{Skill: "german", Level: 5000}}}}},
			},
			{Name: "web", Size: engine.Percent(50_000)},
		},
		Statuses: []engine.Status{{Name: "available", Channels: all}, {Name: "break"}},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "desk", Capacity: 2 * engine.Unit, Interruptible: engine.Unit, MaxOpen: 10, MaxOffers: 5},
		},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "plain", Priority: 5, Strategy: "first"},
			{Name: "skilled", Strategy: "first", BySkills: true, DropAfter: 600_000},
		},
		Queues: []engine.QueueDefinition{
			{Name: "empty", Routing: "plain"},
			{Name: "experts", Routing: "skilled"},
			{Name: "full", Routing: "plain", MaxWaiting: 1},
			{Name: "night", Routing: "plain", Hours: "never", Closed: engine.ClosedRefuse},
			{Name: "sales", Routing: "plain"},
			{Name: "support", Routing: "plain"},
		},
		Hours:  []engine.Hours{{Name: "never", Zone: "Europe/Berlin"}},
		Skills: []string{"french", "german"},
		Agents: []engine.AgentDefinition{
			{
				ID: "ann", Name: "Ann Lee", PresenceConfig: "desk", Queues: []engine.Membership{{Queue: "support", Weight: 3}},
				Skills: []engine.Skill{{Name: "german", Level: 7500}, {Name: "french", Level: 2000, Until: 1}},
			},
			{ID: "bob", PresenceConfig: "desk", Queues: engine.Member("support")},
			{ID: "cid", PresenceConfig: "desk", Queues: engine.Member("sales")},
		},
		Flows: []engine.Flow{{
			Name: "site", Channels: []string{"web"}, Fallback: "support",
			Steps: []engine.Step{{
				Name: "gold", When: `work.attributes.?tier.orValue("") == "gold"`, Queue: "sales", Priority: new(int32(1)), Last: true,
			}},
		}},
		Grace: 60_000, KeepClosed: 3_600_000,
	}
	d.Sort()
	return d
}

// serveCentre serves the company.
func serveCentre(t testing.TB, opts api.Options) *place {
	t.Helper()
	workspace, end := openAs(t, t.TempDir(), centre())
	t.Cleanup(end)
	return serveWorkspace(t, workspace, opts)
}

// door is one of the two ways into the API.
type door interface {
	// ask calls a method by its name and fills in the answer.
	ask(method string, request, answer proto.Message) error
}

// eachWay runs a story once per door, each in a company of its own.
func eachWay(t *testing.T, story func(t *testing.T, p *place, d door)) {
	t.Helper()
	t.Run("gRPC", func(t *testing.T) {
		t.Parallel()
		p := serveCentre(t, api.Options{})
		story(t, p, grpcDoor{p, p.dial()})
	})
	t.Run("REST", func(t *testing.T) {
		t.Parallel()
		p := serveCentre(t, api.Options{})
		story(t, p, restDoor{p})
	})
}

// method finds a method of the API by its name.
func method(t testing.TB, name string) protoreflect.MethodDescriptor {
	t.Helper()
	for _, file := range []protoreflect.FileDescriptor{
		patchbayv1.File_patchbay_v1_work_proto, patchbayv1.File_patchbay_v1_agent_proto, patchbayv1.File_patchbay_v1_host_proto,
	} {
		for i := range file.Services().Len() {
			if m := file.Services().Get(i).Methods().ByName(protoreflect.Name(name)); m != nil {
				return m
			}
		}
	}
	t.Fatalf("there is no method %s", name)
	return nil
}

type grpcDoor struct {
	*place
	conn *grpc.ClientConn
}

func (d grpcDoor) ask(name string, request, answer proto.Message) error {
	d.t.Helper()
	m := method(d.t, name)
	return d.conn.Invoke(d.ctx(), fmt.Sprintf("/%s/%s", m.Parent().FullName(), name), request, answer)
}

type restDoor struct{ *place }

var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

func (d restDoor) ask(name string, request, answer proto.Message) error {
	d.t.Helper()
	rule := proto.GetExtension(method(d.t, name).Options(), annotations.E_Http).(*annotations.HttpRule)
	verb, path, body := http.MethodGet, rule.GetGet(), ""
	if path == "" {
		verb, path = http.MethodPost, rule.GetPost()
	}
	rest := proto.Clone(request).ProtoReflect()
	path = inPath.ReplaceAllStringFunc(path, func(variable string) string {
		field := rest.Descriptor().Fields().ByName(protoreflect.Name(variable[1 : len(variable)-1]))
		value := rest.Get(field).String()
		rest.Clear(field)
		return url.PathEscape(value)
	})
	if verb == http.MethodPost {
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(rest.Interface())
		if err != nil {
			d.t.Fatal(err)
		}
		body = string(text)
	} else {
		query := url.Values{}
		rest.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if !field.IsList() {
				query.Add(string(field.Name()), value.String())
				return true
			}
			for i := range value.List().Len() {
				query.Add(string(field.Name()), value.List().Get(i).String())
			}
			return true
		})
		path += "?" + query.Encode()
	}
	response, err := d.http.Do(d.request(verb, strings.TrimSuffix(path, "?"), body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(string(text))
	}
	return protojson.Unmarshal(text, answer)
}

// must calls a method that must succeed.
func must[A proto.Message](t *testing.T, d door, method string, request proto.Message, answer A) A {
	t.Helper()
	if err := d.ask(method, request, answer); err != nil {
		t.Fatalf("%s(%v): %v", method, request, err)
	}
	return answer
}

// create brings work in.
func create(t *testing.T, d door, r *patchbayv1.CreateWorkRequest) *patchbayv1.Work {
	t.Helper()
	return must(t, d, "CreateWork", r, &patchbayv1.CreateWorkResponse{}).GetWork()
}

// get returns work as it is now.
func get(t *testing.T, d door, id string) *patchbayv1.Work {
	t.Helper()
	return must(t, d, "GetWork", &patchbayv1.GetWorkRequest{Work: id}, &patchbayv1.GetWorkResponse{}).GetWork()
}

// accepts lets the agent accept the next offer.
func (o *offers) accepts(d door) *patchbayv1.Offer {
	o.t.Helper()
	offer := o.offer()
	request := &patchbayv1.AcceptOfferRequest{Assignment: offer.GetAssignment().GetId()}
	if err := d.ask("AcceptOffer", request, &patchbayv1.AcceptOfferResponse{}); err != nil {
		o.t.Fatal(err)
	}
	for o.next().GetAccepted().GetAssignment() != request.GetAssignment() { // other offers may come first
	}
	return offer
}
