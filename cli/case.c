/*
 * packhorse case: one business reference across all systems, as a timeline.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "lib/base/clock.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const ph_column columns[] = {
    {"TIME", "time", PH_COLUMN_TEXT},
    {"SYSTEM", "system", PH_COLUMN_TEXT},
    {"EVENT", "event", PH_COLUMN_TEXT},
    {"REFERENCE", "reference", PH_COLUMN_TEXT},
    {"OUTCOME", "outcome", PH_COLUMN_TEXT},
};

static void
collect(void *self, json_t *row)
{
	char at[PH_TIME_TEXT];
	ph_time_format(json_integer_value(json_object_get(row, "at_ms")), at);
	json_object_set_new(row, "at", json_string(at));
	json_array_append(self, row);
}

static const char *
text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	return text != NULL ? text : "";
}

/* "service-request.created" of "council.service-request.created.v1". */
static json_t *
short_type(const char *type)
{
	const char *start = strncmp(type, "council.", 8) == 0 ? type + 8 : type;
	size_t length = strlen(start);
	const char *version = strrchr(start, '.');
	if (version != NULL && version[1] == 'v' &&
	    strspn(version + 2, "0123456789") == strlen(version + 2) &&
	    version[2] != '\0')
		length = (size_t) (version - start);
	return json_stringn(start, length);
}

static bool
ends_in(const json_t *text, const char *end)
{
	size_t length = json_string_length(text), wanted = strlen(end);
	return length >= wanted &&
	       strcmp(json_string_value(text) + length - wanted, end) == 0;
}

/* "delivered, 84 ms"; "dead, unknown-code: PH2104 ..."; an update shows the status it brought. */
static json_t *
outcome_words(const json_t *row, const json_t *event)
{
	const char *outcome = text_of(row, "outcome"), *detail = text_of(row, "detail");
	const json_t *took = json_object_get(row, "took_ms");
	char words[1024];
	if (strcmp(outcome, "accepted") == 0)
		return json_string(
		    ends_in(event, ".updated") && detail[0] != '\0' ? detail : outcome);
	size_t at = (size_t) snprintf(words, sizeof words, "%.100s", outcome);
	json_int_t ms = json_integer_value(took);
	if (json_is_integer(took) && ms < 10000)
		at += (size_t) snprintf(
		    words + at, sizeof words - at, ", %" JSON_INTEGER_FORMAT " ms", ms);
	else if (json_is_integer(took))
		at += (size_t) snprintf(words + at, sizeof words - at,
		    ", %" JSON_INTEGER_FORMAT " s", ms / 1000);
	if (detail[0] != '\0')
		(void) snprintf(words + at, sizeof words - at, "%s%.800s",
		    outcome[0] != '\0' ? ", " : "", detail);
	return json_string(words);
}

static void
local_day(const json_t *row, struct tm *out)
{
	time_t seconds =
	    (time_t) (json_integer_value(json_object_get(row, "at_ms")) / 1000);
	if (localtime_r(&seconds, out) == NULL)
		memset(out, 0, sizeof *out);
}

/* Did all of it happen on one day? Then the times suffice. */
static bool
one_day(const json_t *events)
{
	struct tm first, last;
	local_day(json_array_get(events, 0), &first);
	local_day(json_array_get(events, json_array_size(events) - 1), &last);
	return first.tm_year == last.tm_year && first.tm_yday == last.tm_yday;
}

static json_t *
table_row(const json_t *row, bool times_only)
{
	char time[32];
	struct tm local;
	local_day(row, &local);
	(void) strftime(
	    time, sizeof time, times_only ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &local);
	json_t *event = short_type(text_of(row, "event"));
	json_t *words = outcome_words(row, event);
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "time", time, "system",
	    text_of(row, "system"), "event", event, "reference",
	    text_of(row, "reference"), "outcome", words);
}

/* The table of one subject: events from `*at` on while it stays the same. */
static void
show_subject(ph_cli *cli, const json_t *events, size_t *at, bool heading)
{
	ph_rows *rows = NULL;
	const char *subject = text_of(json_array_get(events, *at), "subject");
	bool times_only = one_day(events);
	if (heading)
		ph_cli_print(cli, "%s\n", subject);
	if (ph_rows_new(cli, columns, COUNT(columns), &rows, NULL) != PH_OK)
		return;
	for (; *at < json_array_size(events); ++*at) {
		const json_t *row = json_array_get(events, *at);
		if (strcmp(text_of(row, "subject"), subject) != 0)
			break;
		ph_rows_add(rows, table_row(row, times_only));
	}
	ph_rows_finish(&rows, NULL);
}

static void
show_events(ph_cli *cli, const json_t *events)
{
	size_t count = json_array_size(events), at = 0;
	if (cli->json) {
		for (; at < count; at++)
			ph_cli_json(cli, json_incref(json_array_get(events, at)));
		return;
	}
	const char *last = text_of(json_array_get(events, count - 1), "subject");
	bool several = count > 0 &&
		       strcmp(text_of(json_array_get(events, 0), "subject"), last) != 0;
	while (at < count)
		show_subject(cli, events, &at, several);
}

static int
show(ph_cli *cli, const ph_args *args)
{
	json_t *events = json_array();
	int code = ph_ask(cli, "case.show",
	    json_pack("{s:s, s:i}", "reference", args->operands[0], "most", 10000),
	    collect, events);
	if (code == PH_EXIT_OK)
		show_events(cli, events);
	json_decref(events);
	return code;
}

static const ph_verb verbs[] = {
    {.name = "show",
	.operands = "REF",
	.least = 1,
	.most = 1,
	.help = "Show what happened to one case, in order.\n"
		"REF is its canonical id, or any system's reference of it.",
	.run = show},
    {.name = NULL},
};

const ph_noun ph_noun_case = {
    "case", "one business reference across all systems", verbs};
