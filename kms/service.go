// Package kms is the Key Management Service: what each operation of the AWS KMS API needs to be allowed and what it
// then does. It knows nothing of HTTP, signatures or Raft. Every operation is a pair of functions that stand side
// by side: NeedsX names what the caller must be allowed, X runs with the grant that the decision made. A grant is
// the only way to key material.
package kms

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
)

// Proposer replicates a command and returns once it is in force, or a *state.Refusal, or the cluster's error.
type Proposer interface {
	Propose(ctx context.Context, c state.Command) error
}

// Config is what a Service is made of. All fields are required.
type Config struct {
	Device  hsm.Backend
	Cluster Proposer
	Now     func() time.Time
	Rand    io.Reader // for key ids
}

// Service answers the operations of the KMS API.
type Service struct {
	device  hsm.Backend
	cluster Proposer
	now     func() time.Time
	rand    io.Reader
}

// New makes a Service.
func New(c Config) *Service {
	return &Service{device: c.Device, cluster: c.Cluster, now: c.Now, rand: c.Rand}
}

// propose replicates a command about a key and turns a refusal into the exception that AWS has for it.
func (s *Service) propose(ctx context.Context, c state.Command) error {
	err := s.cluster.Propose(ctx, c)
	if r := refusal(err); r != nil {
		return refused(r)
	}
	return err
}

// refusal gives the domain refusal that err is, nil if it is something else.
func refusal(err error) *state.Refusal {
	var r *state.Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// refused gives a domain refusal as AWS words it. State checks again what a handler checked, since another
// command may have come between. What only one operation can meet is left to that operation.
func refused(r *state.Refusal) error {
	arn := keyARN(r.Ref)
	switch r.Code {
	case state.CodeMoved:
		// The caller was allowed something else. Its retry is decided anew.
		return kmsapi.DependencyTimeoutException("The request collided with another change. You can retry the request.")
	case state.CodeNotFound:
		switch {
		case r.Ref.ID != "":
			return notFound(arn)
		case strings.HasPrefix(r.Name, aliasPrefix):
			return aliasNotFound(r.Ref.Account, r.Ref.Region, r.Name)
		}
		return kmsapi.NotFoundException(r.Detail)
	case state.CodePendingDeletion:
		return kmsapi.KMSInvalidStateException(arn + " is pending deletion.")
	case state.CodeNotPendingDeletion:
		return kmsapi.KMSInvalidStateException(arn + " is not pending deletion.")
	}
	return r
}

func notFound(arn string) error { return kmsapi.NotFoundException("Key '" + arn + "' does not exist") }

// open gives the key behind one version of a granted KMS key.
func (s *Service) open(ctx context.Context, v *state.Version) (hsm.Key, error) {
	if v == nil {
		return nil, hsm.ErrToken
	}
	return s.device.Open(ctx, v.Token)
}

// capability opens a version and asserts what the operation needs of it.
func capability[C any](ctx context.Context, s *Service, v *state.Version) (C, func(), error) {
	var none C
	key, err := s.open(ctx, v)
	if err != nil {
		return none, nil, err
	}
	c, ok := key.(C)
	if !ok {
		key.Close()
		return none, nil, hsm.ErrUnsupported
	}
	return c, key.Close, nil
}

// materialID is a key material id as the API shows it: 64 hexadecimal digits.
func materialID(v *state.Version) *string {
	id := hex.EncodeToString(v.MaterialID[:])
	return &id
}

// dryRun is what an operation answers in place of running when DryRun was asked for and all checks passed.
func dryRun(asked *bool) error {
	if asked != nil && *asked {
		return kmsapi.DryRunOperationException("The request would have succeeded, but the DryRun option is set.")
	}
	return nil
}

// noGrantTokens refuses grant tokens: no grant exists that a token could name.
func noGrantTokens(tokens []string) error {
	if len(tokens) > 0 {
		return kmsapi.InvalidGrantTokenException("Grant token is not valid.")
	}
	return nil
}

// noRecipient refuses attested recipients, which no supported client platform here can be.
func noRecipient(r *kmsapi.RecipientInfo) error {
	if r != nil {
		return access.Invalid("Recipient is not supported: this service does not verify attestation documents.")
	}
	return nil
}

func ptr[T any](v T) *T { return &v }
