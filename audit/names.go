package audit

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fileName is what the name of a log file says: audit-20261122T024545Z-00000000000000000042.jsonl. The time is when the file
// was made, but never earlier than its predecessor's, so that sorting by name, by time and by sequence are the same.
type fileName struct {
	made  time.Time // UTC, whole seconds
	first uint64    // sequence number of the file's first record
}

const (
	namePrefix = "audit-"
	nameSuffix = ".jsonl"
	nameTime   = "20060102T150405Z"
	nameDigits = 20 // of the largest uint64
)

func (n fileName) String() string {
	return fmt.Sprintf("%s%s-%0*d%s", namePrefix, n.made.Format(nameTime), nameDigits, n.first, nameSuffix)
}

// parseName accepts exactly what String writes.
func parseName(s string) (fileName, bool) {
	const length = len(namePrefix) + len(nameTime) + 1 + nameDigits + len(nameSuffix)
	if len(s) != length || !strings.HasPrefix(s, namePrefix) || !strings.HasSuffix(s, nameSuffix) {
		return fileName{}, false
	}
	stamp, digits, ok := strings.Cut(s[len(namePrefix):length-len(nameSuffix)], "-")
	if !ok {
		return fileName{}, false
	}
	made, err := time.Parse(nameTime, stamp)
	if err != nil {
		return fileName{}, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	n := fileName{made: made, first: first}
	return n, err == nil && first > 0 && n.String() == s
}

// list gives the log's files in dir, oldest first.
func list(dir string) ([]fileName, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []fileName
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b fileName) int {
		return cmp.Or(cmp.Compare(a.first, b.first), a.made.Compare(b.made))
	})
	return names, nil
}

// prune removes the oldest files of dir so that keep are left, and returns the names of those it removed.
func prune(dir string, keep int) ([]string, error) {
	names, err := list(dir)
	if err != nil || len(names) <= keep {
		return nil, err
	}
	var removed []string
	for _, n := range names[:len(names)-keep] {
		if err := os.Remove(filepath.Join(dir, n.String())); err != nil {
			return removed, err
		}
		removed = append(removed, n.String())
	}
	return removed, nil
}
