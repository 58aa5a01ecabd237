// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package interrupt

import "errors"

var (
	errShort = errors.New("it ends in the middle of something")
	errLong  = errors.New("it has a number that is longer than it may be")
	errMore  = errors.New("a section of it goes on after its last entry")
	errForm  = errors.New("it is written in a form that this host does not read")
	// errMany: room is made for entries and locals before they are read.
	errMany = errors.New("it names more than it has, or than it may have")
	// errTables: the runtime's limit of memory does not count tables.
	errTables = errors.New("its tables have more entries than they may have")
	// errGlobal: the module must not reach what is put in after its own.
	errGlobal = errors.New("it uses a global that is not there")
)

// reader reads what it is given from its beginning. After an error it gives
// nothing but zeros, and keeps the first.
type reader struct {
	b       []byte
	err     error
	globals uint32 // that code may use
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

// take returns the next n bytes; they are the module's own.
func (r *reader) take(n uint32) []byte {
	if uint64(len(r.b)) < uint64(n) {
		r.fail(errShort)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// u32 reads a LEB128 number of at most 32 bits, without a sign.
func (r *reader) u32() uint32 {
	var n uint64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if n > 1<<32-1 || shift > 28 {
			r.fail(errLong)
			return 0
		}
		if b < 0x80 {
			return uint32(n)
		}
	}
}

// skip passes a LEB128 number of any kind, of at most that many bytes.
func (r *reader) skip(bytes int) {
	for range bytes {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail(errLong)
}

// valueType passes a type of one byte. Those that are longer are of an extension
// that the host does not enable, but not everything that reads them says so.
func (r *reader) valueType() {
	const ref, refNull = 0x64, 0x63
	if b := r.byte(); b == ref || b == refNull {
		r.fail(errForm)
	}
}

// blockType passes the type of a block: a type of one byte, or the number of one.
func (r *reader) blockType() {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		r.valueType()
		return
	}
	const leb33 = 5
	for range leb33 {
		b := r.byte()
		if b < 0x80 {
			if b&0x40 != 0 { // what is negative has one byte
				r.fail(errForm)
			}
			return
		}
	}
	r.fail(errLong)
}

// end fails unless all has been read.
func (r *reader) end() {
	if r.err == nil && len(r.b) > 0 {
		r.fail(errMore)
	}
}

// count reads how many entries a section has; one that is not there has none.
func (r *reader) count() uint32 {
	if r.b == nil {
		return 0
	}
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) { // an entry takes a byte at least
		r.fail(errMany)
		return 0
	}
	return n
}

func (r *reader) limits() {
	if r.byte()&1 != 0 {
		r.u32()
	}
	r.u32()
}

// number writes n as LEB128 without a sign.
func number(n uint32) []byte {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// signed writes n as LEB128 with a sign.
func signed(n int32) []byte {
	var b []byte
	for {
		low := byte(n) & 0x7f
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
