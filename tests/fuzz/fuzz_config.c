/*
 * Any bytes as a config file: the loader takes or refuses them, and what it takes it can warn of and free.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "tests/fuzz/fuzz.h"

static void __attribute__((format(printf, 1, 2))) ignore(const char *format, ...)
{
	(void)format;
}

/*
 * All that a config must have, so that the file alone decides. putenv, since the loader overwrites the credentials
 * and setenv would keep a new copy of them each time.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct error error = { .text = "" };
	struct config *config;
	char path[64];

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	HOLDS(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	set_environment();
	config = config_load(path, &error);
	if (config == NULL) {
		HOLDS(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
		return 0;
	}
	HOLDS(
	    config->openbao.address.count > 0 && config->listen.socket != NULL && config->limits.connections > 0);
	for (size_t i = 0; i < config->rules.nrules; i++)
		HOLDS(
		    config->rules.rule[i].nuids + config->rules.rule[i].ngids + config->rules.rule[i].nunits > 0);
	config_warn(config, ignore);
	config_free(config);
	return 0;
}
