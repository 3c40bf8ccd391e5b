package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
	"time"

	"ostiary.dev/cluster/lease"
)

// Open opens the node in cfg.Dir and starts it. It returns when the state is restored as far as the last snapshot; the
// node is ready ([Node.Ready]) once it leads and has applied the log. A folder that cannot be used gives a [*FolderError].
func Open(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	disk, err := openStorage(&cfg)
	if err != nil {
		return nil, err
	}
	n, err := start(cfg, disk)
	if err != nil {
		return nil, errors.Join(err, disk.close())
	}
	return n, nil
}

func start(cfg Config, disk *storage) (*Node, error) {
	n := &Node{
		cfg:    cfg,
		store:  cfg.Store,
		lease:  lease.NewHolder(bootTime),
		disk:   disk,
		notify: make(chan bool, 16),
		done:   make(chan struct{}),
		ready:  make(chan struct{}),
		stop:   make(chan struct{}),
	}
	n.fsm = &machine{store: cfg.Store, applied: n.lease.Applied, members: n.membersChanged, corrupt: n.halt}
	transport := cfg.Transport
	if transport == nil {
		_, transport = raft.NewInmemTransport(raft.ServerAddress(cfg.NodeID))
	}
	rc := cfg.raft(n.notify)
	if cfg.Bootstrap {
		if err := bootstrap(rc, disk, transport); err != nil {
			return nil, fmt.Errorf("make the cluster: %w", err)
		}
	}
	var err error
	n.raft, err = raft.NewRaft(rc, n.fsm, disk.log, disk.log, disk.snapshots, transport)
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	n.running.Go(n.run)
	return n, n.campaign()
}

func bootstrap(rc *raft.Config, disk *storage, transport raft.Transport) error {
	alone := raft.Configuration{Servers: []raft.Server{{ID: rc.LocalID, Address: transport.LocalAddr()}}}
	err := raft.BootstrapCluster(rc, disk.log, disk.log, disk.snapshots, transport, alone)
	if errors.Is(err, raft.ErrCantBootstrap) {
		return nil
	}
	return err
}

// campaign starts the first election, which otherwise waits for a heartbeat of a leader that there may be. It is also
// what puts the shorter of the two heartbeat timeouts into force.
func (n *Node) campaign() error {
	rc := n.raft.ReloadableConfig()
	rc.HeartbeatTimeout, rc.ElectionTimeout = heartbeat, heartbeat
	return n.raft.ReloadConfig(rc)
}

// bootTime is the time since boot, sleep included.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return lease.Forever // no lease that ends is valid
	}
	return time.Duration(ts.Nano())
}
