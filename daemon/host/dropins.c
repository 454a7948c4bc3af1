/*
 * dropins: tells drop-ins from what editors and package managers leave beside them.
 */
#include "daemon/host/dropins.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/trusted_file.h"

static bool is_dropin(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".yaml") == 0 && name[0] != '.' && strspn(name, plain) == len;
}

static int note_ignored(struct texts *notes, const char *folder, const char *name)
{
	struct error text;
	char shown[ERROR_SHOWN];
	const char *dot = strrchr(name, '.');

	if (name[0] == '.' || dot == NULL || (strcmp(dot, ".yml") != 0 && strcmp(dot, ".yaml") != 0))
		return 0;
	(void)error_set(&text,
	    "%.200s/%s: is not read: a drop-in's name has letters, digits, . _ - and ends in .yaml", folder,
	    error_show(name, shown));
	return texts_add(notes, text.text);
}

int dropins_list(const char *folder, struct texts *paths, struct texts *notes, unsigned *ret_again_ms,
    struct error *error)
{
	struct texts names = { .item = NULL };
	char path[PATH_MAX];
	int failed = trusted_file_list(folder, &names, ret_again_ms, error);

	for (size_t i = 0; !failed && i < names.count; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, names.item[i]) >= (int)sizeof(path))
			failed = error_set(error, "%.200s: its name is too long", folder);
		else if ((is_dropin(names.item[i]) ? texts_add(paths, path)
						   : note_ignored(notes, folder, names.item[i])) != 0)
			failed = error_set(error, "%.200s: out of memory", folder);
	}
	texts_clear(&names);
	return failed;
}
