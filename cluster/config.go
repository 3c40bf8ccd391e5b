package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"ostiary.dev/state"
)

// Config is what a node needs. Dir, NodeID, Store, Log and Now are required.
type Config struct {
	Dir    string       // data folder; made if Bootstrap is set and it is missing
	NodeID string       // of this node, for ever: 1 to 64 letters, digits, '-', '_' and '.'
	Store  *state.Store // empty; the node fills it and is the only one to apply to it
	Log    *slog.Logger
	Now    func() time.Time

	// Bootstrap makes a new cluster with this node as its only voter if the folder is empty or missing. On a folder in
	// use it has no effect.
	Bootstrap bool

	// Transport connects the members. Without one the node can only be alone; it then becomes leader at once.
	Transport raft.Transport

	// ProposeTimeout bounds each proposal, beside the deadline of its context; 0 means 5 s.
	ProposeTimeout time.Duration
	// SnapshotEntries is the number of log entries after which a snapshot is taken; 0 means 8192. It bounds the time
	// that a start after a crash needs, and the size of the log.
	SnapshotEntries uint64
	// SnapshotInterval is how often that is looked at; 0 means 30 s.
	SnapshotInterval time.Duration

	// Committed, if set, is told how long each acknowledged command took. It must not block.
	Committed func(time.Duration)

	segment uint32 // size of log segments in bytes, for tests
}

const maxNodeID = 64 // bytes

func (c *Config) withDefaults() (Config, error) {
	d := *c
	switch {
	case d.Dir == "", d.Store == nil, d.Log == nil, d.Now == nil:
		return d, errors.New("cluster: Dir, Store, Log and Now are required")
	case !validNodeID(d.NodeID):
		return d, fmt.Errorf("cluster: node id %q: want 1 to %d letters, digits, '-', '_' or '.'", d.NodeID, maxNodeID)
	}
	if d.ProposeTimeout <= 0 {
		d.ProposeTimeout = 5 * time.Second
	}
	if d.SnapshotEntries == 0 {
		d.SnapshotEntries = 8192
	}
	if d.SnapshotInterval <= 0 {
		d.SnapshotInterval = 30 * time.Second
	}
	return d, nil
}

func validNodeID(id string) bool {
	for _, r := range id {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return false
		}
	}
	return id != "" && len(id) <= maxNodeID
}

const (
	heartbeat    = time.Second
	campaignStep = time.Millisecond // see Node.campaign
	leaderLease  = 500 * time.Millisecond
	trailingLogs = 4096 // entries kept behind a snapshot, so that a member that was away is not sent the whole state
)

func (c *Config) raft(notify chan<- bool) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.NodeID)
	r.Logger = newRaftLog(c.Log)
	r.NotifyCh = notify
	r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout = heartbeat+campaignStep, heartbeat+campaignStep, leaderLease
	r.MaxAppendEntries = 256
	r.SnapshotThreshold = c.SnapshotEntries
	r.SnapshotInterval = c.SnapshotInterval
	r.TrailingLogs = c.trailing()
	r.ShutdownOnRemove = false
	r.NoSnapshotRestoreOnStart = true // openStorage has restored it, before anything was changed
	r.NoLegacyTelemetry = true
	return r
}

// trailing is how many log entries a snapshot leaves: none where there is nobody to send them to.
func (c *Config) trailing() uint64 {
	if c.Transport == nil {
		return 0
	}
	return trailingLogs
}
