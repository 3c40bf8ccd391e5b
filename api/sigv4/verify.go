package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// canonicalSize is how much of a canonical request is built on the stack; larger ones cost allocations.
const canonicalSize = 2 << 10

// Verify decides whether the request was signed with the key, within the rules. It includes [Signature.Check]. r must be what
// was given to [Parse], unchanged. The body is always hashed, whatever the request says its hash is.
//
// All errors are of type *[Error]. The signature is compared in constant time. A key of zeros is refused: it is what a
// forgotten derivation looks like.
func (s *Signature) Verify(r *Request, signingKey [32]byte, now time.Time, rules Rules) error {
	if err := s.Check(now, rules); err != nil {
		return err
	}
	bodyHash := sha256.Sum256(r.Body)
	if err := s.checkPayload(r, &bodyHash); err != nil {
		return err
	}
	var space [canonicalSize]byte
	canonical, err := s.appendRequest(space[:0], r, &bodyHash, &rules)
	if err != nil {
		return err
	}
	requestHash := sha256.Sum256(canonical)
	want := s.sign(&signingKey, &requestHash)
	// The length of what the client sent is no secret. Copying keeps it off the heap.
	var got [len(want)]byte
	if copy(got[:], s.signature) != len(want) || len(s.signature) != len(want) || signingKey == [32]byte{} {
		return errMismatch()
	}
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return errMismatch()
	}
	return nil
}

// sign returns the signature of the request with the given hash, in lower-case hexadecimal.
func (s *Signature) sign(key, requestHash *[32]byte) [64]byte {
	var space [maxMessage]byte
	mac := hmacSHA256(key, s.appendStringToSign(space[:0], requestHash))
	var text [64]byte
	hex.Encode(text[:], mac[:])
	return text
}

// appendStringToSign appends the four lines that the signing key is applied to.
func (s *Signature) appendStringToSign(dst []byte, requestHash *[32]byte) []byte {
	dst = append(dst, Algorithm+"\n"...)
	dst = append(append(dst, s.stamp...), '\n')
	dst = append(append(dst, s.scope...), '\n')
	return hex.AppendEncode(dst, requestHash[:])
}

// checkPayload compares x-amz-content-sha256, if the request has it, with the body's hash. These services take no unsigned or
// chunk-signed bodies, so that UNSIGNED-PAYLOAD and the STREAMING-* names are just wrong signatures, as they are to AWS.
func (s *Signature) checkPayload(r *Request, bodyHash *[32]byte) error {
	claim, err := single(r, "X-Amz-Content-Sha256")
	if err != nil {
		return err
	}
	for _, claim := range [...]string{claim, s.payload} {
		if claim == "" {
			continue
		}
		if claim == "UNSIGNED-PAYLOAD" || strings.HasPrefix(claim, "STREAMING-") {
			return &Error{KindUnsignedPayload, mismatchText}
		}
		var text [64]byte
		hex.Encode(text[:], bodyHash[:])
		if claim != string(text[:]) {
			return &Error{KindBodyHash, "The provided 'x-amz-content-sha256' header does not match what was computed."}
		}
	}
	return nil
}

// Check holds the time of signing and the credential scope to the rules. Verify does so too; a caller that wants AWS's order of
// errors calls it before it looks up the access key.
//
// Errors are of the kinds KindExpired, KindNotYetCurrent and KindScope.
func (s *Signature) Check(now time.Time, rules Rules) error {
	if err := s.checkTime(now.UTC().Truncate(time.Second), rules.FixedLifetime); err != nil {
		return err
	}
	return s.checkScope(&rules)
}

func (s *Signature) checkTime(now time.Time, fixed bool) error {
	if latest := now.Add(MaxSkew); s.Time.After(latest) {
		return &Error{KindNotYetCurrent, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
			s.stamp, latest.Format(stampLayout), now.Format(stampLayout), MaxSkew/time.Minute)}
	}
	life := MaxSkew
	if s.Presigned && !fixed {
		life = s.ExpiresIn
	}
	earliest := now.Add(-life)
	if !s.Time.Before(earliest) {
		return nil
	}
	text := fmt.Sprintf("%d min.", life/time.Minute)
	if life != MaxSkew {
		text = fmt.Sprintf("%d sec.", life/time.Second)
	}
	return &Error{KindExpired, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)",
		s.stamp, earliest.Format(stampLayout), now.Format(stampLayout), text)}
}

// checkScope collects every complaint about the scope into one message, as AWS does, spaces at the end included.
func (s *Signature) checkScope(rules *Rules) error {
	badRegion := rules.Regions != nil && !slices.Contains(rules.Regions, s.Region)
	badService := rules.Service != "" && s.Service != rules.Service
	badDay := s.Date != s.stamp[:len("20060102")]
	if !badRegion && !badService && s.last == terminator && !badDay {
		return nil
	}
	var b strings.Builder
	if badRegion {
		fmt.Fprintf(&b, "Credential should be scoped to a valid region, not '%s'. ", echo(s.Region))
	}
	if badService {
		fmt.Fprintf(&b, "Credential should be scoped to correct service: '%s'. ", rules.Service)
	}
	if s.last != terminator {
		fmt.Fprintf(&b, "Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, echo(s.last))
	}
	if badDay {
		fmt.Fprintf(&b, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			echo(s.Date), s.stamp[:len("20060102")], s.stamp)
	}
	return &Error{KindScope, b.String()}
}
