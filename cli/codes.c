/*
 * packhorse codes: vendors' codes that no code table has a row for.
 *
 * What the broker holds of unknown codes are dead letters, with the record but without the code by
 * itself. Each is put through a survey of its map as it is today, so a row that has been added
 * since makes its code vanish from the list. Codes are bounded in length and number; nothing else of
 * a record is shown.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cloudevent.h"
#include "cli/declared.h"
#include "cli/offline.h"
#include "lib/base/buffer.h"

enum { CODE_MAX = 80, CODES_MAX = 1000, IDS_AT_ONCE = 100, LETTERS_MAX = 100000 };
#define FILE_MAX  ((size_t) 64 << 20)
#define TOO_LONG  "(longer than 80 bytes)"
#define DEAD_TYPE "packhorse.inbound.failed.v1"

#ifndef PH_SYSCONFDIR
#define PH_SYSCONFDIR "/etc/packhorse"
#endif

/* One code of one table. */
typedef struct unmapped {
	json_t *row; /* table, adapter, direction, code */
	long long count, first_ms, last_ms;
} unmapped;

typedef struct survey {
	ph_cli *cli;
	ph_site *site; /* NULL: files */
	unmapped *at;
	size_t count, room, left_out;
	size_t letters,
	    unreadable; /* read; those whose map is gone or cannot read them */
	/* the document that is looked at */
	const char *adapter, *direction;
	long long when_ms;
} survey;

static const ph_column columns[] = {
    {"TABLE", "table", PH_COLUMN_TEXT},
    {"ADAPTER", "adapter", PH_COLUMN_TEXT},
    {"WAY", "direction", PH_COLUMN_TEXT},
    {"CODE", "code", PH_COLUMN_LIST},
    {"COUNT", "count", PH_COLUMN_NUMBER},
    {"FIRST", "first_ms", PH_COLUMN_TIME},
    {"LAST", "last_ms", PH_COLUMN_TIME},
};

/* ---- the list ---- */

static json_t *
row_of(const survey *s, const char *table, const char *const *code, size_t count)
{
	json_t *cells = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(cells,
		    json_string(strlen(code[i]) > CODE_MAX ? TOO_LONG : code[i]));
	json_t *row = json_pack("{s:s, s:s, s:o}", "table", table, "direction",
	    s->direction, "code", cells);
	if (s->adapter != NULL)
		json_object_set_new(row, "adapter", json_string(s->adapter));
	return row;
}

static unmapped *
entry_of(survey *s, json_t *row)
{
	for (size_t i = 0; i < s->count; i++)
		if (json_equal(s->at[i].row, row))
			return &s->at[i];
	if (s->count == CODES_MAX)
		return NULL;
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 16 : 2 * s->room;
		unmapped *more = realloc(s->at, room * sizeof *more);
		if (more == NULL)
			return NULL;
		s->at = more;
		s->room = room;
	}
	s->at[s->count] = (unmapped){
	    .row = json_incref(row), .first_ms = s->when_ms, .last_ms = s->when_ms};
	return &s->at[s->count++];
}

static void
note(void *self, const char *table, const char *const *code, size_t count)
{
	survey *s = self;
	json_t *row = row_of(s, table, code, count);
	unmapped *u = entry_of(s, row);
	json_decref(row);
	if (u == NULL) {
		s->left_out++;
		return;
	}
	u->count++;
	u->first_ms = s->when_ms < u->first_ms ? s->when_ms : u->first_ms;
	u->last_ms = s->when_ms > u->last_ms ? s->when_ms : u->last_ms;
}

static int
by_count(const void *a, const void *b)
{
	const unmapped *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->last_ms > y->last_ms ? -1 : x->last_ms < y->last_ms;
}

static int
finish(survey *s, int code)
{
	ph_rows *rows = NULL;
	ph_error err = {.status = PH_OK};
	/* files carry no time */
	size_t shown = sizeof columns / sizeof *columns - (s->site == NULL ? 2 : 0);
	if (s->count > 0)
		qsort(s->at, s->count, sizeof *s->at, by_count);
	if (code == PH_EXIT_OK &&
	    ph_rows_new(s->cli, columns, shown, &rows, &err) != PH_OK)
		code = ph_cli_fail(s->cli, &err);
	for (size_t i = 0; i < s->count; i++) {
		const unmapped *u = &s->at[i];
		json_object_set_new(u->row, "count", json_integer(u->count));
		if (s->site != NULL) {
			json_object_set_new(
			    u->row, "first_ms", json_integer(u->first_ms));
			json_object_set_new(
			    u->row, "last_ms", json_integer(u->last_ms));
		}
		if (rows != NULL)
			ph_rows_add(rows, u->row);
		else
			json_decref(u->row);
	}
	if (rows != NULL)
		ph_rows_finish(&rows, "every code has a row");
	if (s->left_out > 0)
		ph_cli_note(
		    s->cli, "%zu more, beyond the %d listed", s->left_out, CODES_MAX);
	if (s->unreadable > 0)
		ph_cli_note(s->cli,
		    "%zu of %zu dead letters could not be read by a map of today",
		    s->unreadable, s->letters);
	free(s->at);
	ph_site_destroy(&s->site);
	return code;
}

/* One document through its map. */
static ph_status
look_at(survey *s, const ph_map *map, ph_map_direction direction, const void *bytes,
    size_t length, ph_error *err)
{
	ph_map_call *call = NULL;
	s->direction = direction == PH_MAP_IN ? "in" : "out";
	ph_status status =
	    ph_map_call_new(map, direction, PH_MAP_PARTIAL, bytes, length, &call, err);
	if (status == PH_OK)
		status = ph_map_call_survey(call, note, s, err);
	ph_map_call_destroy(&call);
	return status;
}

/* ---- dead letters ---- */

/* Which map a dead letter goes through: by its entry's name, or by its type. */
typedef struct wanted {
	const char *entry; /* "status", "poll:status", "0"; NULL: by type */
	const char *type;
	const char *map;
} wanted;

static bool
is_entry(const ph_declared *d, const char *name)
{
	bool poll = strcmp(d->list, "poll") == 0;
	if (strcmp(d->list, "send") == 0 || poll != (strncmp(name, "poll:", 5) == 0))
		return false;
	name += poll ? 5 : 0;
	const char *own = ph_node_text(d->entry, "name");
	if (own != NULL)
		return strcmp(own, name) == 0;
	char place[16];
	size_t number = 0;
	const ph_node *list = d->entry->parent;
	for (const ph_node *n = list->first; n != NULL && n != d->entry; n = n->next)
		number++;
	snprintf(place, sizeof place, "%zu", number);
	return strcmp(place, name) == 0;
}

static void
match(void *self, const ph_declared *d)
{
	wanted *w = self;
	/* a poll's `request` makes the question: it reads nothing */
	if (w->map != NULL || strcmp(d->map->name, "map") != 0)
		return;
	if (w->entry != NULL
		? is_entry(d, w->entry)
		: strcmp(d->list, "send") == 0 && ph_declared_on(d->entry, w->type))
		w->map = d->map->text;
}

static bool
survey_message(survey *s, const char *queue, const ph_message *message)
{
	wanted w = {.type = ph_message_get(message, "type", NULL)};
	const char *name = ph_message_get(message, "adapter", NULL);
	bool in = w.type != NULL && strcmp(w.type, DEAD_TYPE) == 0;
	if (in)
		w.entry = ph_message_get(message, "entry", NULL);
	const ph_site_adapter *adapter =
	    in ? (name == NULL ? NULL : ph_site_adapter_get(s->site, name))
	       : ph_site_adapter_of_queue(s->site, queue);
	if (adapter == NULL || w.type == NULL || (in && w.entry == NULL))
		return false;
	ph_declared_each(adapter, match, &w);
	const char *folders[PH_FOLDERS_MAX + 1];
	ph_declared_folders(s->site, adapter, folders);
	ph_map *map = NULL;
	if (w.map == NULL || ph_map_load(w.map, folders, &map, NULL) != PH_OK)
		return false;
	size_t length;
	const void *bytes = ph_message_data(message, &length);
	s->adapter = adapter->name;
	bool good =
	    look_at(s, map, in ? PH_MAP_IN : PH_MAP_OUT, bytes, length, NULL) == PH_OK;
	ph_map_destroy(&map);
	return good;
}

static void
take_letter(void *self, json_t *row)
{
	survey *s = self;
	const json_t *text = json_object_get(row, "message");
	const char *queue = json_string_value(json_object_get(row, "queue"));
	ph_buffer bytes;
	ph_message *message = NULL;
	s->letters++;
	s->when_ms = json_integer_value(json_object_get(row, "dead_ms"));
	ph_buffer_init(&bytes, 0);
	if (!json_is_string(text) ||
	    !ph_base64_decode(
		json_string_value(text), json_string_length(text), &bytes) ||
	    ph_message_decode(bytes.data, bytes.length, &message, NULL) != PH_OK ||
	    !survey_message(s, queue == NULL ? "" : queue, message))
		s->unreadable++;
	ph_message_unref(&message);
	ph_buffer_fini(&bytes);
}

static void
take_id(void *self, json_t *row)
{
	json_array_append(self, json_object_get(row, "id"));
}

static int
ask_letters(survey *s, const json_t *ids)
{
	int code = PH_EXIT_OK;
	size_t count = json_array_size(ids);
	for (size_t at = 0; at < count && code == PH_EXIT_OK; at += IDS_AT_ONCE) {
		json_t *some = json_array();
		for (size_t i = at; i < count && i < at + IDS_AT_ONCE; i++)
			json_array_append(some, json_array_get(ids, i));
		code = ph_ask(s->cli, "dead.show",
		    json_pack("{s:o, s:b, s:s}", "ids", some, "reveal", 1, "why",
			"codes unmapped"),
		    take_letter, s);
	}
	return code;
}

static int
from_broker(ph_cli *cli)
{
	survey s = {.cli = cli};
	ph_error err;
	const char *site = cli->site != NULL ? cli->site : getenv("PACKHORSE_SITE");
	if (ph_site_load(site == NULL || site[0] == '\0' ? PH_SYSCONFDIR : site,
		&s.site, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	json_t *ids = json_array();
	int code = ph_ask(cli, "dead.ls",
	    json_pack("{s:s, s:i}", "reason", "unknown-code", "most", LETTERS_MAX),
	    take_id, ids);
	if (code == PH_EXIT_OK)
		code = ask_letters(&s, ids);
	json_decref(ids);
	return finish(&s, code);
}

/* ---- files ---- */

static ph_status
survey_file(survey *s, const ph_map *map, ph_map_direction direction, const char *file,
    ph_error *err)
{
	char *bytes = NULL;
	size_t length;
	ph_status status = ph_cli_slurp(file, FILE_MAX, &bytes, &length, err);
	if (status == PH_OK)
		status = look_at(s, map, direction, bytes, length, err);
	free(bytes);
	if (bytes != NULL && status != PH_OK) {
		char where[PH_ERROR_WHERE];
		snprintf(where, sizeof where, "%.150s: %.100s", file, err->where);
		memcpy(err->where, where, sizeof where);
	}
	return status;
}

static int
from_files(ph_cli *cli, const ph_args *args)
{
	survey s = {.cli = cli};
	ph_offline offline;
	ph_map *map = NULL;
	ph_error err;
	bool in = strcmp(args->operands[1], "in") == 0;
	if (!in && strcmp(args->operands[1], "out") != 0)
		return ph_cli_usage(
		    cli, "PH7305 the direction is in (from the vendor) or out");
	ph_status status = ph_offline_init(
	    &offline, args->operands[0], ph_args_get(args, "schemas"), &err);
	if (status == PH_OK)
		status = ph_map_load(args->operands[0], offline.folders, &map, &err);
	for (size_t i = 2; status == PH_OK && i < args->count; i++)
		status = survey_file(
		    &s, map, in ? PH_MAP_IN : PH_MAP_OUT, args->operands[i], &err);
	ph_map_destroy(&map);
	return finish(&s, status == PH_OK ? PH_EXIT_OK : ph_cli_fail(cli, &err));
}

static int
run_unmapped(ph_cli *cli, const ph_args *args)
{
	if (args->count == 0)
		return from_broker(cli);
	if (args->count < 3)
		return ph_cli_usage(cli, "PH7006 a map, in or out, and files; or "
					 "nothing, to ask the broker");
	return from_files(cli, args);
}

static const ph_cli_option unmapped_options[] = {
    {"schemas", "DIR", "with files: where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

static const ph_verb verbs[] = {
    {.name = "unmapped",
	.operands = "[MAP.yaml in|out FILE...]",
	.help =
	    "List the codes that no code table has a row for.\n"
	    "Without operands: those of the dead letters with the reason unknown-code, "
	    "by the\n"
	    "site's maps and tables as they are now. The broker's log says that the "
	    "payloads were\n"
	    "read. With a map and files: those in the files, and no broker is asked.",
	.options = unmapped_options,
	.run = run_unmapped},
    {.name = NULL},
};

const ph_noun ph_noun_codes = {"codes", "codes that no table has a row for", verbs};
