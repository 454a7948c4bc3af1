/*
 * main: the start-up order, and the order of the end.
 */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/secmem.h"
#include "daemon/callers/dispatch.h"
#include "daemon/callers/explain.h"
#include "daemon/callers/listener.h"
#include "daemon/host/config.h"
#include "daemon/host/harden.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"
#include "daemon/store/probe.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/leader.h"
#include "daemon/upstream/token.h"

#define DEFAULT_CONFIG "/etc/secretstored/secretstored.conf"
#define DRAIN_MS 8000u
#define REVOKE_MS 2000u
#define STALL_MS 60000u /* a snapshot of which nothing moves for so long is given up */

struct daemon {
	struct config *config;
	struct event_base *base;
	struct event *sigterm, *sigint;
	struct http *http;
	struct api *api;
	struct keeper *keeper;
	struct leader *leader;
	struct kv *kv;
	struct probe *probe;
	struct transfers *transfers;
	struct dispatch *dispatch;
	struct listener *listener;
	bool stopping;
	unsigned draining; /* parts that are not done yet */
};

static const char usage_text[] =
    "usage: secretstored [-c FILE] [--check-config]\n"
    "       secretstored [-c FILE] --explain uid=USER [gid=GROUP]... [unit=UNIT] [user_unit=UNIT] OP [PATH]\n"
    "\n"
    "Gives the programs of this host their secrets: logs in to OpenBao, keeps the login alive, and answers\n"
    "get and put on a Unix socket. Runs in the foreground until SIGTERM or SIGINT.\n"
    "\n"
    "  -c, --config FILE   configuration (default " DEFAULT_CONFIG ")\n"
    "      --check-config  read the configuration, say what is wrong with it, and exit\n"
    "      --explain       say which rule of the configuration decides whether that caller may do that, and why the\n"
    "                      others do not; such as: secretstored --explain uid=www-data kv.get secret/web/db\n"
    "      --version       print the version and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "Environment: BAO_ADDR, where the configuration names no address; OPENBAO_APPROLE_ROLE_ID and\n"
    "OPENBAO_APPROLE_SECRET_ID, where it names no other source; CREDENTIALS_DIRECTORY, set by systemd.\n"
    "\n"
    "Exit status: 0 after a clean stop, or if --explain says allowed (1: forbidden), 64 for a wrong command line,\n"
    "78 for a wrong configuration, 1 otherwise.\n";

/* -- the end ------------------------------------------------------------------------------------------------- */

static void on_stopped(void *arg)
{
	struct daemon *d = arg;
	event_base_loopbreak(d->base);
}

static void on_drained(void *arg)
{
	struct daemon *d = arg;
	if (--d->draining > 0)
		return;
	keeper_stop(d->keeper, REVOKE_MS, on_stopped, d);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *d = arg;
	(void)what;
	if (d->stopping) {
		log_warning("stopping at once, on a second signal");
		event_base_loopbreak(d->base);
		return;
	}
	d->stopping = true;
	log_info("stopping, on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	listener_stop(d->listener);
	probe_stop(d->probe);
	d->draining = 2;
	kv_drain(d->kv, DRAIN_MS, on_drained, d);
	transfers_drain(d->transfers, DRAIN_MS, on_drained, d);
}

static void daemon_free(struct daemon *d)
{
	listener_free(d->listener); /* first: its sessions abandon their calls */
	dispatch_free(d->dispatch);
	transfers_free(d->transfers);
	probe_free(d->probe);
	kv_free(d->kv);
	keeper_free(d->keeper); /* it may be looking for the leader */
	leader_free(d->leader);
	api_free(d->api);
	http_free(d->http);
	if (d->sigterm != NULL)
		event_free(d->sigterm);
	if (d->sigint != NULL)
		event_free(d->sigint);
	if (d->base != NULL)
		event_base_free(d->base);
	config_free(d->config);
	libevent_global_shutdown();
	http_global_cleanup();
}

/* -- the start ----------------------------------------------------------------------------------------------- */

static int init_libraries(struct error *error)
{
	event_set_mem_functions(secmem_malloc, secmem_realloc, secmem_free);
	control_global_init();
	if (http_global_init() != 0)
		return error_set(error, "cannot initialise curl and OpenSSL");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	return 0;
}

static struct keeper *make_keeper(struct daemon *d)
{
	const struct config *c = d->config;
	const struct auth_options options = {
		.mode = c->openbao.auth,
		.approle = {
			.mount = c->approle.mount,
			.role_id = c->approle.role_id,
			.role_id_file = c->approle.role_id_file,
			.secret_id = c->approle.secret_id,
			.secret_id_file = c->approle.secret_id_file,
			.secret_id_wrapped = c->approle.secret_id_wrapped,
		},
		.kubernetes = {
			.mount = c->kubernetes.mount,
			.role = c->kubernetes.role,
			.token_file = c->kubernetes.token_file,
		},
#ifdef SECRETSTORE_DEV_TOKEN
		.devtoken = { .token_file = c->devtoken.token_file },
#endif
	};
	struct auth *auth = auth_new(d->base, d->api, &options);
	if (auth == NULL)
		return NULL;
	auth_at_leader(auth, d->leader);
	return keeper_new(d->base, d->api, auth, c->openbao.address, c->openbao.naddress, c->openbao.revoke_on_stop);
}

static int start_upstream(struct daemon *d, struct error *error)
{
	const struct config *c = d->config;
	const struct http_options options = {
		.addresses = c->openbao.address,
		.naddresses = c->openbao.naddress,
		.ca_file = c->openbao.ca_file,
		.client_cert_file = c->openbao.client_cert_file,
		.client_key_file = c->openbao.client_key_file,
		.server_name = c->openbao.server_name,
		.tls_skip_verify = c->openbao.tls_skip_verify,
		.connect_timeout_ms = c->openbao.connect_timeout_ms,
	};
	const struct kv_options kv_options = {
		.max_age_ms = c->cache.max_age_ms,
		.serve_stale_ms = c->cache.serve_stale_ms,
		.max_bytes = c->cache.max_bytes,
	};
	d->http = http_new(d->base, &options, error);
	if (d->http == NULL)
		return -1;
	d->api = api_new(d->http, c->openbao.vault_namespace);
	d->leader = d->api != NULL ? leader_new(d->api, c->openbao.address, c->openbao.naddress) : NULL;
	d->keeper = d->leader != NULL ? make_keeper(d) : NULL;
	d->kv = d->keeper != NULL ? kv_new(d->base, d->api, d->keeper, d->leader, &kv_options) : NULL;
	d->probe = d->kv != NULL ? probe_new(d->base, d->api, d->keeper) : NULL;
	d->transfers = d->probe != NULL ?
	    transfers_new(d->base, d->api, d->keeper, d->leader, d->kv, STALL_MS) : NULL;
	return d->transfers != NULL ? 0 : error_set(error, "out of memory");
}

static int start_serving(struct daemon *d, struct error *error)
{
	const struct config *c = d->config;
	const struct listener_options options = {
		.socket = c->listen.socket,
		.mode = c->listen.mode,
		.group = c->listen.group,
		.connections = c->limits.connections,
		.connections_per_uid = c->limits.connections_per_uid,
		.with_units = rules_want_units(&c->rules),
		.session = {
			.request_bytes = c->limits.request_bytes,
			.requests = c->limits.requests_per_connection,
			.output_bytes = c->limits.output_bytes,
			.frame_timeout_ms = c->limits.frame_timeout_ms,
			.idle_timeout_ms = c->limits.idle_timeout_ms,
		},
		.default_timeout_ms = c->openbao.request_timeout_ms,
	};
	const struct dispatch_parts parts = {
		.rules = &c->rules,
		.kv = d->kv,
		.probe = d->probe,
		.transfers = d->transfers,
		.keeper = d->keeper,
		.limits = options.session,
	};
	d->dispatch = dispatch_new(&parts);
	if (d->dispatch == NULL)
		return error_set(error, "out of memory");
	d->listener = listener_new(d->base, &options, dispatch_request, d->dispatch, error);
	return d->listener != NULL ? 0 : -1;
}

static int start(struct daemon *d, struct error *error)
{
	if (init_libraries(error) != 0)
		return -1;
	d->base = event_base_new();
	if (d->base == NULL)
		return error_set(error, "out of memory");
	if (start_upstream(d, error) != 0 || start_serving(d, error) != 0)
		return -1;
	d->sigterm = evsignal_new(d->base, SIGTERM, on_signal, d);
	d->sigint = evsignal_new(d->base, SIGINT, on_signal, d);
	if (d->sigterm == NULL || d->sigint == NULL || event_add(d->sigterm, NULL) != 0 || event_add(d->sigint, NULL) != 0)
		return error_set(error, "cannot catch signals");
	for (size_t i = 0; i < d->config->openbao.naddress; i++)
		log_info("OpenBao at %s", d->config->openbao.address[i]); /* the one place where the log names it */
	log_info("secretstored " SECRETSTORE_VERSION " serves %s", d->config->listen.socket);
	keeper_start(d->keeper);
	return 0;
}

static int explain_rules(const char *config_file, int count, char **words)
{
	struct error error;
	struct config *config = config_load_file(config_file, &error);
	if (config == NULL) {
		log_error("%s", error.text);
		return EX_CONFIG;
	}
	int allowed = explain(&config->rules, count, words, stdout, &error);
	config_free(config);
	if (allowed < 0) {
		fprintf(stderr, "secretstored: --explain: %s\n", error.text);
		return EX_USAGE;
	}
	return allowed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const char *config_file, bool check_only)
{
	struct daemon d = { .config = NULL };
	struct error error;
	if (harden_process(&error) != 0) {
		log_error("%s", error.text);
		return EXIT_FAILURE;
	}
	harden_raise_file_limit();
	d.config = config_load(config_file, &error);
	if (d.config == NULL) {
		log_error("%s", error.text);
		return EX_CONFIG;
	}
	config_warn(d.config, log_warning);
	if (check_only) {
		printf("%s: ok\n", config_file);
		config_free(d.config);
		return EXIT_SUCCESS;
	}
	int rc = start(&d, &error);
	if (rc != 0)
		log_error("%s", error.text);
	else
		(void)event_base_dispatch(d.base);
	daemon_free(&d);
	if (rc == 0)
		log_info("stopped");
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "explain", no_argument, NULL, 'E' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_file = DEFAULT_CONFIG;
	bool check_only = false, explains = false;
	int option;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_file = optarg;
			break;
		case 'C':
			check_only = true;
			break;
		case 'E':
			explains = true;
			break;
		case 'V':
			puts("secretstored " SECRETSTORE_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("try 'secretstored --help'\n", stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc && !explains) {
		fprintf(stderr, "secretstored: %s: not an option; try 'secretstored --help'\n", argv[optind]);
		return EX_USAGE;
	}
	log_init(LOG_LEVEL_INFO);
	if (explains)
		return explain_rules(config_file, argc - optind, argv + optind);
	return run(config_file, check_only);
}
