/*
 * auth_modes: the only table of the ways to log in; the configuration and auth.c use it. To add a way, add a row
 * here. Nothing compiles then until there are its struct auth_NAME_options in auth.h, its auth_NAME_new in an
 * auth_NAME.c, and what config.c must know of it.
 */
#ifndef AUTH_MODES_H
#define AUTH_MODES_H

/* X(NAME, name, what openbao.auth in the configuration calls it) */
#define AUTH_MODES(X) \
	X(APPROLE, approle, "approle") \
	X(KUBERNETES, kubernetes, "kubernetes") \
	AUTH_MODES_OF_DEVELOPERS(X)

/* A build for production holds nothing of this way, not even its name. */
#ifdef SECRETSTORE_DEV_TOKEN
#define AUTH_MODES_OF_DEVELOPERS(X) X(DEVTOKEN, devtoken, "dev_token")
#else
#define AUTH_MODES_OF_DEVELOPERS(X)
#endif

#define AUTH_MODE_ENUM(NAME, name, text) AUTH_MODE_##NAME,
enum auth_mode { AUTH_MODES(AUTH_MODE_ENUM) };

/* Reads the name of a way to log in. 0, or -1: it is none. */
int auth_mode_find(const char *text, enum auth_mode *ret);

/* The names of all ways, for an error: "approle, kubernetes". */
const char *auth_modes(void);

#endif
