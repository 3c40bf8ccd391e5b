// What must hold for every thread is done before the Go runtime makes any: no_new_privs and the dumpable flag are then
// inherited by all. The results are looked at in harden.go.

#include <sys/prctl.h>
#include <sys/resource.h>

static void harden(void) __attribute__((constructor));

static void harden(void) {
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);               // no core file
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);          // nor by a core handler; no ptrace, no /proc/PID/mem
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);      // no set-uid program helps whoever takes the process over
}
