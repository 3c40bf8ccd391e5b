// A PKCS#11 library for tests: SoftHSM (FAULTY_LIBRARY) with one fault.
//
// FAULTY_PLAN is "function:n:code": the n-th call of the function, counted from 1 since the plan last changed, returns code
// (in hexadecimal) and, but for C_Sign, which then ends its operation as the standard wants, does nothing. The function "*" is any of them. The code "flip" does the call and then changes a bit of
// its output.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ul;
typedef unsigned char byte;
typedef struct { ul type; void *value; ul length; } attribute;
typedef struct { ul mechanism; void *parameter; ul length; } mechanism;

// The places of functions in CK_FUNCTION_LIST, after the version.
enum { OpenSession = 12, Login = 18, CreateObject = 20, CopyObject, DestroyObject, GetAttributeValue = 24, SignInit = 42,
       Sign, GenerateKey = 58, GenerateKeyPair, WrapKey, UnwrapKey, GenerateRandom = 64, Functions = 68 };

typedef struct { struct { byte major, minor; } version; void *f[Functions]; } functions;

static functions *real;
static functions faulty;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char plan[128];
static long count;

enum { GO_ON, RETURN, FLIP };

// due counts a call and says what is to happen to it.
static int due(const char *name, ul *code)
{
	int what = GO_ON;
	pthread_mutex_lock(&mutex);
	const char *now = getenv("FAULTY_PLAN");
	if (!now)
		now = "";
	if (strcmp(now, plan) != 0) {
		snprintf(plan, sizeof plan, "%s", now);
		count = 0;
	}
	char function[32] = "", how[32] = "";
	long n = 0;
	if (sscanf(plan, "%31[^:]:%ld:%31s", function, &n, how) == 3 && (strcmp(function, "*") == 0 || strcmp(function, name) == 0) &&
	    ++count == n) {
		*code = strtoul(how, NULL, 16);
		what = strcmp(how, "flip") == 0 ? FLIP : RETURN;
	}
	pthread_mutex_unlock(&mutex);
	return what;
}

#define CALL(name, params, args, output)                                        \
	static ul my##name params                                               \
	{                                                                       \
		ul code = 0;                                                    \
		int what = due("C_" #name, &code);                              \
		ul(*f) params = (ul(*) params)real->f[name];                    \
		if (what == RETURN && name != Sign)                             \
			return code;                                            \
		ul result = f args;                                             \
		byte *flipped = (byte *)(output);                               \
		if (what == FLIP && flipped)                                    \
			*flipped ^= 1;                                          \
		return what == RETURN ? code : result;                          \
	}

CALL(OpenSession, (ul slot, ul flags, void *app, void *notify, ul *s), (slot, flags, app, notify, s), s)
CALL(Login, (ul s, ul user, byte *pin, ul n), (s, user, pin, n), NULL)
CALL(CreateObject, (ul s, attribute *a, ul n, ul *o), (s, a, n, o), o)
CALL(CopyObject, (ul s, ul from, attribute *a, ul n, ul *o), (s, from, a, n, o), o)
CALL(DestroyObject, (ul s, ul o), (s, o), NULL)
CALL(GetAttributeValue, (ul s, ul o, attribute *a, ul n), (s, o, a, n), a->value ? (byte *)a->value + a->length - 1 : NULL)
CALL(SignInit, (ul s, mechanism *m, ul k), (s, m, k), NULL)
CALL(Sign, (ul s, byte *in, ul n, byte *out, ul *on), (s, in, n, out, on), out)
CALL(GenerateKey, (ul s, mechanism *m, attribute *a, ul n, ul *o), (s, m, a, n, o), NULL)
CALL(GenerateKeyPair, (ul s, mechanism *m, attribute *a, ul n, attribute *b, ul k, ul *o, ul *p), (s, m, a, n, b, k, o, p), NULL)
CALL(WrapKey, (ul s, mechanism *m, ul w, ul k, byte *out, ul *n), (s, m, w, k, out, n), out)
CALL(UnwrapKey, (ul s, mechanism *m, ul w, byte *in, ul n, attribute *a, ul k, ul *o), (s, m, w, in, n, a, k, o), NULL)
CALL(GenerateRandom, (ul s, byte *out, ul n), (s, out, n), out)

ul C_GetFunctionList(functions **list)
{
	const char *path = getenv("FAULTY_LIBRARY");
	void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	ul (*get)(functions **) = library ? (ul(*)(functions **))dlsym(library, "C_GetFunctionList") : NULL;
	if (!get || get(&real) != 0)
		return 6; // CKR_FUNCTION_FAILED
	faulty = *real;
#define REPLACE(name) faulty.f[name] = (void *)my##name
	REPLACE(OpenSession);
	REPLACE(Login);
	REPLACE(CreateObject);
	REPLACE(CopyObject);
	REPLACE(DestroyObject);
	REPLACE(GetAttributeValue);
	REPLACE(SignInit);
	REPLACE(Sign);
	REPLACE(GenerateKey);
	REPLACE(GenerateKeyPair);
	REPLACE(WrapKey);
	REPLACE(UnwrapKey);
	REPLACE(GenerateRandom);
	*list = &faulty;
	return 0;
}
