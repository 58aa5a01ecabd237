// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"
	"slices"
	"time"
)

// Router is a router as the doors see it.
type Router struct {
	// Strategy is the one it decides for; Name its own, for people.
	Strategy, Name string
	// Class is the class of work that it decides for; empty for what is of none.
	Class string
	// Version is its package's version.
	Version string
	// Rank says whose turn it is to lead: the lowest of those connected.
	Rank uint32
	// Since is when its session began.
	Since time.Time
	// Connected says whether its connection stands; Lost is since when not.
	Connected bool
	Lost      time.Time
	// Door and Address say how it came, and from where; empty while it is not
	// connected.
	Door, Address string
	// Lease is the number of its leadership, and Epoch that of the instance it
	// carries; 0 if it stands by.
	Lease, Epoch uint64
	Counts       Counts
}

// Routers returns the routers of every strategy, those of one strategy in the
// order in which they would lead, after the one that does.
func (d *Doors) Routers() []Router {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Router
	for _, name := range d.names() {
		sessions := slices.Clone(d.rooms[name].sessions)
		slices.SortStableFunc(sessions, func(a, b *session) int {
			switch {
			case (a.lease != 0) != (b.lease != 0):
				return cmp.Compare(b.lease, a.lease)
			case a.before(b):
				return -1
			default:
				return 1
			}
		})
		for _, s := range sessions {
			out = append(out, s.status())
		}
	}
	return out
}

func (s *session) status() Router {
	r := Router{
		Strategy: s.room.name, Name: s.router, Class: s.class, Version: clip(s.manifest.Version), Rank: s.rank, Since: s.since,
		Connected: s.conn != nil, Lost: s.lost, Lease: s.lease, Counts: s.counts,
	}
	if s.conn != nil {
		r.Door, r.Address, r.Lost = s.conn.door, s.conn.address, time.Time{}
	}
	if s.holder != nil {
		r.Epoch = s.holder.epoch
	}
	return r
}
