/*
 * secret_name: says which secret is meant, by mount and path. It is made once for a request. Tables of secrets
 * (shared reads, cache entries, versions seen) use its key.
 */
#ifndef SECRET_NAME_H
#define SECRET_NAME_H

#include <stddef.h>
#include <stdint.h>

#define SECRET_MOUNT_MAX 256 /* bytes, without the NUL, as for the path */
#define SECRET_PATH_MAX 1024
#define SECRET_KEY_MAX (SECRET_MOUNT_MAX + SECRET_PATH_MAX + 2) /* bytes, with both NULs */

/* A name counts its references and never changes otherwise, so all its holders have it const. */
struct secret_name {
	uint32_t references; /* 0: it is part of a struct request, and ends with that */
	uint16_t path_at;    /* where in the key the path begins */
	uint16_t key_len;    /* bytes of the key, both NULs included */
	char key[];          /* the mount, NUL, the path, NUL; unique to the secret */
};

static inline const char *secret_mount(const struct secret_name *name)
{
	return name->key;
}

static inline const char *secret_path(const struct secret_name *name)
{
	return name->key + name->path_at;
}

/* Makes a name with one reference. NULL: no memory, or mount or path is too long. */
const struct secret_name *secret_name_new(const char *mount, const char *path);

/*
 * Gives another reference to the name, or a copy with one reference if it is part of a request. NULL: no memory.
 */
const struct secret_name *secret_name_hold(const struct secret_name *name);

/* Gives back a reference; with the last one the name is freed. NULL does nothing. */
void secret_name_release(const struct secret_name *name);

#endif
