/*
 * samples - a connector's samples through its maps: packhorse map test, map coverage.
 *
 * The folder samples/<map>/ holds files that share the name of a case:
 *
 *   CASE.in.EXT          a vendor's bytes to be read
 *   CASE.out.EXT         a vendor's bytes as they are to be written
 *   CASE.both.EXT        the same bytes for both
 *   CASE.canonical.json  what reading gives, and what is written from; a list for several records
 *   CASE.read.json       what reading gives, where that differs (declared loss)
 *   CASE.previous.EXT    the vendor's record as it was, that what is written is completed from
 *   CASE.yaml            values: {accepted_at: ...}, references: {KEY: ID}, attributes: {id: ...},
 *                        and for a case that is to fail expect: {result, stage, reason, code, path}
 *
 * Records (CSV, fixed width, HL7) are compared byte by byte, all else as trees: the order of JSON
 * members and white space between elements count for nothing, the order of elements and pairs does.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/offline.h"
#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/codec/codec.h"
#include "lib/codec/multipart.h"
#include "lib/config/config.h"

#define FILE_MAX	((size_t) 16 << 20)
#define MEMORY		((size_t) 64 << 20)
#define PATH_MAX_LENGTH 1536
#define WHY_MAX		1200
#define OTHER_ORDER	"stands before"

/* One case in one direction. */
typedef struct trial {
	const ph_trace *trace;
	const ph_map *map;
	char base[PATH_MAX_LENGTH + 256]; /* samples/<map>/<case> */
	const char *name;		  /* the case */
	ph_document *settings;		  /* CASE.yaml, or NULL */
	const ph_node *values, *references, *expect, *attributes;
	char why[WHY_MAX]; /* what is wrong */
} trial;

typedef struct testing {
	ph_samples *samples;
	ph_offline offline;
	size_t passed, failed;
	size_t in, out; /* tried, of the map at hand */
} testing;

/* ---- comparing ---- */

typedef struct difference {
	const ph_node *got, *expected;
	const char *what;
	bool ordered;
} difference;

static bool
is_blank(const ph_node *node)
{
	return node->text == NULL || strspn(node->text, " \t\r\n") == node->length;
}

static bool
differ(difference *d, const ph_node *got, const ph_node *expected, const char *what)
{
	d->got = got;
	d->expected = expected;
	d->what = what;
	return false;
}

static bool
same_name(const ph_node *a, const ph_node *b)
{
	if ((a->name == NULL) != (b->name == NULL) ||
	    (a->space == NULL) != (b->space == NULL))
		return false;
	return (a->name == NULL || strcmp(a->name, b->name) == 0) &&
	       (a->space == NULL || strcmp(a->space, b->space) == 0);
}

/* Does a later sibling have the name of `node`? */
static bool
comes_later(const ph_node *first, const ph_node *node)
{
	for (const ph_node *n = first->next; n != NULL; n = n->next)
		if (same_name(n, node))
			return true;
	return false;
}

/* One is missing, one too many, or they are there in another order. */
static bool
differ_in_name(difference *d, const ph_node *got, const ph_node *expected)
{
	if (!comes_later(got, expected))
		return differ(d, NULL, expected, "is missing");
	if (!comes_later(expected, got))
		return differ(d, got, NULL, "is not expected");
	return differ(d, got, expected, OTHER_ORDER);
}

static bool same(difference *d, const ph_node *got, const ph_node *expected);

static bool
same_ordered(difference *d, const ph_node *got, const ph_node *expected)
{
	const ph_node *a = got->first, *b = expected->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!same_name(a, b))
			return differ_in_name(d, a, b);
		else if (!same(d, a, b))
			return false;
	if (a != NULL)
		return differ(d, a, NULL, "is not expected");
	return b == NULL || differ(d, NULL, b, "is missing");
}

static bool
same_members(difference *d, const ph_node *got, const ph_node *expected)
{
	for (const ph_node *b = expected->first; b != NULL; b = b->next) {
		const ph_node *a = ph_node_get(got, b->name);
		if (a == NULL)
			return differ(d, NULL, b, "is missing");
		if (!same(d, a, b))
			return false;
	}
	for (const ph_node *a = got->first; a != NULL; a = a->next)
		if (ph_node_get(expected, a->name) == NULL)
			return differ(d, a, NULL, "is not expected");
	return true;
}

static bool
same(difference *d, const ph_node *got, const ph_node *expected)
{
	bool branch = got->kind == PH_NODE_OBJECT || got->kind == PH_NODE_LIST;
	if (got->kind != expected->kind)
		return differ(d, got, expected, "is of another kind");
	if (!branch)
		return got->kind == PH_NODE_NULL ||
		       (got->length == expected->length &&
			   memcmp(got->text, expected->text, got->length) == 0) ||
		       differ(d, got, expected, "has another value");
	if (is_blank(got) != is_blank(expected) ||
	    (!is_blank(got) && strcmp(got->text, expected->text) != 0))
		return differ(d, got, expected, "has another text");
	return d->ordered || got->kind == PH_NODE_LIST ? same_ordered(d, got, expected)
						       : same_members(d, got, expected);
}

static void
explain(trial *t, const difference *d)
{
	char path[256];
	const ph_node *node = d->got != NULL ? d->got : d->expected;
	const char *got = d->got != NULL && d->got->text ? d->got->text : "";
	const char *expected =
	    d->expected != NULL && d->expected->text ? d->expected->text : "";
	ph_node_path(node, path, sizeof path);
	if (strcmp(d->what, OTHER_ORDER) == 0) {
		snprintf(t->why, sizeof t->why,
		    "%s %s %s: put the links in that order, or name it in vendor.order",
		    path, d->what, d->expected->name);
		return;
	}
	snprintf(t->why, sizeof t->why, "%s %s (got \"%.120s\", expected \"%.120s\")",
	    path, d->what, got, expected);
}

/* ---- files ---- */

static bool
fail(trial *t, const char *text, const char *detail)
{
	snprintf(t->why, sizeof t->why, "%s%s", text, detail);
	return false;
}

/* The file CASE.<kind>.*; false if there is none. */
static bool
find_file(const trial *t, const char *kind, char out[PATH_MAX_LENGTH + 288])
{
	static const char *const extensions[] = {
	    "xml", "json", "form", "txt", "csv", "hl7", "mime"};
	for (size_t i = 0; i < 7; i++) {
		FILE *file;
		snprintf(out, PATH_MAX_LENGTH + 288, "%s.%s.%s", t->base, kind,
		    extensions[i]);
		file = fopen(out, "rb");
		if (file != NULL) {
			fclose(file);
			return true;
		}
	}
	return false;
}

static bool
slurp(trial *t, const char *path, char **bytes, size_t *length)
{
	ph_error err;
	return ph_fs_slurp(path, FILE_MAX, bytes, length, &err) == PH_OK ||
	       fail(t, "cannot read ", err.text);
}

static ph_document *
decode(trial *t, bool canonical, const char *name, const void *bytes, size_t length)
{
	ph_document *document = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_document_new(name, MEMORY, &document, &err);
	if (status == PH_OK) {
		ph_map_format format =
		    canonical ? PH_MAP_JSON : ph_map_format_of(t->map);
		switch (format) {
		case PH_MAP_XML:
		case PH_MAP_SOAP:
			status = ph_xml_decode(document, bytes, length, &err);
			break;
		case PH_MAP_JSON:
			status = ph_json_decode(document, bytes, length, &err);
			break;
		case PH_MAP_FORM:
			status = ph_form_decode(document, bytes, length, &err);
			break;
		case PH_MAP_MULTIPART:
			status = ph_multipart_decode(document, bytes, length, &err);
			break;
		case PH_MAP_CSV:
		case PH_MAP_RECORD_CSV:
		case PH_MAP_FIXED:
		case PH_MAP_HL7:
			PH_UNREACHABLE("these are compared as bytes");
		}
	}
	if (status == PH_OK)
		return document;
	snprintf(t->why, sizeof t->why, "%s: %s", err.where, err.text);
	ph_document_destroy(&document);
	return NULL;
}

/* Are these bytes what is expected? An expected node, or the bytes of a file. */
static bool
compare_bytes(trial *t, bool canonical, const void *got, size_t got_length,
    const ph_node *expected, bool ordered)
{
	difference d = {.ordered = ordered};
	ph_document *document = decode(t, canonical, "output", got, got_length);
	if (document == NULL)
		return false;
	bool good = same(&d, ph_document_root(document), expected);
	if (!good)
		explain(t, &d);
	ph_document_destroy(&document);
	return good;
}

/* ---- trials ---- */

static bool
check_word(trial *t, const char *name, const char *got)
{
	const char *wanted = ph_node_text(t->expect, name);
	if (wanted == NULL || strstr(got, wanted) != NULL)
		return true;
	snprintf(
	    t->why, sizeof t->why, "%s is \"%s\", expected \"%s\"", name, got, wanted);
	return false;
}

/* The case is to fail in just this way. */
static bool
check_failure(trial *t, const ph_map_call *call)
{
	if (ph_map_call_count(call) == 0)
		return fail(t, "there is no record", "");
	ph_map_result result = ph_map_call_result(call, 0);
	if (result == PH_MAP_DONE)
		return fail(t, "it was mapped, but was to fail", "");
	return check_word(t, "result", ph_offline_result(result)) &&
	       check_word(t, "stage", ph_map_call_stage(call, 0)) &&
	       check_word(t, "reason", ph_map_call_reason(call, 0)) &&
	       check_word(t, "code", ph_map_call_error(call, 0)->text) &&
	       check_word(t, "path", ph_map_call_path(call, 0));
}

static bool
check_attributes(trial *t, const ph_map_call *call, size_t record)
{
	const ph_node *n = t->attributes == NULL ? NULL : t->attributes->first;
	for (; n != NULL; n = n->next) {
		const char *got = ph_map_call_get(call, record, n->name);
		if (got != NULL && strcmp(got, n->text) == 0)
			continue;
		snprintf(t->why, sizeof t->why,
		    "attribute %s is \"%s\", expected \"%s\"", n->name,
		    got == NULL ? "" : got, n->text);
		return false;
	}
	return true;
}

static bool
check_record(trial *t, const ph_map_call *call, size_t record, const ph_node *expected)
{
	size_t length;
	if (ph_map_call_result(call, record) != PH_MAP_DONE) {
		snprintf(t->why, sizeof t->why, "%s: %s: %s",
		    ph_offline_result(ph_map_call_result(call, record)),
		    ph_map_call_path(call, record),
		    ph_map_call_error(call, record)->text);
		return false;
	}
	const void *data = ph_map_call_data(call, record, &length);
	return compare_bytes(t, true, data, length, expected, false) &&
	       (record > 0 || check_attributes(t, call, record));
}

static bool
check_records(trial *t, const ph_map_call *call, const ph_node *expected)
{
	bool list = expected->kind == PH_NODE_LIST;
	const ph_node *item = list ? expected->first : expected;
	for (size_t i = 0; i < ph_map_call_count(call); i++) {
		if (ph_map_call_result(call, i) == PH_MAP_IGNORED)
			continue;
		if (item == NULL)
			return fail(t, "there are more records than expected", "");
		if (!check_record(t, call, i, item))
			return false;
		item = list ? item->next : NULL;
	}
	return item == NULL || fail(t, "there are fewer records than expected", "");
}

static ph_map_call *
run(trial *t, ph_map_direction direction, const char *bytes, size_t length)
{
	char path[PATH_MAX_LENGTH + 288], *previous = NULL;
	size_t previous_length = 0;
	ph_map_call *call = NULL;
	ph_error err;
	if (direction == PH_MAP_OUT && find_file(t, "previous", path) &&
	    !slurp(t, path, &previous, &previous_length))
		return NULL;
	if (ph_offline_complete(t->map, direction, bytes, length, t->values,
		t->references, previous, previous_length, t->trace, &call,
		&err) != PH_OK)
		fail(t, "", err.text);
	free(previous);
	return call;
}

static bool
try_in(trial *t, const char *input)
{
	char path[PATH_MAX_LENGTH + 288], *bytes = NULL, *wanted = NULL;
	size_t length = 0, wanted_length = 0;
	ph_document *document = NULL;
	if (!slurp(t, input, &bytes, &length))
		return false;
	ph_map_call *call = run(t, PH_MAP_IN, bytes, length);
	bool good = call != NULL;
	if (good && t->expect != NULL) {
		good = check_failure(t, call);
	} else if (good) {
		good =
		    (find_file(t, "read", path) || find_file(t, "canonical", path) ||
			fail(t, "there is no .canonical.json", "")) &&
		    slurp(t, path, &wanted, &wanted_length) &&
		    (document = decode(t, true, path, wanted, wanted_length)) != NULL &&
		    check_records(t, call, ph_document_root(document));
	}
	ph_map_call_destroy(&call);
	ph_document_destroy(&document);
	free(bytes);
	free(wanted);
	return good;
}

static bool
is_records(const ph_map *map)
{
	ph_map_format format = ph_map_format_of(map);
	return format >= PH_MAP_CSV && format <= PH_MAP_HL7;
}

/* Records are compared byte by byte: their layout is what a system reads. */
static bool
same_bytes(
    trial *t, const char *got, size_t length, const char *wanted, size_t wanted_length)
{
	size_t at = 0, line = 1;
	while (at < length && at < wanted_length && got[at] == wanted[at])
		line += got[at++] == '\n' ? 1 : 0;
	if (at == length && at == wanted_length)
		return true;
	snprintf(t->why, sizeof t->why, "differs in line %zu, byte %zu", line, at + 1);
	return false;
}

static bool
compare_out(trial *t, const ph_map_call *call, const char *path)
{
	char *wanted = NULL;
	size_t wanted_length = 0, length;
	const ph_error *err = ph_map_call_error(call, 0);
	if (ph_map_call_result(call, 0) != PH_MAP_DONE)
		return fail(t, ph_map_call_path(call, 0), err->text);
	const void *data = ph_map_call_data(call, 0, &length);
	if (!slurp(t, path, &wanted, &wanted_length))
		return false;
	if (is_records(t->map)) {
		bool same = same_bytes(t, data, length, wanted, wanted_length);
		free(wanted);
		return same;
	}
	ph_document *document = decode(t, false, path, wanted, wanted_length);
	bool good = document != NULL &&
		    compare_bytes(t, false, data, length, ph_document_root(document),
			ph_map_format_of(t->map) != PH_MAP_JSON);
	ph_document_destroy(&document);
	free(wanted);
	return good;
}

static bool
try_out(trial *t, const char *output)
{
	char path[PATH_MAX_LENGTH + 288], *bytes = NULL;
	size_t length = 0;
	if (ph_map_entity(t->map)[0] != '\0') {
		if (!find_file(t, "canonical", path))
			return fail(t, "there is no .canonical.json", "");
		if (!slurp(t, path, &bytes, &length))
			return false;
	}
	ph_map_call *call = run(t, PH_MAP_OUT, bytes, length);
	bool good = call != NULL;
	if (good && output == NULL)
		good = check_failure(t, call);
	else if (good)
		good = compare_out(t, call, output);
	ph_map_call_destroy(&call);
	free(bytes);
	return good;
}

/* ---- cases, maps, connectors ---- */

static void
report(testing *tests, const trial *t, const char *direction, bool good)
{
	const ph_samples *samples = tests->samples;
	*(good ? &tests->passed : &tests->failed) += 1;
	if (samples->result != NULL)
		samples->result(
		    samples->self, t->map, t->name, direction, good ? NULL : t->why);
}

static bool
load_settings(trial *t)
{
	static const char *const known[] = {
	    "values", "references", "attributes", "expect", "title", NULL};
	char path[PATH_MAX_LENGTH + 288];
	ph_error err;
	FILE *file;
	snprintf(path, sizeof path, "%s.yaml", t->base);
	file = fopen(path, "rb");
	if (file == NULL)
		return true;
	fclose(file);
	if (ph_yaml_load(path, 0, &t->settings, &err) != PH_OK ||
	    ph_config_known(t->settings, ph_document_root(t->settings), known, &err) !=
		PH_OK) {
		snprintf(t->why, sizeof t->why, "%s: %s", err.where, err.text);
		return false;
	}
	const ph_node *root = ph_document_root(t->settings);
	t->values = ph_node_get(root, "values");
	t->references = ph_node_get(root, "references");
	t->attributes = ph_node_get(root, "attributes");
	t->expect = ph_node_get(root, "expect");
	return true;
}

static void
try_case(testing *tests, trial *t)
{
	char path[PATH_MAX_LENGTH + 288];
	if (!load_settings(t)) {
		report(tests, t, "-", false);
		return;
	}
	bool in = find_file(t, "in", path) || find_file(t, "both", path);
	if (in) {
		bool good = try_in(t, path);
		tests->in += t->expect == NULL;
		report(tests, t, "in", good);
	}
	bool out = find_file(t, "out", path) || find_file(t, "both", path);
	if (out || (!in && t->expect != NULL)) {
		bool good = try_out(t, out ? path : NULL);
		tests->out += out;
		report(tests, t, "out", good);
	}
	if (!in && !out && t->expect == NULL) {
		fail(t, "the case has neither .in, .out nor .both", "");
		report(tests, t, "-", false);
	}
}

/* Names of cases: what stands before the first dot; each once. */
static void
try_cases(
    testing *tests, const ph_map *map, const char *folder, char **files, size_t count)
{
	char last[256] = "";
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(files[i], ".");
		if (length == 0 || length >= sizeof last ||
		    (strlen(last) == length && memcmp(last, files[i], length) == 0))
			continue;
		memcpy(last, files[i], length);
		last[length] = '\0';
		trial t = {.trace = tests->samples->trace, .map = map, .name = last};
		snprintf(t.base, sizeof t.base, "%s/%s", folder, last);
		try_case(tests, &t);
		ph_document_destroy(&t.settings);
	}
}

/* Each direction of a map needs a sample that shows it. */
static void
check_covered(testing *tests, const ph_map *map)
{
	static const char *const words[] = {"in", "out"};
	size_t tried[] = {tests->in, tests->out};
	ph_map_direction directions[] = {PH_MAP_IN, PH_MAP_OUT};
	for (size_t i = 0; i < 2; i++) {
		if (!ph_map_goes(map, directions[i]) || tried[i] > 0)
			continue;
		trial t = {.map = map, .name = "(any)"};
		fail(&t, "no sample shows this direction of the map", "");
		report(tests, &t, words[i], false);
	}
}

static int
test_map(testing *tests, const char *file)
{
	char folder[PATH_MAX_LENGTH], **files;
	ph_map *map;
	ph_error err;
	size_t count;
	tests->in = tests->out = 0;
	const ph_samples *samples = tests->samples;
	if (ph_map_load(file, tests->offline.folders, &map, &err) != PH_OK)
		return ph_cli_fail(samples->cli, &err);
	snprintf(folder, sizeof folder, "%s/samples/%s", tests->offline.connector,
	    ph_map_name(map));
	if (ph_cli_list(folder, "", &files, &count, &err) != PH_OK) {
		ph_map_destroy(&map);
		return ph_cli_fail(samples->cli, &err);
	}
	if (samples->begin != NULL)
		samples->begin(samples->self, map);
	try_cases(tests, map, folder, files, count);
	check_covered(tests, map);
	if (samples->end != NULL)
		samples->end(samples->self, map);
	free(files);
	ph_map_destroy(&map);
	return PH_EXIT_OK;
}

int
ph_samples_run(ph_samples *samples, const char *folder)
{
	ph_cli *cli = samples->cli;
	testing tests = {.samples = samples};
	char maps[PATH_MAX_LENGTH], **files;
	size_t count;
	ph_error err;
	int worst = PH_EXIT_OK;
	if (ph_offline_init(&tests.offline, folder, samples->schemas, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	snprintf(maps, sizeof maps, "%s/maps", tests.offline.connector);
	if (ph_cli_list(maps, ".yaml", &files, &count, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	if (count == 0) {
		ph_fail_at(&err, PH_ERR_NOT_FOUND, folder,
		    "PH7302 there are no maps in maps/");
		worst = ph_cli_fail(cli, &err);
	}
	for (size_t i = 0; i < count; i++) {
		int exit = test_map(&tests, files[i]);
		worst = exit > worst ? exit : worst;
	}
	free(files);
	samples->ran += tests.passed + tests.failed;
	return tests.failed > 0 && worst == PH_EXIT_OK ? PH_EXIT_PROBLEM : worst;
}
