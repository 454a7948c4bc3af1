/*
 * credential_guard: both ends of a socket over which the daemon hands connections to the guard. If the daemon's
 * end is closed, the daemon has ended.
 */
#include "daemon/callers/credential_guard.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/callers/credential_answer.h"
#include "daemon/host/log.h"

#define REFUSE_MS 10000u /* that readers have to take the refusal, when the daemon has ended */
#define LIVED_MS 60000u  /* after which a guard that dies is started again at once */
#define PAUSE_MS 1000u   /* before another guard is started, doubled each time */
#define PAUSE_MAX_MS 60000u

struct credential_guard {
	struct event_base *base;
	int fd;                            /* the socket to the guard; -1: the guard has gone */
	int guarded[CREDENTIAL_GUARD_MAX]; /* the connections, borrowed; -1: none of that number */
	pid_t pid;
	uint64_t started_ms;
	uint64_t pause_ms;          /* before the next start */
	struct event gone, restart; /* the guard has closed its end; a pause is over */
};

/* A message is a connection's number, and with it the connection, or nothing if that is done. */
struct message {
	struct msghdr header;
	struct iovec piece;
	unsigned char number;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
};

static void message_init(struct message *m, bool with_fd)
{
	memset(m, 0, sizeof(*m));
	m->piece = (struct iovec){ .iov_base = &m->number, .iov_len = 1 };
	m->header = (struct msghdr){ .msg_iov = &m->piece, .msg_iovlen = 1 };
	if (!with_fd)
		return;
	m->header.msg_control = &m->control;
	m->header.msg_controllen = sizeof(m->control);
}

/* -- the daemon's side --------------------------------------------------------------------------------------- */

static int spawn_guard(int theirs, pid_t *ret_pid)
{
	char program[] = "/proc/self/exe", option[] = CREDENTIAL_GUARD_OPTION, name[] = "secretstored";
	char *const argv[] = { name, option, NULL }, *const no_environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0)
		return rc;
	rc = posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn(ret_pid, program, &actions, NULL, argv, no_environment);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static void guard_on_gone(evutil_socket_t fd, short what, void *arg);

/* Starts the guard process. 0, or an errno. */
static int start_guard(struct credential_guard *guard)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return errno;
	rc = spawn_guard(pair[1], &guard->pid);
	close(pair[1]);
	if (rc != 0) {
		close(pair[0]);
		return rc;
	}
	guard->fd = pair[0];
	guard->started_ms = clock_now_ms();
	/* The guard never writes: the socket becomes readable when it has gone. */
	(void)event_assign(&guard->gone, guard->base, guard->fd, EV_READ, guard_on_gone, guard);
	(void)event_add(&guard->gone, NULL);
	return 0;
}

/* Gives the guard up, and has another one started. */
static void lose_guard(struct credential_guard *guard)
{
	uint64_t lived_ms = clock_now_ms() - guard->started_ms;
	struct timeval tv;

	if (guard->fd >= 0) {
		log_warning(
		    "the guard of credentials has gone: if this process dies before there is another, a unit "
		    "may get an empty credential");
		(void)event_del(&guard->gone);
		close(guard->fd);
		guard->fd = -1;
	}
	guard->pause_ms = lived_ms >= LIVED_MS   ? 0
	    : guard->pause_ms == 0               ? PAUSE_MS
	    : 2 * guard->pause_ms < PAUSE_MAX_MS ? 2 * guard->pause_ms
						 : PAUSE_MAX_MS;
	tv = clock_timeval(guard->pause_ms);
	(void)event_add(&guard->restart, &tv);
}

static void guard_on_gone(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	lose_guard(arg);
}

static void guard_on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct credential_guard *guard = arg;
	int rc;

	(void)fd;
	(void)what;
	(void)waitpid(guard->pid, NULL, WNOHANG); /* so that it does not stay as a zombie */
	rc = start_guard(guard);
	if (rc != 0) {
		log_warning("the guard of credentials cannot be started: %s", strerror(rc));
		lose_guard(guard);
		return;
	}
	log_info("another guard of credentials was started");
	for (unsigned i = 0; i < CREDENTIAL_GUARD_MAX; i++)
		if (guard->guarded[i] >= 0)
			credential_guard_watch(guard, i, guard->guarded[i]);
}

struct credential_guard *credential_guard_new(struct event_base *base, struct error *error)
{
	struct credential_guard *guard = calloc(1, sizeof(*guard));
	int rc = ENOMEM;

	if (guard != NULL) {
		guard->base = base;
		guard->fd = -1;
		for (size_t i = 0; i < CREDENTIAL_GUARD_MAX; i++)
			guard->guarded[i] = -1;
		(void)evtimer_assign(&guard->restart, base, guard_on_restart, guard);
		rc = start_guard(guard);
	}
	if (rc == 0)
		return guard;
	(void)error_set(error, "the guard of credentials cannot be started: %s", strerror(rc));
	free(guard);
	return NULL;
}

/*
 * Sends a message. A guard that does not keep up is given up at once: it would hold connections open that are
 * done.
 */
static void tell_guard(struct credential_guard *guard, struct message *m, unsigned number)
{
	ssize_t n;

	if (guard->fd < 0)
		return;
	m->number = (unsigned char)number;
	do
		n = sendmsg(guard->fd, &m->header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return;
	lose_guard(guard);
}

void credential_guard_watch(struct credential_guard *guard, unsigned number, int fd)
{
	struct message m;

	guard->guarded[number] = fd;
	message_init(&m, true);
	m.control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(fd)) };
	memcpy(CMSG_DATA(&m.control.header), &fd, sizeof(fd));
	tell_guard(guard, &m, number);
}

void credential_guard_done(struct credential_guard *guard, unsigned number)
{
	struct message m;

	guard->guarded[number] = -1;
	message_init(&m, false);
	tell_guard(guard, &m, number);
}

void credential_guard_free(struct credential_guard *guard)
{
	if (guard == NULL)
		return;
	(void)event_del(&guard->restart);
	if (guard->fd >= 0) {
		(void)event_del(&guard->gone);
		close(guard->fd);
	}
	free(guard);
}

/* -- the guard's side ---------------------------------------------------------------------------------------- */

/*
 * The guard must outlive the daemon, but systemd or a terminal sends these to all processes of the service when
 * the daemon is to end, or has ended.
 */
static void ignore_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGPIPE };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)signal(numbers[i], SIG_IGN);
}

/* Receives one message. False: the daemon has ended. */
static bool receive_message(int fds[CREDENTIAL_GUARD_MAX])
{
	struct message m;
	struct cmsghdr *control;
	int fd = -1;
	ssize_t n;

	message_init(&m, true);
	n = recvmsg(STDIN_FILENO, &m.header, MSG_CMSG_CLOEXEC);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	control = CMSG_FIRSTHDR(&m.header);
	if (control != NULL && control->cmsg_type == SCM_RIGHTS && control->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	if (m.number >= CREDENTIAL_GUARD_MAX)
		return false;
	if (fds[m.number] >= 0)
		close(fds[m.number]);
	fds[m.number] = fd;
	return true;
}

/*
 * Writes refusals as far as sockets take them. Gives how many are not done, and fills in ret_waiting for poll().
 */
static nfds_t refuse_some(int fds[CREDENTIAL_GUARD_MAX], struct credential_answer *answers,
    struct pollfd ret_waiting[CREDENTIAL_GUARD_MAX])
{
	nfds_t n = 0;

	for (size_t i = 0; i < CREDENTIAL_GUARD_MAX; i++) {
		if (fds[i] < 0)
			continue;
		if (credential_answer_send(&answers[i], fds[i]) == CREDENTIAL_WAITING) {
			ret_waiting[n++] = (struct pollfd){ .fd = fds[i], .events = POLLOUT };
			continue;
		}
		close(fds[i]);
		fds[i] = -1;
	}
	return n;
}

static void refuse_all(int fds[CREDENTIAL_GUARD_MAX])
{
	struct credential_answer answers[CREDENTIAL_GUARD_MAX];
	struct pollfd waiting[CREDENTIAL_GUARD_MAX];
	uint64_t end_ms = clock_now_ms() + REFUSE_MS;
	nfds_t n;

	for (size_t i = 0; i < CREDENTIAL_GUARD_MAX; i++) {
		credential_answer_init(&answers[i]);
		credential_answer_refuse(&answers[i]);
	}
	while ((n = refuse_some(fds, answers, waiting)) > 0 && clock_now_ms() < end_ms)
		(void)poll(waiting, n, 100);
}

int credential_guard_main(void)
{
	int fds[CREDENTIAL_GUARD_MAX];

	ignore_signals();
	(void)close_range(STDERR_FILENO + 1, UINT_MAX, 0); /* libraries open some without CLOEXEC */
	for (size_t i = 0; i < CREDENTIAL_GUARD_MAX; i++)
		fds[i] = -1;
	while (receive_message(fds))
		;
	refuse_all(fds);
	return EXIT_SUCCESS;
}
