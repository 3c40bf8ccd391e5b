package state

import "fmt"

// KeyRef names a KMS key: key ids are unique within an account and region, not beyond, because the replicas of a
// multi-Region key share theirs.
type KeyRef struct {
	Account string `cbor:"1,keyasint"` // 12 digits
	Region  string `cbor:"2,keyasint"`
	ID      string `cbor:"3,keyasint"`
}

// String is for logs; it is not an ARN, since a KeyRef does not know the partition.
func (r KeyRef) String() string { return r.Account + "/" + r.Region + "/" + r.ID }

// KeyState is the state of a KMS key (AWS KMS developer guide, "Key states"). The numbers are replicated and never
// change; PendingImport, Unavailable, Creating and Updating will follow as 4 to 7. Zero is not a state.
type KeyState uint8

// The key states.
const (
	Enabled         KeyState = 1
	Disabled        KeyState = 2
	PendingDeletion KeyState = 3
)

// String gives the name that the AWS KMS API uses (KeyMetadata, KeyState).
func (s KeyState) String() string {
	switch s {
	case Enabled:
		return "Enabled"
	case Disabled:
		return "Disabled"
	case PendingDeletion:
		return "PendingDeletion"
	}
	return fmt.Sprintf("KeyState(%d)", uint8(s))
}

// Tag is a label on a KMS key.
type Tag struct {
	Key   string `cbor:"1,keyasint"` // 1 to 128 characters
	Value string `cbor:"2,keyasint"` // 0 to 256 characters
}

// Version is one backing key of a KMS key.
type Version struct {
	MaterialID [32]byte `cbor:"1,keyasint"`
	Token      []byte   `cbor:"2,keyasint"` // the backing key wrapped by the domain key (package hsm)
	Created    int64    `cbor:"3,keyasint"` // Unix ms
}

// Key is a KMS key.
type Key struct {
	Ref           KeyRef    `cbor:"1,keyasint"`
	Created       int64     `cbor:"2,keyasint"` // Unix ms
	Description   string    `cbor:"3,keyasint"`
	State         KeyState  `cbor:"4,keyasint"`
	DeletionDue   int64     `cbor:"5,keyasint"` // Unix ms, 0 unless pending deletion
	PendingWindow int32     `cbor:"6,keyasint"` // days, 0 unless pending deletion
	Spec          string    `cbor:"7,keyasint"`
	Usage         string    `cbor:"8,keyasint"`
	Origin        string    `cbor:"9,keyasint"`
	MultiRegion   bool      `cbor:"10,keyasint"`
	Policy        *Document `cbor:"11,keyasint,omitempty"` // never nil in a View
	Tags          []Tag     `cbor:"12,keyasint,omitempty"` // sorted by key, without duplicates
	Versions      []Version `cbor:"13,keyasint,omitempty"` // oldest first, material ids distinct
}

// Current gives the version that new messages are sealed under, the newest; nil if the key has no material.
func (k *Key) Current() *Version {
	if len(k.Versions) == 0 {
		return nil
	}
	return &k.Versions[len(k.Versions)-1]
}

// Version gives the version with a material id, or nil.
func (k *Key) Version(id [32]byte) *Version {
	for i := len(k.Versions) - 1; i >= 0; i-- {
		if k.Versions[i].MaterialID == id {
			return &k.Versions[i]
		}
	}
	return nil
}

// Alias is another name of a KMS key of the same account and region.
type Alias struct {
	Account string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint"` // with "alias/"
	Target  string `cbor:"4,keyasint"` // key id
	Created int64  `cbor:"5,keyasint"` // Unix ms
	Updated int64  `cbor:"6,keyasint"` // Unix ms
}

// TargetRef names the key that the alias stands for.
func (a *Alias) TargetRef() KeyRef { return KeyRef{a.Account, a.Region, a.Target} }

// Account is a namespace of users and keys.
type Account struct {
	ID      string `cbor:"1,keyasint"` // 12 digits
	Name    string `cbor:"2,keyasint"`
	Created int64  `cbor:"3,keyasint"` // Unix ms
}

// InlinePolicy is an identity policy that belongs to one user.
type InlinePolicy struct {
	Name     string    `cbor:"1,keyasint"`
	Document *Document `cbor:"2,keyasint,omitempty"` // never nil in a View
}

// User is an IAM user.
type User struct {
	Account  string         `cbor:"1,keyasint"`
	Name     string         `cbor:"2,keyasint"`
	Path     string         `cbor:"3,keyasint"`           // begins and ends with "/"
	ID       string         `cbor:"4,keyasint"`           // the unique id, "AIDA..."; a user made anew under an old name has another
	Created  int64          `cbor:"5,keyasint"`           // Unix ms
	Policies []InlinePolicy `cbor:"6,keyasint,omitempty"` // sorted by name
}

// AccessKey is a long-lived credential of a user.
type AccessKey struct {
	ID      string `cbor:"1,keyasint"` // "AKIA...", unique in the cluster
	Account string `cbor:"2,keyasint"`
	User    string `cbor:"3,keyasint"`
	Sealed  []byte `cbor:"4,keyasint"` // the secret, sealed under the cluster's sealing key
	Active  bool   `cbor:"5,keyasint"`
	Created int64  `cbor:"6,keyasint"` // Unix ms
}

// Cluster holds what all nodes share and what the cluster was begun with.
type Cluster struct {
	ID            string   `cbor:"1,keyasint"`
	Regions       []string `cbor:"2,keyasint"` // the regions served, at least one
	Created       int64    `cbor:"3,keyasint"` // Unix ms
	HostRoot      []byte   `cbor:"4,keyasint"` // token of the key that seals what is kept for the hosts
	SealingKey    []byte   `cbor:"5,keyasint"` // sealed under the host root
	CA            []byte   `cbor:"6,keyasint"` // token of the CA's key
	CACertificate []byte   `cbor:"7,keyasint"`
	DomainKey     uint32   `cbor:"8,keyasint"` // version of the domain key that the tokens are wrapped by
}
