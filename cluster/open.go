package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"

	"ostiary.dev/cluster/lease"
)

// Open opens the node in cfg.Dir and starts it. It returns when the state is restored as far as the last snapshot; the
// node is ready ([Node.Ready]) once it leads and has applied the log. A folder that cannot be used gives a [*FolderError].
func Open(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:       cfg,
		store:     cfg.Store,
		lease:     lease.NewHolder(bootTime),
		notify:    make(chan bool, 16),
		done:      make(chan struct{}),
		ready:     make(chan struct{}),
		snapshots: make(chan struct{}, 1),
	}
	n.disk, err = openStorage(&cfg, hooks{failed: n.halt, snapshotTaken: n.snapshotTaken})
	if err != nil {
		return nil, err
	}
	n.snapshotIndex.Store(n.disk.restored)
	n.lease.Applied(n.disk.restored)
	if err := n.start(); err != nil {
		return nil, errors.Join(err, n.disk.close())
	}
	return n, nil
}

func (n *Node) start() error {
	transport := n.cfg.Transport
	if transport == nil {
		_, transport = raft.NewInmemTransport(raft.ServerAddress(n.cfg.NodeID))
	}
	rc := n.cfg.raft(n.notify)
	if n.disk.fresh {
		if err := n.bootstrap(rc, transport); err != nil {
			return fmt.Errorf("make the cluster: %w", err)
		}
	}
	fsm := &machine{store: n.store, applied: n.lease.Applied, members: n.membersChanged, corrupt: n.halt}
	var err error
	n.raft, err = raft.NewRaft(rc, fsm, n.disk.log, n.disk.log.Stable(), n.disk.snapshots, transport)
	if err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	n.running.Go(n.run)
	return n.campaign()
}

// bootstrap makes a cluster of this node alone.
func (n *Node) bootstrap(rc *raft.Config, transport raft.Transport) error {
	alone := raft.Configuration{Servers: []raft.Server{{ID: rc.LocalID, Address: transport.LocalAddr()}}}
	err := raft.BootstrapCluster(rc, n.disk.log, n.disk.log.Stable(), n.disk.snapshots, transport, alone)
	if err != nil {
		return err
	}
	return n.disk.initialised(&n.cfg)
}

// campaign makes a sole voter stand for election now: it would otherwise first wait for a leader that cannot be. Raft looks
// for one at once when its timeout becomes shorter.
func (n *Node) campaign() error {
	if !soleVoter(n.raft.GetConfiguration().Configuration(), n.cfg.NodeID) {
		return nil
	}
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
