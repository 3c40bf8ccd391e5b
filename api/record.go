package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/audit"
	"ostiary.dev/authz"
)

// intent records a change before it is made, so that a change without an outcome can be told from one that never was.
func (s *Server) intent(ctx context.Context, x *exchange) error {
	r := s.describe(x)
	r.Phase, r.Decision = audit.Intent, x.grant.Reason()
	return s.hand(ctx, &r)
}

// record writes the record of a finished call. Calls that were never authenticated are records too, but floods of them
// become counted summaries.
func (s *Server) record(ctx context.Context, x *exchange, failure *codec.Error, why string) error {
	r := s.describe(x)
	r.Decision = why
	if failure != nil {
		r.ErrorCode, r.ErrorMessage = failure.Code, failure.Message
	}
	if x.call == nil {
		return s.handBy(ctx, &r, s.audit.Unauthenticated)
	}
	if x.handler != nil && x.handler.changes && x.grant != nil {
		r.Phase = audit.Outcome
	}
	if x.uncertain {
		r.Detail = []audit.Detail{{Name: "outcome", Value: "unknown"}}
	}
	return s.hand(ctx, &r)
}

// auditTime is how long a call waits for its record to be taken. A disk that hangs must not hang the callers.
const auditTime = 3 * time.Second

// hand gives the record of an authenticated call to the log.
func (s *Server) hand(ctx context.Context, r *audit.Record) error {
	return s.handBy(ctx, r, s.audit.Write)
}

// handBy gives a record to the log. A client that hangs up is still recorded.
func (s *Server) handBy(ctx context.Context, r *audit.Record, write func(context.Context, *audit.Record) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	if err := write(ctx, r); err != nil {
		return fmt.Errorf("%w: %w", errAudit, err)
	}
	return nil
}

// reason says why a call was allowed or denied.
func reason(x *exchange, err error) string {
	if x.grant != nil {
		return x.grant.Reason()
	}
	if denied, ok := errors.AsType[*access.Error](err); ok {
		return denied.Reason
	}
	return ""
}

// describe fills a record with what has been established of the call so far, and nothing that was not: the operation
// of a request whose signature failed is a claim, but a useful one; its access key is not written as an identity.
func (s *Server) describe(x *exchange) audit.Record {
	r := audit.Record{Time: x.received, RequestID: x.id, UserAgent: x.request.UserAgent(), Host: x.request.Host}
	if x.source.IsValid() {
		r.SourceIP = x.source.String()
	}
	if x.service != nil {
		r.EventSource = x.service.Name + ".amazonaws.com"
	}
	if x.operation != nil {
		r.EventName, r.ReadOnly = x.operation.Name, x.operation.ReadOnly
	}
	if t := x.request.TLS; t != nil {
		r.TLSVersion, r.TLSCipher = tlsVersion(t.Version), tlsCipher(t.CipherSuite)
	}
	if x.call != nil {
		describeCaller(&r, x.call)
	}
	if x.in != nil {
		r.Params = x.in.AppendAudit(make([]byte, 0, 256))
	}
	if x.grant != nil {
		for arn, account := range x.grant.Resources {
			r.Resources = append(r.Resources, audit.Resource{Account: account, Type: "AWS::KMS::Key", ARN: arn})
		}
	}
	return r
}

func describeCaller(r *audit.Record, c *access.Call) {
	r.Region, r.RecipientAccount = c.Region, c.Principal.Account
	r.Identity = audit.Identity{Type: audit.IAMUser, PrincipalID: c.Principal.UserID, ARN: c.Principal.ARN,
		Account: c.Principal.Account, AccessKeyID: c.AccessKeyID, UserName: c.Principal.Name}
	if c.Principal.Type == authz.Root {
		r.Identity.Type, r.Identity.UserName = audit.Root, ""
	}
}

// tlsVersion names a version as CloudTrail does: TLSv1.3.
func tlsVersion(v uint16) string {
	if v == tls.VersionTLS13 {
		return "TLSv1.3"
	}
	return strings.Replace(tls.VersionName(v), "TLS ", "TLSv", 1)
}

// tlsCipher names a cipher suite. tls.CipherSuiteName lists all suites anew at each call, so those of TLS 1.3 are named here.
func tlsCipher(id uint16) string {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256:
		return "TLS_AES_128_GCM_SHA256"
	case tls.TLS_AES_256_GCM_SHA384:
		return "TLS_AES_256_GCM_SHA384"
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		return "TLS_CHACHA20_POLY1305_SHA256"
	}
	return tls.CipherSuiteName(id)
}
