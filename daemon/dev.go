package daemon

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ostiary.dev/audit"
	"ostiary.dev/cluster"
	"ostiary.dev/durable"
	"ostiary.dev/kms"
	"ostiary.dev/state"
)

// Dev runs `ostiary dev`: one node on a SoftHSM token, with everything under one folder. It returns when ctx ends (nil)
// or with what went wrong; a *Problem can be mended by whoever started it.
func Dev(ctx context.Context, c DevConfig) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Worker == "" {
		var err error
		if c.Worker, err = findWorker(); err != nil {
			return err
		}
	}
	f, err := openFolder(c.Dir, c.Clean)
	if err != nil {
		return err
	}
	defer f.close()
	apiListener, err := listen(ctx, c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer apiListener.Close()
	apiListener = limitConnections(apiListener, connectionLimit(openFiles()))
	metricsListener, err := listen(ctx, c.Metrics, "--metrics")
	if err != nil {
		return err
	}
	defer metricsListener.Close()
	return c.serve(ctx, f, apiListener, metricsListener)
}

// listen opens a listener; a port in use is the commonest thing that can go wrong.
func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &Problem{What: "address " + address + " is in use", Do: "stop the program that listens there, or choose another with " + flag}
	}
	if err != nil {
		return nil, &Problem{What: "cannot listen on " + address, Err: err, Do: "choose another with " + flag}
	}
	return l, nil
}

// serve starts the parts, serves, and stops them.
func (c *DevConfig) serve(ctx context.Context, f *folder, apiListener, metricsListener net.Listener) (err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // the parts outlive ctx until the last call is answered
	defer end()
	n := &node{life: life, log: c.Log, now: c.Now, routine: c.routine, meters: newMeters(), purge: newPurge(f.file(purgeFile), c.routine)}
	defer func() {
		last, cancel := context.WithTimeout(life, c.routine.shutdown)
		defer cancel()
		err = errors.Join(err, n.close(last))
	}()
	if err := c.startParts(ctx, f, n); err != nil {
		return quiet(ctx, err)
	}
	who, err := c.found(ctx, f, n, apiListener.Addr())
	if err != nil {
		return quiet(ctx, err)
	}
	n.meters.watch(n)
	endpoint := "https://" + hostPort(apiListener.Addr())
	return n.run(ctx, apiListener, metricsListener, func(ctx context.Context) error {
		if err := n.answers(ctx, endpoint); err != nil {
			return quiet(ctx, err)
		}
		if err := f.writeEnv(endpoint, c.Regions[0], who); err != nil {
			return &Problem{What: "the env file cannot be written", Err: err}
		}
		c.banner(f, n, endpoint, "http://"+hostPort(metricsListener.Addr()))
		return nil
	})
}

// quiet makes a stop that was asked for during the start no error.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// startParts starts the audit log, the cluster node and the device worker.
func (c *DevConfig) startParts(ctx context.Context, f *folder, n *node) error {
	sync := audit.SyncKernel
	if c.SyncAudit {
		sync = audit.SyncDisk
	}
	var err error
	if n.audit, err = audit.Open(audit.Config{Dir: f.file(auditDir), Node: nodeID, Sync: sync, Now: c.Now, Log: c.Log}); err != nil {
		return &Problem{What: "the audit log cannot be opened", Err: err}
	}
	n.store = state.New()
	n.raft, err = cluster.Open(cluster.Config{Dir: f.file(raftDir), NodeID: nodeID, Store: n.store, Log: c.Log, Now: c.Now,
		Bootstrap: true, Committed: func(took time.Duration) { n.meters.commits.Observe(took.Seconds()) }})
	if err != nil {
		return &Problem{What: "the replicated state cannot be opened", Err: err}
	}
	select {
	case <-n.raft.Ready():
	case <-n.raft.Done():
		return &Problem{What: "the replicated state cannot be used", Err: n.raft.Err()}
	case <-ctx.Done():
		return ctx.Err()
	}
	n.worker, err = c.softToken(ctx, f, n.meters, n.store.View().Cluster() != nil)
	return err
}

const nodeID = "dev-1"

// found makes what a new folder lacks and puts the services together.
func (c *DevConfig) found(ctx context.Context, f *folder, n *node, address net.Addr) (credentials, error) {
	found := &founder{device: n.worker, cluster: replicator{n.raft}, view: n.store.View, now: c.Now}
	if err := found.found(ctx, c.Regions); err != nil {
		return credentials{}, &Problem{What: "the cluster cannot be founded", Err: err}
	}
	if err := f.forgetSOPIN(); err != nil {
		return credentials{}, err
	}
	shared := n.store.View().Cluster()
	box, err := openBox(ctx, n.worker, shared)
	if err != nil {
		return credentials{}, &Problem{What: "this folder's token does not hold its keys", Err: err,
			Do: "put back the " + tokenDir + " and " + raftDir + " folders that belong together"}
	}
	who, err := found.account(ctx, box, c.Account)
	if err != nil {
		return credentials{}, &Problem{What: "account " + c.Account + " cannot be made", Err: err}
	}
	hostname, _ := os.Hostname() // "" is no name to answer to
	if n.certs, err = newCertificates(n.worker, shared.CA, shared.CACertificate, serverNames(address.String(), hostname), c.Now); err != nil {
		return credentials{}, err
	}
	if err := n.certs.renew(ctx); err != nil {
		return credentials{}, &Problem{What: "the server certificate cannot be made", Err: err}
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shared.CACertificate})
	if err := durable.WriteFile(f.file(caFile), ca, 0o644); err != nil {
		return credentials{}, &Problem{What: "the CA file cannot be written", Err: err}
	}
	n.kms = kms.New(kms.Config{Device: n.worker, Cluster: replicator{n.raft}, Now: c.Now, Rand: rand.Reader})
	n.makeServers(box)
	return who, nil
}

// answers makes one request as a client would, so that the banner is not printed before the endpoint really serves.
func (n *node) answers(ctx context.Context, endpoint string) error {
	pool := x509.NewCertPool()
	pool.AddCert(n.certs.ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Time: n.now, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		return &Problem{What: "the API does not answer at " + endpoint, Err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden { // it asks for a signature
		return &Problem{What: fmt.Sprintf("the API answers status %d to an unsigned request at %s", answer.StatusCode, endpoint)}
	}
	return n.ready(ctx)
}

// hostPort is an address for a client on this machine.
func hostPort(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return a.String()
}

func (c *DevConfig) banner(f *folder, n *node, endpoint, metrics string) {
	env := f.file(envFile)
	if here, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(here, env); err == nil && filepath.IsLocal(short) {
			env = short
		}
	}
	fmt.Fprintf(c.Out, `ostiary dev serves KMS and STS at %s
account %s, regions %s; metrics at %s/metrics

In another shell:
  source %s
  aws kms create-key

Ctrl-C stops it; the keys stay in %s. For trying and testing only: the PIN lies beside the token.
`, endpoint, c.Account, strings.Join(n.store.View().Cluster().Regions, " "), metrics, shellQuote(env), f.path)
}
