/*
 * refusals: carries what was refused from the login to systemd's fd store, and back after a restart.
 */
#include "daemon/refusals.h"

#include <stddef.h>
#include <unistd.h>

#include "daemon/host/activation.h"
#include "daemon/host/log.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/refused.h"

static void on_refusals_changed(void *arg, const struct refused *refused)
{
	struct error error;
	int fd, r;

	(void)arg;
	if (!refused_any(refused)) {
		(void)activation_forget(REFUSALS_NAME, &error);
		return;
	}
	fd = refused_seal(refused, &error);
	r = fd >= 0 ? activation_leave(REFUSALS_NAME, fd, &error) : -1;
	if (r < 0)
		log_warning("which login was refused cannot be kept over a restart: %s", error.text);
	if (fd >= 0)
		close(fd);
}

void refusals_watch(struct login *login)
{
	login_on_refused(login, on_refusals_changed, NULL);
}

void refusals_take(struct login *login, int fd)
{
	struct refused refused;
	struct error error;

	if (fd < 0)
		return;
	if (refused_unseal(fd, &refused, &error) == 0)
		login_remember(login, &refused);
	else
		log_warning("what systemd should have kept of refused logins is not used: %s", error.text);
	close(fd);
}
