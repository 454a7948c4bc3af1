/*
 * main: reads the command line, and starts and stops the parts of the daemon in the right order.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/quantity.h"
#include "base/secmem.h"
#include "base/table.h"
#include "daemon/backend.h"
#include "daemon/switchover.h"
#include "daemon/callers/credential_guard.h"
#include "daemon/config/config.h"
#include "daemon/config/explain.h"
#include "daemon/host/activation.h"
#include "daemon/host/audit.h"
#include "daemon/host/harden.h"
#include "daemon/host/log.h"
#include "daemon/host/notify.h"
#include "daemon/refusals.h"
#include "daemon/unwrapped.h"
#include "daemon/reload.h"
#include "daemon/front.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"

#define DEFAULT_CONFIG "/etc/secretstored/secretstored.yaml"
#define FAILED_START_PAUSE_S 5 /* before the end of a daemon that a socket unit started and that cannot start */
#define WRITE_MS 2000u /* how long the end waits for what is still to be written to the audit and to the log */

struct daemon {
	struct config *config;
	struct event_base *base;
	struct event *sigterm, *sigint;
	struct audit *audit;
	struct activation *activation;
	struct notify *notify;
	struct switchover *switchover;
	struct front *front;
	struct reload *reload;
	bool stopping;
	unsigned ending; /* parts that have not ended yet */
};

static const char usage_text[] =
    "usage: secretstored [-c FILE] [--check-config | --reload]\n"
    "       secretstored [-c FILE] --explain uid=USER [gid=GROUP]... [unit=UNIT] [user_unit=UNIT] OP [PATH]\n"
    "\n"
    "Gives the programs of this host their secrets: logs in to OpenBao, keeps the login alive, and answers\n"
    "get and put on a Unix socket. Runs in the foreground until SIGTERM or SIGINT; SIGHUP has it read the\n"
    "configuration again.\n"
    "\n"
    "  -c, --config FILE   configuration (default " DEFAULT_CONFIG ")\n"
    "      --check-config  load what a start would load, say what is wrong with it, and exit\n"
    "      --reload        the same; then send SIGHUP to the daemon $MAINPID (for ExecReload= in a unit)\n"
    "      --explain       say which rule of the configuration decides whether that caller may do that, "
    "and why the\n"
    "                      others do not; such as: secretstored --explain uid=www-data kv.get secret/web/db\n"
    "      --version       print the version and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "Environment: BAO_ADDR, where the configuration names no address; OPENBAO_APPROLE_ROLE_ID and\n"
    "OPENBAO_APPROLE_SECRET_ID, where it names no other source; CREDENTIALS_DIRECTORY, set by systemd.\n"
    "\n"
    "Exit status: 0 after a clean stop, or if --explain says allowed (1: forbidden), "
    "64 for a wrong command line,\n"
    "75 if a start lacks what may come by itself (a user, a file, a mount), 78 for a wrong configuration,\n"
    "1 otherwise.\n";

/* -- the end ------------------------------------------------------------------------------------------------- */

static void on_part_ended(void *arg)
{
	struct daemon *d = arg;
	if (--d->ending == 0)
		event_base_loopbreak(d->base);
}

static void on_switchover_stopped(void *arg)
{
	struct daemon *d = arg;
	front_drain(d->front, d->base, WRITE_MS, on_part_ended, d);
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
	notify_stopping(d->notify);
	reload_stop(d->reload);
	d->ending = 2;
	front_stop(d->front, on_part_ended, d);
	switchover_stop(d->switchover, on_switchover_stopped, d);
}

static void daemon_free(struct daemon *d)
{
	front_disconnect(d->front); /* before the backends: the connections abandon their requests */
	reload_free(d->reload);
	switchover_free(d->switchover);
	front_free(d->front);
	audit_free(d->audit, WRITE_MS);
	notify_free(d->notify);
	activation_free(d->activation);
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

static struct audit_options audit_options(const struct config *config)
{
	return (struct audit_options){
		.level = config->audit.level,
		.sink = config->audit.sink,
		.on_failure = config->audit.on_failure,
		.file = config->audit.file,
	};
}

static int start_daemon(struct daemon *d, const char *config_file, struct error *error)
{
	event_set_mem_functions(secmem_malloc, secmem_realloc, secmem_free);
	table_seed();
	control_global_init();
	if (http_global_init() != 0)
		return error_set(error, "cannot initialise curl and OpenSSL");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	d->base = event_base_new();
	if (d->base == NULL)
		return error_set(error, "out of memory");

	const struct audit_options audit = audit_options(d->config);
	d->audit = audit_new(d->base, &audit, error);
	d->activation = d->audit != NULL ? activation_new(error) : NULL;
	d->switchover = d->activation != NULL ? switchover_new(d->base, d->config, error) : NULL;
	if (d->switchover == NULL)
		return -1;
	unwrapped_take(backend_auth(switchover_current(d->switchover)),
	    activation_take(d->activation, UNWRAPPED_NAME));
	refusals_take(backend_login(switchover_current(d->switchover)),
	    activation_take(d->activation, REFUSALS_NAME));
	d->front = front_new(d->base, d->config, switchover_current(d->switchover), d->audit, d->activation,
	    error);
	if (d->front == NULL)
		return -1;
	activation_warn(d->activation);
	activation_free(d->activation);
	d->activation = NULL;
	d->notify = notify_new(d->base);
	if (d->notify != NULL)
		d->reload = reload_new(d->base, config_file, d->config, d->switchover, d->front, d->notify);
	if (d->reload == NULL)
		return error_set(error, "out of memory");

	d->sigterm = evsignal_new(d->base, SIGTERM, on_signal, d);
	d->sigint = evsignal_new(d->base, SIGINT, on_signal, d);
	if (d->sigterm == NULL || d->sigint == NULL || event_add(d->sigterm, NULL) != 0 ||
	    event_add(d->sigint, NULL) != 0)
		return error_set(error, "cannot catch signals");
	harden_descriptors();
	switchover_start(d->switchover);
	notify_ready(d->notify);
	return 0;
}

static int run_explain(const char *config_file, int count, char **words)
{
	struct error error;
	struct config *config = config_load(config_file, CONFIG_FILES, &error);
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

/* Has the daemon whose unit runs this command read its configuration. */
static int signal_daemon(void)
{
	const char *text = getenv("MAINPID");
	uint64_t pid = 0;
	if (text == NULL || quantity_count(text, &pid) != 0 || pid <= 1 || pid > INT_MAX) {
		log_error("--reload: MAINPID in the environment is no process: this is for ExecReload= in a unit");
		return EX_USAGE;
	}
	if (kill((pid_t)pid, SIGHUP) == 0)
		return EXIT_SUCCESS;
	log_error("--reload: the daemon, process %s, cannot be sent SIGHUP: %s", text, strerror(errno));
	return EXIT_FAILURE;
}

/* Loads what a start would load, and makes and sends nothing. */
static int run_check(const char *config_file, bool then_reload)
{
	struct error error;
	struct config *config = config_load(config_file, CONFIG_CHECK, &error);
	int failed = config == NULL || backend_check(config, &error) != 0;
	if (!failed) {
		const struct audit_options audit = audit_options(config);
		failed = audit_check(&audit, &error);
	}
	if (failed) {
		log_error("%s", error.text);
	} else {
		config_warn(config, log_warning);
		printf("%s: ok\n", config_file);
	}
	config_free(config);
	return failed ? EX_CONFIG : then_reload ? signal_daemon() : EXIT_SUCCESS;
}

/*
 * Gives the exit status of a start that failed. EX_TEMPFAIL has the unit try again, EX_CONFIG does not
 * (RestartPreventExitStatus=).
 */
static int failed_start(const struct error *error, int otherwise)
{
	return error->kind == ERROR_PASSING ? EX_TEMPFAIL : error->kind == ERROR_LASTING ? EX_CONFIG : otherwise;
}

/* Starts the daemon, and runs it until its end. The exit status. */
static int run_started(struct daemon *d, const char *config_file)
{
	struct error error;
	d->config = config_load(config_file, CONFIG_START, &error);
	if (d->config == NULL) {
		log_error("%s", error.text);
		return failed_start(&error, EX_CONFIG);
	}
	log_set_level(d->config->log.level);
	config_warn(d->config, log_warning);
	int rc = harden_lock_memory(&error);
	if (rc != 0 && d->config->process.lock_memory != CONFIG_LOCK_REQUIRED) {
		log_warning("secrets may be swapped: %s", error.text);
		rc = 0;
	} else if (rc != 0) {
		(void)error_set_kind(&error, ERROR_LASTING);
	}
	if (rc == 0 && (rc = log_start()) != 0)
		(void)error_set(&error, "cannot start a thread for the log");
	if (rc == 0)
		rc = start_daemon(d, config_file, &error);
	if (rc != 0)
		log_error("%s", error.text);
	else
		(void)event_base_dispatch(d->base);
	daemon_free(d);
	if (rc == 0)
		log_info("stopped");
	log_stop(WRITE_MS);
	return rc == 0 ? EXIT_SUCCESS : failed_start(&error, EXIT_FAILURE);
}

static int run_daemon(const char *config_file)
{
	struct daemon d = { .config = NULL };
	bool from_socket = activation_passed_any(), from_systemd = getenv("INVOCATION_ID") != NULL;
	int status = run_started(&d, config_file);
	/*
	 * systemd starts the service again half a second after it has ended, as is right after a crash, and at
	 * once where a connection waits at a socket unit. That is too often for what takes time or a person to
	 * mend.
	 */
	if ((from_systemd && status == EX_TEMPFAIL) || (from_socket && status == EX_CONFIG))
		sleep(FAILED_START_PAUSE_S);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "reload", no_argument, NULL, 'R' },
		{ "explain", no_argument, NULL, 'E' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_file = DEFAULT_CONFIG;
	bool check_only = false, reloads = false, explains = false;
	struct error error;
	int option;
	if (argc == 2 && strcmp(argv[1], CREDENTIAL_GUARD_OPTION) == 0) /* run by the daemon, not by people */
		return harden_process(&error) == 0 ? credential_guard_main() : EXIT_FAILURE;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_file = optarg;
			break;
		case 'C':
			check_only = true;
			break;
		case 'R':
			reloads = true;
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
		return run_explain(config_file, argc - optind, argv + optind);
	if (harden_process(&error) != 0) {
		log_error("%s", error.text);
		return EXIT_FAILURE;
	}
	harden_raise_file_limit();
	return check_only || reloads ? run_check(config_file, reloads) : run_daemon(config_file);
}
