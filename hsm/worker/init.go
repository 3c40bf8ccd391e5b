package worker

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"ostiary.dev/secret"
)

// InitConfig says how to make a token and its domain key.
type InitConfig struct {
	// Config names the program, the library, the token by its label, and the PIN file with the user PIN that the token has or is
	// to have.
	Config
	// The security officer's PIN: itself, or the absolute path of the file that has it. It must be the same when an
	// interrupted Init is repeated.
	SOPIN     secret.Bytes
	SOPINFile string
}

// InitWord is the argument that makes the worker program make a token instead of serving.
const InitWord = "init"

// InitRequest is what the worker program is asked to make. It travels as the first frame; the SO PIN is in it if the daemon
// has it and not a file.
type InitRequest struct {
	Settings  Settings `json:"settings"`
	SOPINFile string   `json:"soPinFile,omitempty"`
	SOPIN     []byte   `json:"soPin,omitempty"`
}

// initReply is the worker's answer.
type initReply struct {
	Done  bool        `json:"done"`
	Error *StartError `json:"error,omitempty"`
}

// initTimeout bounds an Init: some HSMs take a while to erase a token.
const initTimeout = 2 * time.Minute

// Init makes the token with its user PIN, and the domain key in it, as far as they are missing, in a process of its own. It may
// be repeated after any failure, which is a *StartError. It must be called only for a domain that has no keys yet: where the
// domain key of a domain in use was lost, it would make another, under which the old tokens do not open.
func Init(ctx context.Context, cfg InitConfig) error {
	full, err := cfg.withDefaults()
	if err != nil {
		return &StartError{StartSettings, err.Error()}
	}
	if cfg.SOPIN.Len() == 0 && !goodPath(cfg.SOPINFile) {
		return &StartError{StartSettings, "init needs the security officer's PIN, or the absolute path of its file"}
	}
	// The kernel ends the process when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, conn, err := begin(&full, InitWord)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := InitRequest{Settings: full.Settings, SOPIN: cfg.SOPIN.Reveal(), SOPINFile: cfg.SOPINFile}
	var reply initReply
	err = converse(ctx, conn, newFrameReader(conn), initTimeout, request, &reply)
	if err == nil && reply.Error != nil {
		err = reply.Error
	}
	if err == nil && !reply.Done {
		err = errFrame
	}
	if err != nil {
		return p.stillborn(ctx, err)
	}
	p.finish()
	return nil
}

// ServeInit is the worker's side of Init: it reads the request, lets makeToken do it and tells the outcome. An error of
// makeToken should be a *StartError; it is told to the daemon and returned.
func ServeInit(ctx context.Context, conn io.ReadWriter, makeToken func(context.Context, InitRequest) error) error {
	frames := newFrameReader(conn)
	frame, err := frames.next()
	if err != nil {
		return err
	}
	var request InitRequest
	if err := decodeHandshake(frame, &request); err != nil {
		return err
	}
	frames.release() // the SO PIN
	defer clear(request.SOPIN)
	if request.Settings, err = request.Settings.withDefaults(); err != nil {
		err = &StartError{StartSettings, err.Error()}
	} else {
		err = makeToken(ctx, request)
	}
	if err != nil {
		told := startError(err)
		return errors.Join(told, writeHandshake(conn, initReply{Error: told}))
	}
	return writeHandshake(conn, initReply{Done: true})
}
