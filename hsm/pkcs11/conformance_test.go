package pkcs11

import (
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
)

func TestConformance(t *testing.T) {
	c := newToken(t, "")
	hsmtest.Run(t, func(t *testing.T) hsm.Backend { return openDevice(t, c) })
}

// With room for one key everything still works, only slower.
func TestConformanceWithOneHandle(t *testing.T) {
	c := newToken(t, "")
	c.HandleLimit, c.Sessions = 1, 1
	hsmtest.Run(t, func(t *testing.T) hsm.Backend { return openDevice(t, c) })
}
