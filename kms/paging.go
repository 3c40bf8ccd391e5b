package kms

import (
	"encoding/base64"
	"iter"
	"strings"

	"ostiary.dev/api/model/kmsapi"
)

// A marker is opaque to clients: the list that it belongs to and the last name that was returned, so that a page goes
// on from there whatever was created or deleted in between.

func writeMarker(list, last string) *string {
	if last == "" {
		return nil
	}
	m := base64.RawURLEncoding.EncodeToString([]byte(list + "\x00" + last))
	return &m
}

func readMarker(list string, marker *string) (after string, err error) {
	if marker == nil {
		return "", nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(*marker)
	after, ok := strings.CutPrefix(string(text), list+"\x00")
	if err != nil || !ok || after == "" || *writeMarker(list, after) != *marker { // the decoder passes over line ends
		return "", kmsapi.InvalidMarkerException("Invalid marker: " + *marker)
	}
	return after, nil
}

// page takes up to limit items (usual when limit is nil) and the name of the last one if there are more.
func page[In, Out any](items iter.Seq[In], limit *int32, usual int, name func(In) string, show func(In) Out) (list []Out, next string) {
	if limit != nil {
		usual = int(*limit)
	}
	list = make([]Out, 0, min(usual, 100))
	last := ""
	for item := range items {
		if len(list) == usual {
			return list, last
		}
		list, last = append(list, show(item)), name(item)
	}
	return list, ""
}
