/*
 * http_handle: sets curl's options for a daemon that handles secrets: curl takes nothing from the environment,
 * follows no redirect, saves no TLS session, and sends nothing twice.
 */
#include "daemon/upstream/http_handle.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/secmem.h"
#include "base/texts.h"

#ifndef SECRETSTORE_VERSION
#define SECRETSTORE_VERSION "unknown"
#endif

#define HEADER_MAX 65536
#define RETRY_AFTER_MAX_S 3600
#define STREAM_BUFFER 65536L /* bytes that are read or written at a time */
#define SMALL_BUFFER 2048L
#define USUAL_HEAD 1024u /* more bytes than a reply's head has */

/* Sets an option of `easy`, and `failed` if that fails, mostly for lack of memory. */
#define SET(option, value) (failed |= curl_easy_setopt(easy, (option), (value)) != CURLE_OK)

static int copy_text(char **ret, const char *s)
{
	*ret = s != NULL ? strdup(s) : NULL;
	return s != NULL && *ret == NULL ? -1 : 0;
}

int http_handle_settings_init(struct http_handle_settings *settings, const struct http_options *options,
    struct error *error)
{
	memset(settings, 0, sizeof(*settings));
	settings->tls_skip_verify = options->tls_skip_verify;
	settings->connect_timeout_ms = options->connect_timeout_ms < 1 ? 1
	    : options->connect_timeout_ms > 600000                     ? 600000
								       : (long)options->connect_timeout_ms;
	if (copy_text(&settings->ca_file, options->ca_file) < 0 ||
	    copy_text(&settings->client_cert_file, options->client_cert_file) < 0 ||
	    copy_text(&settings->client_key_file, options->client_key_file) < 0) {
		http_handle_settings_free(settings);
		return error_set(error, "out of memory");
	}
	return 0;
}

void http_handle_settings_free(struct http_handle_settings *settings)
{
	free(settings->ca_file);
	free(settings->client_cert_file);
	free(settings->client_key_file);
	memset(settings, 0, sizeof(*settings));
}

/*
 * These headers are the same for all requests of a kind, and end the lists that are made for each request. Curl
 * only reads them, although its type for them is not const. "Expect:" keeps curl from waiting for "100 Continue"
 * before it sends a large body.
 */
static char user_agent[] = "User-Agent: secretstored/" SECRETSTORE_VERSION,
	    vault_request[] = "X-Vault-Request: true",
	    no_expect[] = "Expect:", json[] = "Content-Type: application/json",
	    gzip[] = "Content-Type: application/gzip", in_chunks[] = "Transfer-Encoding: chunked";
static struct curl_slist headers_common[] = { { user_agent, &headers_common[1] }, { vault_request, NULL } };
static struct curl_slist headers_post[] = { { json, &headers_post[1] }, { no_expect, headers_common } };
static struct curl_slist headers_chunked[] = { { gzip, &headers_chunked[1] }, { in_chunks, &headers_post[1] } };

/*
 * Puts a header before the others. -1: no memory, or it is too long, or its value has a control byte, by which the
 * value could pass for several headers.
 */
static int header_put(struct curl_slist **list, const char *name, const char *value)
{
	size_t len = strlen(name) + strlen(value) + sizeof(": ");
	struct curl_slist *header;

	if (len > HEADER_MAX || texts_have_control(value, strlen(value)))
		return -1;
	header = secmem_malloc(sizeof(*header) + len);
	if (header == NULL)
		return -1;
	header->data = (char *)(header + 1);
	stpcpy(stpcpy(stpcpy(header->data, name), ": "), value);
	header->next = *list;
	*list = header;
	return 0;
}

struct curl_slist *http_handle_headers(const struct http_request *request)
{
	bool chunked = request->stream != NULL && request->stream->source != NULL;
	struct curl_slist *list = chunked  ? headers_chunked
	    : request->method == HTTP_POST ? headers_post
					   : headers_common;

	if ((request->vault_namespace == NULL || request->vault_namespace[0] == '\0' ||
		header_put(&list, "X-Vault-Namespace", request->vault_namespace) == 0) &&
	    (request->token == NULL || header_put(&list, "X-Vault-Token", request->token) == 0))
		return list;
	http_handle_headers_free(list);
	return NULL;
}

void http_handle_headers_free(struct curl_slist *list)
{
	struct curl_slist *next;

	for (; list != NULL && list != headers_common && list != headers_post && list != headers_chunked;
	     list = next) {
		next = list->next;
		secmem_free(list);
	}
}

/* Tells whether curl has made no connection for the request, but has taken one that was used before. */
static bool is_used_connection(CURL *easy)
{
	long made = 0;

	return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made == 0;
}

/*
 * Tells whether the connection, which was used before, has ended meanwhile, or has something to read that nobody
 * asked for, such as the end of TLS. Curl looks for that itself, but 8.23 does so at most once a second.
 */
static bool has_ended(CURL *easy)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	char byte;

	if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
		return false;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

/*
 * Counts that curl has a connection for the request, and breaks off if it is no good: so a POST goes to another
 * one, as nothing of it was sent. Before this runs curl_easy_getinfo() gives values of the handle's last request,
 * not of this one.
 */
static int about_to_send(void *arg, char *there, char *here, int port_there, int port_here)
{
	struct http_handle *handle = arg;

	(void)there;
	(void)here;
	(void)port_there;
	(void)port_here;
	if (is_used_connection(handle->easy) && has_ended(handle->easy))
		return CURL_PREREQFUNC_ABORT;
	handle->attempts++;
	return CURL_PREREQFUNC_OK;
}

static bool set_transport(CURL *easy, const struct http_handle_settings *settings)
{
	bool failed = false;

	SET(CURLOPT_NOSIGNAL, 1L);
	/* Without this a name server that does not answer would block the loop when a request is given up. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 30L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	/* Both are needed to take no proxy from the environment. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	/*
	 * There is no CURLOPT_TIMEOUT_MS, as http.c has the deadlines: a timeout from curl is always one of
	 * connecting.
	 */
	SET(CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms);
	SET(CURLOPT_PREREQFUNCTION, about_to_send);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 10L);
	SET(CURLOPT_MAXAGE_CONN, 60L);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_REPLY_MAX);
	return failed;
}

/*
 * Has OpenSSL wipe what it has decrypted once it is read: it decrypts in its record buffer, which it keeps with
 * the connection since curl sets SSL_MODE_RELEASE_BUFFERS no more (7.88 does).
 */
static CURLcode wipe_records(CURL *easy, void *context, void *arg)
{
	(void)easy;
	(void)arg;
	SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

static bool set_tls(CURL *easy, const struct http_handle_settings *settings)
{
	bool failed = false;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_CTX_FUNCTION, wipe_records);
	SET(CURLOPT_SSL_VERIFYPEER, settings->tls_skip_verify ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, settings->tls_skip_verify ? 0L : 2L);
	if (settings->ca_file != NULL) {
		SET(CURLOPT_CAINFO, settings->ca_file);
		/* By default curl would trust the system's CAs beside it. */
		SET(CURLOPT_CAPATH, (char *)NULL);
	}
	/* A saved session would skip the verification of the server's certificate at the next connection. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* A new CA file counts for new connections after these 5 minutes; curl's default is a day. */
	SET(CURLOPT_CA_CACHE_TIMEOUT, 300L);
	if (settings->client_cert_file != NULL) {
		SET(CURLOPT_SSLCERT, settings->client_cert_file);
		SET(CURLOPT_SSLKEY, settings->client_key_file);
		/* Without this OpenSSL would ask on the terminal for the passphrase of a key that has one. */
		SET(CURLOPT_KEYPASSWD, "");
	}
	return failed;
}

/*
 * Sets where the request goes: an address that was parsed before, and apart from it the path, which curl puts into
 * the request line as it is. To parse and rebuild a whole URL would be a tenth of what a small GET costs.
 */
static bool set_target(CURL *easy, const struct http_address *address, const char *path)
{
	bool failed = path[0] != '/';

	for (const char *p = path; *p != '\0'; p++)
		failed |= (unsigned char)*p <= 0x20 || *p == 0x7f;
	SET(CURLOPT_CURLU, address->url);
	SET(CURLOPT_REQUEST_TARGET, path);
	return failed;
}

/* Gives an idle handle or a new one, with the options that all requests have in common. NULL: no memory. */
static CURL *take_or_make(struct http_handles *handles, const struct http_handle_settings *settings)
{
	CURL *easy;

	if (handles->count > 0)
		return handles->idle[--handles->count];
	easy = curl_easy_init();
	if (easy == NULL || (!set_transport(easy, settings) && !set_tls(easy, settings)))
		return easy;
	curl_easy_cleanup(easy);
	return NULL;
}

void http_handles_note_reply(struct http_handles *handles, size_t len)
{
	if (len >= handles->usual_len)
		handles->usual_len = len;
	else
		handles->usual_len -= (handles->usual_len - len) / 16;
}

/*
 * Gives a buffer size that suits the replies that came lately. Each transfer has a buffer of its own, which is
 * wiped when it ends. With curl's default of 16 KiB the buffers of 32 small replies do not fit into the
 * processor's caches; for large replies a small buffer costs more calls.
 */
static long buffer_size(const struct http_handles *handles)
{
	long size = SMALL_BUFFER;

	while (size < STREAM_BUFFER && (size_t)size < handles->usual_len + USUAL_HEAD)
		size *= 2;
	return size;
}

int http_handle_init(struct http_handle *handle, const struct http_handle_settings *settings,
    struct http_handles *handles, const struct http_address *address, const char *path, struct curl_slist *headers)
{
	CURL *easy = take_or_make(handles, settings);
	bool failed;

	*handle = (struct http_handle){ .easy = easy, .plain = true };
	if (easy == NULL)
		return -1;
	failed = set_target(easy, address, path);
	SET(CURLOPT_BUFFERSIZE, buffer_size(handles));
	SET(CURLOPT_PREREQDATA, handle);
	SET(CURLOPT_ERRORBUFFER, handle->words);
	SET(CURLOPT_HTTPHEADER, headers);
	if (address->connect_to != NULL) {
		handle->connect_to = curl_slist_append(NULL, address->connect_to);
		failed |= handle->connect_to == NULL;
		SET(CURLOPT_CONNECT_TO, handle->connect_to);
	}
	if (!failed)
		return 0;
	http_handle_end(handle, handles, false);
	return -1;
}

static int refuse_seek(void *arg, curl_off_t offset, int origin)
{
	(void)arg;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

int http_handle_post(struct http_handle *handle, int64_t len, curl_read_callback read, void *arg)
{
	CURL *easy = handle->easy;
	bool failed = false;

	handle->plain = false;
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_READFUNCTION, read);
	SET(CURLOPT_READDATA, arg);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	/*
	 * When a connection that was used before breaks without a reply, curl sends the request again on another
	 * one, and OpenBao may carry it out twice. Curl cannot do that if it cannot rewind the body (it gives
	 * CURLE_SEND_FAIL_REWIND); a request without a body must not get a used connection.
	 */
	SET(CURLOPT_SEEKFUNCTION, refuse_seek);
	if (len <= 0)
		SET(CURLOPT_FRESH_CONNECT, 1L);
	if (len == 0)
		SET(CURLOPT_POSTFIELDS, "");
	if (len == HTTP_HANDLE_CHUNKED)
		SET(CURLOPT_UPLOAD_BUFFERSIZE, STREAM_BUFFER);
	return failed ? -1 : 0;
}

int http_handle_unbounded(struct http_handle *handle)
{
	CURL *easy = handle->easy;
	bool failed = false;

	handle->plain = false;
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0);
	SET(CURLOPT_BUFFERSIZE, STREAM_BUFFER);
	return failed ? -1 : 0;
}

int http_handle_fresh(struct http_handle *handle, bool only)
{
	CURL *easy = handle->easy;
	bool failed = false;

	handle->plain = false;
	SET(CURLOPT_FRESH_CONNECT, 1L);
	if (only)
		SET(CURLOPT_FORBID_REUSE, 1L);
	return failed ? -1 : 0;
}

/* Clears the options that point to what the handle does not own and the caller is about to free. */
static bool clear_borrowed(CURL *easy)
{
	bool failed = false;

	SET(CURLOPT_CURLU, (CURLU *)NULL);
	SET(CURLOPT_HTTPHEADER, (struct curl_slist *)NULL);
	SET(CURLOPT_CONNECT_TO, (struct curl_slist *)NULL);
	SET(CURLOPT_PREREQDATA, NULL);
	SET(CURLOPT_ERRORBUFFER, NULL);
	SET(CURLOPT_HEADERDATA, NULL);
	SET(CURLOPT_WRITEDATA, NULL);
	SET(CURLOPT_PRIVATE, NULL);
	return failed;
}

/*
 * Tells whether the handle may be used again. One that had to send twice may not: curl counts that for a handle,
 * and gives up at the sixth time.
 */
static bool is_reusable(const struct http_handle *handle, const struct http_handles *handles)
{
	return handle->plain && handle->attempts == 1 && handles->count < HTTP_HANDLES_IDLE_MAX;
}

void http_handle_end(struct http_handle *handle, struct http_handles *handles, bool got_reply)
{
	if (got_reply && is_reusable(handle, handles) && !clear_borrowed(handle->easy))
		handles->idle[handles->count++] = handle->easy;
	else
		curl_easy_cleanup(handle->easy);
	curl_slist_free_all(handle->connect_to);
	*handle = (struct http_handle){ .easy = NULL };
}

void http_handles_free(struct http_handles *handles)
{
	while (handles->count > 0)
		curl_easy_cleanup(handles->idle[--handles->count]);
}

bool http_handle_sent(const struct http_handle *handle)
{
	long size = 0;

	if (handle->attempts == 0)
		return false;
	return curl_easy_getinfo(handle->easy, CURLINFO_REQUEST_SIZE, &size) != CURLE_OK || size > 0;
}

bool http_handle_met_kept(const struct http_handle *handle)
{
	/* Curl only sends a request twice if the first connection was a used one. */
	return handle->attempts > 1 || (handle->attempts == 1 && is_used_connection(handle->easy));
}

bool http_handle_made_connection(const struct http_handle *handle)
{
	return handle->attempts > 0 && !is_used_connection(handle->easy);
}

enum http_outcome http_handle_outcome(CURLcode code, bool sent)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_REPLY;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		return HTTP_TOO_BIG;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
	case CURLE_OPERATION_TIMEDOUT:
		return sent ? HTTP_BROKEN : HTTP_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_USE_SSL_FAILED:
		return sent ? HTTP_BROKEN : HTTP_TLS;
	case CURLE_OUT_OF_MEMORY:
		/*
		 * Curl 7.88.1 says so, too, of a line of the head or trailer that is longer than it takes. When a
		 * reply can have begun this is by far the likelier reason.
		 */
		return sent ? HTTP_HEAD_TOO_LONG : HTTP_INTERNAL;
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
		return sent ? HTTP_HEAD_TOO_LONG : HTTP_INTERNAL;
#endif
	case CURLE_FAILED_INIT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_NOT_BUILT_IN:
	case CURLE_URL_MALFORMAT:
		return HTTP_INTERNAL;
	default:
		return HTTP_BROKEN;
	}
}

void http_handle_why(const struct http_handle *handle, CURLcode code, char *text, size_t size)
{
	const char *words = handle->words[0] != '\0' ? handle->words : curl_easy_strerror(code);
	long number = 0;

	/* Curl 7.88.1 does not say whether a connection was refused or found no route. */
	if (code == CURLE_COULDNT_CONNECT)
		(void)curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &number);
	if (number != 0)
		snprintf(text, size, "%s (%s)", words, strerror((int)number));
	else
		snprintf(text, size, "%s", words);
}

int http_handle_status(const struct http_handle *handle)
{
	long status = 0;

	if (handle->attempts == 0)
		return 0;
	if (curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 0 ||
	    status > 999)
		return 0;
	return (int)status;
}

uint64_t http_handle_retry_after_ms(const struct http_handle *handle)
{
	struct curl_header *header;
	uint64_t seconds = 0;

	if (handle->attempts == 0)
		return 0;
	if (curl_easy_header(handle->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	for (const char *p = header->value; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		seconds = seconds * 10 + (uint64_t)(*p - '0');
		if (seconds > RETRY_AFTER_MAX_S)
			seconds = RETRY_AFTER_MAX_S;
	}
	return seconds * 1000;
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return secmem_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size > 0)
		return secmem_realloc(p, size);
	secmem_free(p);
	return NULL;
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	secmem_free(p);
}

int http_global_init(void)
{
	/* libcurl and OpenSSL would write the keys of all TLS sessions to the file that it names. */
	unsetenv("SSLKEYLOGFILE");
	/* OpenSSL writes without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL curl does not ignore SIGPIPE itself. */
	signal(SIGPIPE, SIG_IGN);
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
		return -1;
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, secmem_malloc, secmem_free, secmem_realloc, secmem_strdup,
		secmem_calloc) != CURLE_OK)
		return -1;
	return 0;
}

void http_global_cleanup(void)
{
	curl_global_cleanup();
}
