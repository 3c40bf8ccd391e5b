package audit

import "time"

// sampleRecord is what an Encrypt call leaves behind.
func sampleRecord() *Record {
	const key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	return &Record{
		Time:        time.Date(2026, 11, 22, 2, 45, 45, 999, time.FixedZone("CET", 3600)),
		RequestID:   "7a1b2c3d-0000-4111-8222-333344445555",
		EventID:     "9f8e7d6c-5b4a-4938-a271-605f4e3d2c1b",
		EventSource: "kms.amazonaws.com",
		EventName:   "Encrypt",
		Region:      "us-east-1",
		SourceIP:    "192.0.2.17",
		UserAgent:   "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4 m/E",
		Identity: Identity{
			Type: IAMUser, PrincipalID: "AIDACKCEVSQ6C2EXAMPLE", ARN: "arn:aws:iam::111122223333:user/admin",
			Account: "111122223333", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", UserName: "admin",
		},
		Params:           []byte(`{"keyId":"alias/billing","encryptionContext":{"app":"billing","tenant":"customer-000042"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`),
		ReadOnly:         true,
		Resources:        []Resource{{Account: "111122223333", Type: "AWS::KMS::Key", ARN: key}},
		RecipientAccount: "111122223333",
		TLSVersion:       "TLSv1.3",
		TLSCipher:        "TLS_AES_128_GCM_SHA256",
		Host:             "localhost:8443",
		Decision:         "allowed: key policy statement \"root\" and identity policy AdministratorAccess",
	}
}
