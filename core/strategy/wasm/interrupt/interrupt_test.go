// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package interrupt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/patchbay-cx/patchbay/core/strategy/wasm/interrupt"
)

// assembly is a module that is put together section by section.
type assembly []byte

func newAssembly() assembly { return assembly("\x00asm\x01\x00\x00\x00") }

func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func (a assembly) section(id byte, items ...[]byte) assembly {
	body := slices.Concat(leb(len(items)), slices.Concat(items...))
	return slices.Concat(a, []byte{id}, leb(len(body)), body)
}

func text(s string) []byte { return slices.Concat(leb(len(s)), []byte(s)) }

func body(code ...byte) []byte { return slices.Concat(leb(len(code)+2), []byte{0}, code, []byte{0x0b}) }

// guest has the functions "go", which runs the code, of type () -> (), and
// "answer", which returns a global that begins as 7.
func guest(code ...byte) assembly {
	return newAssembly().
		section(1, []byte{0x60, 0, 0}, []byte{0x60, 0, 1, 0x7f}).
		section(3, []byte{0}, []byte{1}).
		section(5, []byte{0, 1}).
		section(6, []byte{0x7f, 1, 0x41, 7, 0x0b}).
		section(7, slices.Concat(text("go"), []byte{0, 0}), slices.Concat(text("answer"), []byte{0, 1}), slices.Concat(text("memory"), []byte{2, 0})).
		section(10, body(code...), body(0x23, 0))
}

func mustPrepare(t *testing.T, code []byte) []byte {
	t.Helper()
	prepared, err := interrupt.Prepare(code)
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

func instantiate(t *testing.T, code []byte) api.Module {
	t.Helper()
	r := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	module, err := r.InstantiateWithConfig(t.Context(), code, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func global(t *testing.T, module api.Module) api.MutableGlobal {
	t.Helper()
	g, ok := module.ExportedGlobal(interrupt.Export).(api.MutableGlobal)
	if !ok {
		t.Fatal("there is no global to interrupt it by")
	}
	return g
}

// TestStopsWhatNeverEnds: while a guest runs without end the garbage collector
// does its work, and the guest traps when it is told to.
func TestStopsWhatNeverEnds(t *testing.T) {
	t.Parallel()
	for name, code := range map[string][]byte{
		"loop":             {0x03, 0x40, 0x0c, 0, 0x0b},                                               // loop br 0 end
		"loop in a loop":   {0x03, 0x40, 0x03, 0x40, 0x41, 0, 0x0d, 0, 0x0b, 0x0c, 0, 0x0b},           // loop (loop br_if 0 end) br 0 end
		"loop that stores": {0x03, 0x40, 0x41, 8, 0x41, 1, 0x36, 2, 0, 0x0c, 0, 0x0b},                 // loop i32.store br 0 end
		"loop of calls":    {0x03, 0x40, 0x10, 1, 0x24, 0, 0x0c, 0, 0x0b},                             // loop (call 1, global.set 0) br 0 end
		"table of targets": {0x03, 0x40, 0x41, 0, 0x0e, 2, 0, 0, 0, 0x0b},                             // loop br_table 0 0 0 end
		"loop that fills":  {0x03, 0x40, 0x41, 8, 0x41, 1, 0x41, 0xe4, 0, 0xfc, 11, 0, 0x0c, 0, 0x0b}, // loop (memory.fill 8 1 100) br 0 end
		"long recursion":   deep(),                                                                    // calls itself twice, 60 deep
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := instantiate(t, mustPrepare(t, guest(code...)))
			ended := make(chan error)
			go func() {
				_, err := module.ExportedFunction("go").Call(context.Background())
				ended <- err
			}()
			for range 3 {
				runtime.GC()
			}
			select {
			case err := <-ended:
				t.Fatalf("it ended by itself: %v", err)
			default:
			}
			global(t, module).Set(1)
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "unreachable") {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// deep calls "go" twice unless the global, which counts how deep it is, has come
// to 60: that takes longer than anybody can wait.
func deep() []byte {
	return []byte{
		0x23, 0, 0x41, 60, 0x48, 0x04, 0x40, // if global < 60
		0x23, 0, 0x41, 1, 0x6a, 0x24, 0, // global++
		0x10, 0, 0x10, 0, // call go, call go
		0x23, 0, 0x41, 1, 0x6b, 0x24, 0, // global--
		0x0b,
	}
}

// TestChangesNothingElse: numbers, exports and results are as before, and a
// guest that was not told to stop runs on past its slice.
func TestChangesNothingElse(t *testing.T) {
	t.Parallel()
	// for (n = 1e6; n != 0; n--) answer++
	code := []byte{
		0x41, 0xc0, 0x84, 0x3d, 0x24, 1, 0x03, 0x40, 0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x23, 1, 0x41, 1, 0x6b, 0x24, 1, 0x23, 1, 0x0d, 0, 0x0b,
	}
	whole := newAssembly().
		section(1, []byte{0x60, 0, 0}, []byte{0x60, 0, 1, 0x7f}).
		section(2, slices.Concat(text("env"), text("f"), []byte{0, 0})).
		section(3, []byte{0}, []byte{1}).
		section(4, []byte{0x70, 1, 1, 1}).
		section(6, []byte{0x7f, 1, 0x41, 7, 0x0b}, []byte{0x7f, 1, 0x41, 0, 0x0b}).
		section(7, slices.Concat(text("go"), []byte{0, 1}), slices.Concat(text("answer"), []byte{0, 2})).
		section(9, []byte{0, 0x41, 0, 0x0b, 1, 2}).
		section(10, body(slices.Concat([]byte{0x10, 0, 0x41, 0, 0x11, 1, 0, 0x1a}, code)...), body(0x23, 0))
	r := wazero.NewRuntime(t.Context())
	defer func() { _ = r.Close(context.Background()) }()
	called := 0
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func() { called++ }).Export("f").Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	module, err := r.Instantiate(t.Context(), mustPrepare(t, whole))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := module.ExportedFunction("go").Call(t.Context()); err != nil || called != 1 {
		t.Fatalf("%v, %d calls of what it imports", err, called)
	}
	if got, err := module.ExportedFunction("answer").Call(t.Context()); err != nil || got[0] != 1_000_007 {
		t.Errorf("answer: %v, %v", got, err)
	}
}

func TestStartIsExported(t *testing.T) {
	t.Parallel()
	code := newAssembly().
		section(1, []byte{0x60, 0, 0}).
		section(3, []byte{0}).
		section(6, []byte{0x7f, 1, 0x41, 0, 0x0b}).
		section(7, slices.Concat(text("g"), []byte{3, 0}))
	code = append(code, 8, 1, 0) // start with function 0
	code = code.section(10, body(0x41, 5, 0x24, 0))
	module := instantiate(t, mustPrepare(t, code))
	if got := module.ExportedGlobal("g").Get(); got != 0 {
		t.Fatalf("it has started by itself: %d", got)
	}
	if _, err := module.ExportedFunction(interrupt.ExportStart).Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := module.ExportedGlobal("g").Get(); got != 5 {
		t.Errorf("it was started, and has set %d", got)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	taken := newAssembly().section(6, []byte{0x7f, 1, 0x41, 0, 0x0b}).section(7, slices.Concat(text(interrupt.Export), []byte{3, 0}))
	if _, err := interrupt.Prepare(taken); !errors.Is(err, interrupt.ErrTaken) {
		t.Errorf("a name of the host's: %v", err)
	}
	for want, code := range map[string][]byte{
		"interrupt: it is not a WebAssembly module of version 1":                            []byte("#!/bin/sh"),
		"interrupt: it has a section of number 77":                                          append(newAssembly(), 77, 0),
		"interrupt: it has two sections of number 1":                                        newAssembly().section(1).section(1),
		"interrupt: it imports something of kind 9":                                         newAssembly().section(2, []byte{0, 0, 9}),
		"interrupt: function 0 of its code: it names more than it has, or than it may have": newAssembly().section(10, slices.Concat([]byte{6, 1}, leb(50_001), []byte{0x7f, 0x0b})),
		"interrupt: it names more than it has, or than it may have":                         append(newAssembly(), 9, 5, 0xcf, 0x87, 0x87, 0x30, 0),
		"interrupt: it ends in the middle of something":                                     append(newAssembly(), 1, 9),
		"interrupt: it has a number that is longer than it may be":                          append(newAssembly(), 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"interrupt: function 0 of its code: there is an instruction of number 0xff":         guest(0xff),
		"interrupt: function 0 of its code: there is an instruction of number 0xfc 99":      guest(0xfc, 99),
		"interrupt: function 0 of its code: there is an instruction of number 0xfd 256":     guest(0xfd, 0x80, 2),
	} {
		if _, err := interrupt.Prepare(code); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// What a compiler could take for something else than Prepare does would get by
	// without stops: a loop behind a number of two bytes of which one is read, or
	// behind a type that is longer than another.
	hidden := []byte{0x03, 0x40, 0x0c, 0, 0x0b}
	for name, code := range map[string][]byte{
		"vector":  slices.Concat([]byte{0xfd, 0x8c, 0}, hidden, make([]byte, 11)),
		"select":  slices.Concat([]byte{0x02, 0x40, 0, 0x1c, 1, 0x63, 0x43, 0x0b}, hidden),
		"block":   slices.Concat([]byte{0x02, 0x63, 0x43}, hidden),
		"block 2": slices.Concat([]byte{0x02, 0xe3, 0x7f, 0x43}, hidden),
	} {
		if _, err := interrupt.Prepare(guest(code...)); err == nil || !strings.Contains(err.Error(), otherForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := []byte(guest(0x03, 0x40, 0x0b))
	for n := range whole[:len(whole)-1] {
		prepared, err := interrupt.Prepare(whole[:n])
		if err == nil && n > 8 && valid(t, prepared) != valid(t, whole[:n]) {
			t.Errorf("the first %d bytes are prepared to something else", n)
		}
	}
}

// otherForm is what is said of a module that Prepare refuses though it could be
// compiled.
const otherForm = "in a form that this host does not read"

// TestCannotReachTheCounter: what Prepare puts in has numbers after the module's
// own, and code that uses them already, so as never to be stopped, is refused. So
// is an export that would swallow the one by which it is interrupted.
func TestCannotReachTheCounter(t *testing.T) {
	t.Parallel()
	for n := range byte(3) { // loop (global.set 1+n 9) br 0 end, where there is one global
		_, err := interrupt.Prepare(guest(0x03, 0x40, 0x41, 9, 0x24, 1+n, 0x0c, 0, 0x0b))
		if err == nil || !strings.Contains(err.Error(), "a global that is not there") {
			t.Errorf("global %d: %v", 1+n, err)
		}
	}
	swallowing := func(id byte, section ...byte) assembly {
		return slices.Concat(newAssembly(), []byte{id}, leb(len(section)), section)
	}
	for name, code := range map[string][]byte{
		"type":     swallowing(1, 1, 0x60, 0, 0, 0x60),
		"function": slices.Concat(swallowing(3, 1, 0, 0x80)),
		"global":   swallowing(6, 1, 0x7f, 1, 0x41, 7, 0x0b, 0x7b),
		"export":   swallowing(7, 0, byte(len(interrupt.Export)+1)),
	} {
		if _, err := interrupt.Prepare(code); err == nil || !strings.Contains(err.Error(), "goes on after its last entry") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBoundsTables: tables grow as far as a module lets them, and no further than
// all of them together may; one that begins with more is refused.
func TestBoundsTables(t *testing.T) {
	t.Parallel()
	const most = 1<<20 - 16 // a table counts itself
	for name, c := range map[string]struct {
		tables [][]byte
		grown  int64 // how many entries the first had before, or -1
		by     int
	}{
		"as far as it may":    {[][]byte{{0x70, 0, 2}}, 2, most - 2},
		"further than it may": {[][]byte{{0x70, 0, 2}}, -1, most - 1},
		"to what it says":     {[][]byte{{0x70, 1, 2, 9}}, 2, 7},
		"beyond what it says": {[][]byte{{0x70, 1, 2, 9}}, -1, 8},
		"up to half":          {[][]byte{{0x70, 0, 2}, {0x6f, 0, 2}}, 2, most/2 - 10},
		"beyond half":         {[][]byte{{0x70, 0, 2}, {0x6f, 0, 2}}, -1, most/2 - 9},
	} {
		grow := slices.Concat([]byte{0xd0, c.tables[0][0], 0x41}, sleb(c.by), []byte{0xfc, 15, 0}) // table.grow 0, of ref.null
		code := newAssembly().
			section(1, []byte{0x60, 0, 1, 0x7f}).section(3, []byte{0}).section(4, c.tables...).
			section(7, slices.Concat(text("grow"), []byte{0, 0})).section(10, body(grow...))
		got, err := instantiate(t, mustPrepare(t, code)).ExportedFunction("grow").Call(t.Context())
		if err != nil || int64(int32(got[0])) != c.grown {
			t.Errorf("%s: %v, %v, want %d", name, got, err, c.grown)
		}
	}
	for want, tables := range map[string][][]byte{
		"more entries than they may have: 1048577 at the beginning, of 1048576": {slices.Concat([]byte{0x70, 0}, leb(most+1))},
		"more entries than they may have: 1048592 at the beginning, of 1048576": slices.Repeat([][]byte{{0x70, 0, 0}}, 1<<16+1),
		otherForm: {{0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b}},
	} {
		if _, err := interrupt.Prepare(newAssembly().section(4, tables...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if prepared := mustPrepare(t, newAssembly().section(4, []byte{0x70, 1, 9, 2})); valid(t, prepared) {
		t.Error("a table whose least is above its most is mended")
	}
}

// sleb writes a constant of code.
func sleb(n int) []byte {
	b := leb(n)
	if last := len(b) - 1; b[last]&0x40 != 0 {
		b[last] |= 0x80
		b = append(b, 0)
	}
	return b
}

func valid(t testing.TB, code []byte) bool {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(16))
	defer func() { _ = r.Close(context.Background()) }()
	_, err := r.CompileModule(t.Context(), code)
	return err == nil
}

// FuzzPrepare: whatever it is given, Prepare returns, and a module that can be
// compiled is prepared to one that can be, too.
func FuzzPrepare(f *testing.F) {
	f.Add([]byte(guest(0x03, 0x40, 0x0c, 0, 0x0b)))
	f.Add([]byte(guest(0x41, 0, 0xfd, 15, 0xfd, 21, 3, 0x1a)))
	f.Add([]byte(guest(deep()...)))
	f.Fuzz(func(t *testing.T, code []byte) {
		prepared, err := interrupt.Prepare(code)
		if errors.Is(err, interrupt.ErrTaken) || err != nil && (strings.Contains(err.Error(), "ends in the middle") || strings.Contains(err.Error(), "more than it has") || strings.Contains(err.Error(), "its tables have more") || strings.Contains(err.Error(), otherForm)) {
			// What is short may name so many entries that only to compile it takes
			// all memory; what has large tables, or is of a form that is not read, is
			// refused.
			return
		}
		if !valid(t, code) {
			return
		}
		if err != nil {
			t.Fatalf("it can be compiled, but not be prepared: %v", err)
		}
		if !valid(t, prepared) {
			t.Fatal("it can be compiled, but not once it is prepared")
		}
	})
}
