/*
 * unwrapped_secret: holds the SecretID in memory, and writes it to and reads it from a memfd.
 */
#include "daemon/upstream/unwrapped_secret.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "base/secretfile.h"
#include "base/sealed.h"

/* A change of the memfd's format needs another name. */
static const char format_name[] = "secret_id kept 1";

/* Stands at the beginning of the memfd; the SecretID fills the rest. */
struct header {
	char name[sizeof(format_name) - 1];
	unsigned char token[sizeof(((struct digest *)0)->bytes)];
};

static int secret_replace(struct unwrapped_secret *secret, const struct digest *token, char *secret_id)
{
	if (secret_id == NULL || !token->valid) {
		secmem_free(secret_id);
		return -1;
	}
	secmem_free(secret->secret_id);
	secret->secret_id = secret_id;
	secret->token = *token;
	return 0;
}

int unwrapped_secret_set(struct unwrapped_secret *secret, const char *token, const char *secret_id)
{
	const struct digest digest = digest_of(token, strlen(token), "", 0);

	return secret_replace(secret, &digest, secmem_strdup(secret_id));
}

int unwrapped_secret_copy(struct unwrapped_secret *secret, const struct unwrapped_secret *from)
{
	if (from->secret_id != NULL)
		return secret_replace(secret, &from->token, secmem_strdup(from->secret_id));
	unwrapped_secret_clear(secret);
	return 0;
}

const char *unwrapped_secret_of(const struct unwrapped_secret *secret, const char *token)
{
	struct digest digest;

	if (secret->secret_id == NULL)
		return NULL;
	digest = digest_of(token, strlen(token), "", 0);
	return digest_equal(&digest, &secret->token) ? secret->secret_id : NULL;
}

void unwrapped_secret_clear(struct unwrapped_secret *secret)
{
	secmem_free(secret->secret_id);
	memset(secret, 0, sizeof(*secret));
}

/* -- the memfd ----------------------------------------------------------------------------------------------- */

int unwrapped_secret_seal(const struct unwrapped_secret *secret, struct error *error)
{
	struct header header;

	memcpy(header.name, format_name, sizeof(header.name));
	memcpy(header.token, secret->token.bytes, sizeof(header.token));
	return sealed_new("secret_id", &header, sizeof(header), secret->secret_id, strlen(secret->secret_id),
	    error);
}

int unwrapped_secret_unseal(struct unwrapped_secret *secret, int fd, struct error *error)
{
	struct digest token = { .valid = true };
	struct header header;
	size_t n = sealed_size(fd, sizeof(header) + 1, sizeof(header) + SECRETFILE_MAX, error);
	char *secret_id;

	if (n == 0)
		return -1;
	n -= sizeof(header);
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header.name, format_name, sizeof(header.name)) != 0)
		return error_set(error, "it is of another form");
	memcpy(token.bytes, header.token, sizeof(header.token));
	secret_id = secmem_calloc(1, n + 1);
	if (secret_id == NULL)
		return error_set(error, "out of memory");
	if (pread(fd, secret_id, n, sizeof(header)) == (ssize_t)n && memchr(secret_id, '\0', n) == NULL)
		return secret_replace(secret, &token, secret_id);
	secmem_free(secret_id);
	return error_set(error, "it is of another form");
}
