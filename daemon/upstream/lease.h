/*
 * lease: decides when to log in, when to renew and when to wait: the token's life as a pure state machine. It has
 * no I/O, no clock and no randomness of its own, so that a test runs through days of it in a moment. login.c
 * carries out what it decides.
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
	LEASE_SERVING,      /* a token is held, nothing is under way */
	LEASE_RENEWING,     /* a token is held, and its renewal is under way */
	LEASE_RELOGIN_WAIT, /* the last login failed; the next is due later */
	LEASE_REJECTED,     /* OpenBao refused the credentials; waits for new ones, or a long time */
	LEASE_STOPPING
};
const char *lease_state_name(enum lease_state state);

enum lease_action { LEASE_NOTHING, LEASE_LOGIN, LEASE_RENEW };

enum lease_failure {
	LEASE_UNREACHABLE, /* no answer, sealed, no active node: the next login waits for lease_recovered */
	LEASE_FAILED,      /* OpenBao answers, the login fails: full-jitter back-off, 1…60 s */
	LEASE_CREDENTIAL,  /* no usable credential here: the same back-off, or until lease_credential_changed */
	LEASE_REFUSED,     /* 400 invalid role or secret id: 16…24 min, or until lease_credential_changed */
	LEASE_DOUBTED,     /* the same from a node that may lag behind: 3…6 s; if it comes again, as REFUSED */
	LEASE_DENIED /* 403: a lockout if a refusal came within 15 min and no login worked since; else as FAILED */
};

/*
 * What OpenBao has refused lately. It must outlive the login that it happened to, since OpenBao goes on counting
 * over a reload or restart of this daemon.
 */
struct lease_refusals {
	uint64_t at[3]; /* when the last refusals came, newest first; 0: none. A login that works ends them. */
	uint64_t not_before; /* when the same credentials may be tried again; 0: nothing was refused */
	bool locked_out;     /* not_before holds for all credentials of the role */
};

struct lease {
	enum lease_state state;
	bool held;          /* a token is held that is not known to be dead */
	uint64_t expires;   /* end of the held token's lease; CLOCK_NEVER if it does not expire */
	uint64_t login_due; /* next login; CLOCK_NEVER: none is planned, or it is under way */
	uint64_t renew_due; /* next renewal; CLOCK_NEVER: none is planned, or it is under way */
	bool login_under_way, renew_under_way;
	uint64_t login_lease;   /* lease granted by the latest login */
	uint64_t granted;       /* lease granted by the latest login or renewal */
	bool near_max;          /* a fresh login is wanted while the held token goes on being renewed */
	bool awaiting_recovery; /* the next login waits for lease_recovered */
	unsigned failures;      /* logins failed in a row with OpenBao up */
	struct lease_refusals refusals;
	uint64_t doubted_at;        /* when a refusal came that was not believed yet; 0: there is none */
	bool watching;              /* the last login failed because of the credentials: new ones may help */
	uint64_t last_login;        /* when the latest login was started; 0: never */
	uint64_t last_denied_login; /* when the login was due that lease_dead last caused; 0: never */
	unsigned deaths;            /* tokens that died in a row within 30 s after such a login */
	uint64_t (*random)(void *arg, uint64_t low, uint64_t high);
	void (*changed)(void *arg, enum lease_state from, enum lease_state to); /* may be NULL */
	void *arg;
};

/*
 * Initialises the machine. random gives a number from low to high, both included; changed, unless NULL, runs after
 * each change of state and must not call the machine.
 */
void lease_init(struct lease *lease, uint64_t (*random)(void *, uint64_t, uint64_t),
    void (*changed)(void *, enum lease_state, enum lease_state), void *arg);

/* Makes the first login due now. */
void lease_start(struct lease *lease, uint64_t now);

/*
 * Takes over what was refused before, by the clock of this machine, and puts off the planned login if it must be.
 * same_credentials: those that will be used now are those that were refused last; else they are other ones of the
 * same role. To be called after lease_start, while no login is under way and before any was refused or has worked.
 */
void lease_remember(struct lease *lease, uint64_t now, const struct lease_refusals *before, bool same_credentials);

/*
 * Gives what is to be done now. That counts as under way until its result is told by the functions below. A token
 * whose lease has ended is dropped. To be called until it gives LEASE_NOTHING, at the time lease_next() gives and
 * after each event.
 *
 * When the held token is replaced, ends or is found dead the machine gives up its renewal: renew_under_way turns
 * false. The driver must then cancel the request and not tell its result, which would be taken for that of the
 * next renewal.
 */
enum lease_action lease_step(struct lease *lease, uint64_t now);

/*
 * Gives when lease_step will have something to do (a renewal, a login, the end of the lease); CLOCK_NEVER:
 * nothing.
 */
uint64_t lease_next(const struct lease *lease);

/*
 * These tell the machine the result of what lease_step gave. since: when the request was started, from which the
 * lease counts. lease_ms 0: the token does not expire. lease_login_ok gives false if the lease is over by now; the
 * login then counts as LEASE_FAILED, and the token must not be used.
 */
bool lease_login_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable);
void lease_login_failed(struct lease *lease, uint64_t now, enum lease_failure failure);
void lease_renew_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable);
void lease_renew_failed(struct lease *lease, uint64_t now);

/* Tells that OpenBao answers again, after outage_ms in which it did not. */
void lease_recovered(struct lease *lease, uint64_t now, uint64_t outage_ms);

/* Tells that the credentials differ from those that were tried last. */
void lease_credential_changed(struct lease *lease, uint64_t now);

/*
 * Tells that OpenBao does not know the held token any more. A login is due now; but tokens that die within 30 s
 * after a login for this reason have the next one due 1, 2, 4 … 30 s after that login.
 */
void lease_dead(struct lease *lease, uint64_t now);

/*
 * Makes a login due now, because OpenBao may have lost the held token. The token stays in use until the login has
 * succeeded.
 */
void lease_login_wanted(struct lease *lease, uint64_t now);

/* Drops the token, and makes nothing due any more. */
void lease_stop(struct lease *lease);

/* Tells whether a token is held whose lease has not ended. */
bool lease_live(const struct lease *lease, uint64_t now);

/* Tells whether requests wait, when there is no live token; else they fail at once as not_ready. */
bool lease_waits(const struct lease *lease);

/*
 * Tells whether the last login failed because of the credentials: the driver must watch these, and call
 * lease_credential_changed.
 */
bool lease_watches_credentials(const struct lease *lease);

#endif
