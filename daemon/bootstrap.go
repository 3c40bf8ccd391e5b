package daemon

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"ostiary.dev/api"
	"ostiary.dev/authz"
	"ostiary.dev/hsm"
	"ostiary.dev/sealing"
	"ostiary.dev/secret"
	"ostiary.dev/state"
)

// proposer replicates a command.
type proposer interface {
	Propose(ctx context.Context, c state.Command) error
}

// founder brings a new cluster into being, and a new account into a cluster. Each step looks first whether it was made
// already, so that a crash at any point leaves a state that the next start goes on from.
type founder struct {
	device  hsm.Backend
	cluster proposer
	view    func() *state.View
	now     func() time.Time
}

// found makes the cluster's own keys: the host root and the CA in the device, and the sealing key under the host root.
func (f *founder) found(ctx context.Context, regions []string) error {
	if f.view().Cluster() != nil {
		return f.addRegions(ctx, regions)
	}
	c := state.Cluster{ID: rand.Text(), Regions: regions, Created: f.now().UnixMilli()}
	var err error
	if c.HostRoot, err = f.device.Generate(ctx, hsm.KeyRequest{KeyID: "host-root", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeHostRoot}); err != nil {
		return fmt.Errorf("host root: %w", err)
	}
	if c.SealingKey, err = f.newSealingKey(ctx, c.ID, c.HostRoot); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	if c.CA, err = f.device.Generate(ctx, hsm.KeyRequest{KeyID: "cluster-ca", Spec: hsm.ECCNISTP256, Purpose: hsm.PurposeCA}); err != nil {
		return fmt.Errorf("CA key: %w", err)
	}
	signer, err := newCASigner(ctx, f.device, c.CA)
	if err != nil {
		return err
	}
	if c.CACertificate, err = newCA(signer, c.ID, f.now()); err != nil {
		return fmt.Errorf("CA certificate: %w", err)
	}
	t, err := hsm.ParseToken(c.HostRoot)
	if err != nil {
		return err
	}
	c.DomainKey = t.DomainKeyVersion
	return f.cluster.Propose(ctx, state.Bootstrap{Cluster: c})
}

// addRegions has a cluster that was founded earlier serve what this start asks for besides.
func (f *founder) addRegions(ctx context.Context, regions []string) error {
	for _, r := range regions {
		if slices.Contains(f.view().Cluster().Regions, r) {
			continue
		}
		if err := f.cluster.Propose(ctx, state.AddRegion{Region: r}); err != nil {
			return fmt.Errorf("region %s: %w", r, err)
		}
	}
	return nil
}

func sealingKeyPath(clusterID string) []byte { return []byte("clusters/" + clusterID + "/sealing-key") }

func (f *founder) newSealingKey(ctx context.Context, clusterID string, hostRoot []byte) ([]byte, error) {
	key := secret.New(make([]byte, sealing.KeySize))
	defer key.Wipe()
	if _, err := rand.Read(key.Reveal()); err != nil {
		return nil, err
	}
	root, err := f.device.Open(ctx, hostRoot)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sealer, ok := root.(hsm.Sealer)
	if !ok {
		return nil, hsm.ErrUnsupported
	}
	return sealer.Seal(ctx, sealingKeyPath(clusterID), key.Reveal())
}

// openBox has the device open the cluster's sealing key.
func openBox(ctx context.Context, device hsm.Backend, c *state.Cluster) (*sealing.Box, error) {
	root, err := device.Open(ctx, c.HostRoot)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sealer, ok := root.(hsm.Sealer)
	if !ok {
		return nil, hsm.ErrUnsupported
	}
	plain, err := sealer.Unseal(ctx, sealingKeyPath(c.ID), c.SealingKey)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	key := secret.New(plain)
	defer key.Wipe()
	return sealing.NewBox(key)
}

// The administrator that an account is made with.
const (
	adminName   = "admin"
	adminPolicy = "AdministratorAccess"
)

// account makes an account with an administrator and an access key, as far as they are missing, and returns the
// administrator's credentials.
func (f *founder) account(ctx context.Context, box *sealing.Box, id string) (credentials, error) {
	now := f.now().UnixMilli()
	if f.view().Account(id) == nil {
		if err := f.cluster.Propose(ctx, state.PutAccount{Account: state.Account{ID: id, Name: "dev", Created: now}}); err != nil {
			return credentials{}, fmt.Errorf("account: %w", err)
		}
	}
	if f.view().User(id, adminName) == nil {
		u := state.User{Account: id, Name: adminName, Path: "/", ID: newID("AIDA"), Created: now,
			Policies: []state.InlinePolicy{{Name: adminPolicy, Document: state.NewDocument(authz.AdministratorAccess)}}}
		if err := f.cluster.Propose(ctx, state.PutUser{User: u}); err != nil {
			return credentials{}, fmt.Errorf("administrator: %w", err)
		}
	}
	for k := range f.view().AccessKeysOf(id, adminName) {
		if k.Active {
			plain, err := box.Open(api.AccessKeyPath(k.Account, k.ID), k.Sealed)
			if err != nil {
				return credentials{}, err
			}
			return credentials{k.ID, string(plain.Reveal())}, nil
		}
	}
	return f.newAccessKey(ctx, box, id)
}

func (f *founder) newAccessKey(ctx context.Context, box *sealing.Box, account string) (credentials, error) {
	random := make([]byte, 30) // 40 characters of base64, as AWS's
	if _, err := rand.Read(random); err != nil {
		return credentials{}, err
	}
	c := credentials{newID("AKIA")[:20], base64.StdEncoding.EncodeToString(random)}
	sealed, err := box.Seal(api.AccessKeyPath(account, c.accessKeyID), secret.New([]byte(c.secretAccessKey)))
	if err != nil {
		return credentials{}, err
	}
	k := state.AccessKey{ID: c.accessKeyID, Account: account, User: adminName, Sealed: sealed, Active: true, Created: f.now().UnixMilli()}
	if err := f.cluster.Propose(ctx, state.PutAccessKey{AccessKey: k}); err != nil {
		return credentials{}, fmt.Errorf("access key: %w", err)
	}
	return c, nil
}

// newID is a unique id of IAM's form: four letters for the kind and 17 random ones from RFC 4648's base32 alphabet.
func newID(prefix string) string {
	var random [11]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return prefix + base32.StdEncoding.EncodeToString(random[:])[:17]
}
