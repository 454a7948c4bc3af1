/*
 * control: reads OpenBao's control documents strictly: if a field has another type than expected, the whole
 * document is refused. All of jansson's memory is wiped when it is freed.
 */
#include "daemon/upstream/control.h"

#include <jansson.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/upstream/classify_phrase.h"

#define DOCUMENT_MAX (1u << 20)
#define STRING_MAX 16384
#define LEASE_MAX_S INT64_C(315360000) /* ten years; a longer lease is taken for this */

void control_global_init(void)
{
	json_set_alloc_funcs(secmem_malloc, secmem_free);
	json_object_seed(0);
}

void control_clear(struct control *control)
{
	json_decref(control->document);
	memset(control, 0, sizeof(*control));
	control->result = CONTROL_FAILED;
	control->reason = "";
}

static void set_result(struct control *control, enum control_result result, const char *reason)
{
	control->result = result;
	control->reason = reason;
}

/* -- what went wrong -- */

static void set_no_reply(struct control *control, enum http_outcome outcome)
{
	switch (outcome) {
	case HTTP_CONNECT:
		set_result(control, CONTROL_UNREACHABLE, "no connection to OpenBao");
		break;
	case HTTP_TLS:
		set_result(control, CONTROL_UNREACHABLE,
		    "OpenBao's certificate was not accepted, or the TLS handshake failed");
		control->tls = true;
		break;
	case HTTP_DEADLINE:
		set_result(control, CONTROL_UNREACHABLE, "OpenBao did not answer in time");
		break;
	case HTTP_BROKEN:
		set_result(control, CONTROL_UNREACHABLE, "the connection to OpenBao broke");
		break;
	case HTTP_TOO_BIG:
		set_result(control, CONTROL_FAILED, "OpenBao's answer is too large");
		break;
	case HTTP_HEAD_TOO_LONG:
		set_result(control, CONTROL_FAILED, "OpenBao's answer has headers without end");
		break;
	default:
		set_result(control, CONTROL_FAILED, "the request to OpenBao could not be made");
		break;
	}
}

static const struct {
	enum upstream_phrase phrase;
	int status; /* 0: any */
	enum control_result result;
	const char *reason;
} meanings[] = {
	{ PHRASE_INVALID_ROLE_OR_SECRET_ID, 400, CONTROL_REJECTED,
	    "OpenBao rejected the role id or the secret id" },
	{ PHRASE_WRAPPING_TOKEN, 400, CONTROL_WRAPPING_GONE,
	    "the wrapping token is used up, expired, or never was one; "
	    "if nobody of yours used it, somebody else did" },
	{ PHRASE_SEALED, 503, CONTROL_UNREACHABLE, "OpenBao is sealed" },
	{ PHRASE_NOT_INITIALIZED, 0, CONTROL_UNREACHABLE, "OpenBao is not initialized" },
	{ PHRASE_NO_ACTIVE_NODE, 0, CONTROL_UNREACHABLE, "OpenBao has no active node" },
	{ PHRASE_STEPPING_DOWN, 0, CONTROL_UNREACHABLE, "OpenBao's active node is stepping down" },
	{ PHRASE_NAMESPACE_NOT_FOUND, 0, CONTROL_FAILED, "the configured namespace does not exist in OpenBao" },
	{ PHRASE_NAMESPACE_SEALED, 503, CONTROL_FAILED, "the namespace is sealed in OpenBao" },
	{ PHRASE_NAMESPACE_LOCKED, 503, CONTROL_FAILED, "the namespace is locked in OpenBao" },
	{ PHRASE_INVALID_ROLE_NAME, 400, CONTROL_FAILED, "OpenBao does not know the configured role" },
};

/* Every 403 is a denial; with these phrases it also says why. */
static const struct {
	enum upstream_phrase phrase;
	const char *reason;
} denials[] = {
	{ PHRASE_SERVICE_ACCOUNT, "the role is not for this service account or its namespace" },
	{ PHRASE_AUDIENCE, "the service account's token was not made for the role's audience" },
	{ PHRASE_EXPIRED, "the service account's token has expired" },
};

static void set_denied(struct control *control, enum upstream_phrase phrase)
{
	set_result(control, CONTROL_DENIED, "OpenBao denied permission");
	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
		if (phrase == denials[i].phrase) {
			control->explained = true;
			control->reason = denials[i].reason;
		}
	}
}

static void set_error(struct control *control, const struct http_reply *reply)
{
	enum upstream_phrase phrase = classify_phrase(reply->body, reply->body_len, NULL);

	if (classify_is_foreign(reply, phrase)) {
		control->foreign = true;
		set_result(control, CONTROL_UNREACHABLE, classify_foreign_words(reply));
		return;
	}
	if (reply->status == 403 && phrase == PHRASE_PERMISSION_DENIED_WRAPPED) {
		set_result(control, CONTROL_DENIED_WRAPPED, "OpenBao's policies do not allow it");
		return;
	}
	if (reply->status == 403) {
		set_denied(control, phrase);
		return;
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (phrase == meanings[i].phrase &&
		    (meanings[i].status == 0 || reply->status == meanings[i].status)) {
			set_result(control, meanings[i].result, meanings[i].reason);
			return;
		}
	}
	if (reply->status == 307) /* a standby sends it when the leader cannot be reached */
		set_result(control, CONTROL_UNREACHABLE, "OpenBao has no active node");
	else if (reply->status >= 502 && reply->status <= 504)
		set_result(control, CONTROL_UNREACHABLE, "OpenBao cannot answer now");
	else if (reply->status == 429)
		set_result(control, CONTROL_FAILED, "OpenBao limits its clients' rate");
	else if (reply->status == 404 || reply->status == 405)
		set_result(control, CONTROL_FAILED, "OpenBao has nothing at the configured mount");
	else if (reply->status >= 300 && reply->status < 400)
		set_result(control, CONTROL_FAILED, "OpenBao sent the request elsewhere, which is not followed");
	else if (reply->status >= 500)
		set_result(control, CONTROL_FAILED, "OpenBao answered with an error of its own");
	else
		set_result(control, CONTROL_FAILED, "OpenBao did not accept the request");
}

/* Sets *control from the reply's outcome and status. True: a 2xx of OpenBao's; the result is CONTROL_OK. */
static bool take_status(const struct http_reply *reply, struct control *control)
{
	memset(control, 0, sizeof(*control));
	control->outcome = reply->outcome;
	control->status = reply->status;
	control->why = reply->why;
	set_result(control, CONTROL_OK, "");
	if (reply->outcome != HTTP_REPLY)
		set_no_reply(control, reply->outcome);
	else if (reply->status < 200 || reply->status > 299 || classify_is_foreign(reply, PHRASE_OTHER))
		set_error(control, reply);
	return control->result == CONTROL_OK;
}

/* -- documents -- */

/* Parses the body into control->document. NULL: it is no object, is too large, or no memory. */
static json_t *load_document(const struct http_reply *reply, struct control *control)
{
	json_error_t ignored;

	if (reply->body_len > DOCUMENT_MAX)
		return NULL;
	/* A login's metadata are what somebody has given to OpenBao, and may hold a NUL. */
	control->document = json_loadb(reply->body, reply->body_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	    &ignored);
	/* jansson's error can quote the text near it. */
	secmem_wipe(&ignored, sizeof(ignored));
	return json_is_object((json_t *)control->document) ? control->document : NULL;
}

/*
 * Gives the object of that name in a 2xx answer. NULL: there is none, and the result is set; for a 2xx answer to
 * CONTROL_EMPTY if OpenBao sent nothing or null there, else to CONTROL_FAILED.
 */
static json_t *load_part(const struct http_reply *reply, const char *name, struct control *control)
{
	json_t *root, *part;

	if (!take_status(reply, control))
		return NULL;
	if (reply->body_len == 0) {
		set_result(control, CONTROL_EMPTY, "OpenBao sent an answer without content");
		return NULL;
	}
	root = load_document(reply, control);
	if (root == NULL) {
		set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
		return NULL;
	}
	part = json_object_get(root, name);
	if (part == NULL || json_is_null(part))
		set_result(control, CONTROL_EMPTY, "OpenBao's answer does not hold what was asked for");
	else if (!json_is_object(part))
		set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
	return control->result == CONTROL_OK ? part : NULL;
}

/* Tells whether a string cannot be used as C has them. */
static bool has_nul(const json_t *value)
{
	return json_string_length(value) != strlen(json_string_value(value));
}

/*
 * Sets *ret to the string of that name, or the result: CONTROL_EMPTY if absent, null or "", else CONTROL_FAILED.
 */
static void take_text(struct control *control, const json_t *part, const char *name, const char **ret)
{
	const json_t *value = json_object_get(part, name);

	if (value == NULL || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
		set_result(control, CONTROL_EMPTY, "OpenBao's answer does not hold what was asked for");
	else if (!json_is_string(value) || json_string_length(value) > STRING_MAX || has_nul(value))
		set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
	else
		*ret = json_string_value(value);
}

/* Does what take_text does, but takes only visible ASCII characters, which can stand in a header or a request. */
static void take_credential(struct control *control, const json_t *part, const char *name, const char **ret)
{
	const char *value = NULL;

	take_text(control, part, name, &value);
	for (const char *p = value; p != NULL && *p != '\0'; p++) {
		if (*p < 0x21 || *p > 0x7e) {
			set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
			return;
		}
	}
	*ret = value;
}

/*
 * Reads the lease; name: of the member that holds its seconds. False: it cannot be read, and *control is
 * unchanged.
 */
static bool read_lease(struct control *control, const json_t *part, const char *name)
{
	const json_t *lease = json_object_get(part, name), *renewable = json_object_get(part, "renewable");
	json_int_t seconds = json_integer_value(lease);

	if (!json_is_integer(lease) || seconds < 0 || (renewable != NULL && !json_is_boolean(renewable)))
		return false;
	control->lease_ms = (uint64_t)(seconds > LEASE_MAX_S ? LEASE_MAX_S : seconds) * 1000;
	control->renewable = json_is_true(renewable);
	return true;
}

static void take_auth_lease(struct control *control, const json_t *auth)
{
	if (!read_lease(control, auth, "lease_duration"))
		set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
}

/* Reads what a login's answer may say of the token's kind. */
static void take_kind(struct control *control, const json_t *auth)
{
	const json_t *type = json_object_get(auth, "token_type"), *uses = json_object_get(auth, "num_uses");
	json_int_t n = json_integer_value(uses);

	control->batch = json_is_string(type) && strcmp(json_string_value(type), "batch") == 0;
	if (uses != NULL && (!json_is_integer(uses) || n < 0))
		set_result(control, CONTROL_FAILED, "OpenBao's answer cannot be read");
	else
		control->num_uses = (uint64_t)n;
}

void control_login(const struct http_reply *reply, struct control *ret)
{
	const json_t *auth = load_part(reply, "auth", ret);

	if (auth == NULL)
		return;
	take_credential(ret, auth, "client_token", &ret->client_token);
	if (ret->result == CONTROL_EMPTY)
		ret->reason = "OpenBao's answer holds no token: the login wants a second factor, perhaps";
	if (ret->result == CONTROL_OK)
		take_kind(ret, auth);
	if (ret->result == CONTROL_OK)
		take_auth_lease(ret, auth);
	if (ret->result != CONTROL_OK) {
		ret->left_token = ret->client_token;
		ret->client_token = NULL;
	}
}

void control_renew(const struct http_reply *reply, struct control *ret)
{
	const json_t *auth = load_part(reply, "auth", ret);

	if (auth != NULL)
		take_auth_lease(ret, auth);
}

void control_lookup(const struct http_reply *reply, struct control *ret)
{
	const json_t *data = load_part(reply, "data", ret);

	if (data != NULL)
		(void)read_lease(ret, data, "ttl");
}

void control_plain(const struct http_reply *reply, struct control *ret)
{
	take_status(reply, ret);
}

void control_wrapping(const struct http_reply *reply, struct control *ret)
{
	const json_t *data = load_part(reply, "data", ret);

	if (data != NULL)
		take_text(ret, data, "creation_path", &ret->creation_path);
}

void control_unwrap(const struct http_reply *reply, struct control *ret)
{
	const json_t *data = load_part(reply, "data", ret);

	if (data != NULL)
		take_credential(ret, data, "secret_id", &ret->secret_id);
}

/*
 * Tells whether sys/health sends its document with this status: one that the query asks for, or one that OpenBao
 * chooses, should a proxy drop the query.
 */
static bool is_health_status(int status)
{
	static const int statuses[] = { 200, 299, 429, 472, 473, 501, 503 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (status == statuses[i])
			return true;
	}
	return false;
}

static bool take_health(const struct http_reply *reply, struct control *control)
{
	const json_t *root, *initialized, *sealed, *standby;

	if (reply->outcome != HTTP_REPLY || !is_health_status(reply->status))
		return false;
	root = load_document(reply, control);
	initialized = json_object_get(root, "initialized");
	sealed = json_object_get(root, "sealed");
	standby = json_object_get(root, "standby");
	if (!json_is_boolean(initialized) || !json_is_boolean(sealed) ||
	    (standby != NULL && !json_is_boolean(standby)))
		return false;
	control->health = true;
	control->initialized = json_is_true(initialized);
	control->sealed = json_is_true(sealed);
	control->standby = json_is_true(standby);
	return true;
}

void control_health(const struct http_reply *reply, struct control *ret)
{
	bool plain = take_status(reply, ret);

	if (ret->foreign) /* some proxies do not pass sys/health on; that says nothing of the rest */
		set_result(ret, CONTROL_FAILED, ret->reason);
	if (ret->status == 307) /* this is no standby's 307: a standby answers sys/health itself */
		set_result(ret, CONTROL_FAILED, "OpenBao sent the request elsewhere, which is not followed");
	if (take_health(reply, ret)) {
		ret->foreign = false;
		if (!ret->initialized)
			set_result(ret, CONTROL_UNREACHABLE, "OpenBao is not initialized");
		else if (ret->sealed)
			set_result(ret, CONTROL_UNREACHABLE, "OpenBao is sealed");
		else
			set_result(ret, CONTROL_OK, "");
	} else if (plain) {
		set_result(ret, reply->body_len == 0 ? CONTROL_EMPTY : CONTROL_FAILED,
		    reply->body_len == 0 ? "OpenBao sent an answer without content"
					 : "OpenBao's answer cannot be read");
	}
}

/*
 * A node without a highly available store says only {"ha_enabled":false} (OpenBao 2.7.2). It is the only node, so
 * it counts as the leader.
 */
void control_leader(const struct http_reply *reply, struct control *ret)
{
	const json_t *root, *ha_enabled, *is_self, *address, *active_time;

	if (!take_status(reply, ret))
		return;
	root = load_document(reply, ret);
	ha_enabled = json_object_get(root, "ha_enabled");
	is_self = json_object_get(root, "is_self");
	address = json_object_get(root, "leader_address");
	if (!json_is_boolean(ha_enabled) || (json_is_true(ha_enabled) && !json_is_boolean(is_self)) ||
	    (address != NULL && (!json_is_string(address) || has_nul(address)))) {
		set_result(ret, CONTROL_FAILED, "OpenBao's answer cannot be read");
		return;
	}
	ret->is_self = json_is_true(is_self) || json_is_false(ha_enabled);
	if (address != NULL && json_string_length(address) > 0 && json_string_length(address) <= STRING_MAX)
		ret->leader_address = json_string_value(address);
	active_time = json_object_get(root, "active_time");
	if (json_is_string(active_time) && !has_nul(active_time))
		ret->active_time = json_string_value(active_time);
}
