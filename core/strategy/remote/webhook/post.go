// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// post asks the vendor until there is an answer, it is no use to try any more,
// or ctx ends.
func (d *Door) post(ctx context.Context, q *Question, most int) ([]byte, error) {
	data, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("ask_%d_%d", q.Lease, q.Turn)
	body, err := json.Marshal(&webhook.Event{
		ID: id, Source: d.options.Source, Type: EventType, Subject: d.options.Strategy, Time: time.Now(), Data: data,
	})
	if err != nil {
		return nil, err
	}
	r := &race{client: d.client, message: webhook.Message{ID: id, Body: body, Secrets: d.options.Secrets, MaxAnswer: most}}
	return r.run(ctx, d.options.URL, d.options.Standby, d.options.HedgeAfter)
}

// race is one question on its way to one address or two.
type race struct {
	client  *webhook.Client
	message webhook.Message
	lanes   sync.WaitGroup
	ends    chan end
	stumble chan struct{}
}

// end is what came of an address.
type end struct {
	body []byte
	err  error
}

// run asks the first address, and the second one as well if the first fails
// once or takes longer than hedge. The first answer wins.
func (r *race) run(ctx context.Context, first, second string, hedge time.Duration) ([]byte, error) {
	r.ends, r.stumble = make(chan end, 2), make(chan struct{}, 2)
	ctx, cancel := context.WithCancel(ctx)
	defer r.lanes.Wait()
	defer cancel()
	r.begin(ctx, first)
	running := 1
	timer := time.NewTimer(hedge)
	defer timer.Stop()
	late, stumble := timer.C, r.stumble
	if second == "" {
		late, stumble = nil, nil
	}
	var errs []error
	for {
		select {
		case e := <-r.ends:
			if e.err == nil {
				return e.body, nil
			}
			errs = append(errs, e.err)
			if running--; running == 0 && late == nil {
				return nil, errors.Join(errs...)
			}
			if late == nil {
				continue
			}
		case <-late:
		case <-stumble:
		}
		late, stumble = nil, nil
		r.begin(ctx, second)
		running++
	}
}

// begin asks one address.
func (r *race) begin(ctx context.Context, url string) {
	r.lanes.Go(func() {
		m := r.message
		m.URL = url
		body, err := r.insist(ctx, &m)
		r.ends <- end{body, err}
	})
}

// insist sends a message again while that may help, with pauses that grow.
func (r *race) insist(ctx context.Context, m *webhook.Message) ([]byte, error) {
	for failures := 1; ; failures++ {
		body, err := r.client.Post(ctx, m)
		if err == nil || ctx.Err() != nil || !webhook.Passing(err) {
			return body, err
		}
		select {
		case r.stumble <- struct{}{}:
		default:
		}
		pause := webhook.Pause(failures, pauseFirst, pauseMost)
		if status, ok := errors.AsType[*webhook.StatusError](err); ok {
			pause = max(pause, status.RetryAfter)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return nil, err // there will be no time
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}
