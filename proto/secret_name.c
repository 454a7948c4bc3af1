/*
 * secret_name: counts references to a name, whose allocation is as long as its key.
 */
#include "proto/secret_name.h"

#include <stdlib.h>
#include <string.h>

const struct secret_name *secret_name_new(const char *mount, const char *path)
{
	size_t mount_len = strlen(mount) + 1, path_len = strlen(path) + 1;
	struct secret_name *name;

	if (mount_len > SECRET_MOUNT_MAX + 1 || path_len > SECRET_PATH_MAX + 1)
		return NULL;
	name = malloc(sizeof(*name) + mount_len + path_len);
	if (name == NULL)
		return NULL;
	name->references = 1;
	name->path_at = (uint16_t)mount_len;
	name->key_len = (uint16_t)(mount_len + path_len);
	memcpy(name->key, mount, mount_len);
	memcpy(name->key + mount_len, path, path_len);
	return name;
}

/* The count of references is no part of what const holders rely on. */
static struct secret_name *for_counting(const struct secret_name *name)
{
	return (struct secret_name *)(uintptr_t)name;
}

const struct secret_name *secret_name_hold(const struct secret_name *name)
{
	struct secret_name *copy;

	if (name->references > 0) {
		for_counting(name)->references++;
		return name;
	}
	copy = malloc(sizeof(*copy) + name->key_len);
	if (copy == NULL)
		return NULL;
	memcpy(copy, name, sizeof(*copy) + name->key_len);
	copy->references = 1;
	return copy;
}

void secret_name_release(const struct secret_name *name)
{
	if (name != NULL && --for_counting(name)->references == 0)
		free(for_counting(name));
}
