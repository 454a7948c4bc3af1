/*
 * config: the daemon's settings, from YAML files and the environment. Every setting has a default, a range and an
 * error that names file, line and setting; unknown and repeated settings are errors. Which settings there are is
 * said in config_table.c alone.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/texts.h"
#include "daemon/access/credential_rules.h"
#include "daemon/access/rules.h"
#include "daemon/host/audit.h"
#include "daemon/host/environment.h"
#include "daemon/host/log.h"
#include "daemon/upstream/auth_modes.h"

#define CONFIG_TRIES_MAX 5 /* looks at files that are being changed */

enum config_lock { CONFIG_LOCK_TRY, CONFIG_LOCK_REQUIRED };

/* Credentials out of the environment; NULL: not given, or in a struct config not used. */
struct config_environment {
	struct environment_secret *role_id, *secret_id;
	bool check_only; /* a SecretID may be missing, since it may be where the daemon runs and not here */
};

struct config {
	unsigned holds; /* see config_hold */
	struct {
		struct texts address;
		char *vault_namespace; /* "" for none */
		enum auth_mode auth;
		char *ca_file, *client_cert_file, *client_key_file, *server_name; /* NULL: not set */
		bool tls_skip_verify;
		uint64_t connect_timeout_ms;
		uint64_t request_timeout_ms;
		bool revoke_on_stop;
	} openbao;
	struct {
		char *mount;
		char *role_id, *role_id_file; /* one of them is set */
		const char *secret_id;        /* environment.secret_id's; NULL if secret_id_file */
		char *secret_id_file;         /* also the credential in $CREDENTIALS_DIRECTORY */
		bool secret_id_wrapped;
	} approle;
	struct {
		char *mount;
		char *role;       /* NULL: not set */
		char *token_file; /* NULL: set to nothing */
	} kubernetes;
#ifdef SECRETSTORE_DEV_TOKEN
	struct {
		char *token_file; /* NULL: not set */
	} dev_token;
#endif
	struct {
		char *socket;
		mode_t mode;
		gid_t group;              /* (gid_t)-1: leave it */
		char *credentials_socket; /* NULL: none */
	} listen;
	struct {
		uint64_t max_age_ms, serve_stale_ms; /* 0: not at all */
		uint64_t max_bytes;
	} cache;
	struct {
		uint64_t request_bytes; /* largest request frame */
		uint64_t connections;   /* in all */
		uint64_t connections_per_uid;
		uint64_t requests_per_connection; /* in flight */
		uint64_t requests_per_uid;        /* in flight */
		uint64_t output_bytes;            /* a connection with more to be written is not read */
		uint64_t bytes_per_uid;           /* of requests and replies */
		uint64_t frame_timeout_ms;        /* from a frame's first byte to its last */
		uint64_t idle_timeout_ms;         /* no request in flight and none begun; 0: no limit */
	} limits;
	struct {
		enum log_level level;
	} log;
	struct {
		enum audit_level level;
		enum audit_sink sink;
		enum audit_on_failure on_failure;
		char *file; /* AUDIT_FILE: set; else NULL */
	} audit;
	struct {
		enum config_lock lock_memory;
	} process;
	struct config_environment environment;
	struct rules rules;                  /* allow */
	struct credential_rules credentials; /* credential */
	struct texts notes;                  /* what config_warn() says about how the files are written */
};

/* This is what a configuration is loaded for. */
enum config_use {
	CONFIG_START,
	CONFIG_CHECK, /* a SecretID may be missing, of which config_warn() warns: the unit alone may have it */
	CONFIG_FILES  /* address and credentials may be missing, which only the daemon may have */
};

/*
 * Loads the file at path, then the files path.d/NAME.yaml in the order of their names. The environment gives
 * BAO_ADDR where no address is configured, OPENBAO_APPROLE_ROLE_ID and OPENBAO_APPROLE_SECRET_ID, and
 * CREDENTIALS_DIRECTORY, unless it is CONFIG_FILES; the two credentials are wiped there, also when this fails. A
 * file that was changed less than a second ago may be half written: this waits until it is a second old, and looks
 * CONFIG_TRIES_MAX times at most. NULL with error set. The caller frees it with config_free, which wipes.
 */
struct config *config_load(const char *path, enum config_use use, struct error *error);

/*
 * Loads the configuration again for a running daemon, without waiting. Credentials that the first load took from
 * the environment are copied from before, since they were wiped there. NULL with error set; *ret_again_ms then
 * says in how many milliseconds to load again since files are just being changed, or is 0 if the error is the
 * operator's.
 */
struct config *config_load_again(const char *path, const struct config *before, unsigned *ret_again_ms,
    struct error *error);

/* Counts one more holder, who will call config_free() too. Gives config. */
struct config *config_hold(struct config *config);

/* Wipes and frees the configuration when its last holder calls this. NULL is allowed. */
void config_free(struct config *config);

/* Do both mean the same OpenBao and the same login there? */
bool config_same_openbao(const struct config *a, const struct config *b);

/* Calls warn for each setting in which the two differ and that takes effect at a start only. */
void config_warn_of_restart(const struct config *running, const struct config *wanted,
    void (*warn)(const char *format, ...));

/* Calls warn for each setting that is allowed but doubtful (a pattern, tls_skip_verify, no rule at all). */
void config_warn(const struct config *config, void (*warn)(const char *format, ...));

#endif
