/*
 * harden: sets process-wide limits and flags. main() does so before it reads the configuration with its
 * credentials.
 */
#include "daemon/host/harden.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/host/log.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#define LARGE_BUFFERS (32 << 20) /* the most that glibc takes */
#define LOCK (MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)

static bool locked;

int harden_process(struct error *error)
{
	/*
	 * With a heap for each thread, memory that one thread frees stays in the heap of another: 1.1 MB after two
	 * snapshots (glibc 2.36).
	 */
	(void)mallopt(M_ARENA_MAX, 1);
	/*
	 * With glibc's own bounds the buffers of a large secret are mapped, zeroed by the kernel and unmapped for
	 * each request, which was a third of its cost. harden_give_memory_back() gives back what is left of a
	 * load.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BUFFERS);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BUFFERS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(error, "cannot give up new privileges: %s", strerror(errno));
#ifdef SECRETSTORE_DEV_TOKEN
	log_warning("this build leaves its memory to debuggers and core dumps of its user (make DEV_TOKEN=1)");
#else
	if (setrlimit(RLIMIT_CORE, &(const struct rlimit){ 0, 0 }) != 0)
		return error_set(error, "cannot switch off core dumps: %s", strerror(errno));
#ifndef SANITIZED /* the sanitizer's leak check must trace the process */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(error, "cannot make the process undumpable: %s", strerror(errno));
#endif
#endif
	return 0;
}

#ifdef SANITIZED
int harden_lock_memory(struct error *error)
{
	return error_set(error, "a build with AddressSanitizer maps terabytes, which cannot be locked");
}
#else
int harden_lock_memory(struct error *error)
{
	struct rlimit before, soft;
	int failed = 0;
	if (getrlimit(RLIMIT_MEMLOCK, &before) != 0)
		return error_set(error, "cannot lock memory: %s", strerror(errno));
	/*
	 * Under a finite limit locking takes CAP_IPC_LOCK, and in a container having it may not be enough. So the
	 * kernel is asked: with a soft limit of 0 mlockall() succeeds only for those whom the limit does not bind.
	 */
	soft = before;
	soft.rlim_cur = before.rlim_max == RLIM_INFINITY ? RLIM_INFINITY : 0;
	if (setrlimit(RLIMIT_MEMLOCK, &soft) != 0 || mlockall(LOCK) != 0)
		failed = errno;
	if (soft.rlim_cur == 0)
		(void)setrlimit(RLIMIT_MEMLOCK, &before);
	locked = failed == 0;
	if (locked)
		return 0;
	return error_set(error,
	    "cannot lock memory: %s; set LimitMEMLOCK=infinity in the unit, or give CAP_IPC_LOCK",
	    strerror(failed));
}
#endif

/* The kernel does not take back locked pages, and malloc_trim() does not notice. */
void harden_give_memory_back(void)
{
	if (locked)
		(void)munlockall();
	(void)malloc_trim(0);
	if (locked && mlockall(LOCK) != 0)
		log_error("cannot lock memory again, which may be swapped now: %s", strerror(errno));
}

void harden_descriptors(void)
{
	(void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC); /* since Linux 5.11 */
}

uint64_t harden_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

void harden_raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
