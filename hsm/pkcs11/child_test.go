package pkcs11

// roleVariable makes the test binary play a second process; its value is the role.
const roleVariable = "OSTIARY_PKCS11_TEST_ROLE"

func play(string) int { return 2 }
