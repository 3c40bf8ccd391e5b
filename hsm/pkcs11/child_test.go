package pkcs11

import (
	"fmt"
	"os"
)

// roleVariable makes the test binary play a second process; its value is the role.
const roleVariable = "OSTIARY_PKCS11_TEST_ROLE"

// play is the second process. It returns its exit status.
func play(role string) int {
	roles := map[string]func() error{"attacker": attackMain}
	if err := roles[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
