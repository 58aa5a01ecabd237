// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"io"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// instance is one strategy behind frames, with memory that is used again from
// turn to turn. It is not safe for concurrent use.
type instance struct {
	strategy route.Strategy
	ready    bool // configured, and not drained
	in       route.Turn
	reply    route.Reply
	out      []byte
}

// configure puts settings in force. Empty settings are "{}".
func (i *instance) configure(settings []byte) error {
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	err := i.strategy.Configure(settings)
	if err == nil {
		i.ready = true
	}
	return err
}

// turn answers one frame by another, which is valid until the next call. The
// frame is read where it lies, and must not change meanwhile.
func (i *instance) turn(frame []byte) []byte {
	i.reply.Reset()
	status, text := route.StatusOf(i.answer(frame))
	if status == route.StatusOK {
		// The strategy may have written over them.
		i.reply.Epoch, i.reply.Seq = i.in.Epoch, i.in.Seq
		out, err := route.EncodeReply(i.out, &i.reply)
		if i.out = out; err == nil {
			return out
		}
		status, text = route.StatusInternal, err.Error()
	}
	i.out = route.EncodeStatus(i.out, i.in.Epoch, i.in.Seq, status, text)
	return i.out
}

func (i *instance) answer(frame []byte) error {
	if err := route.ViewTurn(frame, &i.in); err != nil {
		return err
	}
	if !i.ready {
		return &route.StatusError{Status: route.StatusNotReady}
	}
	return i.strategy.Turn(&i.in, &i.reply)
}

// drain lets go of what the strategy holds.
func (i *instance) drain() error {
	i.ready = false
	if closer, ok := i.strategy.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
