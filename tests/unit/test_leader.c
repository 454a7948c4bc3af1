/*
 * What sys/leader says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "daemon/upstream/control.h"

static struct control read_leader(int status, const char *body)
{
	struct http_reply reply = { .outcome = HTTP_REPLY,
		.status = status,
		.body = body,
		.body_len = strlen(body) };
	struct control control;

	control_leader(&reply, &control);
	return control;
}

static void test_node_that_leads_says_so(void **state)
{
	struct control c = read_leader(200,
	    "{\"ha_enabled\":true,\"is_self\":true,\"leader_address\":\"https://a:1\"}");
	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_true(c.is_self);
	assert_string_equal(c.leader_address, "https://a:1");
	control_clear(&c);
}

static void test_node_that_leads_says_since_when(void **state)
{
	struct control c = read_leader(200,
	    "{\"ha_enabled\":true,\"is_self\":true,\"active_time\":\"2026-11-24T14:42:11.5Z\"}");
	(void)state;
	assert_string_equal(c.active_time, "2026-11-24T14:42:11.5Z");
	control_clear(&c);
	c = read_leader(200, "{\"ha_enabled\":true,\"is_self\":true,\"active_time\":7}");
	assert_int_equal(c.result, CONTROL_OK);
	assert_null(c.active_time);
	control_clear(&c);
}

static void test_standby_names_its_leader(void **state)
{
	struct control c = read_leader(200,
	    "{\"ha_enabled\":true,\"is_self\":false,\"leader_address\":\"https://b:1\"}");
	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_false(c.is_self);
	assert_string_equal(c.leader_address, "https://b:1");
	control_clear(&c);
}

static void test_without_a_leader_there_is_no_address(void **state)
{
	struct control c = read_leader(200, "{\"ha_enabled\":true,\"is_self\":false,\"leader_address\":\"\"}");
	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_false(c.is_self);
	assert_null(c.leader_address);
	control_clear(&c);
}

/* A dev server answers this. */
static void test_single_node_counts_as_its_own_leader(void **state)
{
	struct control c = read_leader(200, "{\"ha_enabled\":false,\"is_self\":false,\"leader_address\":\"\"}");
	(void)state;
	assert_int_equal(c.result, CONTROL_OK);
	assert_true(c.is_self);
	control_clear(&c);
	c = read_leader(200, "{\"ha_enabled\":false}");
	assert_int_equal(c.result, CONTROL_OK);
	assert_true(c.is_self);
	assert_null(c.leader_address);
	control_clear(&c);
}

static void test_anything_else_is_no_answer(void **state)
{
	static const char *const bodies[] = { "", "{}", "[]", "{\"ha_enabled\":true,\"is_self\":1}",
		"{\"ha_enabled\":true}", "{\"ha_enabled\":true,\"is_self\":true,\"leader_address\":7}" };
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct control c = read_leader(200, bodies[i]);
		assert_int_not_equal(c.result, CONTROL_OK);
		control_clear(&c);
	}
	struct control c = read_leader(503, "{\"errors\":[\"Vault is sealed\"]}");
	assert_int_equal(c.result, CONTROL_UNREACHABLE);
	control_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_that_leads_says_so),
		cmocka_unit_test(test_node_that_leads_says_since_when),
		cmocka_unit_test(test_standby_names_its_leader),
		cmocka_unit_test(test_without_a_leader_there_is_no_address),
		cmocka_unit_test(test_single_node_counts_as_its_own_leader),
		cmocka_unit_test(test_anything_else_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
