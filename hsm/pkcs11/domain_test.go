package pkcs11

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// workshop is a read-write session in which a test puts strange keys into a token.
func workshop(t *testing.T, c Config) (*library, session) {
	t.Helper()
	d, err := connect(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.lib.openSession(d.place.slot, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(fromMiekg("C_CloseSession", d.lib.ctx.CloseSession(s)), d.disconnect()); err != nil {
			t.Error(err)
		}
	})
	return d.lib, s
}

func wantMakes(t *testing.T, o domainObject, l *library, s session, version uint32) {
	t.Helper()
	if err := o.make(l, s, version); err != nil {
		t.Fatal(err)
	}
}

func destroyAll(t *testing.T, l *library, s session) {
	t.Helper()
	all, err := l.objects(s, flag(p11.CKA_TOKEN, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if err := l.destroy(s, o); err != nil {
			t.Fatal(err)
		}
	}
}

func wantOpenError(t *testing.T, c Config, want error, text string) {
	t.Helper()
	d, err := Open(c)
	if err == nil {
		d.Close()
	}
	if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("Open gave %v; want %v with %q", err, want, text)
	}
}

func TestInitialize(t *testing.T) {
	c := bareToken(t, "")
	wantOpenError(t, c, ErrDomainKey, "holds none")

	l, s := workshop(t, c)
	wantMakes(t, macKey(), l, s, firstVersion) // as an interrupted call leaves it
	wantOpenError(t, c, ErrDomainKey, "holds none")
	for range 2 {
		if v, err := Initialize(c); v != firstVersion || err != nil {
			t.Fatalf("Initialize = %d, %v", v, err)
		}
	}
	all, err := l.objects(s, flag(p11.CKA_TOKEN, true))
	if err != nil || len(all) != 2 {
		t.Errorf("the token holds %d objects, %v; want the two keys", len(all), err)
	}
	openDevice(t, c)
}

// Whichever call fails, the next Initialize finishes what is missing.
func TestInitializeIsInterrupted(t *testing.T) {
	c := faulty(t, bareToken(t, ""))
	for n := 1; n <= 2; n++ {
		plan(t, "C_GenerateKey", n, "30")
		if _, err := Initialize(c); !errors.Is(err, hsm.ErrUnavailable) {
			t.Errorf("Initialize while key %d fails: %v, want ErrUnavailable", n, err)
		}
	}
	noPlan(t)
	if v, err := Initialize(c); v != firstVersion || err != nil {
		t.Errorf("Initialize = %d, %v", v, err)
	}
	openDevice(t, c)
}

func TestDomainKeyWithoutItsMACKey(t *testing.T) {
	c := bareToken(t, "")
	l, s := workshop(t, c)
	wantMakes(t, wrapKey(), l, s, firstVersion)
	wantOpenError(t, c, ErrDomainKey, "without its MAC key")
	if _, err := Initialize(c); !errors.Is(err, ErrDomainKey) {
		t.Errorf("Initialize gave %v, want ErrDomainKey: it must not make up for a key that was lost", err)
	}
}

func TestDuplicateKeys(t *testing.T) {
	c := newToken(t, "")
	l, s := workshop(t, c)
	wantMakes(t, wrapKey(), l, s, firstVersion)
	wantOpenError(t, c, ErrDomainKey, "twice")
	if _, err := Initialize(c); !errors.Is(err, ErrDomainKey) {
		t.Errorf("Initialize gave %v, want ErrDomainKey", err)
	}
}

func TestVersions(t *testing.T) {
	c := newToken(t, "")
	before := openDevice(t, c)
	token := mustGenerate(t, before, "SYMMETRIC_DEFAULT", "kms", "key")

	l, s := workshop(t, c)
	wantMakes(t, macKey(), l, s, 7)
	wantMakes(t, wrapKey(), l, s, 7)
	d := openDevice(t, c)
	if d.current.version != 7 {
		t.Errorf("current domain key v%d, want v7", d.current.version)
	}
	mustOpen(t, d, token)
	if v := mustParse(t, mustGenerate(t, d, "SYMMETRIC_DEFAULT", "kms", "key")).DomainKeyVersion; v != 7 {
		t.Errorf("new token under domain key v%d, want v7", v)
	}
	if v, err := Initialize(c); v != 7 || err != nil {
		t.Errorf("Initialize = %d, %v; want 7", v, err)
	}
}

func TestStrangeIDs(t *testing.T) {
	c := newToken(t, "")
	l, s := workshop(t, c)
	strange := wrapKey()
	strange.prefix += "x"
	wantMakes(t, strange, l, s, 1)
	wantOpenError(t, c, ErrDomainKey, "strange id")
}

// without is o without an attribute.
func without(o domainObject, kind uint) domainObject {
	o.attributes = slices.DeleteFunc(slices.Clone(o.attributes), func(a attribute) bool { return a.kind == kind })
	return o
}

// changed is o with other values of some attributes.
func changed(o domainObject, to ...attribute) domainObject {
	o.attributes = slices.Clone(o.attributes)
	for _, a := range to {
		o.attributes[slices.IndexFunc(o.attributes, func(b attribute) bool { return a.kind == b.kind })] = a
	}
	return o
}

// Every attribute of the two keys is looked at.
func TestWrongAttributesAreRefused(t *testing.T) {
	c := bareToken(t, "")
	l, s := workshop(t, c)
	for _, o := range []domainObject{wrapKey(), macKey()} {
		for _, a := range o.attributes {
			if len(a.value) != 1 || a.kind == p11.CKA_TOKEN {
				continue
			}
			destroyAll(t, l, s)
			wrong := flag(a.kind, a.value[0] == 0)
			for _, x := range []domainObject{macKey(), wrapKey()} {
				if x.name == o.name {
					x = changed(o, wrong)
				}
				wantMakes(t, x, l, s, firstVersion)
			}
			wantOpenError(t, c, ErrDomainKey, fmt.Sprintf("attribute 0x%X of the %s v1 is", a.kind, o.name))
		}
	}
	destroyAll(t, l, s)
	wantMakes(t, macKey(), l, s, firstVersion)
	wantMakes(t, without(wrapKey(), p11.CKA_ALLOWED_MECHANISMS), l, s, firstVersion)
	wantOpenError(t, c, ErrDomainKey, "attribute 0x40000600 of the domain key v1 is")
}

// The audit does not believe attributes. Each of these keys is as a device may make it that says one thing and does another.
func TestAuditFindsWhatAttributesHide(t *testing.T) {
	c := newToken(t, "")
	d := openDevice(t, c)
	l, s := workshop(t, c)
	readable := flag(p11.CKA_SENSITIVE, false)
	wrappable := flag(p11.CKA_WRAP_WITH_TRUSTED, false)
	copyable := []attribute{flag(p11.CKA_COPYABLE, true), flag(p11.CKA_MODIFIABLE, true)}
	for version, tc := range []struct {
		o    domainObject
		want string
	}{
		{without(wrapKey(), p11.CKA_UNWRAP_TEMPLATE), "opens tokens to keys that are readable"},
		{changed(wrapKey(), readable), "shows its value"},
		{changed(wrapKey(), wrappable), "wraps out"},
		{changed(wrapKey(), copyable...), "can be copied"},
		{changed(wrapKey(), flag(p11.CKA_WRAP, false)), "does not wrap"},
		{changed(macKey(), readable), "shows its value"},
		{changed(macKey(), wrappable), "wraps out"},
		{changed(macKey(), copyable...), "can be copied"},
	} {
		keys := domainKeys{version: uint32(version + 100)}
		for _, x := range []struct {
			o  domainObject
			at *object
		}{{macKey(), &keys.mac}, {wrapKey(), &keys.wrap}} {
			if x.o.name == tc.o.name {
				x.o = tc.o
			}
			wantMakes(t, x.o, l, s, keys.version)
			made, err := l.objects(s, octets(p11.CKA_ID, x.o.id(keys.version)))
			if err != nil || len(made) != 1 {
				t.Fatal(len(made), err)
			}
			*x.at = made[0]
		}
		err := d.auditCustody(keys)
		if !errors.Is(err, ErrSelfTest) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.o.name) {
			t.Errorf("%s: %v; want ErrSelfTest with %q", tc.o.name, err, tc.want)
		}
	}
	if err := d.auditCustody(d.current); err != nil {
		t.Errorf("the right keys: %v", err)
	}
	checkClean(t, "after the audits", d)
}
