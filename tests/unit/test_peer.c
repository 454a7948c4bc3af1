/*
 * What the kernel says of a peer, and what not: getsockopt() here is what the daemon calls, and may be that of a
 * kernel that knows no SO_PEERPIDFD.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/callers/peer.h"

#define PEERPIDFD 77

static bool is_old; /* the kernel */

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	if (is_old && level == SOL_SOCKET && name == PEERPIDFD) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return (int)syscall(SYS_getsockopt, fd, level, name, value, size);
}

static void test_an_old_kernel_does_not_vouch(void **state)
{
	struct peer peer;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	is_old = true;
	assert_false(peer_is_vouched_for());
	assert_int_equal(peer_read(pair[0], &peer), 0);
	peer_read_process(pair[0], true, &peer);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	assert_false(peer.unit_is_sure);
	peer_clear(&peer);
	is_old = false;
	assert_int_equal(peer_read(pair[0], &peer), 0);
	peer_read_process(pair[0], true, &peer);
	assert_int_equal(peer.unit_is_sure, peer_is_vouched_for());
	peer_clear(&peer);
	close(pair[0]);
	close(pair[1]);
}

/* Reads the peer that a child is, after it has left for namespaces of those flags and forked. false: it cannot. */
static bool read_child(int flags, bool with_host, bool *ret_on_host)
{
	int pair[2], status;
	struct peer peer;
	char byte;
	pid_t child;
	ssize_t n;

	/* The peer of a pair is who made it; so the child makes one and sends an end. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(sizeof(int))];
		} control = { .room = { 0 } };
		struct iovec piece = { .iov_base = &byte, .iov_len = 1 };
		struct msghdr m = { .msg_iov = &piece,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control) };
		int own[2];

		byte = 'x';
		if (flags != 0 && unshare(flags) != 0)
			_exit(1);
		if (fork() != 0) {
			close(pair[0]);
			close(pair[1]);
			(void)wait(NULL);
			_exit(0);
		}
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, own) != 0)
			_exit(1);
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)) };
		*(int *)(void *)CMSG_DATA(&control.header) = own[0];
		(void)sendmsg(pair[1], &m, 0);
		close(pair[0]);
		(void)!read(pair[1], &byte, 1); /* until the parent has seen enough */
		_exit(0);
	}
	close(pair[1]);
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec piece = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	n = recvmsg(pair[0], &m, 0);
	if (n == 1) {
		int fd = *(int *)(void *)CMSG_DATA(&control.header);

		assert_int_equal(peer_read(fd, &peer), 0);
		peer_read_process(fd, with_host, &peer);
		*ret_on_host = peer.on_host;
		peer_clear(&peer);
		close(fd);
	}
	close(pair[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return n == 1;
}

static void test_who_is_in_namespaces_of_its_own_is_not_on_the_host(void **state)
{
	bool on_host = false;

	(void)state;
	assert_true(read_child(0, true, &on_host));
	assert_true(on_host);
	assert_true(read_child(0, false, &on_host));
	assert_false(on_host);
	if (!read_child(CLONE_NEWPID, true, &on_host) && geteuid() != 0)
		skip();
	assert_false(on_host);
	on_host = true;
	if (read_child(CLONE_NEWUSER, true, &on_host))
		assert_false(on_host);
	on_host = true;
	if (read_child(CLONE_NEWUSER | CLONE_NEWPID, true, &on_host))
		assert_false(on_host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_old_kernel_does_not_vouch),
		cmocka_unit_test(test_who_is_in_namespaces_of_its_own_is_not_on_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
