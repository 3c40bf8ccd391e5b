package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const loadClients = 16

// load is clients that use one key all the time and judge every answer.
type load struct {
	t       *testing.T
	kms     *kms.Client
	keyID   string
	served  atomic.Int64
	refused atomic.Int64
	longest atomic.Int64 // of a call, in nanoseconds
	stop    context.CancelFunc
	group   sync.WaitGroup
}

func startLoad(t *testing.T, s *server) *load {
	t.Helper()
	l := &load{t: t, kms: s.kms()}
	l.keyID = *newKey(t, l.kms).KeyId
	var ctx context.Context
	ctx, l.stop = context.WithCancel(t.Context())
	for i := range loadClients {
		l.group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.use(t.Context(), fmt.Sprintf("text %d of client %d", n, i))
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// end stops the clients and waits for them.
func (l *load) end() {
	l.stop()
	l.group.Wait()
}

// use makes one round of calls. A wrong answer fails the test; an error must be one that clients retry.
func (l *load) use(ctx context.Context, text string) {
	var sealed *kms.EncryptOutput
	ok := l.call("Encrypt", func() (err error) {
		sealed, err = l.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &l.keyID, Plaintext: []byte(text)})
		return err
	})
	if ok {
		l.opens(ctx, sealed.CiphertextBlob, []byte(text))
	}
	var data *kms.GenerateDataKeyOutput
	ok = l.call("GenerateDataKey", func() (err error) {
		data, err = l.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &l.keyID, KeySpec: types.DataKeySpecAes256})
		return err
	})
	if ok {
		l.opens(ctx, data.CiphertextBlob, data.Plaintext)
	}
	l.call("GenerateRandom", func() error {
		out, err := l.kms.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(64)})
		if err == nil && (len(out.Plaintext) != 64 || bytes.Equal(out.Plaintext, make([]byte, 64))) {
			l.t.Errorf("GenerateRandom = %x", out.Plaintext)
		}
		return err
	})
}

func (l *load) opens(ctx context.Context, blob, want []byte) {
	l.call("Decrypt", func() error {
		out, err := l.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
		if err == nil && !bytes.Equal(out.Plaintext, want) {
			l.t.Errorf("Decrypt = %x, want %x", out.Plaintext, want)
		}
		return err
	})
}

// call counts a call's outcome.
func (l *load) call(name string, call func() error) (ok bool) {
	began := time.Now()
	err := call()
	for took := int64(time.Since(began)); ; {
		old := l.longest.Load()
		if took <= old || l.longest.CompareAndSwap(old, took) {
			break
		}
	}
	if err == nil {
		l.served.Add(1)
		return true
	}
	var modelled *types.DependencyTimeoutException
	var response *awshttp.ResponseError
	if !errors.As(err, &modelled) || !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusServiceUnavailable {
		l.t.Errorf("%s: %v, which is no retryable error", name, err)
	}
	l.refused.Add(1)
	return false
}

// TestWorkerKilled kills the device worker again and again under load. Nothing is answered wrongly, hardly anything fails,
// and the service is back within a second.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	const kills = 5
	s := newServer(t)
	l := startLoad(t, s)
	for range kills {
		busy(t, l)
		pid := s.worker()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wait(t, "another worker", func() bool { return !alive(pid) && s.worker() != pid })
		began := time.Now()
		busy(t, l)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the service was back after %v", took)
		}
	}
	l.end()
	served, refused := l.served.Load(), l.refused.Load()
	t.Logf("%d calls served, %d refused, the longest took %v", served, refused, time.Duration(l.longest.Load()))
	if refused*100 > served {
		t.Errorf("%d of %d calls failed", refused, served+refused)
	}
}

// busy waits until every client has been served some calls more.
func busy(t *testing.T, l *load) {
	t.Helper()
	before := l.served.Load()
	wait(t, "clients to be served", func() bool { return l.served.Load() > before+5*loadClients })
}

// TestWorkerStopped stops the device worker as a hanging library would. No call waits longer than the deadline allows, and
// the worker is replaced.
func TestWorkerStopped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	l := startLoad(t, s)
	busy(t, l)
	pid := s.worker()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wait(t, "the stopped worker to be replaced", func() bool { return !alive(pid) })
	busy(t, l)
	l.end()
	const deadline, margin = 3 * time.Second, 2 * time.Second
	if longest := time.Duration(l.longest.Load()); longest > deadline+margin {
		t.Errorf("a call took %v, the device's deadline is %v", longest, deadline)
	}
	t.Logf("%d calls served, %d refused, the longest took %v", l.served.Load(), l.refused.Load(), time.Duration(l.longest.Load()))
	if n := l.refused.Load(); n > 2*loadClients {
		t.Errorf("%d calls failed, more than the clients had on their way", n)
	}
}

// TestFewHandles uses more keys than the device may hold, from many clients, while workers are killed: every key opens its
// own ciphertexts and no other's.
func TestFewHandles(t *testing.T) {
	t.Parallel()
	const keys = 24
	s := newServer(t, "--handles", "4")
	c := s.kms()
	var ids, texts [keys]string
	var blobs [keys][]byte
	for i := range keys {
		ids[i], texts[i] = *newKey(t, c).KeyId, fmt.Sprintf("text of key %d", i)
		blobs[i] = encrypt(t, c, ids[i], texts[i])
	}
	var group sync.WaitGroup
	for client := range loadClients {
		group.Go(func() {
			for n := range 60 {
				i := (n*7 + client*5) % keys
				decrypts(t, c, blobs[i], texts[i])
				decrypts(t, c, encrypt(t, c, ids[i], texts[i]), texts[i])
			}
		})
	}
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		if err := syscall.Kill(s.worker(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if n := s.metric(t, "ostiary_device_handles"); n > 4 {
		t.Errorf("the device holds %v keys, at most 4 are allowed", n)
	}
}
