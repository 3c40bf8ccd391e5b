package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// Device is an hsm.Backend over one PKCS#11 token, in this process.
type Device struct {
	connection
	name      string // of the library
	domain    map[uint32]domainKeys
	current   domainKeys
	templates map[hsm.Spec]specTemplates
	specs     []hsm.Spec // those that passed their probe
	cache     *cache
	sessions  *sessions
	fuse      fuse

	ownerMu sync.Mutex
	// guarded by ownerMu, as is the owner session
	closed bool

	destroyed atomic.Uint64 // session objects
}

var _ hsm.Backend = (*Device)(nil)

// Open opens the token that c names: it logs in, finds and checks the domain keys, tries what would let keys out, and tests
// every key spec. A device that fails any of this, or gives a wrong HMAC, is refused; a spec other than SYMMETRIC_DEFAULT that
// does not work is only left out of Status.
func Open(c Config) (*Device, error) {
	conn, err := connect(c)
	if err != nil {
		return nil, deviceError(err)
	}
	d := &Device{connection: conn}
	d.cache = newCache(d.config.HandleLimit, d.load, d.destroy)
	if err := d.start(); err != nil {
		return nil, errors.Join(deviceError(err), d.disconnect())
	}
	return d, nil
}

// start brings d to where it can serve.
func (d *Device) start() (err error) {
	if d.name, err = d.lib.name(); err != nil {
		return err
	}
	d.templates = templatesFor(d.name)
	if d.domain, err = d.lib.domain(d.owner); err != nil {
		return err
	}
	if d.current, err = newest(d.domain); err != nil {
		return err
	}
	if err := d.selfTest(); err != nil {
		return err
	}
	d.sessions, err = openSessions(d.lib, d.place.slot, d.config.Sessions)
	return err
}

// Close waits for running calls and closes the device. Keys that are still open fail with hsm.ErrUnavailable from then on;
// what they were is destroyed with the owner session.
func (d *Device) Close() error {
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	d.sessions.close()
	return d.disconnect()
}

// Forget destroys the key behind token, once nobody uses it.
func (d *Device) Forget(ctx context.Context, token []byte) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	d.cache.forget(token)
	return nil
}

// Status says what the device is and how it does.
func (d *Device) Status(ctx context.Context) (hsm.Status, error) {
	if err := d.ready(ctx); err != nil {
		return hsm.Status{}, err
	}
	cached, hits, misses := d.cache.stats()
	return hsm.Status{
		Library:       d.name,
		TokenLabel:    d.place.info.Label,
		TokenSerial:   d.place.info.SerialNumber,
		DomainKey:     d.current.version,
		CachedHandles: cached,
		HandleHits:    hits,
		HandleMisses:  misses,
		DeviceCalls:   d.lib.calls.Load(),
		Specs:         slices.Clone(d.specs),
	}, nil
}

// ready fails when ctx is over or the device is lost.
func (d *Device) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", hsm.ErrUnavailable, err)
	}
	return d.fuse.intact()
}

// run calls f with a session of the pool, and once more with another session if the first was no longer good. f must be
// harmless to repeat.
func (d *Device) run(ctx context.Context, f func(session) error) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	s, err := d.sessions.get(ctx)
	if err != nil {
		return d.fuse.check(err)
	}
	err = f(s)
	if err != nil && classOf(err) == classSession {
		if s, err = d.sessions.replace(s); err != nil {
			return d.fuse.check(err)
		}
		err = f(s)
	}
	d.sessions.put(s)
	return d.fuse.check(err)
}

// sign is C_Sign under any key, on a session of the pool.
func (d *Device) sign(ctx context.Context, key object, mechanism uint, in, out []byte) (n int, err error) {
	err = d.run(ctx, func(s session) error {
		n, err = d.lib.sign(s, mechanism, key, in, out)
		return err
	})
	return n, err
}

// load opens a key for the cache.
func (d *Device) load(token []byte) (k *backingKey, err error) {
	err = d.withRoom(func() error {
		k, err = d.open(token)
		return err
	})
	return k, err
}

// withRoom calls f, which makes an object, and once more with half of the idle keys gone if the device had no memory for it:
// devices hold fewer objects than a handle limit may say, and not all know how many.
func (d *Device) withRoom(f func() error) error {
	err := f()
	if codeOf(err) != p11.CKR_DEVICE_MEMORY {
		return err
	}
	dropped := d.cache.halve()
	d.config.Log.Warn("the device has no room for another key: lower the handle limit", "dropped", dropped)
	return f()
}

// destroy destroys a key that left the cache.
func (d *Device) destroy(k *backingKey) {
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	if d.closed || d.fuse.intact() != nil {
		return // the owner session took it along, or the process is about to
	}
	d.destroyLocked(k.object)
}
