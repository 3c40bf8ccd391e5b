#include "shim.h"

#include <dlfcn.h>
#include <stdio.h>

typedef ck_ulong ck_session;
typedef ck_ulong ck_object;

// CK_FUNCTION_LIST of PKCS#11 2.40 (pkcs11f.h gives the order). Only what the shim calls has a type.
struct ck_functions {
	struct {
		ck_byte major, minor;
	} version;
	void *Initialize, *Finalize, *GetInfo, *GetFunctionList, *GetSlotList, *GetSlotInfo, *GetTokenInfo, *GetMechanismList,
		*GetMechanismInfo;
	ck_ulong (*InitToken)(ck_ulong slot, ck_byte *pin, ck_ulong length, ck_byte *label);
	ck_ulong (*InitPIN)(ck_session, ck_byte *pin, ck_ulong length);
	void *SetPIN, *OpenSession, *CloseSession, *CloseAllSessions, *GetSessionInfo, *GetOperationState, *SetOperationState;
	ck_ulong (*Login)(ck_session, ck_ulong user, ck_byte *pin, ck_ulong length);
	void *Logout;
	ck_ulong (*CreateObject)(ck_session, ck_attribute *, ck_ulong n, ck_object *);
	ck_ulong (*CopyObject)(ck_session, ck_object, ck_attribute *, ck_ulong n, ck_object *);
	ck_ulong (*DestroyObject)(ck_session, ck_object);
	void *GetObjectSize, *GetAttributeValue, *SetAttributeValue, *FindObjectsInit, *FindObjects, *FindObjectsFinal;
	void *EncryptInit, *Encrypt, *EncryptUpdate, *EncryptFinal, *DecryptInit, *Decrypt, *DecryptUpdate, *DecryptFinal;
	void *DigestInit, *Digest, *DigestUpdate, *DigestKey, *DigestFinal;
	ck_ulong (*SignInit)(ck_session, ck_mechanism *, ck_object key);
	ck_ulong (*Sign)(ck_session, ck_byte *in, ck_ulong length, ck_byte *out, ck_ulong *out_length);
	void *SignUpdate, *SignFinal, *SignRecoverInit, *SignRecover, *VerifyInit, *Verify, *VerifyUpdate, *VerifyFinal,
		*VerifyRecoverInit, *VerifyRecover;
	void *DigestEncryptUpdate, *DecryptDigestUpdate, *SignEncryptUpdate, *DecryptVerifyUpdate;
	ck_ulong (*GenerateKey)(ck_session, ck_mechanism *, ck_attribute *, ck_ulong n, ck_object *);
	ck_ulong (*GenerateKeyPair)(ck_session, ck_mechanism *, ck_attribute *, ck_ulong, ck_attribute *, ck_ulong, ck_object *,
				    ck_object *);
	ck_ulong (*WrapKey)(ck_session, ck_mechanism *, ck_object wrapping, ck_object key, ck_byte *out, ck_ulong *out_length);
	ck_ulong (*UnwrapKey)(ck_session, ck_mechanism *, ck_object unwrapping, ck_byte *in, ck_ulong length, ck_attribute *,
			      ck_ulong n, ck_object *);
	void *DeriveKey, *SeedRandom;
	ck_ulong (*GenerateRandom)(ck_session, ck_byte *out, ck_ulong length);
	void *GetFunctionStatus, *CancelFunction, *WaitForSlotEvent;
};

ck_functions *shim_load(const char *path, char *error, ck_ulong size)
{
	// The library stays loaded: unloading one that has started threads or registered exit handlers is not safe.
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		snprintf(error, size, "%s", why ? why : "cannot be loaded");
		return NULL;
	}
	ck_ulong (*get)(ck_functions **) = (ck_ulong(*)(ck_functions **))dlsym(library, "C_GetFunctionList");
	ck_functions *f = NULL;
	if (!get || get(&f) != 0 || !f) {
		snprintf(error, size, "%s", get ? "C_GetFunctionList fails" : "it has no C_GetFunctionList, so it is not a PKCS#11 library");
		return NULL;
	}
	if (f->version.major != 2) {
		snprintf(error, size, "its function list is of version %d.%d, want 2.x", f->version.major, f->version.minor);
		return NULL;
	}
	return f;
}

ck_ulong shim_login(ck_functions *f, ck_ulong session, ck_ulong user, ck_byte *pin, ck_ulong length)
{
	return f->Login(session, user, pin, length);
}

ck_ulong shim_init_token(ck_functions *f, ck_ulong slot, ck_byte *pin, ck_ulong length, ck_byte *label32)
{
	return f->InitToken(slot, pin, length, label32);
}

ck_ulong shim_init_pin(ck_functions *f, ck_ulong session, ck_byte *pin, ck_ulong length)
{
	return f->InitPIN(session, pin, length);
}

shim_result shim_sign(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong key, ck_byte *in, ck_ulong length,
		      ck_byte *out, ck_ulong capacity)
{
	ck_mechanism m = {mechanism, NULL, 0};
	shim_result r = {f->SignInit(session, &m, key), capacity};
	if (r.code == 0)
		r.code = f->Sign(session, in, length, out, &r.value);
	return r;
}

ck_ulong shim_random(ck_functions *f, ck_ulong session, ck_byte *out, ck_ulong length)
{
	return f->GenerateRandom(session, out, length);
}

shim_result shim_create(ck_functions *f, ck_ulong session, ck_attribute *attributes, ck_ulong n)
{
	shim_result r = {0, 0};
	r.code = f->CreateObject(session, attributes, n, &r.value);
	return r;
}

shim_result shim_generate(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_attribute *attributes, ck_ulong n)
{
	ck_mechanism m = {mechanism, NULL, 0};
	shim_result r = {0, 0};
	r.code = f->GenerateKey(session, &m, attributes, n, &r.value);
	return r;
}

shim_pair shim_generate_pair(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_attribute *public_attributes,
			     ck_ulong public_n, ck_attribute *private_attributes, ck_ulong private_n)
{
	ck_mechanism m = {mechanism, NULL, 0};
	shim_pair r = {0, 0, 0};
	r.code = f->GenerateKeyPair(session, &m, public_attributes, public_n, private_attributes, private_n, &r.public_key,
				    &r.private_key);
	return r;
}

shim_result shim_wrap(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong wrapping, ck_ulong key, ck_byte *out,
		      ck_ulong capacity)
{
	ck_mechanism m = {mechanism, NULL, 0};
	shim_result r = {0, capacity};
	r.code = f->WrapKey(session, &m, wrapping, key, out, &r.value);
	return r;
}

shim_result shim_unwrap(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong unwrapping, ck_byte *in, ck_ulong length,
			ck_attribute *attributes, ck_ulong n)
{
	ck_mechanism m = {mechanism, NULL, 0};
	shim_result r = {0, 0};
	r.code = f->UnwrapKey(session, &m, unwrapping, in, length, attributes, n, &r.value);
	return r;
}

shim_result shim_copy(ck_functions *f, ck_ulong session, ck_ulong object, ck_attribute *attributes, ck_ulong n)
{
	shim_result r = {0, 0};
	r.code = f->CopyObject(session, object, attributes, n, &r.value);
	return r;
}

ck_ulong shim_destroy(ck_functions *f, ck_ulong session, ck_ulong object)
{
	return f->DestroyObject(session, object);
}
