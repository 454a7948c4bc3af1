/*
 * classify_phrase: finds a known phrase among the texts of an error answer. Except for check-and-set a phrase
 * counts only at the beginning of a text, so that a value that OpenBao quotes in a text is not taken for one.
 */
#include "daemon/upstream/classify_phrase.h"

#include <string.h>

#include "base/secmem.h"
#include "daemon/upstream/members.h"

#define ERROR_TEXT_MAX 1024 /* longer texts are not looked at */

static const struct {
	const char *start; /* how the text begins */
	enum upstream_phrase phrase;
} phrases[] = {
	{ "permission denied", PHRASE_PERMISSION_DENIED },
	/* sys/internal/ui/mounts says this to a token that lives. */
	{ "preflight capability check returned 403", PHRASE_PERMISSION_DENIED_WRAPPED },
	{ "check-and-set parameter required", PHRASE_CAS_REQUIRED },
	{ "Vault is sealed", PHRASE_SEALED },
	{ "OpenBao is sealed", PHRASE_SEALED },
	{ "Vault is not initialized", PHRASE_NOT_INITIALIZED },
	{ "OpenBao is not initialized", PHRASE_NOT_INITIALIZED },
	{ "security barrier not initialized", PHRASE_NOT_INITIALIZED },
	{ "local node not active but active cluster node not found", PHRASE_NO_ACTIVE_NODE },
	{ "no active Vault instance found", PHRASE_NO_ACTIVE_NODE },
	{ "no active OpenBao instance found", PHRASE_NO_ACTIVE_NODE },
	{ "active context canceled after getting state lock", PHRASE_STEPPING_DOWN },
	{ "Upgrading from non-versioned to versioned data", PHRASE_UPGRADING },
	/* A standby says it in these words. */
	{ "Waiting for the primary to upgrade from non-versioned to versioned data", PHRASE_UPGRADING },
	{ "put failed due to value being too large", PHRASE_VALUE_TOO_LARGE },
	{ "namespace not found", PHRASE_NAMESPACE_NOT_FOUND },
	{ "namespace is sealed", PHRASE_NAMESPACE_SEALED },
	{ "API access to this namespace has been locked", PHRASE_NAMESPACE_LOCKED },
	{ "invalid role or secret ID", PHRASE_INVALID_ROLE_OR_SECRET_ID },
	{ "wrapping token is not valid or does not exist", PHRASE_WRAPPING_TOKEN },
	{ "raft storage is not in use", PHRASE_RAFT_NOT_IN_USE },
	{ "unsupported path", PHRASE_UNSUPPORTED_PATH },
	{ "could not verify hash file", PHRASE_OTHER_KEYS },
	{ "failed to decompress snapshot", PHRASE_NOT_A_SNAPSHOT },
	{ "failed to read snapshot file", PHRASE_NOT_A_SNAPSHOT },
	{ "invalid role name", PHRASE_INVALID_ROLE_NAME },
	{ "service account name not authorized", PHRASE_SERVICE_ACCOUNT },
	{ "namespace not authorized", PHRASE_SERVICE_ACCOUNT },
	{ "invalid audience (aud) claim", PHRASE_AUDIENCE },
	{ "invalid expiration time (exp) claim", PHRASE_EXPIRED },
};

/*
 * Gives TEXT and what follows of a text like "1 error occurred:\n\t* TEXT\n\n"; NULL: the text is not wrapped so.
 */
static const char *unwrap(const char *text)
{
	static const char *const heads[] = { " error occurred:\n\t* ", " errors occurred:\n\t* " };
	const char *p = text + strspn(text, "0123456789");

	for (size_t i = 0; p != text && i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t len = strlen(heads[i]);

		if (strncmp(p, heads[i], len) == 0)
			return p + len;
	}
	return NULL;
}

static enum upstream_phrase phrase_of(const char *text)
{
	const char *inner = unwrap(text);
	const char *p = inner != NULL ? inner : text;

	if (strcasestr(text, "cas mismatch") != NULL ||
	    strcasestr(text, "check-and-set parameter did not match") != NULL)
		return PHRASE_CAS_MISMATCH;
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strncasecmp(p, phrases[i].start, strlen(phrases[i].start)) != 0)
			continue;
		/* For a dead token Vault sends a wrapped list of two, the second of which is "invalid token". */
		if (phrases[i].phrase == PHRASE_PERMISSION_DENIED && inner != NULL &&
		    strstr(p, "* invalid token") == NULL)
			return PHRASE_PERMISSION_DENIED_WRAPPED;
		return phrases[i].phrase;
	}
	return PHRASE_OTHER;
}

/*
 * Gives the first known phrase among the strings of an array; PHRASE_FOREIGN: it holds no string, but something
 * else. Sets *none to whether the array has no element.
 */
static enum upstream_phrase array_phrase(struct jspan array, bool *none)
{
	enum upstream_phrase phrase = PHRASE_OTHER;
	bool has_text = false;
	char text[ERROR_TEXT_MAX];
	struct jspan item;
	struct jscan s;

	/*
	 * jscan walks objects only. But the array was scanned as a whole, so between its items are only blanks and
	 * commas.
	 */
	jscan_init(&s, array.p + 1, array.len - 2);
	*none = jscan_peek(&s) < 0;
	while (phrase == PHRASE_OTHER && jscan_peek(&s) >= 0 && jscan_value(&s, JSCAN_DEPTH_MAX, &item) == 0) {
		has_text |= item.type == JSON_STRING;
		if (item.type == JSON_STRING && jspan_decode(item, text, sizeof(text)) >= 0)
			phrase = phrase_of(text);
		while (s.p < s.end && *s.p != ',')
			s.p++;
		if (s.p < s.end)
			s.p++;
	}
	/* OpenBao can quote a value of the payload here. */
	secmem_wipe(text, sizeof(text));
	return has_text || *none ? phrase : PHRASE_FOREIGN;
}

enum upstream_phrase classify_phrase(const char *body, size_t len, bool *ret_none)
{
	struct jspan errors = { .len = 0 };
	const struct members top[] = { { JNAME("errors"), &errors, NULL }, { { NULL, 0 }, NULL, NULL } };
	bool none = false;
	enum upstream_phrase phrase = PHRASE_FOREIGN;

	if (members_take(body, len, top) == 0 && members_is(errors, JSON_ARRAY))
		phrase = array_phrase(errors, &none);
	if (ret_none != NULL)
		*ret_none = none;
	return phrase;
}

static bool begins_as_object(const char *body, size_t len)
{
	size_t i = 0;

	while (i < len && (body[i] == ' ' || body[i] == '\t' || body[i] == '\r' || body[i] == '\n'))
		i++;
	return i < len && body[i] == '{';
}

bool classify_is_foreign(const struct http_reply *reply, enum upstream_phrase phrase)
{
	int status = reply->status;

	if (status < 300)
		return reply->body_len > 0 && !begins_as_object(reply->body, reply->body_len);
	return phrase == PHRASE_FOREIGN && status != 307 && status != 413 && status != 429 &&
	    (status < 502 || status > 504);
}

const char *classify_foreign_words(const struct http_reply *reply)
{
	static const char wants_tls[] = "Client sent an HTTP request to an HTTPS server";

	if (reply->status == 400 && reply->body_len >= sizeof(wants_tls) - 1 &&
	    memcmp(reply->body, wants_tls, sizeof(wants_tls) - 1) == 0)
		return "OpenBao's listener wants https://, and got http://";
	return "something in front of OpenBao answered in its place";
}
