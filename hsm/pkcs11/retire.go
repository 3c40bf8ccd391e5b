package pkcs11

import "strings"

// maxDestroyed is how many session objects of SoftHSM are destroyed before the process should end. SoftHSM 2.6 keeps some 250
// bytes of each until it is finalised, so this is about 16 MiB.
const maxDestroyed = 1 << 16

// Retire says why the process that holds the device should be replaced at its next quiet moment, "" while it need not be.
func (d *Device) Retire() string {
	if strings.HasPrefix(d.name, softHSM) && d.destroyed.Load() >= maxDestroyed {
		return "SoftHSM keeps some memory of every key that it closed"
	}
	return ""
}
