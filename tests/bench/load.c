/*
 * load: callers that ask as fast as they are answered. With --as client (the default) they use the client library,
 * so that it is measured, too; with --as http, memcached or frames they speak that protocol over a bare socket.
 * BENCH_TOKEN in the environment is the token for http. Prints one JSON object; see core.h.
 */
#include <string.h>

#include "tests/bench/speak.h"

int main(int argc, char **argv)
{
	static struct core core;

	core_init(&core, argc, argv);
	if (strcmp(core.as, "client") == 0)
		speak_client(&core);
	else
		speak_bare(&core);
	core_run(&core);
	return 0;
}
