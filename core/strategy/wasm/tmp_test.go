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
	code, _ := os.ReadFile("/tmp/h4/exp.wasm")
	m, err := r.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []string{"nop", "c10", "st45", "z64", "cp24"} {
		b.Run(f, func(b *testing.B) {
			fn := m.ExportedFunction(f)
			var st [1]uint64
			for b.Loop() {
				if err := fn.CallWithStack(ctx, st[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
