// Package api is the wire: it answers AWS API requests over HTTPS.
//
// Every request goes through one pipeline (pipeline.go): frame, authenticate the raw bytes, decode and validate,
// decide, record the intent of a change, run, record the outcome, reply. Handlers return values or errors; only
// reply writes to the connection, and only after the audit record is with the kernel. The operations are one table
// (operations.go), whose rows do not compile without a rule that says what a caller needs to be allowed.
package api
