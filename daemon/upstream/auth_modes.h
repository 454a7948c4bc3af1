/*
 * auth_modes: the table of the ways to log in, and the only one: the configuration and auth.c take from it what
 * ways there are. A way is added by a row here, and then nothing compiles until it has its struct
 * auth_NAME_options, its auth_NAME_new in an auth_NAME.c, and what config_auth.c must know of it.
 */
#ifndef AUTH_MODES_H
#define AUTH_MODES_H

/* X(NAME, name, what openbao.auth in the configuration calls it) */
#define AUTH_MODES(X) \
	X(APPROLE, approle, "approle") \
	X(KUBERNETES, kubernetes, "kubernetes") \
	AUTH_MODES_OF_DEVELOPERS(X)

/* Not even a string of it is in a build for production. */
#ifdef SECRETSTORE_DEV_TOKEN
#define AUTH_MODES_OF_DEVELOPERS(X) X(DEVTOKEN, devtoken, "dev_token")
#else
#define AUTH_MODES_OF_DEVELOPERS(X)
#endif

#define AUTH_MODE_ENUM(NAME, name, text) AUTH_MODE_##NAME,
enum auth_mode { AUTH_MODES(AUTH_MODE_ENUM) };

#endif
