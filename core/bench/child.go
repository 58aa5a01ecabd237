// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/patchbay-cx/patchbay/core/bench/stub"
	"github.com/patchbay-cx/patchbay/core/bench/wire"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// The children of a measurement of carriers.
const (
	childStub  = "stub"  // package stub as a process plugin
	childEcho  = "echo"  // answers bytes with bytes, and looks at none
	childPlain = "plain" // the stub, by protobuf messages
)

// plainMethod is the stream on which protobuf messages are exchanged.
const plainMethod = "/patchbay.bench.wire.Plain/Turns"

// Child is what a child process of a measurement does. A program that measures
// carriers calls it when it was started with the arguments that it gave as
// CarrierOptions.Self and one more, which is the name. It returns when whoever
// started the process is done with it.
func Child(name string) error {
	if name == childStub {
		serve.Process(stub.Plugin())
		return nil
	}
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("bench: child: %w", err)
	}
	var pass passport
	if err := json.Unmarshal(line, &pass); err != nil {
		return fmt.Errorf("bench: child: %w", err)
	}
	server, listener, err := pass.server()
	if err != nil {
		return fmt.Errorf("bench: child: %w", err)
	}
	switch name {
	case childEcho:
		strategygrpc.RegisterStrategyServiceServer(server, new(echo))
	case childPlain:
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: "patchbay.bench.wire.Plain", HandlerType: (*any)(nil),
			Streams: []grpc.StreamDesc{{StreamName: "Turns", Handler: plainTurns, ServerStreams: true, ClientStreams: true}},
		}, nil)
	default:
		return fmt.Errorf("bench: child: there is no %q", name)
	}
	ended := make(chan struct{})
	go func() { // until the other end of stdin is closed, however that comes
		_, _ = io.Copy(io.Discard, input)
		server.Stop()
		close(ended)
	}()
	fmt.Fprintln(os.Stdout, "ready")
	err = server.Serve(listener)
	<-ended
	return err
}

// echo answers frames with bytes of the length that the handshake named.
type echo struct {
	strategygrpc.UnimplementedStrategyServiceServer
	length uint32
}

// Handshake implements the service.
func (e *echo) Handshake(_ context.Context, in *strategyv1.HandshakeRequest) (*strategyv1.HandshakeResponse, error) {
	e.length = in.GetMaxReplyBytes()
	return &strategyv1.HandshakeResponse{Name: childEcho}, nil
}

// Turns implements the service.
func (e *echo) Turns(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse]) error {
	var in strategyv1.TurnsRequest
	out := strategyv1.TurnsResponse{Frame: make([]byte, e.length)}
	for {
		if err := stream.RecvMsg(&in); err != nil {
			return ended(err)
		}
		if err := stream.SendMsg(&out); err != nil {
			return err
		}
	}
}

// plainTurns is the stub by protobuf messages.
func plainTurns(_ any, stream grpc.ServerStream) error {
	for {
		in, out := new(wire.Turn), new(wire.Reply)
		if err := stream.RecvMsg(in); err != nil {
			return ended(err)
		}
		out.Epoch, out.Seq = in.GetEpoch(), in.GetSeq()
		for i, work := range in.GetWork() {
			out.Proposals = append(out.Proposals, &wire.Proposal{
				Work: work.GetRef(), Revision: work.GetRevision(), Agent: in.GetAgents()[i%len(in.GetAgents())].GetRef(),
			})
		}
		if err := stream.SendMsg(out); err != nil {
			return err
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// passport is what a child is told on its standard input: where to listen, and
// the certificate by which both ends know each other.
type passport struct {
	Socket      string
	Certificate []byte
	Key         []byte
}

// config is TLS as go-plugin has it between host and plugin: both ends show a
// certificate, here the same one.
func (p *passport) config() (*tls.Config, error) {
	key, err := x509.ParseECPrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(p.Certificate)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{p.Certificate}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool, RootCAs: pool,
		ServerName: "localhost", MinVersion: tls.VersionTLS12,
	}, nil
}

func (p *passport) server() (*grpc.Server, net.Listener, error) {
	config, err := p.config()
	if err != nil {
		return nil, nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "unix", p.Socket)
	if err != nil {
		return nil, nil, err
	}
	return grpc.NewServer(grpc.Creds(credentials.NewTLS(config)),
		grpc.MaxRecvMsgSize(route.MaxFrameBytes), grpc.MaxSendMsgSize(route.MaxFrameBytes)), listener, nil
}

// newPassport makes a certificate for an hour.
func newPassport(folder string) (*passport, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	p := &passport{Socket: filepath.Join(folder, "s")}
	if p.Certificate, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return nil, err
	}
	p.Key, err = x509.MarshalECPrivateKey(key)
	return p, err
}

// child is a child process and the connection to it.
type child struct {
	conn   *grpc.ClientConn
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	folder string
}

// startChild starts a child and connects to it. Close ends it.
func startChild(ctx context.Context, self []string, name string) (c *child, err error) {
	c = &child{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("bench: start the child %s: %w", name, errors.Join(err, c.Close()))
		}
	}()
	if c.folder, err = os.MkdirTemp("", "pb"); err != nil {
		return c, err
	}
	pass, err := newPassport(c.folder)
	if err != nil {
		return c, err
	}
	cmd := exec.CommandContext(ctx, self[0], append(append([]string(nil), self[1:]...), name)...)
	cmd.Stderr = os.Stderr
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return c, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return c, err
	}
	if err := cmd.Start(); err != nil {
		return c, err
	}
	c.cmd = cmd
	if err := json.NewEncoder(c.stdin).Encode(pass); err != nil {
		return c, err
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return c, fmt.Errorf("it does not say that it is ready: %w", err)
	}
	config, err := pass.config()
	if err != nil {
		return c, err
	}
	c.conn, err = grpc.NewClient("unix:"+pass.Socket, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(route.MaxFrameBytes), grpc.MaxCallSendMsgSize(route.MaxFrameBytes)))
	return c, err
}

// Close ends the connection and the child, and waits for its end.
func (c *child) Close() error {
	var errs []error
	if c.conn != nil {
		errs = append(errs, c.conn.Close())
	}
	if c.stdin != nil {
		_ = c.stdin.Close()
	}
	if c.cmd != nil {
		_ = c.cmd.Wait() // it ends with its standard input; how, is of no interest
	}
	if c.folder != "" {
		errs = append(errs, os.RemoveAll(c.folder))
	}
	return errors.Join(errs...)
}
