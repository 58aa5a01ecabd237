// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// What a plugin's program takes to run as a router, unless its command line says
// it.
const (
	// ConnectKey names the variable with the host's address.
	ConnectKey = "PATCHBAY_CONNECT"
	// StrategyKey names the variable with the strategy's name.
	StrategyKey = "PATCHBAY_STRATEGY"
	// TokenKey names the variable with the secret. A command line would show it
	// to everybody on the machine, so there is no flag for it but for a file.
	TokenKey = "PATCHBAY_TOKEN" //nolint:gosec // the variable's name
)

// routerOptions reads the program's command line and environment. It reports
// false if neither says where to dial, or if it was a host that started the
// program: the arguments are the plugin's own then.
func routerOptions(args []string, getenv func(string) string, complain io.Writer) (RouterOptions, bool, error) {
	asked := slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		return strings.HasPrefix(arg, "-") && name == "connect"
	})
	if getenv(CookieKey) != "" || !asked && getenv(ConnectKey) == "" {
		return RouterOptions{}, false, nil
	}
	if !asked {
		args = nil // the plugin's own
	}
	hostname, _ := os.Hostname()
	options := RouterOptions{Token: getenv(TokenKey)}
	flags := flag.NewFlagSet("router", flag.ContinueOnError)
	flags.SetOutput(complain)
	connect := flags.String("connect", getenv(ConnectKey), "run as a router: the host's `address`, such as https://patchbay.example.com:8443, or HOST:PORT")
	flags.StringVar(&options.Strategy, "strategy", getenv(StrategyKey), "the remote strategy's `name` in the host's config")
	flags.StringVar(&options.Name, "name", hostname, "the router's own `name`, for people")
	rank := flags.Uint("rank", 0, "whose turn it is to lead: the lowest `rank` of the routers connected")
	flags.StringVar(&options.Class, "class", "", "the `class` of work to decide for, if the host's config splits the strategy; else what is left")
	tokenFile := flags.String("token-file", "", "the `file` that holds the strategy's token; else it is $"+TokenKey)
	authority := flags.String("ca", "", "the `file` with the certificate by which the host is known; else the system's authorities")
	if err := flags.Parse(args); err != nil {
		return options, true, err
	}
	options.Rank = uint32(min(*rank, 1<<32-1))
	switch {
	case options.Strategy == "":
		return options, true, fmt.Errorf("serve: -strategy: the name of a remote strategy is needed beside -connect %s", *connect)
	case flags.NArg() > 0:
		return options, true, fmt.Errorf("serve: %q is one argument too many", flags.Arg(0))
	}
	if *tokenFile != "" {
		text, err := os.ReadFile(*tokenFile)
		if err != nil {
			return options, true, fmt.Errorf("serve: -token-file: %w", err)
		}
		options.Token = strings.TrimSpace(string(text))
	}
	return options, true, options.reach(*connect, *authority)
}

// reach takes over where the host is and how it is known. Without a scheme it is
// TLS, but for this machine.
func (o *RouterOptions) reach(connect, authority string) error {
	scheme, address, ok := strings.Cut(connect, "://")
	if !ok {
		scheme, address = "", connect
	}
	address = strings.TrimSuffix(address, "/")
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("serve: -connect: %q should be HOST:PORT, with http:// or https:// before it if need be: %w", connect, err)
	}
	o.Address = address
	switch ip := net.ParseIP(host); scheme {
	case "https":
	case "http":
		return nil
	case "":
		if (host == "localhost" || ip != nil && ip.IsLoopback()) && authority == "" {
			return nil
		}
	default:
		return fmt.Errorf("serve: -connect: the scheme of %q should be http or https", connect)
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if authority == "" {
		return nil
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		return fmt.Errorf("serve: -ca: %w", err)
	}
	o.TLS.RootCAs = x509.NewCertPool()
	if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("serve: -ca: %s holds no certificate in PEM", authority)
	}
	return nil
}

// dialOut runs the plugin as a router if the command line or the environment says
// so, until the program is told to end. It returns the exit status, and false if
// the plugin is no router.
func dialOut(p route.Plugin, args []string) (status int, ok bool) {
	options, ok, err := routerOptions(args, os.Getenv, os.Stderr)
	switch {
	case !ok:
		return 0, false
	case errors.Is(err, flag.ErrHelp):
		return 0, true
	case err == nil:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		options.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
		err = Remote(ctx, p, options)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}
