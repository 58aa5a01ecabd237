// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

const (
	// pageMessages and pageBytes bound what one request reads. The client
	// library buffers up to 65,536 messages of a page and drops the rest.
	pageMessages = 4096
	pageBytes    = 4 << 20
)

// page is a run of consecutive messages, the first at sequence first. An error
// belongs behind the last of them.
type page struct {
	first    uint64
	messages [][]byte
	err      error
}

// pages reads the messages of a stream in order, one page ahead of its user.
// It is for one goroutine and must be closed.
type pages struct {
	c      *conn
	stream string
	ctx    context.Context
	cancel func()
	fetch  chan page

	at   page // what is being given out
	next int  // index in at.messages
}

// openPages starts to read stream at sequence from; to is the last sequence
// wanted and must exist.
func openPages(ctx context.Context, c *conn, stream string, from, to uint64) (*pages, error) {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, cause(ctx, err)
	}
	p := &pages{c: c, stream: stream, fetch: make(chan page)}
	p.ctx, p.cancel = c.bound(ctx)
	go p.run(sub, from, to)
	return p, nil
}

// Next returns the next message and its sequence. After the last one wanted it
// returns errMissing. The message stays valid and unchanged.
func (p *pages) Next() (seq uint64, message []byte, err error) {
	for p.next == len(p.at.messages) {
		if p.at.err != nil {
			return p.at.first + uint64(len(p.at.messages)), nil, p.at.err
		}
		at, ok := <-p.fetch
		if !ok {
			return 0, nil, context.Cause(p.ctx)
		}
		p.at, p.next = at, 0
	}
	p.next++
	return p.at.first + uint64(p.next) - 1, p.at.messages[p.next-1], nil
}

// close stops reading and waits for the reader's end.
func (p *pages) close() {
	p.cancel()
	for range p.fetch {
	}
}

// run fetches page after page until one carries an error.
func (p *pages) run(sub *nats.Subscription, from, to uint64) {
	defer close(p.fetch)
	defer func() { _ = sub.Unsubscribe() }()
	for {
		pg := p.read(p.ctx, sub, from, to)
		from += uint64(len(pg.messages))
		if pg.err == nil && from > to {
			pg.err = errMissing
		}
		select {
		case p.fetch <- pg:
		case <-p.ctx.Done():
			return
		}
		if pg.err != nil {
			return
		}
	}
}

// read fetches one page. Messages come without their headers, which would have
// to be parsed for each: their sequences follow from the first one, which the
// end of the page confirms.
func (p *pages) read(ctx context.Context, sub *nats.Subscription, from, to uint64) page {
	pg := page{first: from}
	query := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"max_bytes":%d,"no_hdr":true}`,
		from, min(pageMessages, to-from+1), pageBytes)
	err := p.c.nc.PublishRequest(directSubject(p.stream), sub.Subject, query)
	if err != nil {
		pg.err = cause(ctx, err)
		return pg
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			pg.err = cause(ctx, err)
			return pg
		}
		if m.Header == nil {
			pg.messages = append(pg.messages, m.Data)
			continue
		}
		switch status := m.Header.Get(headerStatus); status {
		case statusEnd:
			last, err := strconv.ParseUint(m.Header.Get(headerLast), 10, 64)
			if n := uint64(len(pg.messages)); err != nil || n == 0 || last != from+n-1 {
				pg.err = errMissing
			}
		case statusMissing:
			pg.err = errMissing
		default:
			pg.err = fmt.Errorf("the store refused to read: %s %s", status, m.Header.Get("Description"))
		}
		return pg
	}
}
