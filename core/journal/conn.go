// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// quiet is how often the two ends of a connection ask whether the other
	// is alive. They live in one process, so the answer is never news.
	quiet = time.Hour

	headerExpect = "Nats-Expected-Last-Sequence"
	headerSeq    = "Nats-Sequence"
	headerLast   = "Nats-Last-Sequence"
	headerStatus = "Status"

	statusEnd     = "204" // the end of a page
	statusMissing = "404"

	codeWrongLast         = 10071 // wrong last sequence, with the right one
	codeWrongLastConstant = 10164 // the same without it
)

// errMissing is returned when the store has no message at a sequence.
var errMissing = errors.New("message is missing")

// conn is a connection to the embedded store. All requests wait as long as
// their context lets them, and are interrupted when the connection closes.
type conn struct {
	nc     *nats.Conn
	closed context.Context // done, with the cause, when nc is closed
}

// dial connects in process. What happens to the connection later ends the
// context closed.
func dial(srv *server.Server, name string) (*conn, error) {
	closed, cancel := context.WithCancelCause(context.Background())
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Name(name), nats.NoReconnect(),
		nats.PingInterval(quiet), nats.Timeout(startLimit),
		nats.ClosedHandler(func(nc *nats.Conn) {
			err := ErrClosed
			if last := nc.LastError(); last != nil {
				err = fmt.Errorf("%w: %w", ErrClosed, last)
			}
			cancel(err)
		}))
	if err != nil {
		cancel(err)
		return nil, err
	}
	return &conn{nc: nc, closed: closed}, nil
}

// close ends the connection and waits until its last callback has run.
func (c *conn) close() {
	c.nc.Close()
	<-c.closed.Done()
}

// bound returns a context that ends with ctx or with the connection.
func (c *conn) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closed, func() { cancel(context.Cause(c.closed)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// request sends msg and waits for the one reply.
func (c *conn) request(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	ctx, done := c.bound(ctx)
	defer done()
	reply, err := c.nc.RequestMsgWithContext(ctx, msg)
	return reply, cause(ctx, err)
}

// cause is err, or what is behind it: the end of ctx or of the connection.
func cause(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrBadSubscription):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	default:
		return err
	}
}

// answer is the store's reply to a publish or an administrative request.
type answer struct {
	Seq   uint64 `json:"seq"`
	Error *struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

// ask sends msg and decodes the reply; a refusal becomes an error.
func (c *conn) ask(ctx context.Context, msg *nats.Msg) (answer, error) {
	reply, err := c.request(ctx, msg)
	if err != nil {
		return answer{}, err
	}
	var a answer
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		return answer{}, fmt.Errorf("the store's reply cannot be read: %w", err)
	}
	if a.Error == nil {
		return a, nil
	}
	switch a.Error.ErrCode {
	case codeWrongLast, codeWrongLastConstant:
		return answer{}, fmt.Errorf("%w (%s)", ErrFenced, a.Error.Description)
	default:
		return answer{}, fmt.Errorf("the store refused: %s (%d)", a.Error.Description, a.Error.ErrCode)
	}
}

// publish stores payload under subject and returns its sequence once it is
// durable.
func (c *conn) publish(ctx context.Context, subject string, payload []byte) (uint64, error) {
	a, err := c.ask(ctx, &nats.Msg{Subject: subject, Data: payload})
	return a.Seq, err
}

// publishAfter does the same, provided that the stream's last sequence is
// still expect; else it stores nothing and returns ErrFenced.
func (c *conn) publishAfter(ctx context.Context, subject string, expect uint64, payload []byte) (uint64, error) {
	a, err := c.ask(ctx, &nats.Msg{
		Subject: subject,
		Header:  nats.Header{headerExpect: []string{strconv.FormatUint(expect, 10)}},
		Data:    payload,
	})
	if err != nil {
		return 0, err
	}
	if a.Seq != expect+1 {
		return 0, fmt.Errorf("the store gave sequence %d, want %d", a.Seq, expect+1)
	}
	return a.Seq, nil
}

// trim drops every message of stream before sequence keep.
func (c *conn) trim(ctx context.Context, stream string, keep uint64) error {
	_, err := c.ask(ctx, &nats.Msg{
		Subject: "$JS.API.STREAM.PURGE." + stream,
		Data:    fmt.Appendf(nil, `{"seq":%d}`, keep),
	})
	return err
}

// get returns the message at sequence seq, errMissing if there is none or the
// store cannot read it.
func (c *conn) get(ctx context.Context, stream string, seq uint64) ([]byte, error) {
	m, err := c.direct(ctx, stream, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// getLast returns the newest message with the given subject and its sequence,
// errMissing if there is none or the store cannot read it.
func (c *conn) getLast(ctx context.Context, stream, subject string) ([]byte, uint64, error) {
	m, err := c.direct(ctx, stream, fmt.Appendf(nil, `{"last_by_subj":%q}`, subject))
	if err != nil {
		return nil, 0, err
	}
	seq, err := strconv.ParseUint(m.Header.Get(headerSeq), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("the store's reply has no sequence: %w", err)
	}
	return m.Data, seq, nil
}

// direct reads one message.
func (c *conn) direct(ctx context.Context, stream string, query []byte) (*nats.Msg, error) {
	m, err := c.request(ctx, &nats.Msg{Subject: directSubject(stream), Data: query})
	if err != nil {
		return nil, err
	}
	switch status := m.Header.Get(headerStatus); status {
	case "":
		return m, nil
	case statusMissing:
		return nil, errMissing
	default:
		return nil, fmt.Errorf("the store refused to read: %s %s", status, m.Header.Get("Description"))
	}
}

// directSubject is where messages of stream are asked for.
func directSubject(stream string) string { return "$JS.API.DIRECT.GET." + stream }
