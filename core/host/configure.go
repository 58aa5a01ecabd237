// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Errors of configuring.
var (
	// ErrOtherVersion means that another version is in force than the one a change
	// was made for.
	ErrOtherVersion = errors.New("host: another version is in force")
	// ErrNoVersion means that a version is not remembered.
	ErrNoVersion = errors.New("host: there is no such version")
	// ErrUnproven means that a strategy does not start, so that nothing was
	// changed.
	ErrUnproven = errors.New("host: a strategy does not start")
)

// Change is a definition to be put in force.
type Change struct {
	Definition engine.Definition
	// By names who wants it and Note says why, for the record.
	By, Note string
	// If is the version that must be in force for it, 0 for any.
	If uint64
	// Own says that it is what the host's own files say: at the next start it is
	// known that they have not changed since.
	Own bool
}

// Configure puts a definition in force in one step between two turns, or
// changes nothing and says why: a *engine.Refusal, ErrOtherVersion, ErrUnproven,
// or what Do returns. Strategies that are new or different are started first, to
// see whether they do; then they take over by themselves, between two turns of
// their own. It returns the version that is in force then, which is the former
// one if nothing differs.
func (w *Workspace) Configure(ctx context.Context, change Change) (version uint64, err error) {
	r, specs, err := w.prepare(change)
	if err != nil {
		return 0, err
	}
	if r.proven, err = w.prove(ctx, specs); err != nil {
		return 0, err
	}
	r.specs = specs
	result, err := w.decided(ctx, r)
	left := closed(r.proven)
	if err != nil {
		return 0, errors.Join(err, left)
	}
	if left != nil { // it is in force all the same
		w.logger.Warn("what was started for a change did not end well", "workspace", w.name, "error", left)
	}
	for i := range result.Events {
		if result.Events[i].Kind == engine.KindConfigured {
			return result.Events[i].Config, nil
		}
	}
	return r.version, nil
}

// prepare does what takes long, before the loop is asked.
func (w *Workspace) prepare(change Change) (*request, []strategy.Spec, error) {
	source := ""
	if change.Own {
		var err error
		if source, err = w.checksum(&change.Definition); err != nil {
			return nil, nil, err
		}
	}
	command, err := engine.Configure{
		Definition: change.Definition, By: change.By, Note: change.Note, Source: source,
	}.Prepare()
	if err != nil {
		return nil, nil, err
	}
	plan, err := intake.Compile(&command.Definition)
	if err != nil {
		return nil, nil, err
	}
	specs, err := w.specs(&command.Definition)
	if err != nil {
		return nil, nil, err
	}
	r := &request{plan: plan, done: make(chan struct{})}
	r.find = func(e *engine.Engine) (engine.Command, error) {
		if r.version = e.Config(); change.If != 0 && change.If != r.version {
			return nil, fmt.Errorf("%w: it is %d, and the change was made for %d", ErrOtherVersion, r.version, change.If)
		}
		return command, e.Admits(command)
	}
	return r, specs, nil
}

// specs returns the strategies of a definition.
func (w *Workspace) specs(d *engine.Definition) ([]strategy.Spec, error) {
	if w.opts.Specs == nil || len(d.Strategies) == 0 {
		return w.opts.Strategies, nil
	}
	return w.opts.Specs(d)
}

// prove starts every strategy that is not employed as it is. Those that run
// elsewhere start when somebody comes, so they prove nothing.
func (w *Workspace) prove(ctx context.Context, specs []strategy.Spec) (proven []*strategy.Proven, err error) {
	var employed []strategy.Spec
	if err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) { employed = l.employed }}); err != nil {
		return nil, err
	}
	var errs []error
	for _, spec := range specs {
		same := func(other strategy.Spec) bool { return reflect.DeepEqual(spec, other) }
		runtime := w.opts.Runtimes[spec.Runtime]
		if spec.Runtime == remoteRuntime || slices.ContainsFunc(employed, same) {
			continue
		}
		if runtime == nil {
			errs = append(errs, fmt.Errorf("%w: %s: there is no runtime %q", ErrUnproven, spec.Name, spec.Runtime))
			continue
		}
		instance, err := strategy.Prove(ctx, runtime, spec)
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrUnproven, spec.Name, err))
			continue
		}
		proven = append(proven, instance)
	}
	if errs != nil {
		return nil, errors.Join(append(errs, closed(proven))...)
	}
	return proven, nil
}

// remoteRuntime is the one whose instances others start.
const remoteRuntime = "remote"

// closed closes what was started and is of no use.
func closed(proven []*strategy.Proven) (err error) {
	for _, instance := range proven {
		err = errors.Join(err, instance.Close())
	}
	return err
}

// employ puts a definition in force with the strategies that it needs, which
// nothing refuses any more.
func (l *loop) employ(c engine.Configure, r *request) (engine.Result, error) {
	former := l.employed
	if r.specs != nil {
		if err := l.desk.Engage(r.specs); err != nil {
			return engine.Result{}, errors.Join(err, l.desk.Engage(former))
		}
		l.employed = r.specs
		l.desk.Employ(l.settle) // before the definition, as it is for who plays it again
	}
	result, err := l.configure(c, r.plan)
	if err != nil {
		if r.specs != nil {
			l.employed = former
			err = errors.Join(err, l.desk.Engage(former), l.desk.EmployAnew(l.settle))
		}
		return result, err
	}
	r.proven = l.desk.Lend(l.now(), r.proven)
	return result, nil
}

// Versions returns the definitions that are remembered, the newest last, and
// which is in force.
func (w *Workspace) Versions(ctx context.Context) (versions []engine.Version, current uint64, err error) {
	err = w.View(ctx, func(e *engine.Engine) { versions, current = e.Versions(), e.Config() })
	return versions, current, err
}

// Definition returns the definition with that number, 0 for the one in force,
// and its number. It must not be changed. ErrNoVersion says that it is not
// remembered.
func (w *Workspace) Definition(ctx context.Context, config uint64) (d *engine.Definition, number uint64, err error) {
	found := true
	err = w.View(ctx, func(e *engine.Engine) {
		if d, number = e.Definition(), e.Config(); config != 0 && config != number {
			d, found = e.DefinitionAt(config)
			number = config
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("%w as %d; \"patchbay config history\" lists those there are", ErrNoVersion, config)
	}
	return d, number, err
}

// start settles what is in force when the host starts, and with which
// strategies: what the host's own files say, if they have changed since they
// were last read; else what is on record, which somebody may have changed
// meanwhile.
func (l *loop) start(opts Options) (engine.Definition, string, error) {
	if opts.Specs == nil {
		return opts.Definition, "", nil
	}
	source, err := l.checksum(&opts.Definition)
	if err != nil {
		return opts.Definition, "", err
	}
	on := l.engine.Definition()
	if l.engine.Source() != source || len(on.Strategies) == 0 {
		return opts.Definition, source, nil
	}
	if ours, err := l.checksum(on); err == nil && ours != source {
		l.logger.Info("what was applied since the config files were last read stays in force; they have not changed",
			"workspace", l.name, "version", l.engine.Config())
	}
	return *on, source, nil
}

// checksum is one of a definition, in hex.
func (w *Workspace) checksum(d *engine.Definition) (string, error) {
	data, err := w.codec.encode.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("host: definition: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
