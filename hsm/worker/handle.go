package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"ostiary.dev/hsm"
)

// handle carries out a request on the backend. What it returns is not used by anyone else.
func (s *server) handle(ctx context.Context, r *request) (v [2][]byte, err error) {
	switch r.op {
	case opPing:
	case opStatus:
		v[0], err = s.status(ctx)
	case opRandom:
		v[0], err = s.backend.Random(ctx, int(r.number))
	case opGenerate:
		v[0], err = s.backend.Generate(ctx, hsm.KeyRequest{
			KeyID: string(r.fields[0]), Spec: hsm.Spec(r.fields[1]), Purpose: hsm.Purpose(r.fields[2]),
		})
	case opForget:
		err = s.backend.Forget(ctx, r.fields[0])
	case opSeal:
		v[0], err = withKey(ctx, s, r, func(k hsm.Sealer) ([]byte, error) {
			return k.Seal(ctx, r.fields[1], r.fields[2])
		})
	case opUnseal:
		v[0], err = withKey(ctx, s, r, func(k hsm.Sealer) ([]byte, error) {
			return k.Unseal(ctx, r.fields[1], r.fields[2])
		})
	case opSealRandom:
		v[1], err = withKey(ctx, s, r, func(k hsm.DataKeyer) (message []byte, err error) {
			v[0], message, err = k.SealRandom(ctx, r.fields[1], int(r.number), r.flag)
			return message, err
		})
	case opReseal:
		v[0], err = s.reseal(ctx, r)
	case opSign:
		v[0], err = withKey(ctx, s, r, func(k hsm.Signer) ([]byte, error) {
			return k.SignDigest(ctx, r.fields[1])
		})
	}
	return v, err
}

// withKey opens the request's first field, a token, and uses the key for what it must be able to do.
func withKey[Capability any](ctx context.Context, s *server, r *request, use func(Capability) ([]byte, error)) ([]byte, error) {
	k, err := s.backend.Open(ctx, r.fields[0])
	if err != nil {
		return nil, err
	}
	defer k.Close()
	capable, ok := k.(Capability)
	if !ok {
		return nil, fmt.Errorf("%w: %s under a key of spec %s", hsm.ErrUnsupported, r.op, k.Token().Spec)
	}
	return use(capable)
}

func (s *server) reseal(ctx context.Context, r *request) ([]byte, error) {
	to, err := s.backend.Open(ctx, r.fields[3])
	if err != nil {
		return nil, err
	}
	defer to.Close()
	return withKey(ctx, s, r, func(k hsm.Resealer) ([]byte, error) {
		return k.Reseal(ctx, r.fields[1], r.fields[2], to, r.fields[4])
	})
}

func (s *server) status(ctx context.Context) ([]byte, error) {
	status, err := s.backend.Status(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(status)
}
