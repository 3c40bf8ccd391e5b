package kms

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"ostiary.dev/state"
	"ostiary.dev/uuid"
)

// A ciphertext blob is a header, which names the key material, and a message (package hsm/message):
//
//	magic     4  01 'O' 'S' 'T'
//	version   1  01
//	form      1  00: the key id is a UUID, 01: it is mrk- and 32 digits
//	account   6  the twelve digits as a number, big endian
//	key id   16
//	material 32  key material id
//	message   …
//
// The header is associated data of the message, so nothing in it can be changed. The region is not part of it:
// multi-Region keys open each other's ciphertexts in whichever region they are.
const (
	blobMagic   = "\x01OST"
	blobVersion = 1
	headerSize  = 4 + 1 + 1 + 6 + 16 + 32

	formUUID = 0
	formMRK  = 1
)

// header is what a ciphertext blob says of its key.
type header struct {
	account  string
	id       string
	material [32]byte
}

// appendHeader encodes the header of a ciphertext under one version of a key.
func appendHeader(b []byte, ref state.KeyRef, v *state.Version) ([]byte, bool) {
	account, err := strconv.ParseUint(ref.Account, 10, 48)
	if err != nil || !isKeyID(ref.ID) {
		return nil, false
	}
	form := byte(formUUID)
	digits, ok := strings.CutPrefix(ref.ID, "mrk-")
	if ok {
		form = formMRK
	}
	b = append(b, blobMagic...)
	b = append(b, blobVersion, form)
	b = append(b, byte(account>>40), byte(account>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(account))
	b = appendDigits(b, digits)
	return append(b, v.MaterialID[:]...), true
}

// appendDigits appends what 32 lower-case hexadecimal digits stand for, hyphens between them left out.
func appendDigits(b []byte, digits string) []byte {
	var high byte
	odd := false
	for i := range len(digits) {
		c := digits[i]
		switch {
		case c == '-':
			continue
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= '0'
		}
		if odd {
			b = append(b, high<<4|c)
		}
		high, odd = c, !odd
	}
	return b
}

// parseHeader splits a ciphertext blob. It says nothing of whether the message opens.
func parseHeader(blob []byte) (h header, message []byte, ok bool) {
	if len(blob) < headerSize || string(blob[:4]) != blobMagic || blob[4] != blobVersion || blob[5] > formMRK {
		return header{}, nil, false
	}
	account := uint64(binary.BigEndian.Uint16(blob[6:]))<<32 | uint64(binary.BigEndian.Uint32(blob[8:]))
	if account > 999_999_999_999 {
		return header{}, nil, false
	}
	digits := strconv.FormatUint(account, 10)
	h.account = "000000000000"[len(digits):] + digits
	if blob[5] == formMRK {
		h.id = "mrk-" + hex.EncodeToString(blob[12:28])
	} else {
		h.id = uuid.ID(blob[12:28]).String()
	}
	copy(h.material[:], blob[28:headerSize])
	return h, blob[headerSize:], true
}

// appendAAD makes the associated data of a message: the header and the encryption context in one canonical form,
// every part with its length before it, the pairs sorted by name.
func appendAAD(b, header []byte, context map[string]string) []byte {
	b = appendPart(b, header)
	b = binary.BigEndian.AppendUint32(b, uint32(len(context)))
	var few [8]string
	names := few[:0]
	for name := range context {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendPart(b, name)
		b = appendPart(b, context[name])
	}
	return b
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	return append(b, part...)
}
