// Package e2e tests Ostiary whole: the programs as they are installed, clients as their users run them, and faults as
// they happen. It promises to use nothing of the product but what its users have: the command line, the env file, the
// API's port, the metrics' port, the data folder and the process table.
//
// Every test has daemons and folders of its own and ends what it started.
package e2e
