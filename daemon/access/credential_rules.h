/*
 * credential_rules: decides which unit gets which secret as a systemd credential. Pure: it takes the name that
 * systemd gave its end of the connection, and gives the rule that applies.
 */
#ifndef CREDENTIAL_RULES_H
#define CREDENTIAL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define CREDENTIAL_NAME_MAX 108 /* the length of a Unix socket's address, which bounds the names in it */

/* The unit that asks, and the credential that it asks for. */
struct credential_peer {
	char unit[CREDENTIAL_NAME_MAX]; /* "postgresql.service" */
	char id[CREDENTIAL_NAME_MAX];   /* "db-password" */
};

/*
 * Reads the address of the socket that connected: the len bytes after its family. systemd binds it to an abstract
 * address (seen with 252, 257 and 262): NUL, up to 16 hexadecimal digits, "/unit/", the unit, "/", the
 * credential's id. Returns true and fills in ret only for exactly that form, with a unit of a kind that has
 * processes and an id that systemd allows. Anybody may bind such an address, so the result may be trusted only if
 * the peer is root in that very unit.
 */
bool credential_peer_parse(const char *name, size_t len, struct credential_peer *ret);

/* Tells whether systemd allows this as a credential's id: a file name of printable ASCII without a colon. */
bool credential_id_ok(const char *id);

struct credential_rule {
	char *name;
	char **units; /* patterns, as in struct rule; at least one unit and one id */
	size_t nunits;
	char **ids;
	size_t nids;
	char *mount, *path; /* secmem, as is field */
	char *field;        /* NULL: the whole secret, a JSON object */
};

/* Says what a rule must have and has not: "must have unit". "": nothing. */
const char *credential_rule_lacks(const struct credential_rule *rule);

struct credential_rules {
	struct credential_rule *rule;
	size_t nrules;
};

/* Gives the first rule for this unit and id, or NULL. */
const struct credential_rule *credential_rules_find(const struct credential_rules *rules,
    const struct credential_peer *peer);

/* Calls warn for each path of a rule that is allowed but doubtful. */
void credential_rules_warn(const struct credential_rules *rules, void (*warn)(const char *format, ...));

void credential_rules_free(struct credential_rules *rules);

#endif
