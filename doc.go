// Package ostiary is the root of the module. It holds no code but the test that keeps imports pointing one way.
package ostiary
