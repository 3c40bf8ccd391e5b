package state

import (
	"sync"
	"sync/atomic"
)

// Document is the text of a policy. Documents in a View are interned: equal texts are one *Document, so that keys
// with the same policy cost one text and one compiled policy between them. It must not be copied.
type Document struct {
	Text string

	mu   sync.Mutex // held while memo is being computed
	memo atomic.Pointer[any]
}

// NewDocument makes a document that is not interned; the state interns it when a command that carries it is applied.
func NewDocument(text string) *Document { return &Document{Text: text} }

// Memo gives the value that compile derives from the text. It is computed once and then kept beside the text, for
// whoever asks and with whatever function, so a program must have one use for it (the policy engine's compiled
// policy). It is never serialised. Callers that come while it is being computed wait.
func (d *Document) Memo(compile func(text string) any) any {
	if m := d.memo.Load(); m != nil {
		return *m
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.memo.Load(); m != nil {
		return *m
	}
	m := compile(d.Text)
	d.memo.Store(&m)
	return m
}

// MarshalCBOR encodes the text alone.
func (d *Document) MarshalCBOR() ([]byte, error) { return marshal(d.Text) }

// UnmarshalCBOR decodes a text string.
func (d *Document) UnmarshalCBOR(data []byte) error { return unmarshal(data, &d.Text) }
