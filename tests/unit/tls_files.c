/*
 * tls_files: makes keys and certificates with OpenSSL.
 */
#include "tests/unit/tls_files.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];

const char *tls_files_begin(void)
{
	strcpy(directory, "/tmp/test_tls.XXXXXX");
	assert_non_null(mkdtemp(directory));
	return directory;
}

void tls_files_end(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	rmdir(directory);
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void write_files(struct tls_identity *identity, const char *name)
{
	FILE *file;

	snprintf(identity->certificate_file, sizeof(identity->certificate_file), "%s/%s.pem", directory, name);
	snprintf(identity->key_file, sizeof(identity->key_file), "%s/%s.key", directory, name);
	file = fopen(identity->certificate_file, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
	fclose(file);
	file = fopen(identity->key_file, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

void tls_identity_make(struct tls_identity *identity, const char *name, const char *alternative, int days,
    const struct tls_identity *issuer)
{
	static long serial = 1;
	X509 *x = X509_new(), *by = issuer != NULL ? issuer->certificate : x;
	X509_NAME *subject = X509_get_subject_name(x);

	identity->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	identity->certificate = x;
	assert_non_null(identity->key);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -10L * 24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 24L * 3600);
	X509_set_pubkey(x, identity->key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(by));
	extend(x, by, NID_basic_constraints, alternative == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(x, by, NID_subject_key_identifier, "hash");
	if (alternative != NULL)
		extend(x, by, NID_subject_alt_name, alternative);
	assert_true(X509_sign(x, issuer != NULL ? issuer->key : identity->key, EVP_sha256()) > 0);
	write_files(identity, name);
}

void tls_identity_free(struct tls_identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

SSL_CTX *tls_server(const struct tls_identity *identity, const struct tls_identity *clients)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	assert_non_null(context);
	assert_int_equal(SSL_CTX_use_certificate(context, identity->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, identity->key), 1);
	if (clients != NULL) {
		assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), clients->certificate), 1);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return context;
}
