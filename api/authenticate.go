package api

import (
	"errors"
	"fmt"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/sigv4"
	"ostiary.dev/authz"
	"ostiary.dev/sealing"
	"ostiary.dev/state"
)

// errUnknownClient is every reason for which an access key is not accepted: unknown, inactive, or with a session token that was
// not issued here. The caller learns no more.
var errUnknownClient = errors.New("access key is not accepted")

// authenticator finds out who signed a request.
type authenticator struct {
	box  *sealing.Box
	keys *sigv4.KeyCache
	now  func() time.Time
}

// signingKeys bounds the cache of derived signing keys; each takes about 200 bytes.
const signingKeys = 4096

func newAuthenticator(box *sealing.Box, now func() time.Time) *authenticator {
	return &authenticator{box: box, keys: sigv4.NewKeyCache(signingKeys), now: now}
}

// authenticate verifies the signature over the raw bytes of the request and returns the call of the principal who made
// it. Nothing of the body has been parsed as input at this point.
func (a *authenticator) authenticate(v *state.View, x *exchange) (*access.Call, error) {
	r := x.request
	req := sigv4.FromHTTP(r, *x.body)
	sig, err := sigv4.Parse(&req)
	if err != nil {
		return nil, err
	}
	rules, err := scope(v, x, sig)
	if err != nil {
		return nil, err
	}
	if err := sig.Check(a.now(), rules); err != nil {
		return nil, err
	}
	key := v.AccessKey(sig.AccessKeyID)
	if key == nil || !key.Active || sig.SessionToken != "" {
		return nil, errUnknownClient
	}
	user := v.User(key.Account, key.User)
	if user == nil {
		return nil, errUnknownClient
	}
	if err := a.verify(&req, key, sig, rules); err != nil {
		return nil, err
	}
	return &access.Call{
		RequestID:   x.id,
		Time:        x.received,
		Service:     sig.Service,
		Region:      sig.Region,
		Operation:   x.operation.Name,
		Principal:   principal(user),
		AccessKeyID: key.ID,
		SourceIP:    x.source,
		UserAgent:   r.UserAgent(),
		Referer:     r.Referer(),
		View:        v,
	}, nil
}

// scope gives the rules for the credential scope: the service that the request is addressed to and the regions that
// the cluster serves. IAM and STS are global too: us-east-1 is theirs whichever regions those are.
func scope(v *state.View, x *exchange, sig *sigv4.Signature) (sigv4.Rules, error) {
	c := v.Cluster()
	if c == nil {
		return sigv4.Rules{}, ErrUnavailable
	}
	rules := sigv4.Rules{Service: x.service.Name, Regions: c.Regions, FixedLifetime: x.service.Name == "sts"}
	if x.service.Name != "kms" && sig.Region == "us-east-1" {
		rules.Regions = nil
	}
	return rules, nil
}

// verify checks the signature with the key of its date and scope, which is derived from the access key's sealed
// secret and cached once it has verified something.
func (a *authenticator) verify(req *sigv4.Request, key *state.AccessKey, sig *sigv4.Signature, rules sigv4.Rules) error {
	id := sigv4.KeyID{AccessKeyID: key.ID, Version: uint64(key.Created), Date: sig.Date, Region: sig.Region, Service: sig.Service}
	signing, cached := a.keys.Get(id)
	if !cached {
		plain, err := a.box.Open(AccessKeyPath(key.Account, key.ID), key.Sealed)
		if err != nil {
			return fmt.Errorf("access key %s: %w", key.ID, err)
		}
		signing = sigv4.DeriveKey(plain.Reveal(), sig.Date, sig.Region, sig.Service)
		plain.Wipe()
	}
	if err := sig.Verify(req, signing, a.now(), rules); err != nil {
		return err
	}
	if !cached {
		a.keys.Put(id, signing)
	}
	return nil
}

// AccessKeyPath is the record path that the secret of an access key is sealed for.
func AccessKeyPath(account, id string) string { return "accounts/" + account + "/access-keys/" + id }

func principal(u *state.User) authz.Principal {
	return authz.Principal{Type: authz.User, Account: u.Account, ARN: "arn:aws:iam::" + u.Account + ":user" + u.Path + u.Name, UserID: u.ID, Name: u.Name}
}
