/*
 * secret_name: which secret, by mount and path. It is made once for a request, and whatever is kept by a secret's
 * name (reads that are shared, the cache, versions seen) is kept by its key.
 */
#ifndef SECRET_NAME_H
#define SECRET_NAME_H

#include <stddef.h>
#include <stdint.h>

#define SECRET_MOUNT_MAX 256 /* bytes, without the NUL */
#define SECRET_PATH_MAX 1024
#define SECRET_KEY_MAX (SECRET_MOUNT_MAX + SECRET_PATH_MAX + 2)

/* It is counted, and never changes once it is made: whoever has one has it const. */
struct secret_name {
	uint32_t references; /* 0: it is part of a struct request, and gone with that */
	uint16_t path_at;    /* where in the key the path begins */
	uint16_t key_len;    /* both NULs included */
	char key[];          /* the mount, NUL, the path, NUL: no two secrets have the same */
};

static inline const char *secret_mount(const struct secret_name *name)
{
	return name->key;
}

static inline const char *secret_path(const struct secret_name *name)
{
	return name->key + name->path_at;
}

/* With one reference. NULL: no memory, or one of both is too long. */
const struct secret_name *secret_name_new(const char *mount, const char *path);

/* Another reference; of one that is part of a request, a copy. NULL: no memory. */
const struct secret_name *secret_name_hold(const struct secret_name *name);

/* One reference less; with the last one it is freed. NULL: nothing happens. */
void secret_name_release(const struct secret_name *name);

#endif
