// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
)

// maxPage is the largest page the API gives.
const maxPage = 1000

// done prints the answer to something that was done: a sentence, or JSON.
func (c *client) done(answer proto.Message, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.std.out, answer)
	}
	_, err = fmt.Fprintf(c.std.out, format+"\n", args...)
	return err
}

// pages asks for page after page until there are enough or no more.
func pages[T any](limit int, ask func(size uint32, token string) ([]T, string, error)) ([]T, error) {
	var found []T
	for token := ""; ; {
		page, next, err := ask(uint32(min(limit-len(found), maxPage)), token)
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if token = next; token == "" || len(found) >= limit {
			return found, nil
		}
	}
}

func sorted(values []string) []string {
	slices.Sort(values)
	return values
}
