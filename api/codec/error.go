package codec

import "net/http"

// Error is an error in the form that goes over the wire.
type Error struct {
	Code    string // the JSON __type, the XML Code
	Message string
	Status  int  // HTTP status
	Sender  bool // the caller is at fault (XML Type Sender, else Receiver)
}

// Error gives the code and the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// AppendJSON appends the body of a JSON 1.1 error.
func (e *Error) AppendJSON(b []byte) []byte {
	b = append(b, `{"__type":`...)
	b = AppendString(b, e.Code)
	if e.Message != "" {
		b = append(b, `,"message":`...)
		b = AppendString(b, e.Message)
	}
	return append(b, '}')
}

// AppendXML appends the body of a Query error. Namespace is the service's, "" if the service is
// not known.
func (e *Error) AppendXML(b []byte, namespace, requestID string) []byte {
	x := XML{buf: b}
	root := "ErrorResponse"
	if namespace != "" {
		root += ` xmlns="` + namespace + `"`
	}
	x.open(root)
	x.open("Error")
	kind := "Receiver"
	if e.Sender {
		kind = "Sender"
	}
	x.Text("Type", kind)
	x.Text("Code", e.Code)
	if e.Message != "" {
		x.Text("Message", e.Message)
	}
	x.close("Error")
	x.Text("RequestId", requestID)
	x.close(root)
	return x.buf
}

// serialization is the error for a JSON body that cannot be read as the shape it should be.
func serialization(message string) *Error {
	return &Error{Code: "SerializationException", Message: message, Status: http.StatusBadRequest, Sender: true}
}

// malformedInput is the error for a form that cannot be read as the shape it should be.
func malformedInput(message string) *Error {
	return &Error{Code: "MalformedInput", Message: message, Status: http.StatusBadRequest, Sender: true}
}
