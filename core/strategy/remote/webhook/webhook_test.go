// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	asking "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist/testdata/skilled"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// vendor is a receiver of questions. It checks what every one must be.
type vendor struct {
	*httptest.Server

	t      testing.TB
	secret webhook.Secret

	mu        sync.Mutex
	questions []asking.Question
	ids       []string
}

// newVendor runs one that answers by a function.
func newVendor(t testing.TB, answer func(http.ResponseWriter, *http.Request, *asking.Question)) *vendor {
	t.Helper()
	v := &vendor{t: t, secret: webhook.NewSecret()}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := v.read(r)
		if err != nil {
			t.Errorf("a question is wrong: %v", err)
			return
		}
		answer(w, r, q)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) read(r *http.Request) (*asking.Question, error) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = webhook.Verify(r.Header, body, time.Now(), v.secret)
	}
	var event webhook.Event
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		return nil, err
	}
	if event.Type != asking.EventType || event.Source != "/workspaces/test" || event.Subject != "vendor" || event.ID != r.Header.Get(webhook.HeaderID) {
		return nil, fmt.Errorf("it is %+v", event)
	}
	q := &asking.Question{}
	if err := json.Unmarshal(event.Data, q); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.questions, v.ids = append(v.questions, *q), append(v.ids, event.ID)
	return q, nil
}

// asked is what has been asked so far.
func (v *vendor) asked() (questions []asking.Question, ids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.questions), slices.Clone(v.ids)
}

// decides answers as a plugin would.
func decides(plugin route.Plugin) func(http.ResponseWriter, *http.Request, *asking.Question) {
	return func(w http.ResponseWriter, _ *http.Request, q *asking.Question) {
		var reply route.Reply
		err := plugin.New().Turn(document.NewReader().Rows(q.Frame), &reply)
		_ = json.NewEncoder(w).Encode(document.ReplyOf(&reply, err))
	}
}

// opened is a door that asks the vendor, and what starts the strategy.
type opened struct {
	doors   *remote.Doors
	runtime strategy.Runtime
	stop    func()
}

func open(t testing.TB, v *vendor, change func(*asking.Options)) *opened {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor", Door: asking.Name})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	o := asking.Options{
		Strategy: "vendor", URL: v.URL, Secrets: []webhook.Secret{webhook.NewSecret(), v.secret}, Source: "/workspaces/test",
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, door := make(chan struct{}), asking.New(doors, o)
	go func() {
		defer close(done)
		door.Run(ctx)
	}()
	<-door.Ready()
	stop := sync.OnceFunc(func() {
		cancel()
		<-done
		_ = doors.Close()
	})
	t.Cleanup(stop)
	return &opened{doors: doors, runtime: shortlist.New(remote.New(doors)), stop: stop}
}

func specOf(deadline time.Duration) strategy.Spec {
	return strategy.Spec{
		Name: "vendor", Runtime: "remote", Settings: []byte(`{"weight":3}`),
		Limits: strategy.Limits{TurnDeadline: deadline, StartTimeout: time.Minute},
	}
}

func (o *opened) start(t testing.TB, deadline time.Duration) strategy.Instance {
	t.Helper()
	instance, manifest, err := o.runtime.Start(t.Context(), specOf(deadline), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = instance.Close() })
	if manifest.View != route.ViewCandidates || manifest.Name != "vendor" {
		t.Errorf("manifest %+v", manifest)
	}
	return instance
}

// board is a turn with one item and two who could take it.
func board() []*route.Turn {
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Agent("bert").In("support").On("case")
	host.Work("w1").In("support").On("case")
	return host.Turns()
}

// turn gives an instance the board within a time, and returns what it proposes.
func turn(t testing.TB, in strategy.Instance, within time.Duration) (*route.Reply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var reply route.Reply
	for _, one := range board() {
		if err := in.Turn(ctx, one, &reply); err != nil {
			return nil, err
		}
	}
	return &reply, nil
}

func faultOf(t testing.TB, err error, kind strategy.FaultKind, words string) {
	t.Helper()
	fault, ok := errors.AsType[*strategy.Fault](err)
	if !ok || fault.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("%v, want a fault of kind %v about %q", err, kind, words)
	}
}

// TestCorpus plays the conformance corpus to a strategy behind a webhook, and
// holds that it proposes what it proposes when it is linked in.
func TestCorpus(t *testing.T) {
	t.Parallel()
	plugin := skilled.Plugin()
	v := newVendor(t, decides(plugin))
	o := open(t, v, nil)
	asked := routetest.Suite{Once: true, Open: func(ctx context.Context) (routetest.Carrier, error) {
		in, _, err := o.runtime.Start(ctx, specOf(strategy.NoDeadline), 1)
		return in, err
	}}
	linked := routetest.Suite{Once: true, Open: func(ctx context.Context) (routetest.Carrier, error) {
		runtime := shortlist.New(builtin.New(map[string]route.Plugin{"skilled": plugin}))
		in, _, err := runtime.Start(ctx, strategy.Spec{Source: "skilled"}, 1)
		return in, err
	}}
	said := 0
	for _, script := range routetest.Corpus("") {
		if testing.Short() && script.Name == big {
			continue
		}
		want, err := routetest.Play(t.Context(), linked, script)
		if err != nil {
			t.Fatal(err)
		}
		got, err := routetest.Play(t.Context(), asked, script)
		if err != nil || got.Transcript != want.Transcript {
			t.Errorf("%s: %v; by webhook it proposes\n%s\nlinked in\n%s", script.Name, err, got.Transcript, want.Transcript)
		}
		said += len(got.Transcript)
	}
	if said < 1000 {
		t.Errorf("%d bytes of proposals", said)
	}
}

// big is the script that takes its time as JSON.
const big = "any-big.txt"

// TestConformance holds a router that takes the best candidate to all that the
// corpus asks of every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	o := open(t, newVendor(t, decides(firstOf())), nil)
	suite := routetest.Suite{Open: func(ctx context.Context) (routetest.Carrier, error) {
		in, _, err := o.runtime.Start(ctx, specOf(strategy.NoDeadline), 1)
		return in, err
	}}
	for _, script := range routetest.Corpus("") {
		if script.Name == big {
			continue // TestCorpus has it
		}
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			result, err := routetest.Play(t.Context(), suite, script)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range result.Findings {
				t.Error(finding)
			}
		})
	}
}

// firstOf is a strategy that proposes the best candidate of each item.
func firstOf() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{Name: "first", View: route.ViewCandidates},
		New:      func() route.Strategy { return first{} },
	}
}

type first struct{}

func (first) Configure([]byte) error { return nil }

func (first) Turn(t *route.Turn, reply *route.Reply) error {
	for _, item := range t.Items {
		candidates := route.Of(t.Candidates, item.Candidates)
		reply.Propose(&t.Work[item.Work], &t.Agents[candidates[0].Agent], 7, 0)
	}
	return nil
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request, q *asking.Question) {
		work, agent := q.Frame.Work[0], q.Frame.Agents[q.Frame.Items[0].Candidates[1].Agent]
		fmt.Fprintf(w, `{"proposals":[{"work":%d,"revision":%d,"agent":%d,"score":5,"reason":"liked"}]}`, work.Ref, work.Revision, agent.Ref)
	})
	o := open(t, v, func(o *asking.Options) {
		o.Reasons = []route.Reason{{Code: 4, Name: "liked", Text: "They like each other."}}
	})
	in := o.start(t, time.Hour)
	before := time.Now()
	reply, err := turn(t, in, time.Minute)
	if err != nil || len(reply.Proposals) != 1 || reply.Proposals[0].Reason != 4 || reply.Proposals[0].Score != 5 {
		t.Fatalf("%+v, %v", reply, err)
	}
	questions, ids := v.asked()
	q := questions[0]
	if q.Strategy != "vendor" || string(q.Settings) != `{"weight":3}` || q.Lease == 0 || q.Turn == 0 || q.Frame.Kind != "candidates" ||
		len(q.Frame.Items) != 1 || len(q.Frame.Items[0].Candidates) != 2 || q.Deadline.Before(before.Add(50*time.Minute)) {
		t.Errorf("asked %+v", q)
	}
	if want := fmt.Sprintf("ask_%d_%d", q.Lease, q.Turn); ids[0] != want {
		t.Errorf("id %s, want %s", ids[0], want)
	}
	routers := o.doors.Routers()
	if len(routers) == 0 || routers[0].Door != "webhook" || routers[0].Address != v.URL || routers[0].Counts.Answers != 1 {
		t.Errorf("routers %+v", routers)
	}
}

// TestAnswers are answers that propose nothing, or are wrong.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		code  int
		kind  strategy.FaultKind
		words string
	}{
		"nothing at all":  {"", 204, 0, ""},
		"nothing":         {"{}", 200, 0, ""},
		"no JSON":         {"<html>", 200, strategy.FaultRubbish, "is no JSON"},
		"two documents":   {"{}{}", 200, strategy.FaultRubbish, "is no JSON"},
		"another message": {`{}},"leave":{"reason":"x"}`, 200, strategy.FaultRubbish, "is no JSON"},
		"unknown field":   {`{"proposal":[]}`, 200, strategy.FaultRubbish, `unknown field "proposal"`},
		"unknown reason":  {`{"proposals":[{"work":0,"revision":1,"agent":0,"reason":"moody"}]}`, 200, strategy.FaultRubbish, `no reason "moody"`},
		"it is broken":    {`{"error":"no licence"}`, 200, strategy.FaultBroken, "no licence"},
		"it is not found": {"gone", 404, strategy.FaultBroken, "answers 404"},
		"too long":        {`{"error":"` + strings.Repeat("x", 2000) + `"}`, 200, strategy.FaultTooLarge, "longer than the host takes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, func(w http.ResponseWriter, _ *http.Request, _ *asking.Question) {
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, c.body)
			})
			o := open(t, v, func(o *asking.Options) { o.MaxAnswer = 1000 })
			reply, err := turn(t, o.start(t, time.Hour), time.Minute)
			if c.words == "" {
				if err != nil || len(reply.Proposals) > 0 {
					t.Errorf("%+v, %v", reply, err)
				}
				return
			}
			faultOf(t, err, c.kind, c.words)
			if reply, err := turn(t, o.start(t, time.Hour), time.Minute); err == nil {
				t.Errorf("started anew it answers %+v", reply)
			}
		})
	}
}

// TestLongRubbish: what cannot be read is not told back at its full length.
func TestLongRubbish(t *testing.T) {
	t.Parallel()
	var v *vendor
	v = newVendor(t, func(w http.ResponseWriter, r *http.Request, q *asking.Question) {
		if questions, _ := v.asked(); len(questions) == 1 {
			fmt.Fprintf(w, `{%q:1}`, strings.Repeat("x", 100_000))
			return
		}
		decides(firstOf())(w, r, q)
	})
	o := open(t, v, nil)
	_, err := turn(t, o.start(t, time.Hour), time.Minute)
	faultOf(t, err, strategy.FaultRubbish, "unknown field")
	if n := len(err.Error()); n > 1000 {
		t.Errorf("the fault has %d bytes", n)
	}
	for in := o.start(t, time.Hour); ; in = o.start(t, time.Hour) {
		if _, err := turn(t, in, time.Minute); err != nil {
			t.Fatal(err)
		}
		questions, _ := v.asked()
		if last := questions[len(questions)-1]; len(last.Notices) > 0 {
			if n := last.Notices[0]; n.Code != "rubbish" || len(n.Text) > 1000 {
				t.Errorf("told %d bytes of %s", len(n.Text), n.Code)
			}
			return
		}
		_ = in.Close()
	}
}

// TestTriesAgain: what may pass by itself is tried again within the turn, under
// the same id.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	var v *vendor
	v = newVendor(t, func(w http.ResponseWriter, r *http.Request, q *asking.Question) {
		if questions, _ := v.asked(); len(questions) < 4 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		decides(firstOf())(w, r, q)
	})
	reply, err := turn(t, open(t, v, nil).start(t, time.Hour), time.Minute)
	if err != nil || len(reply.Proposals) != 1 {
		t.Fatalf("%+v, %v", reply, err)
	}
	if _, ids := v.asked(); len(ids) != 4 || len(slices.Compact(ids)) != 1 {
		t.Errorf("asked as %v", ids)
	}
}

// TestStandby: another address is asked when the first fails, or is slow, and the
// first answer counts.
func TestStandby(t *testing.T) {
	t.Parallel()
	never := func(_ http.ResponseWriter, r *http.Request, _ *asking.Question) { <-r.Context().Done() }
	refuses := func(w http.ResponseWriter, _ *http.Request, _ *asking.Question) {
		w.WriteHeader(http.StatusUnauthorized)
	}
	down := func(w http.ResponseWriter, _ *http.Request, _ *asking.Question) { w.WriteHeader(http.StatusBadGateway) }
	for name, c := range map[string]struct {
		first func(http.ResponseWriter, *http.Request, *asking.Question)
		hedge time.Duration
	}{"slow": {never, time.Millisecond}, "refuses": {refuses, time.Hour}, "down": {down, time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			came := make(chan struct{})
			one := newVendor(t, func(w http.ResponseWriter, r *http.Request, q *asking.Question) {
				once.Do(func() { close(came) })
				c.first(w, r, q)
			})
			two := newVendor(t, func(w http.ResponseWriter, r *http.Request, q *asking.Question) {
				<-came
				decides(firstOf())(w, r, q)
			})
			two.secret = one.secret
			o := open(t, one, func(o *asking.Options) { o.Standby, o.HedgeAfter = two.URL, c.hedge })
			reply, err := turn(t, o.start(t, time.Hour), time.Minute)
			if err != nil || len(reply.Proposals) != 1 {
				t.Fatalf("%+v, %v", reply, err)
			}
			_, first := one.asked()
			if _, second := two.asked(); len(second) != 1 || first[0] != second[0] {
				t.Errorf("asked as %v and %v", first, second)
			}
		})
	}
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		one, two := newVendor(t, refuses), newVendor(t, refuses)
		two.secret = one.secret
		o := open(t, one, func(o *asking.Options) { o.Standby, o.HedgeAfter = two.URL, time.Hour })
		_, err := turn(t, o.start(t, time.Hour), time.Minute)
		faultOf(t, err, strategy.FaultBroken, "answers 401")
	})
}

// TestDeadline: who does not answer in time misses the turn, and is told so with
// the next question.
func TestDeadline(t *testing.T) {
	t.Parallel()
	var v *vendor
	v = newVendor(t, func(w http.ResponseWriter, r *http.Request, q *asking.Question) {
		if questions, _ := v.asked(); len(questions) == 1 {
			<-r.Context().Done() // hung up on
			return
		}
		decides(firstOf())(w, r, q)
	})
	o := open(t, v, nil)
	_, err := turn(t, o.start(t, 2*time.Second), time.Second)
	faultOf(t, err, strategy.FaultDeadline, "did not answer in time")
	in := o.start(t, time.Hour)
	for {
		reply, err := turn(t, in, time.Minute)
		if err != nil || len(reply.Proposals) != 1 {
			t.Fatalf("%+v, %v", reply, err)
		}
		questions, _ := v.asked()
		if last := questions[len(questions)-1]; len(last.Notices) > 0 {
			if n := last.Notices[0]; n.Code != "late" || n.Turn != questions[0].Turn || n.Lease != questions[0].Lease {
				t.Errorf("told %+v", n)
			}
			return
		}
		_ = in.Close()
		in = o.start(t, time.Hour)
	}
}

// TestForbidden: an address of this machine is not asked unless it is allowed.
func TestForbidden(t *testing.T) {
	t.Parallel()
	v := newVendor(t, func(http.ResponseWriter, *http.Request, *asking.Question) { t.Error("it was asked") })
	_, err := turn(t, open(t, v, func(o *asking.Options) { o.Allow = nil }).start(t, time.Hour), time.Minute)
	faultOf(t, err, strategy.FaultBroken, "127.0.0.1 is not a public address")
}

// TestSeveralInstances: as many as are wanted can be started beside each other,
// and what is not needed any more leaves.
func TestSeveralInstances(t *testing.T) {
	t.Parallel()
	o := open(t, newVendor(t, decides(firstOf())), nil)
	var all []strategy.Instance
	for range 5 {
		all = append(all, o.start(t, time.Hour))
	}
	for _, in := range all {
		if reply, err := turn(t, in, time.Minute); err != nil || len(reply.Proposals) != 1 {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	if n := len(o.doors.Routers()); n > 6 {
		t.Errorf("%d routers for 5 instances", n)
	}
	for _, in := range all {
		_ = in.Close()
	}
	in := o.start(t, time.Hour)
	if _, err := turn(t, in, time.Minute); err != nil {
		t.Error(err)
	}
	o.stop()
	if n := len(o.doors.Routers()); n != 0 {
		t.Errorf("%d routers are left", n)
	}
}
