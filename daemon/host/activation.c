/*
 * activation: takes descriptors from sd_listen_fds_with_names(3), and leaves them by sd_pid_notify_with_fds(3).
 */
#include "daemon/host/activation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/host/log.h"

struct activation {
	int count;
	char **names; /* of the descriptors from SD_LISTEN_FDS_START on; NULL for those that were taken */
};

bool activation_passed_any(void)
{
	return sd_listen_fds(0) > 0;
}

struct activation *activation_new(struct error *error)
{
	struct activation *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	a->count = sd_listen_fds_with_names(1, &a->names);
	if (a->count >= 0)
		return a;
	(void)error_set(error, "what systemd passed on cannot be used: %s", strerror(-a->count));
	free(a);
	return NULL;
}

void activation_free(struct activation *a)
{
	if (a == NULL)
		return;
	for (int i = 0; i < a->count; i++) {
		if (a->names[i] == NULL)
			continue;
		close(SD_LISTEN_FDS_START + i);
		free(a->names[i]);
	}
	free(a->names);
	free(a);
}

void activation_warn(const struct activation *a)
{
	for (int i = 0; i < a->count; i++)
		if (a->names[i] != NULL)
			log_warning("systemd passed on a descriptor named \"%s\", for which there is no use",
			    a->names[i]);
}

int activation_take(struct activation *a, const char *name)
{
	for (int i = 0; i < a->count; i++) {
		if (a->names[i] == NULL || strcmp(a->names[i], name) != 0)
			continue;
		free(a->names[i]);
		a->names[i] = NULL;
		return SD_LISTEN_FDS_START + i;
	}
	return -1;
}

int activation_socket(struct activation *a, const char *name, int *ret_fd, struct error *error)
{
	int fd = activation_take(a, name), flags;

	if (fd >= 0 && sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
		close(fd);
		(void)error_set(error,
		    "what systemd passed on as \"%s\" is no listening Unix stream socket: the socket unit "
		    "needs ListenStream= with a path",
		    name);
		return error_set_kind(error, ERROR_LASTING);
	}
	flags = fd >= 0 ? fcntl(fd, F_GETFL) : 0;
	if (fd >= 0 && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
		close(fd);
		return error_set(error, "cannot make the socket \"%s\" non-blocking", name);
	}
	*ret_fd = fd;
	return 0;
}

/* Sends systemd a command for its fd store, FDSTORE or FDSTOREREMOVE. Returns as activation_leave() does. */
static int tell_fdstore(const char *command, const char *name, const int *fds, unsigned nfds, struct error *error)
{
	char text[128];
	snprintf(text, sizeof(text), "%s=1\nFDNAME=%s", command, name);
	int r = sd_pid_notify_with_fds(0, 0, text, fds, nfds);
	return r < 0 ? error_set(error, "systemd was not told: %s", strerror(-r)) : r > 0;
}

int activation_forget(const char *name, struct error *error)
{
	return tell_fdstore("FDSTOREREMOVE", name, NULL, 0, error);
}

/* The old one is removed first, since systemd takes no more than the unit has room for: one of each name. */
int activation_leave(const char *name, int fd, struct error *error)
{
	int r = activation_forget(name, error);
	return r > 0 ? tell_fdstore("FDSTORE", name, &fd, 1, error) : r;
}
