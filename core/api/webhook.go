// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// keepSecrets is how long secrets that are replaced sign, unless it is said.
	keepSecrets = 24 * time.Hour
	// deadPage is how many dead letters a page has, unless it is said.
	deadPage = 100
)

// EncodeEvent writes an event as the feed tells it over REST.
func EncodeEvent(ev *engine.Event) (json.RawMessage, error) { return encode(eventMessage(ev)) }

// EncodeWork writes work as REST shows it. It keeps nothing of the engine.
func EncodeWork(e *engine.Engine, w *engine.Work) (json.RawMessage, error) {
	return encode(newReading(e).work(w))
}

func encode(m proto.Message) (json.RawMessage, error) {
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
}

// webhookService implements patchbay.v1.WebhookService.
type webhookService struct {
	patchbayv1.UnimplementedWebhookServiceServer
	courier *outbound.Courier // nil if there are no webhooks
}

// ListWebhooks implements patchbayv1.WebhookServiceServer.
func (s *webhookService) ListWebhooks(context.Context, *patchbayv1.ListWebhooksRequest) (*patchbayv1.ListWebhooksResponse, error) {
	out := &patchbayv1.ListWebhooksResponse{}
	if s.courier == nil {
		return out, nil
	}
	for _, st := range s.courier.List() {
		out.Webhooks = append(out.Webhooks, &patchbayv1.WebhookStatus{
			Webhook: st.Name, Url: st.URL, When: st.When, Position: st.Position, Read: st.Read,
			Waiting: uint32(st.Open), Retried: uint32(st.Retried), Dead: uint32(st.Dead),
			Delivered: st.Delivered, Failed: st.Failed, Passed: st.Passed, Unfit: st.Unfit, Lost: st.Lost, Dropped: st.Dropped,
			LastError: st.LastError, LastErrorAt: instant(st.LastErrorAt), DeliveredAt: instant(st.DeliveredAt),
			NextTry: instant(st.NextTry), Secrets: uint32(st.Secrets),
		})
	}
	return out, nil
}

// instant is nil for the zero time.
func instant(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// ListDeadLetters implements patchbayv1.WebhookServiceServer.
func (s *webhookService) ListDeadLetters(_ context.Context, r *patchbayv1.ListDeadLettersRequest) (*patchbayv1.ListDeadLettersResponse, error) {
	if s.courier == nil {
		return nil, noWebhook(r.GetWebhook())
	}
	most := int(r.GetLimit())
	if most == 0 {
		most = deadPage
	}
	letters, err := s.courier.Dead(r.GetWebhook(), r.GetAfter(), most)
	if err != nil {
		return nil, ofCourier(r.GetWebhook(), "webhook", err)
	}
	out := &patchbayv1.ListDeadLettersResponse{}
	for i := range letters {
		l := &letters[i]
		out.Letters = append(out.Letters, &patchbayv1.DeadLetter{
			Event: l.Number, Kind: l.Kind, Subject: l.Subject, Id: l.ID, Attempts: uint32(l.Attempts),
			First: instant(l.First), Last: instant(l.Last), Error: l.Error, Body: string(l.Body),
		})
	}
	return out, nil
}

// RedeliverWebhook implements patchbayv1.WebhookServiceServer.
func (s *webhookService) RedeliverWebhook(_ context.Context, r *patchbayv1.RedeliverWebhookRequest) (*patchbayv1.RedeliverWebhookResponse, error) {
	if s.courier == nil {
		return nil, noWebhook(r.GetWebhook())
	}
	count, left, err := s.courier.Redeliver(r.GetWebhook(), r.GetEvents())
	if err != nil {
		return nil, ofCourier(r.GetWebhook(), "events", err)
	}
	return &patchbayv1.RedeliverWebhookResponse{Count: uint32(count), Left: uint32(left)}, nil
}

// RotateWebhookSecret implements patchbayv1.WebhookServiceServer.
func (s *webhookService) RotateWebhookSecret(_ context.Context, r *patchbayv1.RotateWebhookSecretRequest) (*patchbayv1.RotateWebhookSecretResponse, error) {
	if s.courier == nil {
		return nil, noWebhook(r.GetWebhook())
	}
	keep := keepSecrets
	if r.GetKeep() != nil {
		keep = r.GetKeep().AsDuration()
	}
	secret, until, err := s.courier.Rotate(r.GetWebhook(), keep)
	if err != nil {
		return nil, ofCourier(r.GetWebhook(), "webhook", err)
	}
	return &patchbayv1.RotateWebhookSecretResponse{Secret: secret, Until: timestamppb.New(until)}, nil
}

// TestWebhook implements patchbayv1.WebhookServiceServer.
func (s *webhookService) TestWebhook(ctx context.Context, r *patchbayv1.TestWebhookRequest) (*patchbayv1.TestWebhookResponse, error) {
	if s.courier == nil {
		return nil, noWebhook(r.GetWebhook())
	}
	took, err := s.courier.Test(ctx, r.GetWebhook())
	if errors.Is(err, outbound.ErrUnknown) {
		return nil, ofCourier(r.GetWebhook(), "webhook", err)
	}
	out := &patchbayv1.TestWebhookResponse{Taken: err == nil, Took: durationpb.New(took)}
	if err != nil {
		out.Error = err.Error()
	}
	return out, nil
}

func noWebhook(name string) error {
	return refuse(codes.NotFound, codeUnknownWebhook, "webhook", "there is no webhook %q", name)
}

// ofCourier words what the courier says; the field is what may be unknown beside
// the webhook.
func ofCourier(name, field string, err error) error {
	switch {
	case !errors.Is(err, outbound.ErrUnknown):
		return err
	case field == "events":
		return refuse(codes.NotFound, codeUnknownWebhook, field, "there is no webhook %q, or it has no dead letter of one of these events", name)
	default:
		return noWebhook(name)
	}
}
