/*
 * unwrapped: carries the SecretID from the auth to systemd's fd store, and back after a restart.
 */
#include "daemon/unwrapped.h"

#include <stddef.h>
#include <unistd.h>

#include "daemon/host/activation.h"
#include "daemon/host/log.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/unwrapped_secret.h"

static void on_secret_unwrapped(void *arg, const struct unwrapped_secret *secret)
{
	struct error error;
	int fd = unwrapped_secret_seal(secret, &error), r;
	(void)arg;
	r = fd >= 0 ? activation_leave(UNWRAPPED_NAME, fd, &error) : -1;
	if (r > 0)
		log_info("the SecretID that was unwrapped is left with systemd, for the daemon's next start");
	else if (r == 0)
		log_info("the SecretID that was unwrapped is in this process only: "
			 "after a restart a new one is needed");
	else
		log_warning("the SecretID that was unwrapped cannot be kept over a restart: %s", error.text);
	if (fd >= 0)
		close(fd);
}

void unwrapped_watch(struct auth *auth)
{
	auth_on_unwrapped(auth, on_secret_unwrapped, NULL);
}

void unwrapped_take(struct auth *auth, int fd)
{
	struct unwrapped_secret secret = { .secret_id = NULL };
	struct error error;
	if (fd < 0)
		return;
	if (unwrapped_secret_unseal(&secret, fd, &error) != 0) {
		log_warning("the SecretID that systemd should have kept is not used: %s", error.text);
	} else if (auth_set_unwrapped(auth, &secret)) {
		log_info("a SecretID that was unwrapped before the restart was kept by systemd");
	} else {
		log_info("a SecretID that was unwrapped before the restart has no use any more, and is forgotten");
		(void)activation_forget(UNWRAPPED_NAME, &error);
	}
	unwrapped_secret_clear(&secret);
	close(fd);
}
