/* What the loader takes and what it refuses, and how it says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/host/plugin.h"
#include "tests/unit/check_main.h"

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	(void) host;
	(void) config;
	(void) instance;
	(void) error;
	return PH_ADAPTER_FAILED;
}

static uint32_t
start(void *instance, uint64_t deadline, ph_adapter_error *error)
{
	(void) instance;
	(void) deadline;
	(void) error;
	return PH_ADAPTER_FAILED;
}

static uint32_t
send_nothing(void *instance, const ph_adapter_request *request, ph_adapter_error *error)
{
	(void) instance;
	(void) request;
	(void) error;
	return PH_ADAPTER_FAILED;
}

static void
stop(void *instance, uint64_t deadline)
{
	(void) instance;
	(void) deadline;
}

static void
destroy(void *instance)
{
	(void) instance;
}

static const ph_adapter_ops good_ops = {.size = sizeof good_ops,
    .create = create,
    .start = start,
    .send = send_nothing,
    .stop = stop,
    .destroy = destroy};

static const ph_adapter_manifest good = {.size = sizeof good,
    .abi_major = PH_ADAPTER_ABI_MAJOR,
    .abi_minor_least = 1,
    .abi_minor_built = 1,
    .required = PH_ADAPTER_CAN_SEND,
    .name = "x",
    .version = "1",
    .schema = "{}",
    .ops = &good_ops};

static ph_status
check(const ph_adapter_manifest *offered, ph_error *err)
{
	ph_adapter_manifest manifest;
	ph_adapter_ops ops;
	memset(err, 0, sizeof *err);
	return ph_plugin_check("/x/y.so", offered, &manifest, &ops, err);
}

START_TEST(a_good_one_is_taken)
{
	ph_error err;
	ck_assert_int_eq(check(&good, &err), PH_OK);
}
END_TEST

/* Made for a later minor, with more at the end of its structs, but needing no more than we have. */
START_TEST(a_newer_one_that_can_do_with_less_is_taken)
{
	struct {
		ph_adapter_manifest known;
		uint64_t later[4];
	} newer = {.known = good};
	newer.known.size = sizeof newer;
	newer.known.abi_minor_built = 7;
	newer.known.optional = UINT64_C(1) << 40;
	ph_error err;
	ck_assert_int_eq(check(&newer.known, &err), PH_OK);
}
END_TEST

START_TEST(refusals_say_wanted_offered_and_cure)
{
	ph_adapter_ops no_send = good_ops, short_ops = good_ops, no_stop = good_ops;
	no_send.send = NULL;
	no_stop.stop = NULL;
	short_ops.size = 16;
	ph_adapter_manifest bad[10];
	for (size_t i = 0; i < 10; i++)
		bad[i] = good;
	bad[0].size = 8;
	bad[1].size = 1u << 30;
	bad[2].abi_major = 9;
	bad[3].abi_minor_least = 77;
	bad[4].required |= UINT64_C(1) << 50;
	bad[5].schema = NULL;
	bad[6].ops = &no_send;
	bad[7].ops = &short_ops;
	bad[8].ops = &no_stop;
	bad[9].required |= PH_ADAPTER_CAN_PROBE;
	static const struct {
		ph_status status;
		const char *code, *has;
	} want[] = {{PH_ERR_INVALID, "PH4003", "rebuild"},
	    {PH_ERR_INVALID, "PH4003", ""},
	    {PH_ERR_VERSION, "PH4004", "wants the adapter ABI 9.1"},
	    {PH_ERR_VERSION, "PH4004", "update packhorse"},
	    {PH_ERR_VERSION, "PH4005", "update packhorse"},
	    {PH_ERR_INVALID, "PH4006", "schema"}, {PH_ERR_INVALID, "PH4007", "send"},
	    {PH_ERR_INVALID, "PH4003", "operations"},
	    {PH_ERR_INVALID, "PH4007", "stop"}, {PH_ERR_INVALID, "PH4007", "probe"}};
	for (size_t i = 0; i < 10; i++) {
		ph_error err;
		ck_assert_int_eq(check(&bad[i], &err), want[i].status);
		ck_assert_str_eq(err.where, "/x/y.so");
		ck_assert_int_eq(strncmp(err.text, want[i].code, 6), 0);
		ck_assert_ptr_nonnull(strstr(err.text, want[i].has));
	}
}
END_TEST

/* ---- from files ---- */

static ph_status
open_built(const char *name, ph_plugin **out, ph_error *err)
{
	const char *build = getenv("PACKHORSE_BUILD");
	char path[4096];
	memset(err, 0, sizeof *err);
	snprintf(path, sizeof path, "%s/%s", build ? build : ".", name);
	return ph_plugin_open(path, out, err);
}

START_TEST(the_template_loads)
{
	ph_plugin *plugin = NULL;
	ph_error err;
	ph_status status =
	    open_built("adapters/template/.libs/template.so", &plugin, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	ck_assert_str_eq(ph_plugin_manifest(plugin)->name, "template");
	ck_assert(ph_plugin_can(plugin, PH_ADAPTER_CAN_SEND));
	ck_assert(!ph_plugin_can(plugin, PH_ADAPTER_CAN_POLL));
	ph_plugin_close(&plugin);
	ck_assert_ptr_null(plugin);
}
END_TEST

/* As `packhorse-host --describe mine.so` is told in the folder that it was made in. */
START_TEST(a_name_alone_is_a_file_of_this_folder)
{
	const char *build = getenv("PACKHORSE_BUILD");
	ph_plugin *plugin = NULL;
	ph_error err;
	memset(&err, 0, sizeof err);
	ck_assert_int_eq(chdir(build ? build : "."), 0);
	ck_assert_int_eq(chdir("adapters/template/.libs"), 0);
	ck_assert_msg(
	    ph_plugin_open("template.so", &plugin, &err) == PH_OK, "%s", err.text);
	ph_plugin_close(&plugin);
}
END_TEST

START_TEST(files_that_are_no_plugins_are_refused)
{
	static const struct {
		const char *file, *code;
	} cases[] = {{"tests/unit/.libs/evil_symbol.so", "PH4002"},
	    {"tests/unit/.libs/evil_size.so", "PH4003"},
	    {"tests/unit/.libs/evil_abi.so", "PH4004"}, {"no/such.so", "PH4001"},
	    {"Makefile", "PH4001"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ph_plugin *plugin = NULL;
		ph_error err;
		ck_assert_int_ne(open_built(cases[i].file, &plugin, &err), PH_OK);
		ck_assert_msg(!strncmp(err.text, cases[i].code, 6), "%s: %s",
		    cases[i].file, err.text);
		ck_assert_ptr_null(plugin);
	}
}
END_TEST

static Suite *
plugin_suite(void)
{
	Suite *suite = suite_create("plugin");
	TCase *tcase = tcase_create("plugin");
	tcase_add_test(tcase, a_good_one_is_taken);
	tcase_add_test(tcase, a_newer_one_that_can_do_with_less_is_taken);
	tcase_add_test(tcase, refusals_say_wanted_offered_and_cure);
	tcase_add_test(tcase, the_template_loads);
	tcase_add_test(tcase, a_name_alone_is_a_file_of_this_folder);
	tcase_add_test(tcase, files_that_are_no_plugins_are_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(plugin_suite());
}
