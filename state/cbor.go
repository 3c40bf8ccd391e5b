package state

import (
	"bytes"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// Limits of one CBOR item, well above what the records allow.
const (
	maxElements = 1 << 12
	maxPairs    = 64
	maxNesting  = 8
)

// The modes are made once and never change.
var (
	encMode = sync.OnceValues(func() (cbor.UserBufferEncMode, error) {
		return cbor.CoreDetEncOptions().UserBufferEncMode()
	})
	decMode = sync.OnceValues(func() (cbor.DecMode, error) {
		return cbor.DecOptions{
			DupMapKey:         cbor.DupMapKeyEnforcedAPF,
			IndefLength:       cbor.IndefLengthForbidden,
			TagsMd:            cbor.TagsForbidden,
			ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
			UTF8:              cbor.UTF8RejectInvalid,
			MaxArrayElements:  maxElements,
			MaxMapPairs:       maxPairs,
			MaxNestedLevels:   maxNesting,
		}.DecMode()
	})
)

func marshal(v any) ([]byte, error) {
	m, err := encMode()
	if err != nil {
		return nil, err
	}
	return m.Marshal(v)
}

func unmarshal(data []byte, v any) error {
	m, err := decMode()
	if err != nil {
		return err
	}
	return m.Unmarshal(data, v)
}

// unmarshalCanonical refuses also what decodes but was not encoded by marshal: missing fields, integers longer than
// need be, byte strings of a wrong length for their array.
func unmarshalCanonical(data []byte, v any) error {
	if err := unmarshal(data, v); err != nil {
		return err
	}
	again, err := marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return errNotCanonical
	}
	return nil
}
