/*
 * packhorse route: which messages go where, and with them which data.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/sharing.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- words --- */

/* Append "a, b or c". */
static void
append_list(char *out, size_t size, const json_t *values, const char *last)
{
	size_t at, count = json_array_size(values);
	json_t *value;
	json_array_foreach(values, at, value)
	{
		size_t used = strlen(out);
		snprintf(out + used, size - used, "%s%s",
		    at == 0	     ? ""
		    : at + 1 < count ? ", "
				     : last,
		    json_string_value(value) ? json_string_value(value) : "");
	}
}

static void
append(char *out, size_t size, const char *text)
{
	size_t used = strlen(out);
	snprintf(out + used, size - used, "%s", text);
}

/* "type is council...v1 and service is potholes or roads" */
static void
condition_words(const json_t *when, char *out, size_t size)
{
	out[0] = '\0';
	if (json_is_string(when)) {
		append(out, size, json_string_value(when));
		return;
	}
	const char *name;
	json_t *values;
	json_object_foreach((json_t *) (uintptr_t) when, name, values)
	{
		append(out, size, out[0] == '\0' ? "" : " and ");
		append(out, size, name);
		append(out, size, " is ");
		if (json_is_array(values))
			append_list(out, size, values, " or ");
		else if (json_is_string(values))
			append(out, size, json_string_value(values));
	}
}

static const char *
text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	return text != NULL ? text : "";
}

static void
print_sentence(ph_cli *cli, const json_t *row)
{
	char when[4096], to[1024] = "";
	condition_words(json_object_get(row, "when"), when, sizeof when);
	append_list(to, sizeof to, json_object_get(row, "to"), " and ");
	const char *purpose = text_of(row, "purpose");
	ph_cli_print(cli, "- %s: %s%s go to %s%s%s.\n", text_of(row, "route"),
	    when[0] != '\0' ? "messages whose " : "all messages", when, to,
	    purpose[0] != '\0' ? ", for " : "", purpose);
}

/* --- ls --- */

static const ph_column ls_columns[] = {
    {"ROUTE", "route", PH_COLUMN_TEXT},
    {"TO", "to", PH_COLUMN_LIST},
    {"PURPOSE", "purpose", PH_COLUMN_TEXT},
    {"WHEN", "words", PH_COLUMN_TEXT},
};

static void
ls_row(void *self, json_t *row)
{
	char when[4096];
	json_t *shown = json_copy(row);
	condition_words(json_object_get(row, "when"), when, sizeof when);
	json_object_set_new(shown, "words", json_string(when));
	ph_rows_add(self, shown);
}

static int
ls(ph_cli *cli, const ph_args *args)
{
	ph_error err;
	ph_rows *rows = NULL;
	(void) args;
	if (ph_rows_new(cli, ls_columns, COUNT(ls_columns), &rows, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	int code = ph_ask(cli, "route.ls", NULL, ls_row, rows);
	ph_rows_finish(&rows, code == PH_EXIT_OK ? "no routes" : NULL);
	return code;
}

/* --- explain --- */

/* What is being explained. */
typedef struct explaining {
	ph_cli *cli;
	bool one;	 /* one invented message, not all routes */
	json_t *matched; /* names of routes that match it */
} explaining;

static void
explain_row(void *self, json_t *row)
{
	explaining *e = self;
	const json_t *queues = json_object_get(row, "queues");
	const char *route = text_of(row, "route");
	bool matches = json_is_true(json_object_get(row, "matched"));
	if (matches)
		json_object_set_new(e->matched, route, json_true());
	if (e->cli->json) {
		ph_cli_json(e->cli, json_incref(row));
	} else if (queues != NULL) {
		char to[1024] = "";
		append_list(to, sizeof to, queues, " and ");
		ph_cli_print(
		    e->cli, "It goes to: %s\n", to[0] != '\0' ? to : "nowhere");
	} else if (e->one) {
		ph_cli_print(e->cli, "- %s: %s\n", route,
		    matches ? "matches" : "does not match");
	} else {
		print_sentence(e->cli, row);
	}
}

static bool
is_matched(void *self, const char *route)
{
	const explaining *e = self;
	return !e->one || json_object_get(e->matched, route) != NULL;
}

/* The table, where the site's directory is known. */
static int
show_sharing(explaining *e)
{
	ph_cli *cli = e->cli;
	const char *directory =
	    cli->site != NULL ? cli->site : getenv("PACKHORSE_SITE");
	ph_site *site = NULL;
	ph_error err;
	if (directory == NULL) {
		ph_cli_print(cli,
		    "\nWith -c DIR, the site's directory, the fields that "
		    "each destination gets are listed too.\n");
		return PH_EXIT_OK;
	}
	ph_cli_print(cli, "\nWhich data go where:\n");
	ph_status status = ph_site_load(directory, &site, &err);
	if (status == PH_OK)
		status = ph_sharing_show(cli, site, is_matched, e, &err);
	ph_site_destroy(&site);
	return status == PH_OK ? PH_EXIT_OK : ph_cli_fail(cli, &err);
}

static int
read_attributes(ph_cli *cli, const ph_args *args, json_t *attributes)
{
	for (size_t i = 0; i < args->count; i++) {
		const char *text = args->operands[i];
		size_t length = strcspn(text, "=");
		if (length == 0 || text[length] != '=')
			return ph_cli_usage(cli,
			    "PH7005 '%s' is no NAME=VALUE: an attribute of the message",
			    text);
		json_object_setn_new(
		    attributes, text, length, json_string(text + length + 1));
	}
	return PH_EXIT_OK;
}

static int
explain(ph_cli *cli, const ph_args *args)
{
	explaining e = {.cli = cli, .one = args->count > 0, .matched = json_object()};
	json_t *attributes = json_object();
	int code = read_attributes(cli, args, attributes);
	if (code == PH_EXIT_OK && e.one)
		code = ph_ask(cli, "route.explain",
		    json_pack("{s:O}", "attributes", attributes), explain_row, &e);
	else if (code == PH_EXIT_OK)
		code = ph_ask(cli, "route.ls", NULL, explain_row, &e);
	if (code == PH_EXIT_OK)
		code = show_sharing(&e);
	json_decref(attributes);
	json_decref(e.matched);
	return code;
}

static const ph_verb verbs[] = {
    {.name = "ls", .help = "List the routes.", .run = ls},
    {.name = "explain",
	.operands = "[NAME=VALUE]...",
	.help =
	    "Say in words which messages go where, and which fields with them.\n"
	    "With attributes (type=..., service=...) for the message that has them. "
	    "The\n"
	    "table of fields needs the site's directory: -c DIR, or PACKHORSE_SITE.",
	.run = explain},
    {.name = NULL},
};

const ph_noun ph_noun_route = {"route", "which messages go where", verbs};
