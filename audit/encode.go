package audit

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"ostiary.dev/uuid"
)

// appendRecord appends r as JSON up to its sequence number, which is not known before the moment of writing;
// appendSequence completes the line. The members and their order are CloudTrail's.
func appendRecord(b []byte, r *Record, node string) []byte {
	b = append(b, `{"eventVersion":"1.11","userIdentity":`...)
	b = appendIdentity(b, &r.Identity)
	b = append(b, `,"eventTime":"`...)
	b = r.Time.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","eventSource":`...)
	b = appendText(b, r.EventSource, maxName)
	b = append(b, `,"eventName":`...)
	b = appendText(b, r.EventName, maxName)
	b = append(b, `,"awsRegion":`...)
	b = appendText(b, r.Region, maxName)
	b = append(b, `,"sourceIPAddress":`...)
	b = appendText(b, r.SourceIP, maxName)
	b = append(b, `,"userAgent":`...)
	b = appendText(b, r.UserAgent, maxText)
	b = appendMember(b, `,"errorCode":`, r.ErrorCode, maxName)
	b = appendMember(b, `,"errorMessage":`, r.ErrorMessage, maxText)
	b = append(b, `,"requestParameters":`...)
	b = appendObject(b, r.Params)
	b = append(b, `,"responseElements":`...)
	b = appendObject(b, r.Response)
	b = appendMember(b, `,"requestID":`, r.RequestID, maxName)
	b = append(b, `,"eventID":`...)
	b = appendEventID(b, r.EventID)
	b = append(b, `,"readOnly":`...)
	b = strconv.AppendBool(b, r.ReadOnly)
	b = appendResources(b, r.Resources)
	b = appendKind(b, r)
	b = appendTLS(b, r)
	return appendOwn(b, r, node)
}

// appendSequence completes what appendRecord began to a line.
func appendSequence(b []byte, sequence uint64) []byte {
	b = strconv.AppendUint(b, sequence, 10)
	return append(b, "}}\n"...)
}

// appendMember appends name (with its comma and colon) and s, or nothing if s is empty.
func appendMember(b []byte, name, s string, limit int) []byte {
	if s == "" {
		return b
	}
	return appendText(append(b, name...), s, limit)
}

func appendIdentity(b []byte, id *Identity) []byte {
	kind := id.Type
	if kind == "" {
		kind = Unknown
	}
	b = appendMember(b, `{"type":`, kind, maxName)
	b = appendMember(b, `,"principalId":`, id.PrincipalID, maxName)
	b = appendMember(b, `,"arn":`, id.ARN, maxARN)
	b = appendMember(b, `,"accountId":`, id.Account, maxName)
	b = appendMember(b, `,"accessKeyId":`, id.AccessKeyID, maxName)
	b = appendMember(b, `,"userName":`, id.UserName, maxName)
	return append(b, '}')
}

// appendObject appends parameters that came as JSON. What is no JSON object is kept as text, so that a mistake of the
// caller costs neither the record nor the line.
func appendObject(b, object []byte) []byte {
	switch {
	case object == nil:
		return append(b, "null"...)
	case len(object) > maxObject:
		b = append(b, `{"ostiaryOmittedBytes":`...)
		b = strconv.AppendInt(b, int64(len(object)), 10)
		return append(b, '}')
	case !oneLineObject(object):
		b = append(b, `{"ostiaryNotJSON":`...)
		b = appendText(b, string(object), maxText)
		return append(b, '}')
	}
	return append(b, object...)
}

func appendResources(b []byte, all []Resource) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(b, `,"resources":[`...)
	for i, r := range all[:min(len(all), maxResources)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"accountId":`...)
		b = appendText(b, r.Account, maxName)
		b = append(b, `,"type":`...)
		b = appendText(b, r.Type, maxName)
		b = append(b, `,"ARN":`...)
		b = appendText(b, r.ARN, maxARN)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendKind appends what CloudTrail says of every record: the type of the event, and for which account it is.
func appendKind(b []byte, r *Record) []byte {
	kind := `,"eventType":"AwsApiCall","managementEvent":true`
	if r.Event != nil {
		kind = `,"eventType":"AwsServiceEvent","managementEvent":true`
	}
	b = append(b, kind...)
	b = appendMember(b, `,"recipientAccountId":`, r.RecipientAccount, maxName)
	if r.Event != nil {
		b = append(b, `,"serviceEventDetails":`...)
		b = appendObject(b, r.Event)
	}
	return append(b, `,"eventCategory":"Management"`...)
}

func appendTLS(b []byte, r *Record) []byte {
	if r.TLSVersion == "" {
		return b
	}
	b = append(b, `,"tlsDetails":{"tlsVersion":`...)
	b = appendText(b, r.TLSVersion, maxName)
	b = append(b, `,"cipherSuite":`...)
	b = appendText(b, r.TLSCipher, maxName)
	b = append(b, `,"clientProvidedHostHeader":`...)
	b = appendText(b, r.Host, maxText)
	return append(b, '}')
}

// appendOwn appends the object of what CloudTrail has no place for. It ends with the sequence number, so that a reader
// finds that without parsing the line.
func appendOwn(b []byte, r *Record, node string) []byte {
	b = append(b, `,"ostiary":{"node":`...)
	b = appendText(b, node, maxName)
	b = appendMember(b, `,"phase":`, r.Phase, maxName)
	b = appendMember(b, `,"decision":`, r.Decision, maxText)
	if len(r.Detail) > 0 {
		b = append(b, `,"details":{`...)
		for i, d := range r.Detail[:min(len(r.Detail), maxDetails)] {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, d.Name, maxName)
			b = append(b, ':')
			b = appendText(b, d.Value, maxText)
		}
		b = append(b, '}')
	}
	return append(b, sequenceMember...)
}

// sequenceMember comes before the sequence number, which ends each line together with two closing braces.
const sequenceMember = `,"sequence":`

// appendEventID appends id, or a random UUID if it is empty. It need be unique, not secret, so
// the runtime's generator does.
func appendEventID(b []byte, id string) []byte {
	if id != "" {
		return appendText(b, id, maxName)
	}
	var random [16]byte
	binary.NativeEndian.PutUint64(random[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(random[8:], rand.Uint64())
	return append(uuid.V4(random).Append(append(b, '"')), '"')
}
