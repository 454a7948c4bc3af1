/*
 * Control documents: what is taken of them, and what their failures mean. Bodies are those of OpenBao 2.7.2 unless
 * a test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/control.h"

#define HEAD \
	"{\"request_id\":\"e3f4bc53-1845-4fd5-f3b9-76d0c8400dcd\",\"lease_id\":\"\",\"renewable\":false," \
	"\"lease_duration\":0,"
#define AUTH(token, duration, renewable) \
	HEAD "\"data\":null,\"wrap_info\":null,\"warnings\":null,\"auth\":{\"client_token\":" token \
	     ",\"accessor\":\"MILL8rgwfRK6CPHtoZ07fSy0\",\"policies\":[\"default\"]," \
	     "\"token_policies\":[\"default\"],\"metadata\":{\"role_name\":\"r\"}," \
	     "\"lease_duration\":" duration ",\"renewable\":" renewable ",\"entity_id\":" \
	     "\"60266a64-df49-18f8-0c63-01e3af0bf722\",\"token_type\":\"service\",\"orphan\":true," \
	     "\"mfa_requirement\":null,\"num_uses\":0}}\n"
#define DATA(data) HEAD "\"data\":" data ",\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"
#define HEALTH(initialized, sealed, standby) \
	"{\"initialized\":" initialized ",\"sealed\":" sealed ",\"standby\":" standby \
	",\"replication_performance_mode\":\"disabled\",\"replication_dr_mode\":\"disabled\"," \
	"\"server_time_utc\":1795474461,\"version\":\"2.7.2\",\"cluster_name\":\"vault-cluster-4149c662\"," \
	"\"cluster_id\":\"a823da13-f74a-591b-bb9c-13115f556565\"}\n"
#define ERRORS(text) "{\"errors\":[\"" text "\"]}\n"

typedef void read_function(const struct http_reply *reply, struct control *ret);

/* Reads a copy without a NUL behind it, which is gone when the fields are looked at. */
static struct control read_reply(read_function *read, int status, const char *body)
{
	size_t len = strlen(body);
	char *copy = malloc(len > 0 ? len : 1);
	struct http_reply reply = { .outcome = HTTP_REPLY,
		.sent = true,
		.status = status,
		.body = copy,
		.body_len = len };
	struct control c;

	assert_non_null(copy);
	memcpy(copy, body, len);
	memset(&c, 0x55, sizeof(c));
	read(&reply, &c);
	free(copy);
	return c;
}

static struct control read_none(read_function *read, enum http_outcome outcome)
{
	struct http_reply reply = { .outcome = outcome, .sent = true };
	struct control c;

	memset(&c, 0x55, sizeof(c));
	read(&reply, &c);
	return c;
}

/* Checks the result, and that no field holds anything. */
static void expect(struct control c, enum control_result result)
{
	assert_int_equal(c.result, result);
	assert_non_null(c.reason);
	assert_true(result == CONTROL_OK || strlen(c.reason) > 0);
	assert_null(c.client_token);
	assert_null(c.secret_id);
	assert_null(c.creation_path);
	control_clear(&c);
}

static void test_login_gives_token_and_lease(void **state)
{
	struct control c = read_reply(control_login, 200, AUTH("\"s.NqWWhBVWTQb5rrBiOfsgVIGB\"", "6", "true"));

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_string_equal(c.client_token, "s.NqWWhBVWTQb5rrBiOfsgVIGB");
	assert_int_equal(c.lease_ms, 6000);
	assert_true(c.renewable);
	assert_int_equal(c.status, 200);
	control_clear(&c);
	assert_null(c.client_token);
	assert_null(c.document);
	c = read_reply(control_login, 200, AUTH("\"s.x\"", "0", "false"));
	assert_int_equal(c.result, CONTROL_OK);
	assert_int_equal(c.lease_ms, 0);
	assert_false(c.renewable);
	control_clear(&c);
}

static void test_login_waiting_for_a_second_factor_is_empty(void **state)
{
	(void)state;
	expect(read_reply(control_login, 200, AUTH("\"\"", "0", "false")), CONTROL_EMPTY);
	expect(read_reply(control_login, 200, AUTH("null", "0", "false")), CONTROL_EMPTY);
	expect(read_reply(control_login, 200, DATA("null")), CONTROL_EMPTY);
	expect(read_reply(control_login, 200, "{}"), CONTROL_EMPTY);
	expect(read_reply(control_login, 200, ""), CONTROL_EMPTY);
	expect(read_reply(control_login, 204, ""), CONTROL_EMPTY);
}

static void test_a_token_that_an_unreadable_login_has_made_is_told(void **state)
{
	struct control c = read_reply(control_login, 200, AUTH("\"s.x\"", "6.5", "true"));

	(void)state;
	assert_int_equal(c.result, CONTROL_FAILED);
	assert_null(c.client_token);
	assert_string_equal(c.left_token, "s.x");
	control_clear(&c);
	c = read_reply(control_login, 200, AUTH("\"s. x\"", "6.5", "true"));
	assert_null(c.left_token);
	control_clear(&c);
}

static void test_a_nul_in_what_is_not_read_does_no_harm(void **state)
{
	struct control c = read_reply(control_login, 200,
	    "{\"auth\":{\"client_token\":\"s.x\",\"metadata\":{\"n\":\"a\\u0000b\"},\"lease_duration\":6}}");

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_string_equal(c.client_token, "s.x");
	control_clear(&c);
	expect(read_reply(control_wrapping, 200,
		   "{\"data\":{\"creation_path\":\"auth/a/role/r/secret-id\\u0000\"}}"),
	    CONTROL_FAILED);
}

static void test_login_tells_how_often_the_token_may_be_used(void **state)
{
	struct control c = read_reply(control_login, 200,
	    "{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6,\"num_uses\":7}}");

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_true(c.num_uses == 7);
	control_clear(&c);
	c = read_reply(control_login, 200,
	    "{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6,\"num_uses\":-7}}");
	assert_int_equal(c.result, CONTROL_FAILED);
	control_clear(&c);
}

static void test_login_of_odd_types_is_not_guessed_at(void **state)
{
	static const char *const bodies[] = {
		AUTH("5", "6", "true"),
		AUTH("true", "6", "true"),
		AUTH("[\"s.x\"]", "6", "true"),
		/* what cannot stand in a header is no token */
		AUTH("\"s.x\\r\\nX-Vault-Namespace: a\"", "6", "true"),
		AUTH("\"s. x\"", "6", "true"),
		AUTH("\"s.\xc3\xa9\"", "6", "true"),
		AUTH("\"s.\\u0000x\"", "6", "true"),
		AUTH("\"s.x\"", "-1", "true"),
		AUTH("\"s.x\"", "6.5", "true"),
		AUTH("\"s.x\"", "\"6\"", "true"),
		AUTH("\"s.x\"", "null", "true"),
		AUTH("\"s.x\"", "99999999999999999999", "true"),
		AUTH("\"s.x\"", "6", "1"),
		AUTH("\"s.x\"", "6", "\"true\""),
		AUTH("\"s.x\"", "6", "null"),
		"{\"auth\":{\"client_token\":\"s.x\",\"renewable\":true}}",
		"{\"auth\":{\"client_token\":\"s.x\",\"client_token\":\"s.y\",\"lease_duration\":6}}",
		"{\"auth\":[]}",
		"{\"auth\":\"s.x\"}",
		"{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6}",
		"{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6}} {}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect(read_reply(control_login, 200, bodies[i]), CONTROL_FAILED);
}

static void test_lease_is_at_most_ten_years(void **state)
{
	struct control c = read_reply(control_login, 200, AUTH("\"s.x\"", "9223372036854775807", "true"));

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_int_equal(c.lease_ms, UINT64_C(315360000000));
	control_clear(&c);
}

static void test_absent_renewable_is_not_renewable(void **state)
{
	struct control c = read_reply(control_login, 200,
	    "{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6}}");

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_false(c.renewable);
	control_clear(&c);
}

static void test_document_over_a_mebibyte_is_refused(void **state)
{
	size_t len = (1 << 20) + 1;
	char *body = malloc(len + 1);
	struct control c;

	(void)state;
	assert_non_null(body);
	memset(body, ' ', len);
	body[len] = '\0';
	memcpy(body, "{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":6}}", 50);
	expect(read_reply(control_login, 200, body), CONTROL_FAILED);
	body[len - 1] = '\0';
	c = read_reply(control_login, 200, body);
	assert_int_equal(c.result, CONTROL_OK);
	control_clear(&c);
	free(body);
}

static void test_renewal_gives_the_lease_with_or_without_a_token(void **state)
{
	static const char *const bodies[] = { AUTH("\"s.x\"", "60", "true"), AUTH("\"\"", "60", "true"),
		AUTH("null", "60", "true"), "{\"auth\":{\"lease_duration\":60,\"renewable\":true}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct control c = read_reply(control_renew, 200, bodies[i]);

		assert_int_equal(c.result, CONTROL_OK);
		assert_int_equal(c.lease_ms, 60000);
		assert_true(c.renewable);
		control_clear(&c);
	}
	expect(read_reply(control_renew, 200, DATA("null")), CONTROL_EMPTY);
	expect(read_reply(control_renew, 204, ""), CONTROL_EMPTY);
	expect(read_reply(control_renew, 200, "{\"auth\":{}}"), CONTROL_FAILED);
	expect(read_reply(control_renew, 400, ERRORS("lease is not renewable")), CONTROL_FAILED);
	expect(read_reply(control_renew, 403, ERRORS("permission denied")), CONTROL_DENIED);
}

static void test_lookup_gives_the_lease_if_it_can_be_read(void **state)
{
	static const char *const none[] = {
		DATA("{\"ttl\":0,\"renewable\":false}"),
		DATA("{\"id\":\"s.x\"}"),
		DATA("{\"ttl\":\"60\",\"renewable\":true}"),
		DATA("{\"ttl\":60,\"renewable\":1}"),
	};
	static const char *const not_told[] = { DATA("null"), DATA("[]"), DATA("\"s.x\""), "{}", "" };
	struct control c = read_reply(control_lookup, 200, DATA("{\"id\":\"s.x\",\"ttl\":60,\"renewable\":true}"));

	(void)state;
	assert_int_equal(c.lease_ms, 60000);
	assert_true(c.renewable);
	expect(c, CONTROL_OK);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		c = read_reply(control_lookup, 200, none[i]);
		assert_int_equal(c.lease_ms, 0);
		assert_false(c.renewable);
		expect(c, CONTROL_OK);
	}
	for (size_t i = 0; i < sizeof(not_told) / sizeof(not_told[0]); i++) {
		c = read_reply(control_lookup, 200, not_told[i]);
		assert_int_not_equal(c.result, CONTROL_OK);
		assert_int_equal(c.lease_ms, 0);
		control_clear(&c);
	}
	expect(read_reply(control_lookup, 403, ERRORS("permission denied")), CONTROL_DENIED);
	expect(read_reply(control_lookup, 403, ERRORS("1 error occurred:\\n\\t* permission denied\\n\\n")),
	    CONTROL_DENIED_WRAPPED);
	expect(read_reply(control_lookup, 503, ERRORS("Vault is sealed")), CONTROL_UNREACHABLE);
}

static void test_revocation_only_has_a_result(void **state)
{
	(void)state;
	expect(read_reply(control_plain, 200, DATA("{\"id\":\"s.x\"}")), CONTROL_OK);
	expect(read_reply(control_plain, 204, ""), CONTROL_OK);
	expect(read_reply(control_plain, 403, ERRORS("permission denied")), CONTROL_DENIED);
	expect(read_reply(control_plain, 403, ERRORS("1 error occurred:\\n\\t* permission denied\\n\\n")),
	    CONTROL_DENIED_WRAPPED);
	expect(read_reply(control_plain, 302, ERRORS("x")), CONTROL_FAILED);
}

static void test_unwrapping_gives_the_secret_id(void **state)
{
	struct control c = read_reply(control_unwrap, 200,
	    DATA("{\"secret_id\":\"d04ce2b2-9c57-f181-f105-3aef259396bc\","
		 "\"secret_id_accessor\":\"85247b04-24d2-f201-8bff-ba2482cd802d\",\"secret_id_num_uses\":0,"
		 "\"secret_id_ttl\":0}"));

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_string_equal(c.secret_id, "d04ce2b2-9c57-f181-f105-3aef259396bc");
	control_clear(&c);
	expect(read_reply(control_unwrap, 200, DATA("{\"password\":\"x\"}")), CONTROL_EMPTY);
	expect(read_reply(control_unwrap, 200, DATA("null")), CONTROL_EMPTY);
	expect(read_reply(control_unwrap, 200, DATA("{\"secret_id\":5}")), CONTROL_FAILED);
}

static void test_wrapping_lookup_gives_the_creation_path(void **state)
{
	struct control c = read_reply(control_wrapping, 200,
	    DATA("{\"creation_path\":\"auth/approle/role/r/secret-id\","
		 "\"creation_time\":\"2026-11-23T22:54:21.298844134Z\",\"creation_ttl\":60}"));

	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_string_equal(c.creation_path, "auth/approle/role/r/secret-id");
	control_clear(&c);
	c = read_reply(control_wrapping, 200, DATA("{\"creation_path\":\"auth/caf\xc3\xa9 1/role/r/secret-id\"}"));
	assert_string_equal(c.creation_path, "auth/caf\xc3\xa9 1/role/r/secret-id");
	control_clear(&c);
	expect(read_reply(control_wrapping, 200, DATA("{}")), CONTROL_EMPTY);
	expect(read_reply(control_wrapping, 200, DATA("{\"creation_path\":true}")), CONTROL_FAILED);
}

static void test_used_up_wrapping_token_is_told_as_such(void **state)
{
	(void)state;
	expect(read_reply(control_wrapping, 400, ERRORS("wrapping token is not valid or does not exist")),
	    CONTROL_WRAPPING_GONE);
	expect(read_reply(control_unwrap, 400, ERRORS("wrapping token is not valid or does not exist")),
	    CONTROL_WRAPPING_GONE);
}

static void test_rejected_credentials_are_told_from_other_refusals(void **state)
{
	(void)state;
	expect(read_reply(control_login, 400, ERRORS("invalid role or secret ID")), CONTROL_REJECTED);
	expect(read_reply(control_login, 500, ERRORS("invalid role or secret ID")), CONTROL_FAILED);
	expect(read_reply(control_login, 400, ERRORS("missing role_id")), CONTROL_FAILED);
	expect(read_reply(control_login, 403, ERRORS("permission denied")), CONTROL_DENIED);
	expect(read_reply(control_login, 403, ERRORS("something else")), CONTROL_DENIED);
	expect(read_reply(control_login, 403, ERRORS("namespace not found")), CONTROL_DENIED);
	expect(read_reply(control_login, 404, ERRORS("namespace not found")), CONTROL_FAILED);
	expect(read_reply(control_login, 503, ERRORS("namespace is sealed")), CONTROL_FAILED);
	expect(read_reply(control_login, 404, ERRORS("no handler for route")), CONTROL_FAILED);
	expect(read_reply(control_login, 429, ""), CONTROL_FAILED);
	expect(read_reply(control_login, 500, ERRORS("internal error")), CONTROL_FAILED);
	expect(read_reply(control_login, 302, ERRORS("x")), CONTROL_FAILED);
}

/* A token, or a try that counts towards a lockout, is lost by OpenBao's own word only. */
static void test_what_stands_in_front_of_openbao_is_not_believed(void **state)
{
	static void (*const readers[])(const struct http_reply *, struct control *) = { control_login,
		control_renew, control_lookup, control_plain, control_wrapping, control_unwrap, control_leader };
	static const char *const pages[] = { "", "RBAC: access denied", "<html>403</html>",
		"{\"message\":\"Forbidden\"}", "{\"errors\":[{\"code\":1010}]}" };
	static const int statuses[] = { 301, 302, 308, 400, 401, 403, 404, 405, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		for (size_t k = 0; k < sizeof(pages) / sizeof(pages[0]); k++) {
			for (size_t n = 0; n < sizeof(statuses) / sizeof(statuses[0]); n++) {
				struct control c = read_reply(readers[i], statuses[n], pages[k]);

				assert_true(c.foreign);
				expect(c, CONTROL_UNREACHABLE);
			}
		}
	}
}

static void test_a_page_with_status_200_is_not_believed(void **state)
{
	static void (*const readers[])(const struct http_reply *, struct control *) = { control_login,
		control_renew, control_lookup, control_plain, control_wrapping, control_unwrap, control_leader };
	static const char *const pages[] = { "<html>log in first</html>", "[]", "null", "\"s.x\"", "ok" };

	(void)state;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		for (size_t k = 0; k < sizeof(pages) / sizeof(pages[0]); k++) {
			struct control c = read_reply(readers[i], 200, pages[k]);

			assert_true(c.foreign);
			expect(c, CONTROL_UNREACHABLE);
		}
	}
}

static void test_refused_kubernetes_logins_say_why(void **state)
{
	static const struct {
		int status;
		const char *text, *why;
		enum control_result result;
		bool explained;
	} cases[] = {
		{ 400, "invalid role name \\\"canary\\\"", "does not know the configured role", CONTROL_FAILED,
		    false },
		{ 403, "service account name not authorized", "not for this service account", CONTROL_DENIED,
		    true },
		{ 403, "namespace not authorized", "or its namespace", CONTROL_DENIED, true },
		{ 403, "invalid audience (aud) claim: audience claim does not match any expected audience",
		    "audience", CONTROL_DENIED, true },
		{ 403, "invalid expiration time (exp) claim: token is expired", "expired", CONTROL_DENIED, true },
		{ 403, "invalid role name \\\"canary\\\"", "denied permission", CONTROL_DENIED, false },
		{ 403, "permission denied", "denied permission", CONTROL_DENIED, false },
		{ 400, "missing jwt", "did not accept", CONTROL_FAILED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[200];
		struct control c;

		snprintf(body, sizeof(body), "{\"errors\":[\"%s\"]}\n", cases[i].text);
		c = read_reply(control_login, cases[i].status, body);
		assert_non_null(strstr(c.reason, cases[i].why));
		assert_null(strstr(c.reason, "canary"));
		assert_int_equal(c.explained, cases[i].explained);
		expect(c, cases[i].result);
	}
}

static void test_no_answer_and_not_now_are_unreachable(void **state)
{
	static const struct {
		int status;
		const char *body;
	} cases[] = {
		{ 503, ERRORS("Vault is sealed") },
		{ 503, ERRORS("no active Vault instance found") },
		{ 503, "<html>" },
		{ 502, "" },
		{ 504, "" },
		{ 307, "" }, /* of a standby whose leader is lost */
		{ 500, ERRORS("local node not active but active cluster node not found") },
		{ 500, ERRORS("active context canceled after getting state lock") },
		{ 400, ERRORS("local node not active but active cluster node not found") },
	};
	static const enum http_outcome outcomes[] = { HTTP_CONNECT, HTTP_DEADLINE, HTTP_BROKEN };
	struct control c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(read_reply(control_login, cases[i].status, cases[i].body), CONTROL_UNREACHABLE);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		c = read_none(control_renew, outcomes[i]);
		assert_false(c.tls);
		assert_int_equal(c.status, 0);
		assert_int_equal(c.outcome, outcomes[i]);
		expect(c, CONTROL_UNREACHABLE);
	}
	c = read_none(control_login, HTTP_TLS);
	assert_true(c.tls);
	expect(c, CONTROL_UNREACHABLE);
	expect(read_none(control_login, HTTP_TOO_BIG), CONTROL_FAILED);
	expect(read_none(control_login, HTTP_HEAD_TOO_LONG), CONTROL_FAILED);
	expect(read_none(control_login, HTTP_INTERNAL), CONTROL_FAILED);
}

static void test_no_text_of_openbao_is_passed_on(void **state)
{
	static const int statuses[] = { 200, 302, 400, 403, 404, 429, 500, 503 };
	static const char *const bodies[] = { ERRORS("canary"), ERRORS("Vault is sealed canary"), "canary",
		"{\"auth\":\"canary\"}" };
	static read_function *const reads[] = { control_login, control_renew, control_lookup, control_plain,
		control_wrapping, control_unwrap, control_health };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (size_t k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
			for (size_t n = 0; n < sizeof(reads) / sizeof(reads[0]); n++) {
				struct control c = read_reply(reads[n], statuses[i], bodies[k]);

				assert_null(strstr(c.reason, "canary"));
				control_clear(&c);
			}
		}
	}
}

/* -- health -- */

static void test_health_is_good_when_initialized_and_unsealed(void **state)
{
	struct control c = read_reply(control_health, 200, HEALTH("true", "false", "false"));

	(void)state;
	assert_true(c.health && c.initialized && !c.sealed && !c.standby);
	assert_int_equal(c.outcome, HTTP_REPLY);
	expect(c, CONTROL_OK);
	c = read_reply(control_health, 200, HEALTH("true", "false", "true"));
	assert_true(c.health && c.standby);
	expect(c, CONTROL_OK);
	/* A proxy may drop the query that asks for a 2xx. */
	for (int status = 472; status < 474; status++) {
		c = read_reply(control_health, status, HEALTH("true", "false", "true"));
		assert_true(c.health && c.standby);
		assert_false(c.foreign);
		expect(c, CONTROL_OK);
	}
}

static void test_health_tells_sealed_from_not_initialized_from_no_answer(void **state)
{
	static const int statuses[] = { 299, 501, 503 };
	struct control c;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		c = read_reply(control_health, statuses[i], HEALTH("true", "true", "true"));
		assert_true(c.health && c.initialized && c.sealed);
		assert_non_null(strstr(c.reason, "sealed"));
		expect(c, CONTROL_UNREACHABLE);
		c = read_reply(control_health, statuses[i], HEALTH("false", "true", "true"));
		assert_true(c.health && !c.initialized);
		assert_non_null(strstr(c.reason, "not initialized"));
		expect(c, CONTROL_UNREACHABLE);
	}
	c = read_reply(control_health, 503, "<html>");
	assert_false(c.health);
	expect(c, CONTROL_UNREACHABLE);
	c = read_none(control_health, HTTP_CONNECT);
	assert_false(c.health);
	expect(c, CONTROL_UNREACHABLE);
}

static void test_health_of_odd_content_is_not_good(void **state)
{
	static const char *const bodies[] = { "{}", "[]", "<html>", "{\"initialized\":true}",
		"{\"initialized\":1,\"sealed\":0}", "{\"initialized\":true,\"sealed\":\"false\"}",
		"{\"initialized\":true,\"sealed\":false,\"standby\":1}",
		"{\"initialized\":true,\"sealed\":true,\"sealed\":false}" };
	struct control c;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		c = read_reply(control_health, 200, bodies[i]);
		assert_false(c.health);
		expect(c, CONTROL_FAILED);
	}
	expect(read_reply(control_health, 200, ""), CONTROL_EMPTY);
	expect(read_reply(control_health, 400, ERRORS("operation unavailable in namespaces")), CONTROL_FAILED);
	expect(read_reply(control_health, 404, HEALTH("true", "false", "false")), CONTROL_FAILED);
}

static int set_up(void **state)
{
	(void)state;
	control_global_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login_gives_token_and_lease),
		cmocka_unit_test(test_login_waiting_for_a_second_factor_is_empty),
		cmocka_unit_test(test_a_token_that_an_unreadable_login_has_made_is_told),
		cmocka_unit_test(test_a_nul_in_what_is_not_read_does_no_harm),
		cmocka_unit_test(test_login_tells_how_often_the_token_may_be_used),
		cmocka_unit_test(test_login_of_odd_types_is_not_guessed_at),
		cmocka_unit_test(test_lease_is_at_most_ten_years),
		cmocka_unit_test(test_absent_renewable_is_not_renewable),
		cmocka_unit_test(test_document_over_a_mebibyte_is_refused),
		cmocka_unit_test(test_renewal_gives_the_lease_with_or_without_a_token),
		cmocka_unit_test(test_lookup_gives_the_lease_if_it_can_be_read),
		cmocka_unit_test(test_revocation_only_has_a_result),
		cmocka_unit_test(test_unwrapping_gives_the_secret_id),
		cmocka_unit_test(test_wrapping_lookup_gives_the_creation_path),
		cmocka_unit_test(test_used_up_wrapping_token_is_told_as_such),
		cmocka_unit_test(test_rejected_credentials_are_told_from_other_refusals),
		cmocka_unit_test(test_what_stands_in_front_of_openbao_is_not_believed),
		cmocka_unit_test(test_a_page_with_status_200_is_not_believed),
		cmocka_unit_test(test_refused_kubernetes_logins_say_why),
		cmocka_unit_test(test_no_answer_and_not_now_are_unreachable),
		cmocka_unit_test(test_no_text_of_openbao_is_passed_on),
		cmocka_unit_test(test_health_is_good_when_initialized_and_unsealed),
		cmocka_unit_test(test_health_tells_sealed_from_not_initialized_from_no_answer),
		cmocka_unit_test(test_health_of_odd_content_is_not_good),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
