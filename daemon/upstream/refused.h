/*
 * refused: what OpenBao has refused lately, of which role and which credentials, so that a login that comes
 * after it (a reload, a restart) does not use up the attempts that OpenBao has left for the role. Credentials
 * stand in it as digests only.
 */
#ifndef REFUSED_H
#define REFUSED_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/upstream/digest.h"
#include "daemon/upstream/lease.h"

#define REFUSED_NODES_MAX 16

struct refused {
	struct digest node[REFUSED_NODES_MAX]; /* of the addresses that were configured; more are not remembered */
	struct digest role;                    /* of the namespace, the auth method's mount and the RoleID */
	struct digest credentials;             /* of what was refused last */
	struct lease_refusals times;           /* by clock_now_ms() */
};

/* Tells whether anything was refused. */
bool refused_any(const struct refused *refused);

/*
 * Tells whether both are about one role of one OpenBao. That is taken for the same if an address is: whoever
 * configured the address of another one by mistake was refused there, and has it right now.
 */
bool refused_same_role(const struct refused *a, const struct refused *b);

/* Gives a memfd that holds *refused, as sealed_new gives it. -1 with error set. */
int refused_seal(const struct refused *refused, struct error *error);

/* Reads such a memfd into *ret; fd stays open. 0; or -1 with error set, and *ret is unchanged. */
int refused_unseal(int fd, struct refused *ret, struct error *error);

#endif
