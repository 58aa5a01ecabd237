// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newStrategy(std stdio) *cobra.Command {
	return group(
		"strategy", "See which strategy decides for which queue, and try, swap and take back strategies on a running host",
		newStrategyList(std), newStrategySwap(std), newStrategyShadow(std), newStrategyReport(std), newStrategyCanary(std),
		newStrategyPromote(std), newStrategyRollback(std), newStrategyRelease(std),
	)
}

func newStrategyRelease(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := &cobra.Command{
		Use:   "release NAME",
		Short: "Have a strategy in quarantine started again",
		Long: `Release has a strategy started again that has failed too often in a row
(quarantine_after in the config). It proves itself first; its fallback decides
until then. "patchbay status" tells which strategies are in quarantine, and why.`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				answer, err := patchbayv1.NewHostServiceClient(conn).ReleaseStrategy(
					cmd.Context(), &patchbayv1.ReleaseStrategyRequest{Strategy: args[0]})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, answer)
				}
				_, err = fmt.Fprintf(std.out, "strategy %s is released\n", args[0])
				return err
			})
		},
	}
	c.flags(cmd)
	return cmd
}
