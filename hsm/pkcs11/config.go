package pkcs11

import (
	"errors"
	"fmt"
	"log/slog"

	"ostiary.dev/secret"
)

// Defaults of Config.
const (
	DefaultHandleLimit = 10_000
	DefaultSessions    = 4
)

// Config says which device to open and how to use it.
type Config struct {
	Library string       // path of the PKCS#11 library
	Label   string       // CKA label of the token; may be empty if Serial is given
	Serial  string       // serial number of the token, if the label is not unique
	PIN     secret.Bytes // the user PIN; read at Open and not kept

	HandleLimit int // backing keys held open in the device at most, if not in use; default DefaultHandleLimit
	Sessions    int // calls that run in the device in parallel, 1 to 256; default DefaultSessions

	Log *slog.Logger // default: discards
}

// withDefaults fills in what is not set and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.HandleLimit == 0 {
		c.HandleLimit = DefaultHandleLimit
	}
	if c.Sessions == 0 {
		c.Sessions = DefaultSessions
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Label == "" && c.Serial == "":
		return c, fmt.Errorf("%w: neither its label nor its serial number is configured", ErrNoToken)
	case c.HandleLimit < 1:
		return c, errors.New("the handle limit must be at least 1")
	case c.Sessions < 1 || c.Sessions > 256:
		return c, errors.New("the number of sessions must be 1 to 256")
	}
	return c, nil
}

// names reports whether p holds the token that c asks for.
func (c Config) names(p place) bool {
	return (c.Label == "" || c.Label == p.info.Label) && (c.Serial == "" || c.Serial == p.info.SerialNumber)
}

func (c Config) wanted() string {
	switch {
	case c.Serial == "":
		return fmt.Sprintf("label %q", c.Label)
	case c.Label == "":
		return "serial " + c.Serial
	}
	return fmt.Sprintf("label %q with serial %s", c.Label, c.Serial)
}
