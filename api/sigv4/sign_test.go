package sigv4

import (
	"crypto/sha256"
	"testing"
)

const (
	testKeyID  = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// sign gives the request an Authorization header that fits the request as it is. The package's own canonical form is good
// enough here: the vectors and the SDK's signer prove it.
func sign(t testing.TB, r *Request, service, signedHeaders string, key [32]byte) {
	t.Helper()
	const placeholder = "0"
	day := r.Header.Get("X-Amz-Date")[:8]
	authorization := func(signature string) string {
		return Algorithm + " Credential=" + testKeyID + "/" + day + "/us-east-1/" + service + "/aws4_request, SignedHeaders=" + signedHeaders +
			", Signature=" + signature
	}
	r.Header.Set("Authorization", authorization(placeholder))
	s, err := Parse(r)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	hash := sha256.Sum256(r.Body)
	canonical, err := s.appendRequest(nil, r, &hash, &Rules{})
	if err != nil {
		t.Fatalf("canonical request: %v", err)
	}
	hash = sha256.Sum256(canonical)
	signature := s.sign(&key, &hash)
	r.Header.Set("Authorization", authorization(string(signature[:])))
}
