package worker_test

import (
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
)

// TestConformance: a device behind a worker is as good as one in the process.
func TestConformance(t *testing.T) {
	c := start(t, config(t))
	hsmtest.Run(t, func(*testing.T) hsm.Backend { return c })
}

// TestConformanceOfSlowDevice: calls to a device behind a network take another way through the worker.
func TestConformanceOfSlowDevice(t *testing.T) {
	c := start(t, config(t, "delay=600us"))
	hsmtest.Run(t, func(*testing.T) hsm.Backend { return c })
}
