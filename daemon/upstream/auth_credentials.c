/*
 * auth_credentials: reads the files and texts that hold credentials when they are needed, and compares digests.
 */
#include "daemon/upstream/auth_credentials.h"

#include <string.h>

#include "base/secmem.h"
#include "base/secretfile.h"
#include "daemon/host/log.h"

void auth_credentials_init(struct auth_credentials *credentials)
{
	memset(credentials, 0, sizeof(*credentials));
	for (size_t i = 0; i < AUTH_CREDENTIALS_MAX; i++)
		buf_init(&credentials->credential[i].read, SECRETFILE_MAX + 1);
}

void auth_credentials_free(struct auth_credentials *credentials)
{
	auth_credentials_forget(credentials);
	for (size_t i = 0; i < credentials->n; i++)
		secmem_free(credentials->credential[i].file);
	credentials->n = 0;
}

int auth_credentials_add(struct auth_credentials *credentials, const char *file, const char *text)
{
	struct auth_credential *added = &credentials->credential[credentials->n++];

	if (file != NULL)
		added->file = secmem_strdup(file);
	else
		added->text = text;
	return added->file == NULL && added->text == NULL ? -1 : 0;
}

static int read_one(struct auth_credential *credential, struct error *why)
{
	struct buf *read = &credential->read;

	if (credential->file != NULL) {
		if (secretfile_read(credential->file, SECRETFILE_MAX, read, why) < 0)
			return -1;
	} else if (secretfile_has_mark(credential->text, strlen(credential->text))) {
		return error_set(why, "one of the credentials begins with a byte order mark, which must go");
	} else if (buf_puts(read, credential->text) < 0) {
		return error_set(why, "out of memory");
	}
	return buf_put(read, "", 1) < 0 ? error_set(why, "out of memory") : 0;
}

/*
 * Reads all credentials and gives their digest. -1 with why set: one cannot be read, and none is left in memory.
 */
static int read_credentials(struct auth_credentials *credentials, struct digest *ret, struct error *why)
{
	const struct buf *first = &credentials->credential[0].read, *second = &credentials->credential[1].read;

	ret->valid = false;
	for (size_t i = 0; i < credentials->n; i++) {
		if (read_one(&credentials->credential[i], why) < 0) {
			auth_credentials_forget(credentials);
			return -1;
		}
	}
	*ret = digest_of(buf_data(first), buf_len(first), buf_data(second), buf_len(second));
	return 0;
}

static void digest_role(struct auth_credentials *credentials)
{
	credentials->role.valid = false;
	for (size_t i = 0; i < credentials->n; i++) {
		const struct buf *read = &credentials->credential[i].read;

		if (credentials->credential[i].is_role)
			credentials->role = digest_of(buf_data(read), buf_len(read), "", 0);
	}
}

/*
 * Warns once for each content: if it may have been read, not only the file's mode but its content must be
 * replaced.
 */
static void warn_of_doubtful_files(struct auth_credentials *credentials)
{
	if (digest_equal(&credentials->used, &credentials->warned_of))
		return;
	for (size_t i = 0; i < credentials->n; i++) {
		const struct auth_credential *credential = &credentials->credential[i];
		const char *doubt = credential->file != NULL
		    ? secretfile_doubt(credential->file, credential->is_private)
		    : NULL;

		if (doubt == NULL)
			continue;
		log_warning("%s: %s", credential->file, doubt);
		credentials->warned_of = credentials->used;
	}
}

int auth_credentials_read(struct auth_credentials *credentials, struct error *why)
{
	credentials->seen.valid = false;
	if (read_credentials(credentials, &credentials->used, why) < 0)
		return -1;
	digest_role(credentials);
	warn_of_doubtful_files(credentials);
	return 0;
}

const char *auth_credentials_text(const struct auth_credentials *credentials, size_t i)
{
	return (const char *)buf_data(&credentials->credential[i].read);
}

void auth_credentials_forget(struct auth_credentials *credentials)
{
	for (size_t i = 0; i < credentials->n; i++)
		buf_free(&credentials->credential[i].read);
}

static bool any_file(const struct auth_credentials *credentials)
{
	for (size_t i = 0; i < credentials->n; i++) {
		if (credentials->credential[i].file != NULL)
			return true;
	}
	return false;
}

/* A file that cannot be read now may be about to be written, so that is no change. */
bool auth_credentials_changed(struct auth_credentials *credentials)
{
	struct digest before = credentials->seen;
	struct error ignored;

	if (!any_file(credentials) || read_credentials(credentials, &credentials->seen, &ignored) < 0)
		return false;
	auth_credentials_forget(credentials);
	return digest_equal(&credentials->seen, &before) && !digest_equal(&credentials->seen, &credentials->used);
}
