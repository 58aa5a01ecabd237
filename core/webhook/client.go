// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ErrTooLarge says that an answer is longer than it may be.
var ErrTooLarge = errors.New("webhook: the answer is longer than it may be")

// StatusError says that the receiver answered with something else than 2xx.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// RetryAfter is how long the receiver asks to be left alone; 0 if it does
	// not say.
	RetryAfter time.Duration
	// Text is the beginning of the answer, or for a redirect where it leads.
	Text string
}

// Error implements error.
func (e *StatusError) Error() string {
	switch {
	case e.Code >= 300 && e.Code < 400:
		return fmt.Sprintf("webhook: the receiver answers %d and redirects to %q; redirects are not followed, so give that address", e.Code, e.Text)
	case e.Text == "":
		return fmt.Sprintf("webhook: the receiver answers %d", e.Code)
	default:
		return fmt.Sprintf("webhook: the receiver answers %d: %q", e.Code, e.Text)
	}
}

// Passing reports whether what went wrong may pass by itself, so that the same
// message may well arrive a little later: no connection, a server's own trouble,
// too many messages. It is false for what the message or the config is at fault
// for.
func Passing(err error) bool {
	if _, ok := errors.AsType[*ForbiddenError](err); ok || errors.Is(err, ErrTooLarge) {
		return false
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Code >= 500 || status.Code == http.StatusTooManyRequests || status.Code == http.StatusRequestTimeout ||
			status.Code == http.StatusTooEarly
	}
	return err != nil
}

// CheckURL says what is wrong with an address for messages; nil if it can be
// one. Whether it is public shows only when it is called.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("webhook: this is no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("webhook: the URL should begin with https://")
	case u.Hostname() == "":
		return errors.New("webhook: the URL names no host")
	case u.User != nil:
		return errors.New("webhook: the URL should hold no user or password; messages are proven by their signature")
	case u.Fragment != "":
		return errors.New("webhook: the URL should have no fragment")
	}
	return nil
}

// Place is a URL as it may be shown: without its query, which may hold a secret.
func Place(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Pause returns how long to wait after so many failures in a row, from 1: first,
// and twice as long each time, up to most, drawn at random from its second half.
func Pause(failures int, first, most time.Duration) time.Duration {
	pause := first
	for range failures - 1 {
		if pause *= 2; pause >= most {
			pause = most
			break
		}
	}
	pause = min(pause, most)
	return pause - rand.N(pause/2+1)
}

// Options say how a Client works.
type Options struct {
	// Allow lists networks that messages may go to beside public addresses.
	Allow []netip.Prefix
	// Agent is the User-Agent header.
	Agent string
	// Connections is how many connections to one host are kept for further
	// messages. Default 8.
	Connections int
}

// Client sends messages. It is safe for concurrent use. Close it after use.
type Client struct {
	agent     string
	transport *http.Transport
	http      http.Client
}

// NewClient returns a client.
func NewClient(o Options) *Client {
	g := &guard{allow: o.Allow}
	if o.Connections == 0 {
		o.Connections = 8
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: g.control}
	transport := &http.Transport{
		// No proxy: what the environment names would be asked to go where the
		// guard cannot look.
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		MaxIdleConns: 4 * o.Connections, MaxIdleConnsPerHost: o.Connections, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
	return &Client{agent: o.Agent, transport: transport, http: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes the connections that are kept.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Message is one message to one receiver.
type Message struct {
	// URL is where it goes.
	URL string
	// ID is the message's, without dots: the same each time it is sent.
	ID string
	// Body is an Event, as JSON.
	Body []byte
	// Secrets sign it.
	Secrets []Secret
	// MaxAnswer is how many bytes the answer may have.
	MaxAnswer int
}

// Post sends a message once, and returns the answer: its body, which may be
// empty. It blocks until the answer is there or ctx ends.
//
// # Errors
//
// A *StatusError for another status than 2xx, a *ForbiddenError for an address
// that is not allowed, and ErrTooLarge, by errors.Is and errors.AsType; otherwise
// why nothing came. Errors do not show the query of the URL.
func (c *Client) Post(ctx context.Context, m *Message) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return nil, errors.New("webhook: the URL cannot be used")
	}
	request.Header.Set("Content-Type", ContentType)
	request.Header.Set("Accept", "application/json")
	if c.agent != "" {
		request.Header.Set("User-Agent", c.agent)
	}
	Sign(request.Header, m.Secrets, m.ID, time.Now(), m.Body)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, bare(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, refusedBy(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(m.MaxAnswer)+1))
	switch {
	case err != nil:
		return nil, &lostError{fmt.Errorf("the answer broke off: %w", err)}
	case len(body) > m.MaxAnswer:
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, m.MaxAnswer)
	}
	return body, nil
}

// bare takes the URL out of an error.
func bare(err error) error {
	if whole, ok := errors.AsType[*url.Error](err); ok {
		err = whole.Err
	}
	if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
		return forbidden
	}
	return &lostError{err}
}

// lostError says why no answer came. Its words may quote the receiver, so they
// are made fit to be shown.
type lostError struct{ cause error }

// Error implements error.
func (e *lostError) Error() string {
	const shown = 500
	return "webhook: " + clip(e.cause.Error(), shown)
}

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.cause }

// refusedBy makes an error of an answer. Some of its body is read, so that the
// connection can be used again.
func refusedBy(response *http.Response) error {
	const shown = 200
	start, _ := io.ReadAll(io.LimitReader(response.Body, 16<<10)) // what came of it will do
	out := &StatusError{Code: response.StatusCode, Text: clip(string(start), shown)}
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		out.Text = clip(Place(response.Header.Get("Location")), shown)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		out.RetryAfter = time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	return out
}

// clip keeps the beginning of a text, on one line and without what steers a
// terminal.
func clip(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
	letters := []rune(text)
	if len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return text
}
