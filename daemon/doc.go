// Package daemon puts the parts together: it turns a configuration into listeners, a device worker, a Raft node and the
// services, starts them in order, watches them and stops them in the reverse order. It is the only package that sees
// everything; the parts know only the interfaces that they need.
package daemon
