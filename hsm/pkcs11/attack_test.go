package pkcs11

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
	"ostiary.dev/secret"
)

// The attacker has the user PIN, the library and every token of the cluster, in a process of their own. What they may do is
// use the keys; what they must never get is a key.
type attacker struct {
	lib     *library
	session session // read-write: more than the worker has
	tokens  []hsm.Token
	results map[string]uint // attack to return code; 0 is a success, which is the defender's defeat
}

// brief is what the attacker is told, as JSON in the environment.
type brief struct {
	Library, Label string
	Tokens         [][]byte
}

const briefVariable = "OSTIARY_PKCS11_TEST_BRIEF"

func TestUserPINAloneTakesNothingOut(t *testing.T) {
	c := newToken(t, "")
	d := openDevice(t, c)
	tokens := [][]byte{
		mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key"),
		mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca"),
	}
	b, err := json.Marshal(brief{c.Library, c.Label, tokens})
	if err != nil {
		t.Fatal(err)
	}
	out := runChild(t, "attacker", briefVariable+"="+string(b))
	var results map[string]uint
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	if len(results) < 80 {
		t.Errorf("only %d attacks were tried", len(results))
	}
	checkDefended(t, results)
}

// The same from another session of the worker's own process, which also sees the keys that the worker has open.
func TestSecondSessionTakesNothingOut(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca")
	s, err := d.lib.openSession(d.place.slot, true)
	if err != nil {
		t.Fatal(err)
	}
	a := attacker{lib: d.lib, session: s, results: map[string]uint{}}
	var open []object
	for _, class := range []uint{p11.CKO_SECRET_KEY, p11.CKO_PRIVATE_KEY} {
		found, err := a.lib.objects(s, numbers(p11.CKA_CLASS, class), flag(p11.CKA_TOKEN, false))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, found...)
	}
	if len(open) != 2 {
		t.Fatalf("the device holds %d session keys, want the 2 that it has open: something extractable was left behind", len(open))
	}
	for i, o := range open {
		a.takeOut(fmt.Sprintf("open key %d", i), o)
	}
	checkDefended(t, a.results)
	if err := fromMiekg("C_CloseSession", d.lib.ctx.CloseSession(s)); err != nil {
		t.Error(err)
	}
}

// checkDefended wants every attack refused as such: a crash or a lost session proves nothing.
func checkDefended(t *testing.T, results map[string]uint) {
	t.Helper()
	for attack, code := range results {
		switch {
		case code == 0:
			t.Errorf("SUCCEEDED: %s", attack)
		case classify(code) != classInput && code != p11.CKR_GENERAL_ERROR:
			t.Errorf("%s failed with %v, which is no refusal", attack, p11.Error(code))
		}
	}
}

// attackMain is the second process. It prints its results as JSON.
func attackMain() error {
	var b brief
	if err := json.Unmarshal([]byte(os.Getenv(briefVariable)), &b); err != nil {
		return err
	}
	conn, err := connect(Config{Library: b.Library, Label: b.Label, PIN: secret.FromString(userPIN)})
	if err != nil {
		return err
	}
	a := attacker{lib: conn.lib, results: map[string]uint{}}
	if a.session, err = conn.lib.openSession(conn.place.slot, true); err != nil {
		return err
	}
	for _, token := range b.Tokens {
		t, err := hsm.ParseToken(token)
		if err != nil {
			return err
		}
		a.tokens = append(a.tokens, t)
	}
	keys, err := a.lib.domain(a.session)
	if err != nil {
		return err
	}
	a.takeOut("domain key", keys[1].wrap)
	a.takeOut("MAC key", keys[1].mac)
	a.useOtherwise(keys[1])
	a.becomeTrusted(keys[1])
	for _, t := range a.tokens {
		if err := a.openLeakily(keys[1], t); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(a.results); err != nil {
		return err
	}
	return conn.disconnect()
}

func (a *attacker) note(attack string, err error) {
	code := codeOf(err)
	if err != nil && code == 0 {
		code = p11.CKR_VENDOR_DEFINED // not an answer of the device
	}
	a.results[attack] = code
}

// weaker are the attributes that would open a key, one by one.
func weaker() []attribute {
	return []attribute{
		flag(p11.CKA_SENSITIVE, false),
		flag(p11.CKA_EXTRACTABLE, true),
		flag(p11.CKA_WRAP_WITH_TRUSTED, false),
		flag(p11.CKA_PRIVATE, false),
		flag(p11.CKA_DECRYPT, true),
		flag(p11.CKA_ENCRYPT, true),
		flag(p11.CKA_DERIVE, true),
		flag(p11.CKA_UNWRAP, true),
		flag(p11.CKA_MODIFIABLE, true),
		flag(p11.CKA_COPYABLE, true),
		flag(p11.CKA_TOKEN, true),
		numbers(p11.CKA_ALLOWED_MECHANISMS, p11.CKM_AES_ECB, p11.CKM_AES_CBC_PAD),
	}
}

// takeOut tries to get key's value or to weaken it.
func (a *attacker) takeOut(name string, key object) {
	value, err := a.lib.attribute(a.session, key, p11.CKA_VALUE)
	if err == nil && len(value) == 0 {
		err = &CallError{Code: p11.CKR_ATTRIBUTE_SENSITIVE}
	}
	a.note(name+": read its value", err)
	for _, w := range weaker() {
		if string(w.value) == "\x01" && w.kind == p11.CKA_EXTRACTABLE && name[0] != 'o' {
			continue // the two token keys are extractable, to a trusted key
		}
		attack := fmt.Sprintf("%s: attribute 0x%X = %x", name, w.kind, w.value)
		a.note(attack+", set", fromMiekg("C_SetAttributeValue",
			a.lib.ctx.SetAttributeValue(a.session, key, []*p11.Attribute{p11.NewAttribute(w.kind, w.value)})))
		t := newTemplate(w)
		_, err := a.lib.copyObject(a.session, key, t)
		a.note(attack+", copied", err)
	}
	a.wrapOut(name, key)
}

// wrapOut tries to wrap key under keys whose values the attacker knows or can use.
func (a *attacker) wrapOut(name string, key object) {
	aes := newTemplate(
		numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY), numbers(p11.CKA_KEY_TYPE, p11.CKK_AES), flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_WRAP, true), octets(p11.CKA_VALUE, make([]byte, 32)))
	known, err := a.lib.create(a.session, aes)
	if err != nil {
		a.note(name+": (no key to wrap it with)", err)
		return
	}
	var out [maxWrapped]byte
	for _, m := range []uint{keyWrapPad, p11.CKM_AES_KEY_WRAP} {
		_, err := a.lib.wrap(a.session, m, known, key, out[:])
		a.note(fmt.Sprintf("%s: wrap it with 0x%X under a known AES key", name, m), err)
	}
	public, _, err := a.rsaPair()
	if err != nil {
		a.note(name+": (no RSA key to wrap it with)", err)
		return
	}
	_, err = a.lib.wrap(a.session, p11.CKM_RSA_PKCS, public, key, out[:])
	a.note(name+": wrap it under an RSA key", err)
}

func (a *attacker) rsaPair() (public, private object, err error) {
	pub := newTemplate(flag(p11.CKA_TOKEN, false), numbers(p11.CKA_MODULUS_BITS, 2048),
		octets(p11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), flag(p11.CKA_WRAP, true))
	priv := newTemplate(flag(p11.CKA_TOKEN, false), flag(p11.CKA_DECRYPT, true))
	return a.lib.generatePair(a.session, p11.CKM_RSA_PKCS_KEY_PAIR_GEN, pub, priv)
}

// becomeTrusted tries to make a wrapping key trusted, and to wrap with it.
func (a *attacker) becomeTrusted(keys domainKeys) {
	t := newTemplate(
		numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY), numbers(p11.CKA_KEY_TYPE, p11.CKK_AES), flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_WRAP, true), flag(p11.CKA_TRUSTED, true), octets(p11.CKA_VALUE, make([]byte, 32)))
	_, err := a.lib.create(a.session, t)
	a.note("trusted key: make one", err)
	a.note("trusted key: make the domain key one", fromMiekg("C_SetAttributeValue",
		a.lib.ctx.SetAttributeValue(a.session, keys.wrap, []*p11.Attribute{p11.NewAttribute(p11.CKA_TRUSTED, true)})))
	var out [maxWrapped]byte
	_, err = a.lib.wrap(a.session, keyWrapPad, keys.wrap, keys.mac, out[:])
	a.note("trusted key: wrap the MAC key under the domain key", err)
	_, err = a.lib.wrap(a.session, keyWrapPad, keys.wrap, keys.wrap, out[:])
	a.note("trusted key: wrap the domain key under itself", err)
}

// useOtherwise tries what the two long-lived keys are not for: every such use is a step to an oracle that opens tokens.
func (a *attacker) useOtherwise(keys domainKeys) {
	ecb := []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_ECB, nil)}
	a.note("domain key: decrypt", fromMiekg("C_DecryptInit", a.lib.ctx.DecryptInit(a.session, ecb, keys.wrap)))
	a.note("domain key: encrypt", fromMiekg("C_EncryptInit", a.lib.ctx.EncryptInit(a.session, ecb, keys.wrap)))
	var out [maxWrapped]byte
	_, err := a.lib.sign(a.session, p11.CKM_AES_CMAC, keys.wrap, make([]byte, 16), out[:])
	a.note("domain key: CMAC", err)
	for _, m := range []uint{p11.CKM_MD5_HMAC, p11.CKM_SHA512_HMAC} {
		_, err := a.lib.sign(a.session, m, keys.mac, make([]byte, 16), out[:])
		a.note(fmt.Sprintf("MAC key: mechanism 0x%X", m), err)
	}
	victim := a.tokens[0]
	for _, m := range []uint{p11.CKM_AES_KEY_WRAP, p11.CKM_AES_CBC, p11.CKM_AES_CBC_PAD, p11.CKM_AES_ECB} {
		_, err := a.lib.unwrap(a.session, m, keys.wrap, victim.Wrapped[:32], unwrapAs(victim, nil))
		a.note(fmt.Sprintf("domain key: unwrap with 0x%X", m), err)
	}
	derive := p11.NewMechanism(p11.CKM_AES_ECB_ENCRYPT_DATA, append(make([]byte, 16), make([]byte, 16)...))
	_, err = a.lib.ctx.DeriveKey(a.session, []*p11.Mechanism{derive}, keys.wrap, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_SECRET_KEY), p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
		p11.NewAttribute(p11.CKA_VALUE_LEN, 16), p11.NewAttribute(p11.CKA_SENSITIVE, false)})
	a.note("domain key: derive from it", fromMiekg("C_DeriveKey", err))
}

// openLeakily tries to open a token to a key that can be read or kept, and then to take out what opens properly.
func (a *attacker) openLeakily(keys domainKeys, t hsm.Token) error {
	for _, w := range []attribute{
		flag(p11.CKA_SENSITIVE, false), flag(p11.CKA_EXTRACTABLE, true), flag(p11.CKA_TOKEN, true),
	} {
		_, err := a.lib.unwrap(a.session, keyWrapPad, keys.wrap, t.Wrapped, unwrapAs(t, &w))
		a.note(fmt.Sprintf("token of %s: open it with attribute 0x%X = %x", t.KeyID, w.kind, w.value), err)
		if w.kind == p11.CKA_TOKEN {
			continue // its absence means false
		}
		without := unwrapAs(t, nil)
		without.array = slices.DeleteFunc(without.array, func(c ckAttribute) bool { return uint(c._type) == w.kind })
		_, err = a.lib.unwrap(a.session, keyWrapPad, keys.wrap, t.Wrapped, without)
		a.note(fmt.Sprintf("token of %s: open it without attribute 0x%X", t.KeyID, w.kind), err)
	}
	proper, err := a.lib.unwrap(a.session, keyWrapPad, keys.wrap, t.Wrapped, unwrapAs(t, nil))
	if err != nil {
		return fmt.Errorf("the token does not open at all, so nothing was shown: %w", err)
	}
	// The attacker chose the attributes that the domain key leaves to them, so copies with other uses are no news.
	value, err := a.lib.attribute(a.session, proper, p11.CKA_VALUE)
	if err == nil && len(value) == 0 {
		err = &CallError{Code: p11.CKR_ATTRIBUTE_SENSITIVE}
	}
	a.note("opened "+t.KeyID+": read its value", err)
	for _, w := range []attribute{flag(p11.CKA_SENSITIVE, false), flag(p11.CKA_EXTRACTABLE, true)} {
		a.note(fmt.Sprintf("opened %s: set attribute 0x%X", t.KeyID, w.kind), fromMiekg("C_SetAttributeValue",
			a.lib.ctx.SetAttributeValue(a.session, proper, []*p11.Attribute{p11.NewAttribute(w.kind, w.value)})))
		c := newTemplate(w)
		_, err := a.lib.copyObject(a.session, proper, c)
		a.note(fmt.Sprintf("opened %s: copy with attribute 0x%X", t.KeyID, w.kind), err)
	}
	a.wrapOut("opened "+t.KeyID, proper)
	return nil
}

// unwrapAs is the attributes that open t as what it is, with one of them changed.
func unwrapAs(t hsm.Token, change *attribute) *template {
	class, kind := uint(p11.CKO_SECRET_KEY), uint(p11.CKK_GENERIC_SECRET)
	if t.Spec == hsm.ECCNISTP256 {
		class, kind = p11.CKO_PRIVATE_KEY, p11.CKK_EC
	}
	all := []attribute{
		numbers(p11.CKA_CLASS, class), numbers(p11.CKA_KEY_TYPE, kind), flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_SENSITIVE, true), flag(p11.CKA_EXTRACTABLE, false), flag(p11.CKA_SIGN, true),
	}
	for i := range all {
		if change != nil && all[i].kind == change.kind {
			all[i] = *change
		}
	}
	return newTemplate(all...)
}
