/*
 * audit_rest: begins with what the first request has, and drops each member in which another one differs.
 */
#include "daemon/host/audit_rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "daemon/host/distinct.h"

struct audit_rest {
	uint64_t count;
	struct audit_record record;
	struct peer peer;
	char *op, *mount, *rule; /* what record's texts are; those of peer are its own */
	struct distinct secrets;
};

struct audit_rest *audit_rest_new(void)
{
	return calloc(1, sizeof(struct audit_rest));
}

void audit_rest_free(struct audit_rest *rest)
{
	if (rest == NULL)
		return;
	free(rest->op);
	free(rest->mount);
	free(rest->rule);
	free(rest->peer.unit);
	free(rest->peer.user_unit);
	free(rest);
}

static char *rest_copy_text(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static void drop_text(char **text)
{
	free(*text);
	*text = NULL;
}

static void drop_if_other(char **text, const char *other)
{
	if (*text != NULL && (other == NULL || strcmp(*text, other) != 0))
		drop_text(text);
}

static void rest_begin(struct audit_rest *rest, const struct audit_record *record)
{
	rest->record = (struct audit_record){ .code = record->code, .gone = record->gone };
	rest->op = rest_copy_text(record->op);
	rest->mount = rest_copy_text(record->mount);
	rest->rule = rest_copy_text(record->rule);
	if (record->peer == NULL)
		return;
	rest->record.peer = &rest->peer;
	rest->peer = (struct peer){ .uid = record->peer->uid,
		.gid = record->peer->gid,
		.unit = rest_copy_text(record->peer->unit),
		.user_unit = rest_copy_text(record->peer->user_unit) };
}

static void drop_what_differs(struct audit_rest *rest, const struct audit_record *record)
{
	drop_if_other(&rest->op, record->op);
	drop_if_other(&rest->mount, record->mount);
	drop_if_other(&rest->rule, record->rule);
	if (rest->record.peer == NULL)
		return;
	if (record->peer == NULL || record->peer->uid != rest->peer.uid) {
		rest->record.peer = NULL;
		return;
	}
	if (record->peer->gid != rest->peer.gid)
		rest->peer.gid = AUDIT_NO_GID;
	drop_if_other(&rest->peer.unit, record->peer->unit);
	drop_if_other(&rest->peer.user_unit, record->peer->user_unit);
}

/* Counts the secret that the request is about, if it is about one. */
static void count_secret(struct audit_rest *rest, const struct audit_record *record)
{
	const char *name = record->path != NULL ? record->path : record->credential;

	if (name == NULL)
		return;
	unsigned hash = table_hash(name, strlen(name));
	if (record->mount != NULL)
		hash = hash * 31 + table_hash(record->mount, strlen(record->mount));
	distinct_add(&rest->secrets, hash);
}

void audit_rest_add(struct audit_rest *rest, const struct audit_record *record)
{
	if (rest->count++ == 0)
		rest_begin(rest, record);
	else
		drop_what_differs(rest, record);
	count_secret(rest, record);
	rest->record.request = record->request;
	if (record->microseconds > rest->record.microseconds)
		rest->record.microseconds = record->microseconds;
	if (record->peer != NULL)
		rest->peer.pid = record->peer->pid;
}

struct audit_entry audit_rest_entry(struct audit_rest *rest)
{
	rest->record.op = rest->op;
	rest->record.mount = rest->mount;
	rest->record.rule = rest->rule;
	uint64_t secrets = distinct_count(&rest->secrets);
	return (struct audit_entry){ .record = &rest->record,
		.count = rest->count,
		.is_rest = true,
		.paths = secrets < rest->count ? secrets : rest->count }; /* an estimate may be higher */
}
