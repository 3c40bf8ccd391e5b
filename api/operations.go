package api

import (
	"context"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/api/model/iamapi"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/api/model/stsapi"
	"ostiary.dev/kms"
	"ostiary.dev/sts"
)

// service joins the model of a service with the operations of it that are built. An operation of the model that is
// not in the table answers UnsupportedOperationException.
type service struct {
	model *codec.Service
	built map[string]*handler
}

type services []service

func newServices(k *kms.Service, s *sts.Service) services {
	return services{
		{kmsapi.Service(), kmsOperations(k)},
		{stsapi.Service(), stsOperations(s)},
		{iamapi.Service(), nil},
	}
}

// kmsOperations is the table of the Key Management Service: what an operation needs to be allowed, and what runs then.
func kmsOperations(s *kms.Service) map[string]*handler {
	return map[string]*handler{
		"CancelKeyDeletion":               change(s.NeedsCancelKeyDeletion, s.CancelKeyDeletion),
		"CreateAlias":                     change(s.NeedsCreateAlias, silent(s.CreateAlias)),
		"CreateKey":                       change(s.NeedsCreateKey, s.CreateKey),
		"Decrypt":                         read(s.NeedsDecrypt, s.Decrypt),
		"DeleteAlias":                     change(s.NeedsDeleteAlias, silent(s.DeleteAlias)),
		"DescribeKey":                     read(s.NeedsDescribeKey, s.DescribeKey),
		"DisableKey":                      change(s.NeedsDisableKey, silent(s.DisableKey)),
		"EnableKey":                       change(s.NeedsEnableKey, silent(s.EnableKey)),
		"Encrypt":                         read(s.NeedsEncrypt, s.Encrypt),
		"GenerateDataKey":                 read(s.NeedsGenerateDataKey, s.GenerateDataKey),
		"GenerateDataKeyWithoutPlaintext": read(s.NeedsGenerateDataKeyWithoutPlaintext, s.GenerateDataKeyWithoutPlaintext),
		"GenerateRandom":                  read(s.NeedsGenerateRandom, s.GenerateRandom),
		"GetKeyPolicy":                    read(s.NeedsGetKeyPolicy, s.GetKeyPolicy),
		"ListAliases":                     read(s.NeedsListAliases, s.ListAliases),
		"ListKeyPolicies":                 read(s.NeedsListKeyPolicies, s.ListKeyPolicies),
		"ListKeys":                        read(s.NeedsListKeys, s.ListKeys),
		"ListResourceTags":                read(s.NeedsListResourceTags, s.ListResourceTags),
		"PutKeyPolicy":                    change(s.NeedsPutKeyPolicy, silent(s.PutKeyPolicy)),
		"ReEncrypt":                       read(s.NeedsReEncrypt, s.ReEncrypt),
		"ScheduleKeyDeletion":             change(s.NeedsScheduleKeyDeletion, s.ScheduleKeyDeletion),
		"TagResource":                     change(s.NeedsTagResource, silent(s.TagResource)),
		"UntagResource":                   change(s.NeedsUntagResource, silent(s.UntagResource)),
		"UpdateAlias":                     change(s.NeedsUpdateAlias, silent(s.UpdateAlias)),
		"UpdateKeyDescription":            change(s.NeedsUpdateKeyDescription, silent(s.UpdateKeyDescription)),
	}
}

// stsOperations is the table of the Security Token Service.
func stsOperations(s *sts.Service) map[string]*handler {
	return map[string]*handler{
		"GetCallerIdentity": read(s.NeedsGetCallerIdentity, s.GetCallerIdentity),
	}
}

// handler runs one operation.
type handler struct {
	changes bool // it changes state: its intent is recorded before it runs
	decide  func(*access.Call, codec.Input) (*access.Grant, error)
	run     func(context.Context, *access.Grant, codec.Input) (any, error)
}

type (
	rule[In any]      func(*access.Call, *In) ([]access.Need, error)
	body[In, Out any] func(context.Context, *access.Grant, *In) (*Out, error)
	input[In any]     interface {
		*In
		codec.Input
	}
)

// read makes the row of an operation that changes nothing, change of one that does. Both demand the rule, and the
// body gets its keys only from the grant that the rule's needs have earned.
func read[In, Out any, P input[In]](needs rule[In], run body[In, Out]) *handler {
	return &handler{
		decide: func(c *access.Call, in codec.Input) (*access.Grant, error) {
			n, err := needs(c, (*In)(in.(P)))
			if err != nil {
				return nil, err
			}
			return access.Decide(c, n)
		},
		run: func(ctx context.Context, g *access.Grant, in codec.Input) (any, error) {
			out, err := run(ctx, g, (*In)(in.(P)))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

func change[In, Out any, P input[In]](needs rule[In], run body[In, Out]) *handler {
	h := read[In, Out, P](needs, run)
	h.changes = true
	return h
}

// silent adapts an operation that answers nothing.
func silent[In any](run func(context.Context, *access.Grant, *In) error) body[In, codec.Empty] {
	return func(ctx context.Context, g *access.Grant, in *In) (*codec.Empty, error) {
		return &codec.Empty{}, run(ctx, g, in)
	}
}
