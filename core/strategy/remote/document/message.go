// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// FromHost is what the host says: one member is set.
type FromHost struct {
	Welcome *Welcome `json:"welcome,omitempty"`
	Lead    *Lead    `json:"lead,omitempty"`
	Ask     *Ask     `json:"ask,omitempty"`
	Notice  *Notice  `json:"notice,omitempty"`
	Drained *Drained `json:"drained,omitempty"`
	Ping    *Ping    `json:"ping,omitempty"`
	Refused *Refused `json:"refused,omitempty"`

	Instructed *Instructed `json:"instructed,omitempty"`
}

// FromRouter is what a router says: one member is set.
type FromRouter struct {
	Hello      *Hello      `json:"hello,omitempty"`
	Configured *Configured `json:"configured,omitempty"`
	Answer     *Answer     `json:"answer,omitempty"`
	Pong       *Ping       `json:"pong,omitempty"`
	Leave      *Leave      `json:"leave,omitempty"`
	Wake       *Wake       `json:"wake,omitempty"`
	Instruct   *Instruct   `json:"instruct,omitempty"`
}

// Hello says who dials.
type Hello struct {
	Strategy string   `json:"strategy"`
	Token    string   `json:"token,omitempty"`
	Router   string   `json:"router,omitempty"`
	Rank     uint32   `json:"rank,omitempty"`
	Class    string   `json:"class,omitempty"`
	Manifest Manifest `json:"manifest"`
	Resume   *Resume  `json:"resume,omitempty"`
}

// Manifest is what the router is. Tables are named as in frame.layout.
type Manifest struct {
	Name           string          `json:"name"`
	Version        string          `json:"version,omitempty"`
	Majors         []uint32        `json:"majors,omitempty"`
	Tables         []string        `json:"tables,omitempty"`
	SettingsSchema json.RawMessage `json:"settings_schema,omitempty"`
	Reasons        []route.Reason  `json:"reasons,omitempty"`
	Deterministic  bool            `json:"deterministic,omitempty"`
	View           route.View      `json:"view,omitempty"`
	Candidates     uint32          `json:"candidates,omitempty"`
}

// Resume is what a router remembers of its session.
type Resume struct {
	Token   string `json:"token"`
	Lease   uint64 `json:"lease,omitempty"`
	Applied uint64 `json:"applied,omitempty"`
}

// Welcome lets a router in.
type Welcome struct {
	HostVersion string `json:"host_version,omitempty"`
	ResumeToken string `json:"resume_token"`
	RetentionMS uint32 `json:"retention_ms"`
	Resumed     bool   `json:"resumed"`
	Lease       uint64 `json:"lease,omitempty"`
	PingMS      uint32 `json:"ping_ms"`
}

// Lead puts a router in charge. Settings are the admin's.
type Lead struct {
	Lease         uint64          `json:"lease"`
	Epoch         uint64          `json:"epoch"`
	Settings      json.RawMessage `json:"settings"`
	TurnBudgetUS  uint32          `json:"turn_budget_us"`
	MaxReplyBytes uint32          `json:"max_reply_bytes"`
}

// Configured says that the settings are in force, or why not.
type Configured struct {
	Lease uint64 `json:"lease"`
	Error string `json:"error,omitempty"`
}

// Ask carries one turn.
type Ask struct {
	Lease uint64 `json:"lease"`
	Turn  uint64 `json:"turn"`
	Frame *Turn  `json:"frame"`
}

// Answer carries the reply to one turn.
type Answer struct {
	Lease uint64 `json:"lease"`
	Turn  uint64 `json:"turn"`
	Reply Reply  `json:"reply"`
}

// Notice tells a router that something it did came to nothing.
type Notice struct {
	Code  string `json:"code"` // such as "late"
	Text  string `json:"text"`
	Lease uint64 `json:"lease,omitempty"`
	Turn  uint64 `json:"turn,omitempty"`
}

// Drained ends a leadership.
type Drained struct {
	Lease uint64 `json:"lease"`
}

// Ping asks whether the router is there; a pong has the same number.
type Ping struct {
	Number uint64 `json:"number"`
}

// Leave is a router's farewell.
type Leave struct {
	Reason string `json:"reason,omitempty"`
}

// Wake has the router asked though nothing has changed.
type Wake struct {
	Lease uint64 `json:"lease"`
}

// Refused is the last word on a connection: why the router is not let in, or
// hung up on.
type Refused struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codec writes and reads the messages of one connection of a router. Host and
// Read may be called by one goroutine each.
type Codec struct {
	dictionary *Dictionary
	reasons    map[string]uint16
}

// NewCodec returns a codec for a router that has not said hello.
func NewCodec() *Codec { return &Codec{dictionary: NewDictionary()} }

// Recall takes over what another connection's codec has kept of the session, or
// nil for one that begins, and returns what is to be kept.
func (c *Codec) Recall(memory any) any {
	if kept, ok := memory.(*Dictionary); ok {
		c.dictionary = kept
	}
	return c.dictionary
}

// Host writes a message of the host.
func (c *Codec) Host(m *strategyv1.SessionResponse) (*FromHost, error) {
	switch m := m.GetMessage().(type) {
	case *strategyv1.SessionResponse_Welcome:
		w := m.Welcome
		return &FromHost{Welcome: &Welcome{
			HostVersion: w.GetHost().GetHostVersion(), ResumeToken: w.GetResumeToken(), RetentionMS: w.GetRetentionMs(),
			Resumed: w.GetResumed(), Lease: w.GetLease(), PingMS: w.GetPingMs(),
		}}, nil
	case *strategyv1.SessionResponse_Lead:
		l := m.Lead
		return &FromHost{Lead: &Lead{
			Lease: l.GetLease(), Epoch: l.GetEpoch(), Settings: l.GetConfigure().GetSettingsJson(),
			TurnBudgetUS: l.GetTurnBudgetUs(), MaxReplyBytes: l.GetMaxReplyBytes(),
		}}, nil
	case *strategyv1.SessionResponse_Ask:
		frame, err := c.dictionary.Frame(m.Ask.GetLease(), m.Ask.GetFrame())
		return &FromHost{Ask: &Ask{Lease: m.Ask.GetLease(), Turn: m.Ask.GetTurn(), Frame: frame}}, err
	case *strategyv1.SessionResponse_Notice:
		n := m.Notice
		code := strings.ToLower(strings.TrimPrefix(n.GetCode().String(), "CODE_"))
		return &FromHost{Notice: &Notice{Code: code, Text: n.GetText(), Lease: n.GetLease(), Turn: n.GetTurn()}}, nil
	case *strategyv1.SessionResponse_Drained:
		return &FromHost{Drained: &Drained{Lease: m.Drained.GetLease()}}, nil
	case *strategyv1.SessionResponse_Instructed:
		return &FromHost{Instructed: instructed(m.Instructed)}, nil
	case *strategyv1.SessionResponse_Ping:
		return &FromHost{Ping: &Ping{Number: m.Ping.GetNumber()}}, nil
	default:
		return nil, fmt.Errorf("document: the host's message %T has no document", m)
	}
}

// Read reads a message of the router. An error says what is wrong with it.
func (c *Codec) Read(text []byte) (*strategyv1.SessionRequest, error) {
	var in FromRouter
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("document: a message is one JSON object, and more follows")
	}
	set := 0
	for _, is := range []bool{in.Hello != nil, in.Configured != nil, in.Answer != nil, in.Pong != nil, in.Leave != nil, in.Wake != nil, in.Instruct != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, errors.New(`document: a message has one member: "hello", "configured", "answer", "pong", "wake", "instruct" or "leave"`)
	}
	return c.message(&in)
}

func (c *Codec) message(in *FromRouter) (*strategyv1.SessionRequest, error) {
	switch {
	case in.Hello != nil:
		hello, err := c.hello(in.Hello)
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}}, err
	case in.Configured != nil:
		response := &strategyv1.ConfigureResponse{}
		if in.Configured.Error != "" {
			response.Diagnostics = []*strategyv1.Diagnostic{{
				Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: in.Configured.Error,
			}}
		}
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{
			Configured: &strategyv1.Configured{Lease: in.Configured.Lease, Response: response},
		}}, nil
	case in.Answer != nil:
		a := in.Answer
		frame, err := a.Reply.frame(c.dictionary.epochOf(a.Lease), a.Turn, c.reasons)
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{
			Answer: &strategyv1.Answer{Lease: a.Lease, Turn: a.Turn, Frame: frame},
		}}, err
	case in.Pong != nil:
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Pong{
			Pong: &strategyv1.Pong{Number: in.Pong.Number},
		}}, nil
	case in.Instruct != nil:
		return in.Instruct.message()
	case in.Wake != nil:
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Wake{
			Wake: &strategyv1.Wake{Lease: in.Wake.Lease},
		}}, nil
	default:
		return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Leave{
			Leave: &strategyv1.Leave{Reason: in.Leave.Reason},
		}}, nil
	}
}

func (c *Codec) hello(in *Hello) (*strategyv1.Hello, error) {
	m := &in.Manifest
	out := &strategyv1.HandshakeResponse{
		Name: m.Name, Version: m.Version, Majors: m.Majors, SettingsSchema: string(m.SettingsSchema),
		Deterministic: m.Deterministic, Candidates: m.Candidates,
	}
	switch m.View {
	case "", route.ViewBoard:
		out.View = strategyv1.View_VIEW_BOARD
	case route.ViewCandidates:
		out.View = strategyv1.View_VIEW_CANDIDATES
	default:
		return nil, fmt.Errorf(`document: manifest.view %q should be "board" or "candidates"`, m.View)
	}
	for _, name := range m.Tables {
		table, ok := tableNamed(name)
		if !ok {
			return nil, fmt.Errorf("document: manifest.tables: there is no table %q", name)
		}
		out.Layouts = append(out.Layouts, &strategyv1.Layout{Table: uint32(table), Version: route.Layout})
	}
	c.reasons = make(map[string]uint16, len(m.Reasons))
	for _, reason := range m.Reasons {
		c.reasons[reason.Name] = reason.Code
		out.Reasons = append(out.Reasons, &strategyv1.Reason{Code: uint32(reason.Code), Name: reason.Name, Text: reason.Text})
	}
	hello := &strategyv1.Hello{Strategy: in.Strategy, Token: in.Token, Router: in.Router, Rank: in.Rank, Class: in.Class, Manifest: out}
	if in.Resume != nil {
		hello.Resume = &strategyv1.Resume{Token: in.Resume.Token, Lease: in.Resume.Lease, Applied: in.Resume.Applied}
	}
	return hello, nil
}

func tableNamed(name string) (route.Table, bool) {
	for table := route.TableAgent; table.Stride() > 0; table++ {
		if table.String() == name {
			return table, true
		}
	}
	return 0, false
}
