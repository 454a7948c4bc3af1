/*
 * refused: compares digests, and writes the struct to a memfd as it is, since only this build's daemon reads it.
 */
#include "daemon/upstream/refused.h"

#include <string.h>
#include <unistd.h>

#include "base/sealed.h"

/* A change of struct refused needs another name: a daemon may read what the version before it has left. */
static const char format_name[] = "refused logins 1";
#define FORMAT_LEN (sizeof(format_name) - 1) /* its NUL is not written */

bool refused_any(const struct refused *refused)
{
	return refused->times.at[0] != 0;
}

bool refused_same_role(const struct refused *a, const struct refused *b)
{
	if (!digest_equal(&a->role, &b->role))
		return false;
	for (size_t i = 0; i < REFUSED_NODES_MAX; i++) {
		for (size_t j = 0; j < REFUSED_NODES_MAX; j++) {
			if (digest_equal(&a->node[i], &b->node[j]))
				return true;
		}
	}
	return false;
}

int refused_seal(const struct refused *refused, struct error *error)
{
	return sealed_new("refused", format_name, FORMAT_LEN, refused, sizeof(*refused), error);
}

int refused_unseal(int fd, struct refused *ret, struct error *error)
{
	const size_t size = FORMAT_LEN + sizeof(*ret);
	char name[FORMAT_LEN];
	struct refused read;

	if (sealed_size(fd, size, size, error) == 0)
		return -1;
	if (pread(fd, name, sizeof(name), 0) != (ssize_t)sizeof(name) ||
	    memcmp(name, format_name, sizeof(name)) != 0 ||
	    pread(fd, &read, sizeof(read), sizeof(name)) != (ssize_t)sizeof(read))
		return error_set(error, "it is of another form");
	*ret = read;
	return 0;
}
