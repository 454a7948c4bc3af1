/*
 * fdstore: sd_pid_notify_with_fds(3).
 */
#include "daemon/host/fdstore.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static int tell(const char *what, const char *name, const int *fds, unsigned nfds, struct error *error)
{
	char text[128];
	int r;

	snprintf(text, sizeof(text), "%s=1\nFDNAME=%s", what, name);
	r = sd_pid_notify_with_fds(0, 0, text, fds, nfds);
	return r < 0 ? error_set(error, "systemd was not told: %s", strerror(-r)) : r > 0;
}

int fdstore_remove(const char *name, struct error *error)
{
	return tell("FDSTOREREMOVE", name, NULL, 0, error);
}

/* The one before goes first: systemd does not take more of them than the unit has room for, which is one. */
int fdstore_put(const char *name, int fd, struct error *error)
{
	int r = fdstore_remove(name, error);

	return r > 0 ? tell("FDSTORE", name, &fd, 1, error) : r;
}
