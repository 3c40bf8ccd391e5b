package pkcs11

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// firstVersion is the domain key version that Initialize makes.
const firstVersion = 1

// Initialize makes the domain key and its MAC key, version 1, in the token that c names, and returns the newest version
// there is. On a token that has them it changes nothing, and an interrupted call is finished by the next: the MAC key is made
// first, so a MAC key without a domain key is an interruption and a domain key without a MAC key is a loss (ErrDomainKey).
//
// It must be called only for a domain that has no keys yet: tokens of an earlier domain key do not open under a new one.
func Initialize(c Config) (version uint32, err error) {
	d, err := connect(c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.disconnect()) }()

	// The connection's own session is read-only, as in service; only here are token objects made.
	h, err := d.lib.openSession(d.place.slot, true)
	if err != nil {
		return 0, deviceError(err)
	}
	defer func() { err = errors.Join(err, fromMiekg("C_CloseSession", d.lib.ctx.CloseSession(h))) }()

	found, err := d.lib.domain(h)
	if err != nil {
		return 0, err
	}
	if len(found) > 0 {
		return slices.Max(slices.Collect(maps.Keys(found))), nil
	}
	macs, err := d.lib.versions(h, macKey())
	if err != nil {
		return 0, err
	}
	if _, resumed := macs[firstVersion]; !resumed {
		if err := macKey().make(d.lib, h, firstVersion); err != nil {
			return 0, fmt.Errorf("making the token MAC key: %w", err)
		}
	}
	if err := wrapKey().make(d.lib, h, firstVersion); err != nil {
		return 0, fmt.Errorf("making the domain key: %w", err)
	}
	keys, err := d.lib.domain(h)
	if err != nil {
		return 0, err
	}
	made, err := newest(keys)
	return made.version, err
}
