// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// storeLogger passes the store's messages on to a slog.Logger. The store's
// notices are about itself and matter to nobody who did not ask: they become
// debug messages.
type storeLogger struct {
	to *slog.Logger

	mu    sync.Mutex
	fatal error
}

var _ server.Logger = (*storeLogger)(nil)

func (l *storeLogger) Noticef(format string, v ...any) { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l *storeLogger) Errorf(format string, v ...any)  { l.to.Error(fmt.Sprintf(format, v...)) }
func (l *storeLogger) Debugf(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l *storeLogger) Tracef(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }

// Warnf passes warnings on, but for one about the size of messages: it has
// networks in mind, and here there is none.
func (l *storeLogger) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, "Maximum payloads over") {
		return
	}
	l.to.Warn(fmt.Sprintf(format, v...))
}

// Fatalf keeps the first message: it is why the store does not start.
func (l *storeLogger) Fatalf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	l.to.Error(msg)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf("%s", msg)
	}
}

// failure is the first fatal message as an error, nil if there was none.
func (l *storeLogger) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
