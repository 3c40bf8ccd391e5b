package pkcs11

import (
	"errors"
	"fmt"
)

// connection is a library with one session to a token, logged in. The session is the owner: every session object is made
// in it and lives as long as it, so it is opened first and closed last. While it is open the process stays logged in.
type connection struct {
	config Config
	lib    *library
	place  place
	owner  session
}

// connect loads the library, finds the token and logs in.
func connect(c Config) (d connection, err error) {
	c, err = c.withDefaults()
	if err != nil {
		return d, err
	}
	d = connection{config: c}
	if d.lib, err = openLibrary(c.Library); err != nil {
		return d, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.lib.close())
		}
	}()
	if d.place, err = d.lib.find(c); err != nil {
		return d, err
	}
	if d.owner, err = d.lib.openSession(d.place.slot, false); err != nil {
		return d, fmt.Errorf("opening a session with token %q: %w", d.place.info.Label, err)
	}
	if err = d.lib.login(d.owner, d.place, c.PIN); err != nil {
		return d, errors.Join(err, fromMiekg("C_CloseSession", d.lib.ctx.CloseSession(d.owner)))
	}
	return d, nil
}

// disconnect closes the owner session, which destroys the session objects, and finalises the library if it is ours.
func (d connection) disconnect() error {
	return errors.Join(fromMiekg("C_CloseSession", d.lib.ctx.CloseSession(d.owner)), d.lib.close())
}
