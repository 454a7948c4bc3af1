/*
 * auth_approle: the login with a RoleID and a SecretID. Files are read at each login, so that new credentials need
 * no restart; of what was read only a digest stays.
 */
#include <string.h>

#include "base/secmem.h"
#include "base/secretfile.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/approle_wrapped.h"
#include "daemon/upstream/auth_internal.h"
#include "daemon/upstream/digest.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"

#define BODY_MAX (16u * SECRETFILE_MAX) /* two files of which each byte is escaped */

/* Where a credential comes from: a file, or a text that was given once. */
struct source {
	char *file;
	char *text;
};

struct approle {
	struct auth auth;
	struct api *api;
	char *mount;
	struct source role_id, secret_id;
	struct approle_wrapped *wrapped; /* secret_id gives a wrapping token; NULL: the SecretID itself */
	struct digest used;              /* what the latest login used */
	struct digest seen;              /* what credential_changed saw last */
	struct http_call *call;          /* the login's own request */
	uint64_t deadline_ms;
	struct buf role, secret; /* what the sources gave, while a login is under way; NUL-terminated */
};

static void forget(struct approle *a)
{
	buf_free(&a->role);
	buf_free(&a->secret);
}

static const char *text_of(const struct buf *b)
{
	return (const char *)buf_data(b);
}

/* Reads a source into an empty buffer, and puts a NUL after it. */
static int read_source(const struct source *source, struct buf *ret, struct error *error)
{
	if (source->file != NULL) {
		if (secretfile_read(source->file, ret, error) < 0)
			return -1;
	} else if (buf_puts(ret, source->text) < 0) {
		return error_set(error, "out of memory");
	}
	return buf_put(ret, "", 1) < 0 ? error_set(error, "out of memory") : 0;
}

static int read_sources(struct approle *a, struct error *error)
{
	if (read_source(&a->role_id, &a->role, error) == 0 && read_source(&a->secret_id, &a->secret, error) == 0)
		return 0;
	forget(a);
	return -1;
}

static struct digest digest_of_sources(const struct approle *a)
{
	return digest_of(buf_data(&a->role), buf_len(&a->role), buf_data(&a->secret), buf_len(&a->secret));
}

static void fail(struct approle *a, enum auth_result result, const char *reason)
{
	forget(a);
	auth_fail(&a->auth, result, reason);
}

static void on_login(void *arg, const struct control *control)
{
	struct approle *a = arg;

	a->call = NULL;
	if (control->result == CONTROL_OK)
		auth_ok(&a->auth, control->client_token, control->lease_ms, control->renewable);
	else
		auth_fail_control(&a->auth, control);
}

static int write_body(struct buf *body, const char *role_id, const char *secret_id)
{
	if (buf_puts(body, "{\"role_id\":") < 0 || jwrite_escaped(body, role_id, strlen(role_id)) < 0)
		return -1;
	if (buf_puts(body, ",\"secret_id\":") < 0 || jwrite_escaped(body, secret_id, strlen(secret_id)) < 0)
		return -1;
	return buf_puts(body, "}");
}

static void send_login(struct approle *a, const char *secret_id)
{
	const char *role_id = text_of(&a->role);
	struct buf body;

	if (!utf8_valid(role_id, strlen(role_id)) || !utf8_valid(secret_id, strlen(secret_id))) {
		fail(a, AUTH_CREDENTIAL, "the RoleID or the SecretID is not UTF-8 text");
		return;
	}
	buf_init(&body, BODY_MAX);
	if (write_body(&body, role_id, secret_id) == 0)
		a->call = api_login(a->api, a->mount, &body, a->deadline_ms, on_login, a);
	buf_free(&body);
	forget(a);
	if (a->call == NULL)
		auth_fail(&a->auth, AUTH_FAILED, "out of memory");
}

static void on_opened(void *arg, enum auth_result result, const char *reason)
{
	struct approle *a = arg;

	if (result == AUTH_OK)
		send_login(a, approle_wrapped_kept(a->wrapped, text_of(&a->secret)));
	else
		fail(a, result, reason);
}

/* It is to stand in a header. */
static bool is_token(const char *s)
{
	while (*s > 0x20 && *s < 0x7f)
		s++;
	return *s == '\0';
}

static void open_wrapped(struct approle *a)
{
	const char *token = text_of(&a->secret), *kept = approle_wrapped_kept(a->wrapped, token);

	if (kept != NULL)
		send_login(a, kept);
	else if (!is_token(token))
		fail(a, AUTH_CREDENTIAL, "what should be a wrapping token holds characters that no token has");
	else if (approle_wrapped_open(a->wrapped, token, a->deadline_ms, on_opened, a) < 0)
		fail(a, AUTH_FAILED, "out of memory");
}

static void approle_login(struct auth *auth, uint64_t deadline_ms)
{
	struct approle *a = (struct approle *)auth;
	struct error error;

	a->deadline_ms = deadline_ms;
	a->used.valid = a->seen.valid = false;
	if (read_sources(a, &error) < 0) {
		fail(a, AUTH_CREDENTIAL, error.text);
		return;
	}
	a->used = digest_of_sources(a);
	if (a->wrapped != NULL)
		open_wrapped(a);
	else
		send_login(a, text_of(&a->secret));
}

/* What cannot be read now may be about to be written. */
static bool approle_credential_changed(struct auth *auth)
{
	struct approle *a = (struct approle *)auth;
	struct digest before = a->seen;
	struct error ignored;

	if (auth->done != NULL || (a->role_id.file == NULL && a->secret_id.file == NULL))
		return false;
	a->seen.valid = false;
	if (read_sources(a, &ignored) < 0)
		return false;
	a->seen = digest_of_sources(a);
	forget(a);
	return digest_equal(&a->seen, &before) && !digest_equal(&a->seen, &a->used);
}

static void approle_free(struct auth *auth)
{
	struct approle *a = (struct approle *)auth;

	if (a->call != NULL)
		http_cancel(a->call);
	approle_wrapped_free(a->wrapped);
	forget(a);
	secmem_free(a->role_id.file);
	secmem_free(a->role_id.text);
	secmem_free(a->secret_id.file);
	secmem_free(a->secret_id.text);
	secmem_free(a->mount);
	secmem_free(a);
}

static const struct auth_ops approle_ops = {
	.login = approle_login,
	.credential_changed = approle_credential_changed,
	.free = approle_free,
};

static int copy(char **ret, const char *s)
{
	*ret = s != NULL ? secmem_strdup(s) : NULL;
	return s != NULL && *ret == NULL ? -1 : 0;
}

struct auth *auth_approle_new(struct event_base *base, struct api *api, const struct auth_approle_options *options)
{
	struct approle *a = secmem_calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	buf_init(&a->role, SECRETFILE_MAX + 1);
	buf_init(&a->secret, SECRETFILE_MAX + 1);
	a->api = api;
	if (auth_init(&a->auth, base, &approle_ops) < 0 || copy(&a->mount, options->mount) < 0 ||
	    copy(&a->role_id.file, options->role_id_file) < 0 || copy(&a->role_id.text, options->role_id) < 0 ||
	    copy(&a->secret_id.file, options->secret_id_file) < 0 || copy(&a->secret_id.text, options->secret_id) < 0)
		goto fail;
	if (options->secret_id_wrapped && (a->wrapped = approle_wrapped_new(api, a->mount)) == NULL)
		goto fail;
	return &a->auth;
fail:
	auth_free(&a->auth);
	return NULL;
}
