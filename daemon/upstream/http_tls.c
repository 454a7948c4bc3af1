/*
 * http_tls: loads the configured CA, certificate and key files into OpenSSL, as curl will do later.
 */
#include "daemon/upstream/http_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without this OpenSSL would ask for the passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int for_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)for_writing;
	(void)arg;
	return -1;
}

/* Refuses anything but a regular file: a FIFO or a device would block the daemon, here and at each connection. */
static int check_tls_file(const char *setting, const char *path, struct error *error)
{
	struct stat st;

	if (stat(path, &st) < 0 || (S_ISREG(st.st_mode) && access(path, R_OK) < 0)) {
		int number = errno;

		(void)error_set(error, "%s: %s: %s", setting, path, strerror(number));
		return error_set_kind_of(error, number);
	}
	if (!S_ISREG(st.st_mode))
		return error_set(error, "%s: %s: not a regular file", setting, path);
	return 0;
}

static int check_ca(SSL_CTX *context, const char *path, struct error *error)
{
	if (check_tls_file("ca_file", path, error) < 0)
		return -1;
	if (SSL_CTX_load_verify_locations(context, path, NULL) != 1)
		return error_set(error, "ca_file: %s: no usable certificate in PEM form", path);
	return 0;
}

static int check_client(SSL_CTX *context, const char *certificate, const char *key, struct error *error)
{
	if (certificate == NULL || key == NULL)
		return error_set(error, "client_cert_file and client_key_file belong together");
	if (check_tls_file("client_cert_file", certificate, error) < 0 ||
	    check_tls_file("client_key_file", key, error) < 0)
		return -1;
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
		return error_set(error, "client_cert_file: %s: no usable certificate in PEM form", certificate);
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return error_set(error,
		    "client_key_file: %s: no usable key in PEM form without a passphrase, "
		    "or not that of the certificate",
		    key);
	if (SSL_CTX_check_private_key(context) != 1)
		return error_set(error, "client_key_file: %s: not the key of the certificate", key);
	return 0;
}

int http_tls_check(const struct http_options *options, struct error *error)
{
	bool client = options->client_cert_file != NULL || options->client_key_file != NULL;
	SSL_CTX *context;
	int result = 0;

	if (options->ca_file == NULL && !client)
		return 0;
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL)
		return error_set(error, "out of memory");
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (options->ca_file != NULL)
		result = check_ca(context, options->ca_file, error);
	if (result == 0 && client)
		result = check_client(context, options->client_cert_file, options->client_key_file, error);
	ERR_clear_error();
	SSL_CTX_free(context);
	if (result != 0 && error->kind == ERROR_OTHER)
		(void)error_set_kind(error, ERROR_LASTING); /* what is in a file does not come right by itself */
	return result;
}
