/*
 * patterns: how the patterns of rules are written. In one a * stands for any text, slashes included. Pure.
 */
#ifndef PATTERNS_H
#define PATTERNS_H

/*
 * Each says what is wrong with a pattern, as a text that lives for ever and follows the setting's name ("is
 * empty"), or gives NULL if there is nothing wrong with it.
 */
const char *patterns_path_error(
    const char *pattern); /* of mount/path, canonical as a request's but for its stars */
const char *patterns_unit_error(const char *pattern); /* of units' names, which end with their kind */
const char *patterns_id_error(const char *pattern);   /* of credentials' names */

/* These check what is no pattern, since it names one thing: a mount, a secret's path in it, a field of that. */
const char *patterns_mount_error(const char *mount);
const char *patterns_secret_error(const char *path);
const char *patterns_field_error(const char *field);

#endif
