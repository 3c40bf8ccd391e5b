package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// readyTime is how long the daemon may take to start.
const readyTime = 30 * time.Second

// ostiary is a running daemon.
type ostiary struct {
	target
	ready time.Duration // from its start until it answered
	conn  *connection   // for single calls
}

// startOstiary starts the daemon on dir and waits until it answers.
func startOstiary(ctx context.Context, p plan, dir string) (*ostiary, error) {
	path, err := filepath.Abs(p.daemon)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	env := filepath.Join(dir, "env")
	if err := os.Remove(env); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	began := time.Now()
	args := []string{"dev", "--data", dir, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--handles", strconv.Itoa(p.handles())}
	if p.profile != "" {
		args = append(args, "--cpuprofile", p.profile)
	}
	proc := command(ctx, path, args...)
	if err := proc.start(); err != nil {
		return nil, err
	}
	o := &ostiary{target: target{process: proc, name: "ostiary"}}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := o.await(ctx, env); err != nil {
		return nil, errors.Join(fmt.Errorf("ostiary did not start: %w", err), proc.stop())
	}
	o.ready = time.Since(began)
	return o, nil
}

// await waits for the env file, which appears when the daemon serves, and for the answer to a first call.
func (o *ostiary) await(ctx context.Context, env string) error {
	for {
		text, err := os.ReadFile(env)
		if err == nil {
			if err := o.configure(string(text)); err != nil {
				return err
			}
			_, err = o.call(ctx, getCallerIdentity())
			return err
		}
		if !os.IsNotExist(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// configure takes endpoint and credentials from the text of an env file: lines of the form export NAME=value.
func (o *ostiary) configure(text string) error {
	vars := make(map[string]string)
	for line := range strings.Lines(text) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			vars[name] = strings.Trim(value, `'"`)
		}
	}
	addr, ok := strings.CutPrefix(vars["AWS_ENDPOINT_URL"], "https://")
	if _, _, err := net.SplitHostPort(addr); !ok || err != nil {
		return fmt.Errorf("AWS_ENDPOINT_URL is %q", vars["AWS_ENDPOINT_URL"])
	}
	o.addr, o.caFile = addr, vars["AWS_CA_BUNDLE"]
	o.identity = identity{vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], vars["AWS_REGION"]}
	return nil
}

// call makes one call and gives the body of the answer.
func (o *ostiary) call(ctx context.Context, r request) ([]byte, error) {
	if o.conn == nil {
		cfg, err := clientConfig(o.caFile)
		if err != nil {
			return nil, err
		}
		if o.conn, err = dial(ctx, o.addr, cfg); err != nil {
			return nil, err
		}
	}
	if err := o.conn.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	body, err := o.conn.call(sign(r, o.identity, o.addr, time.Now()), true)
	if err != nil || o.conn.last {
		err = errors.Join(err, o.conn.close())
		o.conn = nil
	}
	return body, err
}

// get makes a call and decodes its JSON answer.
func get[T any](ctx context.Context, o *ostiary, r request) (T, error) {
	var answer T
	body, err := o.call(ctx, r)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w", r.Target, err)
	}
	return answer, nil
}

// createKey makes a key and gives its id.
func (o *ostiary) createKey(ctx context.Context) (string, error) {
	answer, err := get[struct{ KeyMetadata struct{ KeyId string } }](ctx, o, createKey())
	return answer.KeyMetadata.KeyId, err
}

// seal encrypts under a key and gives the ciphertext in base64.
func (o *ostiary) seal(ctx context.Context, key string) (string, error) {
	answer, err := get[struct{ CiphertextBlob string }](ctx, o, encrypt(key))
	return answer.CiphertextBlob, err
}

// keys lists the ids of all keys.
func (o *ostiary) keys(ctx context.Context) ([]string, error) {
	var ids []string
	for marker := ""; ; {
		answer, err := get[struct {
			Keys       []struct{ KeyId string }
			NextMarker string
			Truncated  bool
		}](ctx, o, listKeys(marker))
		if err != nil {
			return nil, err
		}
		for _, k := range answer.Keys {
			ids = append(ids, k.KeyId)
		}
		if !answer.Truncated {
			return ids, nil
		}
		marker = answer.NextMarker
	}
}

// memory tells the daemon's own from its device worker's.
func (o *ostiary) memory() (m memory, err error) {
	pids, err := family(o.pid())
	if err != nil {
		return m, err
	}
	if m.daemon, err = resident(pids[0]); err != nil {
		return m, err
	}
	m.worker, err = resident(pids[1:]...)
	return m, err
}

func (o *ostiary) stop() error {
	var err error
	if o.conn != nil {
		err = o.conn.close()
	}
	return errors.Join(err, o.process.stop())
}
