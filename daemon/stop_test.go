package daemon

import (
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestStopWithSlowClient: a client that never finishes its request does not make a failure of a stop.
func TestStopWithSlowClient(t *testing.T) {
	t.Parallel()
	d := newRunning(t, routine{every: time.Second, purgeWithin: time.Minute, shutdown: 500 * time.Millisecond})
	for _, beginning := range []string{"P", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nfour"} {
		if _, err := io.WriteString(must(d.connect())(t), beginning); err != nil {
			t.Fatal(err)
		}
	}
	must(d.kms().ListKeys(t.Context(), &kms.ListKeysInput{}))(t) // by then the server has read the others' beginnings
	d.restart()
}
