package kms

import (
	"context"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

const (
	defaultWindow = 30 // days, when ScheduleKeyDeletion names none
	minWindow     = 7  // days; the model itself would allow 1 to 365
	maxWindow     = 30
	day           = 24 * time.Hour
)

// NeedsScheduleKeyDeletion: kms:ScheduleKeyDeletion on the key.
func (s *Service) NeedsScheduleKeyDeletion(c *access.Call, in *kmsapi.ScheduleKeyDeletionRequest) ([]access.Need, error) {
	if days := windowOf(in); days < minWindow || days > maxWindow {
		return nil, access.Invalid("PendingWindowInDays must be between 7 and 30")
	}
	return needsOwnKey(c, "kms:ScheduleKeyDeletion", in.KeyId, &facts{window: ptr(windowOf(in))})
}

// ScheduleKeyDeletion makes a key unusable at once and has it deleted after 7 to 30 days.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, g *access.Grant, in *kmsapi.ScheduleKeyDeletionRequest) (*kmsapi.ScheduleKeyDeletionResponse, error) {
	ref, days, now := g.Key().Ref, windowOf(in), s.now()
	due := now.Add(time.Duration(days) * day).Truncate(time.Millisecond)
	if err := s.propose(ctx, state.ScheduleDeletion{Ref: ref, Days: days, Due: due.UnixMilli(), Time: now.UnixMilli()}); err != nil {
		return nil, err
	}
	return &kmsapi.ScheduleKeyDeletionResponse{KeyId: ptr(keyARN(ref)), DeletionDate: &due, KeyState: "PendingDeletion", PendingWindowInDays: &days}, nil
}

func windowOf(in *kmsapi.ScheduleKeyDeletionRequest) int32 {
	if in.PendingWindowInDays == nil {
		return defaultWindow
	}
	return *in.PendingWindowInDays
}

// NeedsCancelKeyDeletion: kms:CancelKeyDeletion on the key.
func (s *Service) NeedsCancelKeyDeletion(c *access.Call, in *kmsapi.CancelKeyDeletionRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:CancelKeyDeletion", in.KeyId, &facts{})
}

// CancelKeyDeletion takes a key out of its waiting period; it is then disabled.
func (s *Service) CancelKeyDeletion(ctx context.Context, g *access.Grant, _ *kmsapi.CancelKeyDeletionRequest) (*kmsapi.CancelKeyDeletionResponse, error) {
	ref := g.Key().Ref
	if err := s.propose(ctx, state.CancelDeletion{Ref: ref, Time: s.now().UnixMilli()}); err != nil {
		return nil, err
	}
	return &kmsapi.CancelKeyDeletionResponse{KeyId: ptr(keyARN(ref))}, nil
}

// AnyDue says whether the waiting period of some key is over.
func (s *Service) AnyDue(v *state.View) bool {
	for range v.Due(s.now().UnixMilli()) {
		return true
	}
	return false
}

// Deletion is a key that is, or was, deleted because its time has come.
type Deletion struct {
	Ref  state.KeyRef
	ARN  string
	Done bool
}

// maxReaped bounds the deletions of one Reap, so that other commands get their turn.
const maxReaped = 1000

// Reap deletes the keys whose waiting period is over at the service's clock: their material goes from the device,
// then their records, aliases and tokens from the state. In that order, because a key that is no longer in the state
// is not found again, whatever became of the call that removed it; and nothing loads the key in between, since it has
// been pending deletion for days. A key that has changed since v was read is passed over. note is called before and after
// each deletion, and can prevent it. Reap returns the ARNs of the keys it deleted. The bytes of their tokens stay in the
// log and its snapshots until the cluster is purged, which is the caller's part.
func (s *Service) Reap(ctx context.Context, v *state.View, note func(d Deletion) error) (deleted []string, err error) {
	now := s.now().UnixMilli()
	for key := range v.Due(now) {
		if len(deleted) == maxReaped {
			break
		}
		d := Deletion{Ref: key.Ref, ARN: keyARN(key.Ref)}
		if err := note(d); err != nil {
			return deleted, err
		}
		for i := range key.Versions {
			if err := s.device.Forget(ctx, key.Versions[i].Token); err != nil {
				return deleted, err
			}
		}
		err := s.cluster.Propose(ctx, state.DeleteKey{Ref: key.Ref, Time: now})
		if refusal(err) != nil {
			continue
		}
		if err != nil {
			return deleted, err
		}
		deleted = append(deleted, d.ARN)
		d.Done = true
		if err := note(d); err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}
