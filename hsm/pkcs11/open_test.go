package pkcs11

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/secret"
)

// What an operator may get wrong: each is an error of its class, which names the thing.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	good := newToken(t, "")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	libc, err := filepath.Glob("/lib/*/libc.so.6")
	if err != nil || len(libc) == 0 {
		t.Fatalf("no libc to play the wrong library: %v", err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   error
		text   string
	}{
		"no library":         {func(c *Config) { c.Library = "" }, ErrLibrary, "no path"},
		"missing library":    {func(c *Config) { c.Library = "/nonexistent/p11.so" }, ErrLibrary, "/nonexistent/p11.so"},
		"not a library":      {func(c *Config) { c.Library = text }, ErrLibrary, text},
		"other library":      {func(c *Config) { c.Library = libc[0] }, ErrLibrary, "not a PKCS#11 library"},
		"no name":            {func(c *Config) { c.Label = "" }, ErrNoToken, "neither"},
		"other label":        {func(c *Config) { c.Label = "nobody" }, ErrNoToken, `want label "nobody"`},
		"label in the list":  {func(c *Config) { c.Label = "nobody" }, ErrNoToken, fmt.Sprintf("%q", good.Label)},
		"other serial":       {func(c *Config) { c.Serial = "0000" }, ErrNoToken, "with serial 0000"},
		"only a serial":      {func(c *Config) { c.Label, c.Serial = "", "0000" }, ErrNoToken, "want serial 0000"},
		"no PIN":             {func(c *Config) { c.PIN = secret.Bytes{} }, ErrPIN, "not given"},
		"wrong PIN":          {func(c *Config) { c.PIN = secret.FromString("wrong") }, ErrPIN, "CKR_PIN_INCORRECT"},
		"PIN with a newline": {func(c *Config) { c.PIN = secret.FromString(userPIN + "\n") }, ErrPIN, "correct the PIN file"},
		"endless PIN":        {func(c *Config) { c.PIN = secret.New(make([]byte, 4096)) }, ErrPIN, "correct the PIN file"},
		"handle limit":       {func(c *Config) { c.HandleLimit = -1 }, nil, "handle limit"},
		"sessions":           {func(c *Config) { c.Sessions = 257 }, nil, "1 to 256"},
	} {
		c := good
		tc.change(&c)
		d, err := Open(c)
		if err == nil {
			d.Close()
		}
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v; want %v with %q", name, err, tc.want, tc.text)
		}
		if err != nil && strings.Contains(err.Error(), userPIN) {
			t.Errorf("%s: the PIN is in the error: %v", name, err)
		}
	}
	openDevice(t, good) // after so many wrong PINs
}

// The flags of a token decide whether a PIN is tried at all.
func TestPINIsNotTriedInVain(t *testing.T) {
	c := newToken(t, "")
	l, s := workshop(t, c)
	p, err := l.find(c)
	if err != nil {
		t.Fatal(err)
	}
	for text, flags := range map[string]uint{
		"has no user PIN yet": p.info.Flags &^ p11.CKF_USER_PIN_INITIALIZED,
		"is locked":           p.info.Flags | p11.CKF_USER_PIN_LOCKED,
		"one more wrong":      p.info.Flags | p11.CKF_USER_PIN_FINAL_TRY,
		"asks for no login":   p.info.Flags &^ p11.CKF_LOGIN_REQUIRED,
	} {
		p := p
		p.info.Flags = flags
		before := l.calls.Load()
		if err := l.login(s, p, c.PIN); !errors.Is(err, ErrPIN) || !strings.Contains(err.Error(), text) {
			t.Errorf("login gave %v; want ErrPIN with %q", err, text)
		}
		if l.calls.Load() != before {
			t.Errorf("%s: the PIN was tried", text)
		}
	}
}

func TestSerialNamesOneOfTwo(t *testing.T) {
	c := newToken(t, "")
	d := openDevice(t, c)
	by := c
	by.Label, by.Serial = "", d.place.info.SerialNumber
	openDevice(t, by)
	by.Label = c.Label
	openDevice(t, by)
}

func TestInitToken(t *testing.T) {
	n := NewToken{Library: libraryPath(t), Label: t.Name(), UserPIN: secret.FromString(userPIN), SOPIN: secret.FromString(soPIN)}
	for name, change := range map[string]func(*NewToken){
		"no label":         func(n *NewToken) { n.Label = "" },
		"label too long":   func(n *NewToken) { n.Label = strings.Repeat("x", maxLabel+1) },
		"padded label":     func(n *NewToken) { n.Label = "x " },
		"label with NUL":   func(n *NewToken) { n.Label = "a\x00b" },
		"no user PIN":      func(n *NewToken) { n.UserPIN = secret.Bytes{} },
		"no SO PIN":        func(n *NewToken) { n.SOPIN = secret.Bytes{} },
		"SO PIN too short": func(n *NewToken) { n.SOPIN = secret.FromString("1") },
	} {
		bad := n
		change(&bad)
		if _, err := InitToken(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	// An interrupted call: the token is there and has no user PIN. Only who knows its SO PIN may finish it.
	l, err := openLibrary(n.Library)
	if err != nil {
		t.Fatal(err)
	}
	made, err := l.format(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	c := Config{Library: n.Library, Label: n.Label, PIN: n.UserPIN}
	wantOpenError(t, c, ErrPIN, "no user PIN yet")
	wrong := n
	wrong.SOPIN = secret.FromString("another officer")
	if _, err := InitToken(wrong); !errors.Is(err, ErrPIN) {
		t.Errorf("finishing with another SO PIN: %v, want ErrPIN", err)
	}
	serial, err := InitToken(n)
	if err != nil || serial != made.info.SerialNumber {
		t.Fatalf("InitToken = %q, %v; want to finish %q", serial, err, made.info.SerialNumber)
	}
	if _, err := InitToken(n); err == nil || !strings.Contains(err.Error(), "already has a token") {
		t.Errorf("second InitToken gave %v", err)
	}
	wantOpenError(t, c, ErrDomainKey, "holds none")
}

// Two tokens of one label can come from copying token folders about.
func TestAmbiguousLabel(t *testing.T) {
	n := NewToken{Library: libraryPath(t), Label: t.Name(), UserPIN: secret.FromString(userPIN), SOPIN: secret.FromString(soPIN)}
	l, err := openLibrary(n.Library)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if _, err := l.format(n); err != nil {
		t.Fatal(err)
	}
	if _, err := l.format(n); !errors.Is(err, ErrNoToken) {
		t.Errorf("second token of the label: %v, want ErrNoToken", err)
	}
	if _, err := InitToken(n); !errors.Is(err, ErrNoToken) {
		t.Errorf("InitToken gave %v, want ErrNoToken", err)
	}
	wantOpenError(t, Config{Library: n.Library, Label: n.Label, PIN: n.UserPIN}, ErrNoToken, "name one by its serial number")
}

func TestPrintable(t *testing.T) {
	if got := printable("SoftHSM \x1b[31m\n\u0085\x00\x00  "); got != "SoftHSM ?[31m??" {
		t.Errorf("printable gave %q", got)
	}
}
