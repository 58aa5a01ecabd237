// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// retry is how long a browser waits before it connects again.
	retry = time.Second
	// writeWithin is how long a reader may hold up a write.
	writeWithin = heartbeat
)

// notice is one Server-Sent Event.
type notice struct {
	id   uint64 // 0 for none
	key  string // in place of id; empty for none
	name string
	data proto.Message
	text json.RawMessage // in place of data; one line
}

// events streams the feed. The event is named for its kind; the data is the
// Event itself.
func (s *rest) events(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	request := &patchbayv1.StreamEventsRequest{}
	if err := populate(request, r.URL.Query()); err != nil {
		writeRefusal(w, invalid("", "the query cannot be read: %v", err))
		return
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		number, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			writeRefusal(w, invalid("Last-Event-ID", "%q is not the number of an event", id))
			return
		}
		request.After = number
	}
	sse(s, w, r, patchbayv1.FeedService_StreamEvents_FullMethodName, request, func(m *patchbayv1.StreamEventsResponse) notice {
		kind := m.GetEvent().GetKind()
		return notice{id: m.GetEvent().GetNumber(), name: shortName(kind.Descriptor(), kind.Number()), data: m.GetEvent()}
	})
}

// offers is an agent's connection as Server-Sent Events, named for the message
// that is set.
func (s *rest) offers(w http.ResponseWriter, r *http.Request, path map[string]string) {
	request := &patchbayv1.StreamOffersRequest{Agent: path["agent"]}
	sse(s, w, r, patchbayv1.AgentService_StreamOffers_FullMethodName, request, func(m *patchbayv1.StreamOffersResponse) notice {
		n := notice{id: m.GetEvent(), data: m}
		message := m.ProtoReflect()
		if set := message.WhichOneof(message.Descriptor().Oneofs().ByName("message")); set != nil {
			n.name = string(set.Name())
		}
		return n
	})
}

// explanation tells how far an explanation has come, and then the explanation.
func (s *rest) explanation(w http.ResponseWriter, r *http.Request, path map[string]string) {
	request := &patchbayv1.StreamExplanationRequest{}
	if err := populate(request, r.URL.Query()); err != nil {
		writeRefusal(w, invalid("", "the query cannot be read: %v", err))
		return
	}
	request.Work = path["work"]
	sse(s, w, r, patchbayv1.ExplainService_StreamExplanation_FullMethodName, request, func(m *patchbayv1.StreamExplanationResponse) notice {
		if m.GetExplanation() != nil {
			return notice{name: "explanation", data: m}
		}
		return notice{name: "progress", data: m}
	})
}

// sse opens a stream of a method and copies it to the client as Server-Sent
// Events until either ends. A stream that does not come about is an ordinary
// error.
func sse[M any](s *rest, w http.ResponseWriter, r *http.Request, method string, request proto.Message, read func(*M) notice) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ctx, err := runtime.AnnotateContext(ctx, s.mux, r, method)
	if err != nil {
		writeError(w, err)
		return
	}
	stream, err := begin[M](ctx, s.local, method, request)
	if err != nil {
		writeError(w, err)
		return
	}
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	if out.open() != nil {
		return
	}
	messages := make(chan received[M])
	var receiving sync.WaitGroup
	receiving.Go(func() { receive(ctx, stream, messages) })
	relay(ctx, out, messages, read)
	cancel()
	receiving.Wait()
}

type received[M any] struct {
	message *M
	err     error
}

// receive passes on what a stream gives, until it ends or ctx does.
func receive[M any](ctx context.Context, stream grpc.ServerStreamingClient[M], to chan<- received[M]) {
	for {
		m, err := stream.Recv()
		select {
		case to <- received[M]{m, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// relay writes messages, and a comment now and then while there are none. It
// returns when the client is gone or the stream has ended.
func relay[M any](ctx context.Context, out *eventWriter, messages <-chan received[M], read func(*M) notice) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = out.comment()
		case m := <-messages:
			if m.err != nil {
				out.end(m.err)
				return
			}
			err = out.send(read(m.message))
		}
		if err != nil {
			return
		}
	}
}

// begin opens a stream and waits until the method says that it stands, or
// fails.
func begin[M any](ctx context.Context, local grpc.ClientConnInterface, method string, request proto.Message) (grpc.ServerStreamingClient[M], error) {
	plain, err := local.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return nil, err
	}
	stream := &grpc.GenericClientStream[proto.Message, M]{ClientStream: plain}
	// io.EOF says that the method is over already; why, is to be received.
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	header, err := stream.Header()
	if err != nil {
		return nil, err
	}
	if len(header.Get(opened)) > 0 {
		return stream, nil
	}
	if _, err := stream.Recv(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, fmt.Errorf("api: %s ended before it began", method)
}

// eventWriter writes Server-Sent Events.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (e *eventWriter) open() error {
	// The server's deadline for reading is for requests, and this one is read.
	if err := e.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	e.w.Header().Set("Content-Type", "text/event-stream")
	e.w.Header().Set("X-Accel-Buffering", "no")
	e.w.WriteHeader(http.StatusOK)
	return e.write("retry: %d\n\n", retry.Milliseconds())
}

func (e *eventWriter) comment() error { return e.write(": still here\n\n") }

func (e *eventWriter) send(n notice) error {
	// protojson varies its white space on purpose; one line is what matters.
	data := []byte(n.text)
	if n.data != nil {
		var err error
		if data, err = (protojson.MarshalOptions{UseProtoNames: true}).Marshal(n.data); err != nil {
			return err
		}
	}
	if n.id > 0 {
		n.key = strconv.FormatUint(n.id, 10)
	}
	if n.key != "" {
		return e.write("id: %s\nevent: %s\ndata: %s\n\n", n.key, n.name, data)
	}
	return e.write("event: %s\ndata: %s\n\n", n.name, data)
}

// end tells the client why the stream ends.
func (e *eventWriter) end(err error) {
	if data, err := json.Marshal(ofStatus(status.Convert(err)).body()); err == nil {
		_ = e.write("event: end\ndata: %s\n\n", data)
	}
}

func (e *eventWriter) write(format string, args ...any) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.w, format, args...); err != nil {
		return err
	}
	return e.control.Flush()
}
