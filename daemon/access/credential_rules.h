/*
 * credential_rules: which unit gets which secret as which credential. Pure: the name that systemd gives its end of
 * the connection in, the rule that decides out.
 */
#ifndef CREDENTIAL_RULES_H
#define CREDENTIAL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define CREDENTIAL_NAME_MAX 108 /* the whole of a Unix socket's address, and so of what is in it */

/* Who asks for what, as strings. */
struct credential_peer {
	char unit[CREDENTIAL_NAME_MAX]; /* "postgresql.service" */
	char id[CREDENTIAL_NAME_MAX];   /* "db-password" */
};

/*
 * Reads the address of the socket that connected, the len bytes after its family. systemd binds an abstract one
 * (seen with 252): NUL, up to 16 hexadecimal digits, "/unit/", the unit, "/", the credential's id. True, with ret
 * filled in, only for exactly that, with a unit of a kind that has processes and an id that systemd allows.
 * Anybody may choose such a name: what it says holds only for a peer whose uid is 0.
 */
bool credential_peer_parse(const char *name, size_t len, struct credential_peer *ret);

/* Does systemd allow this as a credential's id? It must be a file's name, of printable ASCII without a colon. */
bool credential_id_ok(const char *id);

struct credential_rule {
	char *name;
	char **units; /* patterns, as those of struct rule; one at least of both */
	size_t nunits;
	char **ids;
	size_t nids;
	char *mount, *path;
	char *field; /* NULL: the whole secret, a JSON object */
};

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
