package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// context is the encryption context of all calls, plaintext what they encrypt: as long as a database field.
const encryptionContext = `{"app":"billing","tenant":"customer-000042","purpose":"field-level-encryption"}`

var plaintext = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("ostiary ", 12)))

func kms(operation, format string, args ...any) request {
	return request{Service: "kms", Target: "TrentService." + operation, Body: fmt.Sprintf(format, args...)}
}

func encrypt(key string) request {
	return kms("Encrypt", `{"KeyId":%q,"Plaintext":%q,"EncryptionContext":%s}`, key, plaintext, encryptionContext)
}

func decrypt(ciphertext string) request {
	return kms("Decrypt", `{"CiphertextBlob":%q,"EncryptionContext":%s}`, ciphertext, encryptionContext)
}

func generateDataKey(key string) request {
	return kms("GenerateDataKey", `{"KeyId":%q,"KeySpec":"AES_256","EncryptionContext":%s}`, key, encryptionContext)
}

func reEncrypt(ciphertext, to string) request {
	return kms("ReEncrypt", `{"CiphertextBlob":%q,"SourceEncryptionContext":%s,"DestinationKeyId":%q,"DestinationEncryptionContext":%s}`,
		ciphertext, encryptionContext, to, encryptionContext)
}

func generateRandom() request { return kms("GenerateRandom", `{"NumberOfBytes":32}`) }

func describeKey(key string) request { return kms("DescribeKey", `{"KeyId":%q}`, key) }

func createKey() request { return kms("CreateKey", `{"Description":"made by bench"}`) }

func listKeys(marker string) request {
	if marker == "" {
		return kms("ListKeys", `{"Limit":1000}`)
	}
	return kms("ListKeys", `{"Limit":1000,"Marker":%q}`, marker)
}

func getCallerIdentity() request {
	return request{Service: "sts", Body: "Action=GetCallerIdentity&Version=2011-06-15"}
}

// echoed is what the echo server gets: a request as long as an Encrypt call.
func echoed() request {
	return kms("Encrypt", "%s", strings.Repeat("x", echoRequest))
}

// encrypts gives one Encrypt call for each key.
func encrypts(keys []string) []request {
	all := make([]request, len(keys))
	for i, key := range keys {
		all[i] = encrypt(key)
	}
	return all
}
