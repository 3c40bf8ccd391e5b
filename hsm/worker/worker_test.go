package worker_test

import (
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
)

func TestConformance(t *testing.T) {
	c := start(t, config(t))
	hsmtest.Run(t, func(*testing.T) hsm.Backend { return c })
}

func TestConformanceOfSlowDevice(t *testing.T) {
	c := start(t, config(t, "delay=200us"))
	hsmtest.Run(t, func(*testing.T) hsm.Backend { return c })
}
