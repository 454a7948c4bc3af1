/*
 * Fuzzes the configuration: any bytes as its file, and those after a line "--8<--" as a drop-in. The loader takes
 * or refuses them, and what it takes it can warn of and free.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "tests/fuzz/fuzz.h"

#define CUT "\n--8<--\n"

/* The file and its drop-in are links to memory, in a directory that was not changed for a while. */
static char directory[] = "/tmp/fuzz_config.XXXXXX", path[64], folder[64], dropin[64];
static int memory[2];

static void __attribute__((format(printf, 1, 2))) ignore(const char *format, ...)
{
	(void)format;
}

static void set_old(int fd, const char *name)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) - 10 }, { .tv_sec = time(NULL) - 10 } };

	HOLDS((fd >= 0 ? futimens(fd, times) : utimensat(AT_FDCWD, name, times, 0)) == 0);
}

static int make_memory(const char *name)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	char target[64];

	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	HOLDS(fd >= 0 && fchmod(fd, 0600) == 0 && symlink(target, name) == 0);
	return fd;
}

static void remove_files(void)
{
	unlink(dropin);
	rmdir(folder);
	unlink(path);
	rmdir(directory);
}

static void make_files(void)
{
	HOLDS(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/c.yaml", directory);
	snprintf(folder, sizeof(folder), "%s.d", path);
	snprintf(dropin, sizeof(dropin), "%s/a.yaml", folder);
	HOLDS(mkdir(folder, 0700) == 0);
	atexit(remove_files);
	memory[0] = make_memory(path);
	memory[1] = make_memory(dropin);
	set_old(-1, folder);
}

static void write_memory(int fd, const uint8_t *data, size_t size)
{
	HOLDS(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	set_old(fd, NULL);
}

/*
 * Sets all that a configuration must have, so that the file alone decides. It uses putenv, since the loader
 * overwrites the credentials and setenv would keep a new copy of them each time.
 */
static void set_environment(void)
{
	static char address[] = "BAO_ADDR=https://localhost", role[64], secret[64];

	strcpy(role, "OPENBAO_APPROLE_ROLE_ID=role");
	strcpy(secret, "OPENBAO_APPROLE_SECRET_ID=secret");
	putenv(address);
	putenv(role);
	putenv(secret);
}

/* An error is one line that names the file. */
static void check_error(const char *text)
{
	HOLDS(strncmp(text, path, strlen(path)) == 0);
	for (; *text != '\0'; text++)
		HOLDS((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_config(const struct config *config)
{
	HOLDS(
	    config->openbao.address.count > 0 && config->listen.socket != NULL && config->limits.connections > 0);
	for (size_t i = 0; i < config->rules.nrules; i++) {
		const struct rule *rule = &config->rules.rule[i];

		HOLDS(rule->nuids + rule->ngids + rule->nunits > 0);
		for (size_t k = 0; k < i; k++)
			HOLDS(strcmp(config->rules.rule[k].name, rule->name) != 0);
	}
	for (size_t i = 0; i < config->credentials.nrules; i++) {
		const struct credential_rule *rule = &config->credentials.rule[i];

		HOLDS(rule->nunits > 0 && rule->nids > 0 && rule->mount != NULL && rule->path != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memmem(data, size, CUT, strlen(CUT)) : NULL;
	size_t n = cut != NULL ? (size_t)(cut - data) + 1 : size, skipped = cut != NULL ? strlen(CUT) - 1 : 0;
	struct error error = { .text = "" };
	struct config *config;

	if (*path == '\0')
		make_files();
	write_memory(memory[0], data, n);
	write_memory(memory[1], data + n + skipped, size - n - skipped);
	set_environment();
	config = config_load(path, CONFIG_START, &error);
	if (config == NULL) {
		check_error(error.text);
		return 0;
	}
	check_config(config);
	config_warn(config, ignore);
	config_free(config);
	return 0;
}
