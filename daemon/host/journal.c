/*
 * journal: finds out about the journal, and sends entries by libsystemd.
 */
#include "daemon/host/journal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 24

/* JOURNAL_STREAM holds "device:inode" of the stream that systemd has connected (systemd.exec(5)). */
bool journal_has_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

/* A missing journal must be noticed here, since sd_journal_sendv() then reports success. */
bool journal_is_there(void)
{
	return access(SOCKET, W_OK) == 0;
}

int journal_send(const char *fields, size_t n)
{
	struct iovec vector[FIELDS_MAX];
	int count = 0;

	for (size_t i = 0; i < n && count < FIELDS_MAX; count++) {
		size_t len = strnlen(fields + i, n - i);

		vector[count] = (struct iovec){ .iov_base = (char *)(uintptr_t)(fields + i), .iov_len = len };
		i += len + 1;
	}
	return -sd_journal_sendv(vector, count);
}
