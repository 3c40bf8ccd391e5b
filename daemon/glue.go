package daemon

import (
	"context"
	"errors"
	"fmt"

	"ostiary.dev/api"
	"ostiary.dev/cluster"
	"ostiary.dev/state"
)

// guard lets package api read the state through the cluster's lease, with errors that it knows.
type guard struct{ node *cluster.Node }

func (g guard) Read(ctx context.Context) (api.Reading, error) {
	r, err := g.node.Read(ctx)
	if err != nil {
		return nil, clusterError(err)
	}
	return reading{r}, nil
}

type reading struct{ cluster.Reading }

func (r reading) Check() error {
	if err := r.Reading.Check(); err != nil {
		return clusterError(err)
	}
	return nil
}

// replicator lets the services change the state.
type replicator struct{ node *cluster.Node }

func (r replicator) Propose(ctx context.Context, c state.Command) error {
	_, err := r.node.Propose(ctx, c)
	if err != nil {
		return clusterError(err)
	}
	return nil
}

// clusterError sorts the cluster's errors into those with certainly no effect and those of which nobody knows. Refusals
// pass through.
func clusterError(err error) error {
	switch {
	case errors.Is(err, cluster.ErrUncertain):
		return fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err)
	case errors.Is(err, cluster.ErrNotLeader), errors.Is(err, cluster.ErrUnavailable):
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}
