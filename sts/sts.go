// Package sts is the Security Token Service: who a caller is and, in time, temporary credentials.
package sts

import (
	"context"

	"ostiary.dev/access"
	"ostiary.dev/api/model/stsapi"
)

// Service answers the operations of the STS API.
type Service struct{}

// New makes a Service.
func New() *Service { return &Service{} }

// NeedsGetCallerIdentity: nothing. AWS lets every authenticated caller ask who it is, even where a policy denies it.
func (*Service) NeedsGetCallerIdentity(*access.Call, *stsapi.GetCallerIdentityRequest) ([]access.Need, error) {
	return nil, nil
}

// GetCallerIdentity tells a caller its account, ARN and unique id.
func (*Service) GetCallerIdentity(_ context.Context, g *access.Grant, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
	p := &g.Call().Principal
	return &stsapi.GetCallerIdentityResponse{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}
