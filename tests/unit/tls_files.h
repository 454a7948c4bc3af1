/*
 * tls_files: certificates for the tests of TLS, made anew at each run, in a directory of their own.
 */
#ifndef TLS_FILES_H
#define TLS_FILES_H

struct evp_pkey_st;
struct ssl_ctx_st;
struct x509_st;

/* A certificate with its key, and the PEM files that hold them. */
struct tls_identity {
	struct evp_pkey_st *key;
	struct x509_st *certificate;
	char certificate_file[256], key_file[256];
};

/* A directory for files, removed with all that is in it by tls_files_end. */
const char *tls_files_begin(void);
void tls_files_end(void);

/*
 * Makes a certificate signed by issuer, or by itself if issuer is NULL. alternative gives its names as OpenSSL
 * writes them, "DNS:bao.test"; NULL makes it an authority. It is valid for that many days from now; a negative
 * number makes it expired.
 */
void tls_identity_make(struct tls_identity *identity, const char *name, const char *alternative, int days,
    const struct tls_identity *issuer);
void tls_identity_free(struct tls_identity *identity);

/*
 * Makes the context of a server with that identity. clients is the authority whose certificates it demands of
 * clients, or NULL.
 */
struct ssl_ctx_st *tls_server(const struct tls_identity *identity, const struct tls_identity *clients);

#endif
