// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// phone is a caller's phone that speaks plain SIP over UDP: it writes and reads
// text, and knows nothing of the library that the server is made of.
type phone struct {
	t    *testing.T
	conn net.Conn
	at   string
}

// response is an answer as it was read.
type response struct {
	code int
	textproto.MIMEHeader
}

var number atomic.Uint64

func newPhone(t *testing.T, at string) *phone {
	t.Helper()
	conn, err := net.Dial("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &phone{t: t, conn: conn, at: at}
}

// dialled is one INVITE.
type dialled struct {
	*phone
	callID, branch, called string
}

// dial makes a call to a number.
func (p *phone) dial(called string) *dialled {
	n := number.Add(1)
	d := &dialled{phone: p, callID: fmt.Sprintf("call-%d@test", n), branch: fmt.Sprintf("z9hG4bK-%d", n), called: called}
	d.send("INVITE", "")
	return d
}

// again makes the same call once more, as one does whom the first address did
// not help.
func (d *dialled) again() *dialled {
	next := *d
	next.branch = fmt.Sprintf("z9hG4bK-%d", number.Add(1))
	next.send("INVITE", "")
	return &next
}

// send sends a request of the call; to is the tag of the other side.
func (d *dialled) send(method, to string) {
	d.t.Helper()
	if to != "" {
		to = ";tag=" + to
	}
	text := fmt.Sprintf("%s sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nFrom: \"Carla\" <sip:carla@caller.test>;tag=1\r\n"+
		"To: <sip:%s@%s>%s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContact: <sip:carla@%s>\r\nContent-Length: 0\r\n\r\n",
		method, d.called, d.at, d.conn.LocalAddr(), d.branch, d.called, d.at, to, d.callID, method, d.conn.LocalAddr())
	if _, err := d.conn.Write([]byte(text)); err != nil {
		d.t.Fatal(err)
	}
}

// read returns the next response.
func (p *phone) read() response {
	p.t.Helper()
	buffer := make([]byte, 64<<10)
	if err := p.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	n, err := p.conn.Read(buffer)
	if err != nil {
		p.t.Fatal(err)
	}
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(string(buffer[:n]))))
	line, err := r.ReadLine()
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.SplitN(line, " ", 3)
	if len(fields) != 3 || fields[0] != "SIP/2.0" {
		p.t.Fatalf("this is no response: %q", buffer[:n])
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil {
		p.t.Fatal(err)
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		p.t.Fatal(err)
	}
	return response{code, header}
}

// method is the method of the request that was answered.
func (r response) method() string {
	_, method, _ := strings.Cut(r.Get("CSeq"), " ")
	return method
}

// final returns the final answer to the INVITE, acknowledged, and how often the
// call was said to wait in a queue.
func (d *dialled) final() (r response, queued int) {
	d.t.Helper()
	for {
		r = d.read()
		switch {
		case r.method() != "INVITE":
			continue
		case r.code == 182:
			queued++
		case r.code >= 200:
			_, tag, _ := strings.Cut(r.Get("To"), ";tag=")
			d.send("ACK", tag)
			return r, queued
		}
	}
}
