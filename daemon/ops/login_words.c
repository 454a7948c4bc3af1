/*
 * login_words: says in words, for people, how the login and OpenBao stand.
 */
#include "daemon/ops/login_words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/upstream/login.h"

/* Gives a time of day, since the line may be read long after it was written. */
static const char *login_words_time(char out[16], uint64_t from_now_ms)
{
	time_t at = time(NULL) + (time_t)(from_now_ms / 1000);
	struct tm tm;
	size_t n = 0;
	if (gmtime_r(&at, &tm) != NULL)
		n = from_now_ms < 120000 ? strftime(out, 16, "%H:%M:%S UTC", &tm)
					 : strftime(out, 16, "%H:%M UTC", &tm);
	if (n == 0)
		out[0] = '\0';
	return out;
}

static void login_words_ready(const struct login_status *status, char *out, size_t size)
{
	char at[16];
	bool settled = status->state == LEASE_SERVING || status->state == LEASE_RENEWING;
	if (settled && status->reason[0] != '\0' && status->next_renewal_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in, renewal due at %s; the last login failed: %s",
		    login_words_time(at, status->next_renewal_ms), status->reason);
	else if (status->reason[0] != '\0' && status->lease_left_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in until %s, but the next login failed: %s",
		    login_words_time(at, status->lease_left_ms), status->reason);
	else if (status->next_renewal_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in, renewal due at %s", login_words_time(at, status->next_renewal_ms));
	else if (status->next_login_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in, next login due at %s",
		    login_words_time(at, status->next_login_ms));
	else
		snprintf(out, size, "logged in");
}

static void login_words_unready(const struct login_status *status, char *out, size_t size)
{
	char at[16];
	if (status->state == LEASE_STOPPING)
		snprintf(out, size, "stopping");
	else if (health_words(status->health)[0] != '\0')
		snprintf(out, size, "no login yet");
	else if (status->state == LEASE_REJECTED)
		snprintf(out, size, "no login, waiting for other credentials: %s; next try at %s", status->reason,
		    login_words_time(at, status->next_login_ms));
	else if (status->state == LEASE_RELOGIN_WAIT && status->next_login_ms != CLOCK_NEVER)
		snprintf(out, size, "no login: %s; next try at %s", status->reason,
		    login_words_time(at, status->next_login_ms));
	else if (status->state == LEASE_RELOGIN_WAIT)
		snprintf(out, size, "no login: %s", status->reason);
	else
		snprintf(out, size, "logging in");
}

void login_words(const struct login *login, char *out, size_t size)
{
	struct login_status status;
	const char *health;
	size_t n;
	login_status(login, &status);
	health = health_words(status.health);
	if (status.ready)
		login_words_ready(&status, out, size);
	else
		login_words_unready(&status, out, size);
	n = strlen(out);
	if (health[0] != '\0' && n < size)
		snprintf(out + n, size - n, "; %s", health);
}
