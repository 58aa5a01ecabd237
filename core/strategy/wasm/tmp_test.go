package wasm

import (
	"context"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func BenchmarkTmp(b *testing.B) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	r.NewHostModuleBuilder("patchbay").NewFunctionBuilder().WithFunc(func(a, c, d uint32) {}).Export("log").Instantiate(ctx)
	code, _ := os.ReadFile("/tmp/h4/exp.wasm")
	m, err := r.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		b.Fatal(err)
	}
	x, _ := m.ExportedFunction("framep").Call(ctx)
	p, n := x[0]>>32, x[0]&0xffffffff
	for _, f := range []string{"nop", "a1", "a2", "a3", "a4"} {
		b.Run(f, func(b *testing.B) {
			fn := m.ExportedFunction(f)
			var st [2]uint64
			for b.Loop() {
				st[0], st[1] = p, n
				if err := fn.CallWithStack(ctx, st[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
