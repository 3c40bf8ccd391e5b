// Direct calls into a PKCS#11 2.40 library for what miekg/pkcs11 does not do or does at a cost: see shim.go.
#ifndef OSTIARY_PKCS11_SHIM_H
#define OSTIARY_PKCS11_SHIM_H

// PKCS#11 2.40, 2.2 and 3.x: on Unix, CK_ULONG is unsigned long and structures have natural alignment.
typedef unsigned long ck_ulong;
typedef unsigned char ck_byte;
_Static_assert(sizeof(ck_ulong) == 8, "the Go side writes CK_ULONG as 64 bits");

typedef struct {
	ck_ulong type;
	void *value;
	ck_ulong length; // in bytes
} ck_attribute;

typedef struct {
	ck_ulong mechanism;
	void *parameter;
	ck_ulong parameter_length;
} ck_mechanism;

typedef struct ck_functions ck_functions;

// A return code (CKR_...) and, where the call gives one and succeeded, a handle or a length.
typedef struct {
	ck_ulong code;
	ck_ulong value;
} shim_result;

// Two handles of a key pair.
typedef struct {
	ck_ulong code;
	ck_ulong public_key;
	ck_ulong private_key;
} shim_pair;

// shim_load gives the function list of the library at path, or NULL with the reason in error (cut at size).
ck_functions *shim_load(const char *path, char *error, ck_ulong size);

ck_ulong shim_login(ck_functions *f, ck_ulong session, ck_ulong user, ck_byte *pin, ck_ulong length);
ck_ulong shim_init_token(ck_functions *f, ck_ulong slot, ck_byte *pin, ck_ulong length, ck_byte *label32);
ck_ulong shim_init_pin(ck_functions *f, ck_ulong session, ck_byte *pin, ck_ulong length);

// shim_sign is C_SignInit and C_Sign with a mechanism without parameter; value is the length written to out.
shim_result shim_sign(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong key, ck_byte *in, ck_ulong length,
		      ck_byte *out, ck_ulong capacity);
ck_ulong shim_random(ck_functions *f, ck_ulong session, ck_byte *out, ck_ulong length);

shim_result shim_create(ck_functions *f, ck_ulong session, ck_attribute *attributes, ck_ulong n);
shim_result shim_generate(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_attribute *attributes, ck_ulong n);
shim_pair shim_generate_pair(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_attribute *public_attributes,
			     ck_ulong public_n, ck_attribute *private_attributes, ck_ulong private_n);
shim_result shim_wrap(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong wrapping, ck_ulong key, ck_byte *out,
		      ck_ulong capacity);
shim_result shim_unwrap(ck_functions *f, ck_ulong session, ck_ulong mechanism, ck_ulong unwrapping, ck_byte *in, ck_ulong length,
			ck_attribute *attributes, ck_ulong n);
shim_result shim_copy(ck_functions *f, ck_ulong session, ck_ulong object, ck_attribute *attributes, ck_ulong n);
ck_ulong shim_destroy(ck_functions *f, ck_ulong session, ck_ulong object);

#endif
