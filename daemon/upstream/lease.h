/*
 * lease: when to log in, when to renew, when to wait. The token's life as a pure state machine: no I/O, no
 * clock and no randomness of its own, so that days of it run in a test (and ten thousand hosts in a simulation)
 * in a moment. login.c drives it with the real ones.
 *
 * All times are milliseconds of one clock that goes on while the machine sleeps (CLOCK_BOOTTIME).
 */
#ifndef LEASE_H
#define LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum lease_state {
	LEASE_STARTING,     /* no login was tried yet */
	LEASE_LOGGING_IN,   /* a login is under way */
	LEASE_SERVING,      /* a live token, nothing under way */
	LEASE_RENEWING,     /* a live token, its renewal under way */
	LEASE_RELOGIN_WAIT, /* the last login failed; the next is due later */
	LEASE_REJECTED,     /* OpenBao refused the credentials; waits for new ones, or a long time */
	LEASE_STOPPING
};
const char *lease_state_name(enum lease_state state);

enum lease_action { LEASE_NOTHING, LEASE_LOGIN, LEASE_RENEW };

enum lease_failure {
	LEASE_UNREACHABLE, /* no answer, sealed, no active node: waits for lease_recovered */
	LEASE_FAILED,      /* OpenBao answers, the login fails: full-jitter back-off, 1…60 s */
	LEASE_CREDENTIAL,  /* no usable credential here: as FAILED, or until lease_credential_changed */
	LEASE_REFUSED,     /* 400 invalid role or secret id */
	LEASE_DENIED       /* 403 at login: locked out if a REFUSED came within 15 min, else as FAILED */
};

struct lease {
	enum lease_state state;
	bool held;          /* a token is held that is not known to be dead */
	uint64_t expires;   /* end of the held token's lease; CLOCK_NEVER if it does not expire */
	uint64_t login_due; /* next login; CLOCK_NEVER if none is planned, or it is under way */
	uint64_t renew_due; /* next renewal; likewise */
	bool login_under_way, renew_under_way;
	uint64_t login_lease;   /* lease granted by the latest login */
	uint64_t granted;       /* lease granted by the latest login or renewal */
	bool near_max;          /* a fresh login is wanted while the held token goes on being renewed */
	bool awaiting_recovery; /* the next login waits for lease_recovered */
	unsigned failures;      /* logins failed in a row with OpenBao up */
	uint64_t refused[3];    /* when the last rejections came, newest first; 0: none */
	bool locked_out;
	bool watching;              /* the credentials are to blame, new ones may help */
	uint64_t last_login;        /* when the latest login was started; 0: never */
	uint64_t last_denied_login; /* when a 403 last caused a login; 0: never */
	uint64_t (*random)(void *arg, uint64_t low, uint64_t high);
	/* after each change of state; may be NULL */
	void (*changed)(void *arg, enum lease_state from, enum lease_state to);
	void *arg;
};

void lease_init(struct lease *lease, uint64_t (*random)(void *, uint64_t, uint64_t),
    void (*changed)(void *, enum lease_state, enum lease_state), void *arg);

/* The first login is due now. */
void lease_start(struct lease *lease, uint64_t now);

/*
 * What is to be done now; it counts as under way until its result is told below. Also drops a token whose lease
 * has ended. Call until LEASE_NOTHING, whenever lease_next() has come and after each event.
 *
 * The machine gives a renewal up when the held token is replaced, ends or is found dead: renew_under_way turns
 * false, the driver cancels the request, and its result is not told any more (it would be taken for the next
 * one's).
 */
enum lease_action lease_step(struct lease *lease, uint64_t now);

/* When lease_step has something to do next (a renewal, a login, the end of the lease); CLOCK_NEVER if nothing. */
uint64_t lease_next(const struct lease *lease);

/*
 * Results. since: when the request was started, from which the lease counts. lease_ms 0: does not expire.
 * lease_login_ok is false for a login whose lease is over by now: it counts as LEASE_FAILED.
 */
bool lease_login_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable);
void lease_login_failed(struct lease *lease, uint64_t now, enum lease_failure failure);
void lease_renew_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable);
void lease_renew_failed(struct lease *lease, uint64_t now);

/* OpenBao answers again, after outage_ms without. */
void lease_recovered(struct lease *lease, uint64_t now, uint64_t outage_ms);

/* The credentials differ from the ones last tried. */
void lease_credential_changed(struct lease *lease, uint64_t now);

/*
 * The held token is known to be dead (OpenBao said so). One login now, or when 30 s have passed since the last
 * such.
 */
void lease_dead(struct lease *lease, uint64_t now);

/* The held token may have been lost with what OpenBao stored: a login now, while it goes on being used. */
void lease_login_wanted(struct lease *lease, uint64_t now);

void lease_stop(struct lease *lease);

/* A token that may be used is held. */
bool lease_live(const struct lease *lease, uint64_t now);

/* Requests without a live token wait (else they get not_ready at once). */
bool lease_waits(const struct lease *lease);

/*
 * The driver must watch the credentials and call lease_credential_changed: the last login failed because of them.
 */
bool lease_watches_credentials(const struct lease *lease);

#endif
