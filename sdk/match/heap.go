// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

// A class's work stands in a heap with four children to a node, which for a
// million items is half as deep as one with two. Items know where they stand,
// so that any one of them can be taken out.

const fan = 4

func (c *class) less(items []item, a, b uint32) bool {
	return compareOrders(items[a].order, items[b].order, a, b) < 0
}

func (c *class) add(items []item, ref uint32) {
	c.heap = append(c.heap, ref)
	c.up(items, len(c.heap)-1)
}

// remove takes out the item that stands at index at.
func (c *class) remove(items []item, at uint32) {
	last := len(c.heap) - 1
	moved := c.heap[last]
	c.heap = c.heap[:last]
	if int(at) == last {
		return
	}
	c.heap[at] = moved
	items[moved].at = at
	if !c.up(items, int(at)) {
		c.down(items, int(at))
	}
}

// up moves the item at index i to its place among its ancestors, and reports
// whether that is another.
func (c *class) up(items []item, i int) bool {
	start, ref := i, c.heap[i]
	for i > 0 {
		parent := (i - 1) / fan
		if !c.less(items, ref, c.heap[parent]) {
			break
		}
		c.heap[i] = c.heap[parent]
		items[c.heap[i]].at = uint32(i)
		i = parent
	}
	c.heap[i] = ref
	items[ref].at = uint32(i)
	return i != start
}

func (c *class) down(items []item, i int) {
	ref := c.heap[i]
	for {
		least := i*fan + 1
		if least >= len(c.heap) {
			break
		}
		for child := least + 1; child < min(i*fan+1+fan, len(c.heap)); child++ {
			if c.less(items, c.heap[child], c.heap[least]) {
				least = child
			}
		}
		if !c.less(items, c.heap[least], ref) {
			break
		}
		c.heap[i] = c.heap[least]
		items[c.heap[i]].at = uint32(i)
		i = least
	}
	c.heap[i] = ref
	items[ref].at = uint32(i)
}
