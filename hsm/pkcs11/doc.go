// Package pkcs11 is an hsm.Backend over a PKCS#11 2.40 device, in the process that loads the device's library. Only the
// worker process may load one: libraries hang, crash and leak, so nothing that faces the network imports this package.
//
// It promises:
//
//   - Backing keys exist outside the device only wrapped under the domain key, and inside it only as session objects that
//     cannot be read, wrapped or copied. With the user PIN alone neither they nor the domain key can be taken out; the
//     device is tried for that at every start.
//   - A key is used only after the MAC of its token, made by a second device key, was found right, and after the device
//     has shown that what it unwrapped is the material that the token names.
//   - A handle is never destroyed while in use, and never used after.
//   - An error tells what may be done about it: hsm.ErrUnavailable (send the call again), hsm.ErrToken and hsm.ErrMessage
//     (never send it again), and *Fatal (replace this process). The PIN is tried once.
//
// The hierarchy of keys is in domain.go, what a backing key is and how it is opened in backing.go, how it is made in
// generate.go, what it does in key.go; cache.go keeps opened keys, session.go the sessions that they work on, ckr.go the
// table of return codes; selftest.go is what a device has to pass before it serves.
package pkcs11
