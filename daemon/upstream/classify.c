/*
 * classify: tells what OpenBao's answers to requests for callers mean. None of its own texts is passed on.
 */
#include "daemon/upstream/classify.h"

#include <stdio.h>
#include <string.h>

#include "daemon/upstream/classify_phrase.h"
#include "daemon/upstream/members.h"

#define AGAIN_BROKEN_MS 50
#define AGAIN_NODE_MS 100
#define AGAIN_RATE_MS 1000
#define MOUNT_TEXT_MAX 1024

static void set_answer(struct answer *ret, const struct http_reply *reply, enum verdict verdict, enum code code,
    const char *message)
{
	ret->verdict = verdict;
	failure_set(&ret->failure, code, "%s", message);
	ret->failure.status = reply->status;
}

static void answer_failed(struct answer *ret, const struct http_reply *reply, enum code code, const char *message)
{
	set_answer(ret, reply, VERDICT_FAILED, code, message);
}

static void answer_retry(struct answer *ret, const struct http_reply *reply, uint64_t ms, enum code code,
    const char *message)
{
	set_answer(ret, reply, VERDICT_AGAIN, code, message);
	ret->again_ms = ms;
}

static void answer_odd(struct answer *ret, const struct http_reply *reply, enum code code, const char *message)
{
	set_answer(ret, reply, VERDICT_FAILED, code, message);
	ret->odd = true;
}

static void answer_denied(struct answer *ret, const struct http_reply *reply, enum upstream_phrase phrase,
    const char *message)
{
	set_answer(ret, reply, VERDICT_DENIED, CODE_PERMISSION_DENIED, message);
	ret->denied_wrapped = phrase == PHRASE_PERMISSION_DENIED_WRAPPED;
}

static void answer_rate_limited(struct answer *ret, const struct http_reply *reply)
{
	answer_retry(ret, reply, reply->retry_after_ms > 0 ? reply->retry_after_ms : AGAIN_RATE_MS,
	    CODE_OVERLOADED, "OpenBao limits its clients' rate");
}

/*
 * Marks an answer that is not OpenBao's. Its status stands in the message only, so that nobody takes it for what
 * OpenBao says of the secret.
 */
static void mark_foreign(struct answer *ret, const struct http_reply *reply, const char *after)
{
	ret->foreign = true;
	ret->unreachable = true;
	ret->failure.status = 0;
	snprintf(ret->failure.message, sizeof(ret->failure.message), "%s, with HTTP status %d%s",
	    classify_foreign_words(reply), reply->status, after);
}

/*
 * Takes an answer that says, to reads and writes alike, that the request was refused before anything was done.
 * False: the answer does not say so, and *ret is unchanged.
 */
static bool take_refusal(struct answer *ret, const struct http_reply *reply, enum upstream_phrase phrase)
{
	if (reply->status == 403)
		answer_denied(ret, reply, phrase, "OpenBao's policies do not allow this to the daemon");
	else if (reply->status == 429)
		answer_rate_limited(ret, reply);
	else if (reply->status == 400 && phrase == PHRASE_UPGRADING)
		answer_retry(ret, reply, AGAIN_NODE_MS, CODE_UNAVAILABLE,
		    "the mount is still being made ready by OpenBao");
	else if (reply->status == 404 && phrase == PHRASE_NAMESPACE_NOT_FOUND)
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR,
		    "the configured namespace does not exist in OpenBao");
	else if (reply->status == 503 && phrase == PHRASE_NAMESPACE_SEALED)
		answer_failed(ret, reply, CODE_SEALED, "the namespace is sealed in OpenBao");
	else if (reply->status == 503 && phrase == PHRASE_NAMESPACE_LOCKED)
		answer_failed(ret, reply, CODE_SEALED, "the namespace is locked in OpenBao");
	else if (reply->status == 503 && phrase == PHRASE_SEALED)
		answer_failed(ret, reply, CODE_SEALED, "OpenBao is sealed");
	else if (reply->status == 503 && phrase == PHRASE_NOT_INITIALIZED)
		answer_failed(ret, reply, CODE_NOT_INITIALIZED, "OpenBao is not initialized");
	else if ((reply->status == 503 || reply->status == 500) && phrase == PHRASE_NO_ACTIVE_NODE)
		answer_retry(ret, reply, AGAIN_NODE_MS, CODE_UNAVAILABLE, "OpenBao has no active node");
	else
		return false;
	ret->unreachable = (reply->status == 503 || reply->status == 500) && phrase != PHRASE_NAMESPACE_SEALED &&
	    phrase != PHRASE_NAMESPACE_LOCKED;
	return true;
}

/* Takes a reply without a connection, when nothing can have been done. False: there was a connection. */
static bool take_no_connection(struct answer *ret, const struct http_reply *reply)
{
	if (reply->outcome == HTTP_CONNECT)
		answer_failed(ret, reply, CODE_UNAVAILABLE, "OpenBao does not answer: no connection");
	else if (reply->outcome == HTTP_TLS)
		answer_failed(ret, reply, CODE_UNAVAILABLE,
		    "no connection to OpenBao: its certificate was not accepted, or the TLS handshake failed");
	else
		return false;
	ret->unreachable = true;
	return true;
}

/* -- reads -- */

static void read_without_reply(struct answer *ret, const struct http_reply *reply)
{
	if (take_no_connection(ret, reply))
		return;
	switch (reply->outcome) {
	case HTTP_DEADLINE:
		answer_failed(ret, reply, CODE_TIMEOUT, "OpenBao did not answer in time");
		ret->unreachable = true;
		break;
	case HTTP_BROKEN:
		answer_retry(ret, reply, AGAIN_BROKEN_MS, CODE_UNAVAILABLE, "the connection to OpenBao broke");
		ret->unreachable = true;
		break;
	case HTTP_TOO_BIG:
		answer_failed(ret, reply, CODE_TOO_LARGE,
		    "OpenBao's answer is larger than the daemon can pass on");
		break;
	case HTTP_HEAD_TOO_LONG:
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR, "OpenBao's answer has headers without end");
		break;
	default:
		answer_failed(ret, reply, CODE_INTERNAL, "the request to OpenBao could not be made");
		break;
	}
}

/*
 * Takes an answer to a read that holds no document. A standby sends a 307 when the leader cannot be reached, as
 * while another one is elected.
 */
static void read_failed(struct answer *ret, const struct http_reply *reply, enum upstream_phrase phrase)
{
	int status = reply->status;

	if (classify_is_foreign(reply, phrase)) {
		answer_retry(ret, reply, AGAIN_NODE_MS, CODE_UNAVAILABLE, "");
		mark_foreign(ret, reply, "");
		return;
	}
	if (take_refusal(ret, reply, phrase))
		return;
	if (phrase == PHRASE_STEPPING_DOWN || status == 307 || status == 502 || status == 503 || status == 504) {
		answer_retry(ret, reply, AGAIN_NODE_MS, CODE_UNAVAILABLE, "OpenBao cannot answer now");
		ret->unreachable = true;
	} else if (status >= 200 && status < 300) {
		answer_odd(ret, reply, CODE_EMPTY_RESPONSE, "OpenBao sent an answer without content");
	} else if (status >= 300 && status < 400) {
		answer_odd(ret, reply, CODE_UPSTREAM_ERROR,
		    "OpenBao sent the request elsewhere, which is not followed");
	} else if (status == 404 || status == 405) {
		answer_odd(ret, reply, CODE_UPSTREAM_ERROR, "OpenBao has nothing of this kind at this mount");
	} else {
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR, "OpenBao answered with an error");
	}
}

/* The document that answers a get. */
struct secret_document {
	struct jspan envelope, data, metadata, version, created_time, deletion_time, destroyed, custom_metadata;
};

static int read_secret_document(const struct http_reply *reply, struct secret_document *secret)
{
	const struct members metadata[] = {
		{ JNAME("version"), &secret->version, NULL },
		{ JNAME("created_time"), &secret->created_time, NULL },
		{ JNAME("deletion_time"), &secret->deletion_time, NULL },
		{ JNAME("destroyed"), &secret->destroyed, NULL },
		{ JNAME("custom_metadata"), &secret->custom_metadata, NULL },
		{ { NULL, 0 }, NULL, NULL },
	};
	const struct members data[] = {
		{ JNAME("data"), &secret->data, NULL },
		{ JNAME("metadata"), &secret->metadata, metadata },
		{ { NULL, 0 }, NULL, NULL },
	};
	const struct members top[] = { { JNAME("data"), &secret->envelope, data }, { { NULL, 0 }, NULL, NULL } };

	memset(secret, 0, sizeof(*secret));
	return members_take(reply->body, reply->body_len, top);
}

/*
 * Takes a version's metadata, which answers to gets and puts have in the same form. False: not what KV v2 sends.
 */
static bool take_version(struct answer *ret, struct jspan version, struct jspan created_time,
    struct jspan custom_metadata)
{
	uint64_t number;

	if (!members_is(version, JSON_NUMBER) || jspan_number(version, &number) < 0 || number == 0 ||
	    !members_may_be(created_time, JSON_STRING) ||
	    (!members_may_be(custom_metadata, JSON_OBJECT) && !members_is(custom_metadata, JSON_NULL)))
		return false;
	ret->version = number;
	ret->created_time = created_time;
	ret->metadata = custom_metadata;
	return true;
}

static void get_found(struct answer *ret, const struct http_reply *reply)
{
	struct secret_document secret;

	if (reply->body_len == 0 || classify_is_foreign(reply, PHRASE_OTHER)) {
		read_failed(ret, reply, PHRASE_OTHER);
		return;
	}
	if (read_secret_document(reply, &secret) < 0 ||
	    !take_version(ret, secret.version, secret.created_time, secret.custom_metadata)) {
		answer_odd(ret, reply, CODE_UPSTREAM_ERROR,
		    "OpenBao's answer is not one of a KV version 2 engine");
	} else if (!members_is(secret.data, JSON_OBJECT)) {
		answer_odd(ret, reply, CODE_UPSTREAM_ERROR, "the secret holds no object");
	} else {
		ret->verdict = VERDICT_OK;
		ret->data = secret.data;
	}
}

static void get_not_found(struct answer *ret, const struct http_reply *reply)
{
	struct secret_document secret;
	enum upstream_phrase phrase;
	uint64_t version;
	bool none;

	if (read_secret_document(reply, &secret) == 0 && members_is(secret.data, JSON_NULL) &&
	    members_is(secret.version, JSON_NUMBER) && jspan_number(secret.version, &version) == 0) {
		answer_failed(ret, reply, CODE_NOT_FOUND,
		    members_is(secret.destroyed, JSON_TRUE) ? "this version of the secret is destroyed"
							    : "this version of the secret is deleted");
		ret->failure.deleted = true;
		ret->failure.version = version;
		return;
	}
	phrase = classify_phrase(reply->body, reply->body_len, &none);
	if (none)
		answer_failed(ret, reply, CODE_NOT_FOUND, "there is no such secret or version");
	else
		read_failed(ret, reply, phrase);
}

void classify_get(const struct http_reply *reply, struct answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (reply->outcome != HTTP_REPLY)
		read_without_reply(ret, reply);
	else if (reply->status == 200)
		get_found(ret, reply);
	else if (reply->status == 404)
		get_not_found(ret, reply);
	else
		read_failed(ret, reply, classify_phrase(reply->body, reply->body_len, NULL));
}

/* -- writes -- */

static void answer_unknown(struct answer *ret, const struct http_reply *reply, const char *message)
{
	answer_failed(ret, reply, CODE_UNKNOWN_OUTCOME, message);
}

static void put_without_reply(struct answer *ret, const struct http_reply *reply)
{
	if (!reply->sent && take_no_connection(ret, reply))
		return;
	if (reply->sent)
		answer_unknown(ret, reply,
		    reply->outcome == HTTP_DEADLINE
			? "the write was sent, and OpenBao did not answer in time: "
			  "it may or may not have been done"
			: "the write was sent, and no whole answer came: it may or may not have been done");
	else if (reply->outcome == HTTP_DEADLINE)
		answer_failed(ret, reply, CODE_TIMEOUT, "OpenBao did not answer in time; nothing was sent");
	else if (reply->outcome == HTTP_BROKEN)
		answer_retry(ret, reply, AGAIN_BROKEN_MS, CODE_UNAVAILABLE,
		    "the connection to OpenBao broke; nothing was sent");
	else
		answer_failed(ret, reply, CODE_INTERNAL, "the request to OpenBao could not be made");
	ret->unreachable = reply->outcome == HTTP_DEADLINE || reply->outcome == HTTP_BROKEN;
}

static void put_done(struct answer *ret, const struct http_reply *reply)
{
	struct jspan envelope = { .len = 0 }, version = envelope, created_time = envelope,
		     custom_metadata = envelope;
	const struct members data[] = {
		{ JNAME("version"), &version, NULL },
		{ JNAME("created_time"), &created_time, NULL },
		{ JNAME("custom_metadata"), &custom_metadata, NULL },
		{ { NULL, 0 }, NULL, NULL },
	};
	const struct members top[] = { { JNAME("data"), &envelope, data }, { { NULL, 0 }, NULL, NULL } };

	if (members_take(reply->body, reply->body_len, top) == 0 &&
	    take_version(ret, version, created_time, custom_metadata))
		return;
	answer_unknown(ret, reply, "OpenBao's answer to the write is not one of a KV version 2 engine");
	ret->odd = true;
}

/*
 * Takes an answer other than OpenBao's 200. The outcome is unknown, unless the answer is known to leave the secret
 * untouched.
 */
static void put_failed(struct answer *ret, const struct http_reply *reply)
{
	enum upstream_phrase phrase = classify_phrase(reply->body, reply->body_len, NULL);
	int status = reply->status;

	/* The write may have been passed on, and its answer replaced. */
	if (classify_is_foreign(reply, phrase)) {
		answer_unknown(ret, reply, "");
		mark_foreign(ret, reply, ": the write may or may not have been done");
		return;
	}
	if (take_refusal(ret, reply, phrase))
		return;
	if (status == 400 && phrase == PHRASE_CAS_MISMATCH)
		answer_failed(ret, reply, CODE_CAS_MISMATCH,
		    "cas mismatch: check-and-set parameter did not match the current version (REQ-004, PX-0003)");
	else if (status == 400 && phrase == PHRASE_CAS_REQUIRED)
		answer_failed(ret, reply, CODE_CAS_REQUIRED, "this secret may only be written with check-and-set");
	else if (status == 400)
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR,
		    "OpenBao did not accept the write; nothing was written");
	else if (status == 404 || status == 405)
		answer_odd(ret, reply, CODE_UPSTREAM_ERROR, "OpenBao has nothing to write to at this mount");
	else if (status == 413 || (status == 500 && phrase == PHRASE_VALUE_TOO_LARGE))
		answer_failed(ret, reply, CODE_TOO_LARGE,
		    "the secret is larger than OpenBao takes; nothing was written");
	else if (status >= 200 && status < 300) {
		answer_unknown(ret, reply, "OpenBao's answer to the write is not one of a KV version 2 engine");
		ret->odd = true;
	} else {
		/* A standby that passed the write on to the leader, and got no answer from it, sends a 307. */
		answer_unknown(ret, reply,
		    "OpenBao answered the write with an error: it may or may not have been done");
		ret->unreachable = status == 307 || status >= 500;
	}
}

void classify_put(const struct http_reply *reply, struct answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (reply->outcome != HTTP_REPLY)
		put_without_reply(ret, reply);
	else if (reply->status == 200 && !classify_is_foreign(reply, PHRASE_OTHER))
		put_done(ret, reply);
	else
		put_failed(ret, reply);
}

/* -- the mount guard -- */

static bool is_mount_path(struct jspan path, const char *mount)
{
	char text[MOUNT_TEXT_MAX];
	size_t len = strlen(mount);

	return members_is(path, JSON_STRING) && jspan_decode(path, text, sizeof(text)) == (long)len + 1 &&
	    memcmp(text, mount, len) == 0 && text[len] == '/';
}

static void mount_found(const struct http_reply *reply, const char *mount, struct answer *ret)
{
	static const char message[] = "the mount is not a KV version 2 engine, or no mount by itself";
	struct jspan envelope = { .len = 0 }, path = envelope, type = envelope, options = envelope,
		     version = envelope;
	const struct members option[] = { { JNAME("version"), &version, NULL }, { { NULL, 0 }, NULL, NULL } };
	const struct members data[] = {
		{ JNAME("path"), &path, NULL },
		{ JNAME("type"), &type, NULL },
		{ JNAME("options"), &options, option },
		{ { NULL, 0 }, NULL, NULL },
	};
	const struct members top[] = { { JNAME("data"), &envelope, data }, { { NULL, 0 }, NULL, NULL } };

	if (members_take(reply->body, reply->body_len, top) < 0 || !members_is(envelope, JSON_OBJECT))
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR, "OpenBao's answer about the mount cannot be read");
	else if (!is_mount_path(path, mount) || !jspan_equals(type, "kv") || !jspan_equals(version, "2"))
		answer_failed(ret, reply, CODE_NOT_KV_V2, message);
	else
		ret->verdict = VERDICT_OK;
}

void classify_mount(const struct http_reply *reply, const char *mount, struct answer *ret)
{
	enum upstream_phrase phrase;

	memset(ret, 0, sizeof(*ret));
	if (reply->outcome != HTTP_REPLY) {
		read_without_reply(ret, reply);
		return;
	}
	if (reply->status == 200 && reply->body_len > 0 && !classify_is_foreign(reply, PHRASE_OTHER)) {
		mount_found(reply, mount, ret);
		return;
	}
	phrase = classify_phrase(reply->body, reply->body_len, NULL);
	if (phrase == PHRASE_FOREIGN)
		read_failed(ret, reply, phrase);
	else if (reply->status == 403)
		answer_denied(ret, reply, phrase,
		    "there is no such mount, or OpenBao's policies do not allow it to the daemon");
	else if ((reply->status == 404 && phrase != PHRASE_NAMESPACE_NOT_FOUND) ||
	    (reply->status == 400 && phrase == PHRASE_OTHER))
		answer_failed(ret, reply, CODE_NOT_KV_V2, "there is no such mount in OpenBao");
	else
		read_failed(ret, reply, phrase);
}

/* -- snapshots -- */

/* A cluster without raft is recognised by the phrase, since the status differs between versions of OpenBao. */
static bool take_no_raft(struct answer *ret, const struct http_reply *reply, enum upstream_phrase phrase)
{
	const char *said = phrase == PHRASE_RAFT_NOT_IN_USE ? "raft storage is not in use"
	    : phrase == PHRASE_UNSUPPORTED_PATH             ? "unsupported path"
							    : NULL;

	if (said == NULL)
		return false;
	answer_failed(ret, reply, CODE_RAFT_UNSUPPORTED, "");
	snprintf(ret->failure.message, sizeof(ret->failure.message),
	    "secretstore: raft storage not in use (OpenBao answered with HTTP status %d: %s)", reply->status,
	    said);
	return true;
}

void classify_save(const struct http_reply *reply, struct answer *ret)
{
	enum upstream_phrase phrase;

	memset(ret, 0, sizeof(*ret));
	if (reply->outcome != HTTP_REPLY) {
		read_without_reply(ret, reply);
		return;
	}
	if (reply->status >= 200 && reply->status < 300) {
		ret->verdict = VERDICT_OK;
		return;
	}
	phrase = classify_phrase(reply->body, reply->body_len, NULL);
	if (reply->status == 403 || !take_no_raft(ret, reply, phrase))
		read_failed(ret, reply, phrase);
}

static void restore_without_reply(struct answer *ret, const struct http_reply *reply)
{
	if (!reply->sent && take_no_connection(ret, reply))
		return;
	if (reply->outcome == HTTP_INTERNAL)
		answer_failed(ret, reply, CODE_INTERNAL, "the request to OpenBao could not be made");
	else if (!reply->sent)
		answer_failed(ret, reply, CODE_UNAVAILABLE, "the connection to OpenBao broke; nothing was sent");
	else
		answer_unknown(ret, reply, "the snapshot was sent, and OpenBao did not say what it did with it");
	ret->unreachable = reply->outcome != HTTP_INTERNAL;
}

void classify_restore(const struct http_reply *reply, struct answer *ret)
{
	enum upstream_phrase phrase;

	memset(ret, 0, sizeof(*ret));
	if (reply->outcome != HTTP_REPLY) {
		restore_without_reply(ret, reply);
		return;
	}
	if (reply->status >= 200 && reply->status < 300 && !classify_is_foreign(reply, PHRASE_OTHER)) {
		ret->verdict = VERDICT_OK;
		return;
	}
	phrase = classify_phrase(reply->body, reply->body_len, NULL);
	if (classify_is_foreign(reply, phrase)) {
		answer_unknown(ret, reply, "");
		mark_foreign(ret, reply, ": the snapshot may or may not have been restored");
		return;
	}
	if (take_refusal(ret, reply, phrase) || take_no_raft(ret, reply, phrase))
		return;
	if (phrase == PHRASE_OTHER_KEYS)
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR,
		    "the snapshot is of a cluster with other unseal keys, which OpenBao "
		    "restores only by force; nothing was restored");
	else if (phrase == PHRASE_NOT_A_SNAPSHOT)
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR,
		    "OpenBao could not read the snapshot to its end, or did not wait for it "
		    "(its listener's http_read_timeout); nothing was restored");
	else if (reply->status >= 300 && reply->status < 500)
		answer_failed(ret, reply, CODE_UPSTREAM_ERROR,
		    "OpenBao did not accept the snapshot; nothing was restored");
	else
		answer_unknown(ret, reply,
		    "OpenBao answered the restore with an error of its own: it may or may not have been done");
}
